//! Pooling over 2x2 windows with stride 2, and its gradient, which overwrites the features.
//!
//! A picture of odd size keeps its last row and column: the last window holds the pixels that there
//! are. The same goes for either side of a seam.

use std::ops::Range;

use crate::{
    bf16::{
        kernels::Kernels,
        layout::Layout,
        line::{CHANNELS, Line, Shared},
        scalar,
    },
    shape::{Pool, Shape, halve},
    threads::Threads,
};

/// Pooled rows of one piece of work.
const ROWS: usize = 8;

/// From one map to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling<'a> {
    pub(crate) pool: Pool,
    /// The features' shape.
    pub(crate) shape: &'a Shape,
    pub(crate) layout: &'a Layout,
    /// The pooled features' layout.
    pub(crate) pooled: &'a Layout,
    pub(crate) channels: usize,
}

impl Pooling<'_> {
    /// Computes the pooled features but for their border.
    pub(crate) fn forward(
        &self,
        threads: &mut Threads,
        kernels: &Kernels,
        features: &Shared<'_>,
        output: &Shared<'_>,
    ) {
        self.each_row(threads, |plane, y| self.forward_row(kernels, plane, y, features, output));
    }

    /// One pooled row of one plane. The rows that it pools are complete, and nobody writes them;
    /// nor does anybody else use the pooled row.
    pub(crate) fn forward_row(
        &self,
        kernels: &Kernels,
        plane: usize,
        y: usize,
        features: &Shared<'_>,
        output: &Shared<'_>,
    ) {
        let pool = match self.pool {
            Pool::Max => kernels.largest,
            Pool::Average => kernels.mean,
        };
        let rows = self.rows(y);
        for columns in self.columns() {
            let windows = columns.len().div_ceil(2);
            let target = output.at(
                plane * self.pooled.plane() + self.pooled.at(columns.pooled as isize, y as isize),
                windows,
            );
            // The one row of a window cut short is read twice: that changes neither the maximum nor
            // the mean. Nor does a column.
            let lines = [rows.start, rows.end - 1].map(|row| {
                let places = self.places(plane, &columns, row);
                features.at(places.start, places.len())
            });
            // SAFETY: the pooled row is this call's own, and the features are read by all that use
            // them now. The processor has the kernels' instructions, and there are two columns a
            // window; of the last one, a copy is made where there is only one.
            unsafe {
                let (whole, rest) =
                    std::slice::from_raw_parts_mut(target, windows).split_at_mut(columns.len() / 2);
                pool(lines.map(<*mut Line>::cast_const), whole);
                if let [rest] = rest {
                    let last = lines.map(|lines| [*lines.add(columns.len() - 1); 2]);
                    pool([last[0].as_ptr(), last[1].as_ptr()], std::slice::from_mut(rest));
                }
            }
        }
    }

    /// Replaces features by their gradient, through their ReLU: `from` is the gradient of the
    /// pooled features.
    pub(crate) fn backward(
        &self,
        threads: &mut Threads,
        kernels: &Kernels,
        from: &[Line],
        features: &mut [Line],
    ) {
        let pool = match self.pool {
            Pool::Max => kernels.to_largest,
            Pool::Average => kernels.to_all,
        };
        let features = Shared::new(features);
        self.each_row(threads, |plane, y| {
            let rows = self.rows(y);
            for columns in self.columns() {
                let windows = columns.len().div_ceil(2);
                let from = &from[plane * self.pooled.plane()
                    + self.pooled.at(columns.pooled as isize, y as isize)..][..windows];
                let mut lines: Vec<&mut [Line]> = Vec::with_capacity(2);
                for row in rows.clone() {
                    let places = self.places(plane, &columns, row);
                    // SAFETY: the windows of different pooled rows share no row, and those of runs
                    // no column.
                    lines.push(unsafe {
                        std::slice::from_raw_parts_mut(
                            features.at(places.start, places.len()),
                            places.len(),
                        )
                    });
                }
                let whole = if let [upper, lower] = &mut lines[..] {
                    let whole = columns.len() / 2;
                    // SAFETY: the processor has the kernels' instructions; there are two columns a
                    // window.
                    unsafe { pool([upper.as_mut_ptr(), lower.as_mut_ptr()], &from[..whole]) };
                    whole
                } else {
                    0
                };
                for (window, from) in from.iter().enumerate().skip(whole) {
                    self.backward_short(
                        &mut lines,
                        2 * window..columns.len().min(2 * window + 2),
                        from,
                    );
                }
            }
        });
    }

    /// The gradient of a window cut short.
    fn backward_short(&self, rows: &mut [&mut [Line]], columns: Range<usize>, from: &Line) {
        let features: Vec<Line> =
            rows.iter().flat_map(|row| row[columns.clone()].iter().copied()).collect();
        for (pixel, line) in rows.iter_mut().flat_map(|row| &mut row[columns.clone()]).enumerate() {
            *line = match self.pool {
                Pool::Max => scalar::first_largest(&features, pixel, from),
                Pool::Average => scalar::share(&features[pixel], from, 2.0 / features.len() as f32),
            };
        }
    }

    /// Runs `work(plane, pooled row)` for all of them.
    fn each_row(&self, threads: &mut Threads, work: impl Fn(usize, usize) + Sync) {
        let height = self.pooled.height();
        let pieces = height.div_ceil(ROWS);
        threads.each(self.channels / CHANNELS * pieces, |index, _| {
            let first = index % pieces * ROWS;
            (first..height.min(first + ROWS)).for_each(|y| work(index / pieces, y));
        });
    }

    /// The rows of features that become a pooled one: two, or the one that is left before a seam or
    /// the end.
    pub(crate) fn rows(&self, pooled: usize) -> Range<usize> {
        let (height, seam) = (self.layout.height(), self.shape.seam_y);
        let before = halve(seam, 0, 1);
        if pooled < before {
            2 * pooled..seam.min(2 * pooled + 2)
        } else {
            let start = seam + 2 * (pooled - before);
            start..height.min(start + 2)
        }
    }

    /// The columns on either side of a seam, where windows begin anew.
    fn columns(&self) -> impl Iterator<Item = Columns> {
        let (width, seam) = (self.layout.width(), self.shape.seam_x);
        let columns = [
            Columns { first: 0, end: seam, pooled: 0 },
            Columns { first: seam, end: width, pooled: halve(seam, 0, 1) },
        ];
        columns.into_iter().filter(|columns| columns.len() > 0)
    }

    fn places(&self, plane: usize, columns: &Columns, row: usize) -> Range<usize> {
        let start =
            plane * self.layout.plane() + self.layout.at(columns.first as isize, row as isize);
        start..start + columns.len()
    }
}

/// A run of columns, and where its first window lies in the pooled row.
#[derive(Clone, Copy, Debug)]
struct Columns {
    first: usize,
    end: usize,
    pooled: usize,
}

impl Columns {
    fn len(&self) -> usize {
        self.end - self.first
    }
}
