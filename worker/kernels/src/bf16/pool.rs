//! Pooling over 2x2 windows with stride 2, and its gradient.
//!
//! The features that are pooled are never a whole map: a piece of a convolution pools its own, and
//! writes the routes, one bit for each channel of a pixel, which say where the gradient of a window
//! goes. Under [`Pool::Max`] that is the first maximum, if it is positive; under [`Pool::Average`]
//! each positive feature, in equal shares. So routes hold the ReLU too. Backward, a piece of the
//! convolution computes what it reads of the gradient from the pooled one and the routes.
//!
//! A picture of odd size keeps its last row and column: the last window holds the pixels that there
//! are. The same goes for either side of a seam.

use std::ops::Range;

use crate::{
    bf16::{
        kernels::Kernels,
        layout::Layout,
        line::{Bits, Line, Shared},
        scalar,
    },
    shape::{Pool, Shape, halve},
};

/// From one map to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling<'a> {
    pub(crate) pool: Pool,
    pub(crate) columns: Windows,
    pub(crate) rows: Windows,
    /// Of the map before pooling: routes lie as its lines would.
    pub(crate) layout: &'a Layout,
    /// The pooled map's.
    pub(crate) pooled: &'a Layout,
}

/// Some rows and columns of a block of channels, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) lines: &'a [Line],
    /// Lines from one row to the next.
    pub(crate) pitch: usize,
    /// The first column and row.
    pub(crate) origin: (usize, usize),
}

impl<'a> Pooling<'a> {
    /// Of a map of this shape.
    pub(crate) fn new(shape: &Shape, layout: &'a Layout, pooled: &'a Layout) -> Self {
        Self {
            pool: shape.pool,
            columns: Windows { len: shape.width, seam: shape.seam_x },
            rows: Windows { len: shape.height, seam: shape.seam_y },
            layout,
            pooled,
        }
    }

    /// Pools some windows of a row of them, in one block of channels. Nobody else uses the pooled
    /// pixels, or the routes of theirs.
    pub(crate) fn forward(
        &self,
        kernels: &Kernels,
        (windows, y): (Range<usize>, usize),
        (block, features): (usize, Part<'_>),
        routes: &Shared<'_, Bits>,
        output: &Shared<'_>,
    ) {
        let pool = match self.pool {
            Pool::Max => kernels.largest,
            Pool::Average => kernels.mean,
        };
        let rows = self.rows.pixels(y);
        // The one row of a window cut short is read twice: that changes neither the maximum nor
        // the mean. Nor does a column.
        let rows = [rows.start, rows.end - 1];
        for windows in self.columns.parts(windows) {
            let columns = self.columns.of(windows.clone());
            let target = output.at(
                block * self.pooled.plane() + self.pooled.at(windows.start as isize, y as isize),
                windows.len(),
            );
            let lines = rows.map(|row| {
                let start = (row - features.origin.1) * features.pitch;
                &features.lines[start + columns.start - features.origin.0..][..columns.len()]
            });
            let routes = rows.map(|row| {
                let place = self.layout.at(columns.start as isize, row as isize);
                routes.at(block * self.layout.plane() + place, columns.len())
            });
            let whole = columns.len() / 2;
            // SAFETY: the pooled pixels and the routes are this call's own. The processor has the
            // kernels' instructions, and there are two columns a window; of the last one, a copy is
            // made where there is only one.
            unsafe {
                let to = std::slice::from_raw_parts_mut(target, windows.len());
                pool(lines.map(<[Line]>::as_ptr), routes, &mut to[..whole]);
                if whole < windows.len() {
                    let twice = lines.map(|line| [line[2 * whole]; 2]);
                    let mut ways = [[0; 2]; 2];
                    let pointers = ways.each_mut().map(|ways| ways.as_mut_ptr());
                    pool([twice[0].as_ptr(), twice[1].as_ptr()], pointers, &mut to[whole..]);
                    *routes[1].add(2 * whole) = ways[1][0];
                    *routes[0].add(2 * whole) = ways[0][0];
                }
            }
        }
    }
}

/// The gradient of a map, as that of the pooled map and the routes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpooled<'a> {
    pub(crate) pooled: &'a [Line],
    pub(crate) routes: &'a [Bits],
    pub(crate) pooling: Pooling<'a>,
}

impl Unpooled<'_> {
    /// Writes some columns of a row of one block of channels, border included.
    pub(crate) fn row(
        &self,
        kernels: &Kernels,
        block: usize,
        (columns, row): (Range<isize>, isize),
        to: &mut [Line],
    ) {
        let layout = self.pooling.layout;
        let Some(row) = layout.gradient_row(row) else { return to.fill(Line::ZERO) };
        let width = layout.width() as isize;
        let inside = columns.start.clamp(0, width)..columns.end.clamp(0, width);
        let before = (inside.start - columns.start) as usize;
        let (left, rest) = to.split_at_mut(before.min(to.len()));
        let (middle, right) = rest.split_at_mut(inside.len());
        let border = |column: isize| match layout.gradient_column(column) {
            Some(column) => self.pixel(block, column, row),
            None => Line::ZERO,
        };
        for (column, line) in (columns.start..).zip(left) {
            *line = border(column);
        }
        self.inner(kernels, block, (inside.start as usize..inside.end as usize, row), middle);
        for (column, line) in (inside.end..).zip(right) {
            *line = border(column);
        }
    }

    /// The same for columns of the picture: whole windows at once, and what is left of others.
    fn inner(
        &self,
        kernels: &Kernels,
        block: usize,
        (columns, row): (Range<usize>, usize),
        to: &mut [Line],
    ) {
        let Pooling { layout, pooled, .. } = self.pooling;
        let windows = &self.pooling.columns;
        let mut column = columns.start;
        while column < columns.end {
            let window = windows.around(column);
            let end = columns.end.min(windows.part_end(column));
            let to = &mut to[column - columns.start..end - columns.start];
            let whole = if windows.pixels(window).start == column { to.len() / 2 } else { 0 };
            if whole == 0 {
                to[0] = self.pixel(block, column, row);
                column += 1;
                continue;
            }
            let y = self.pooling.rows.around(row);
            let from = &self.pooled
                [block * pooled.plane() + pooled.at(window as isize, y as isize)..][..whole];
            let routes = &self.routes
                [block * layout.plane() + layout.at(column as isize, row as isize)..][..2 * whole];
            let share = self.share(2, row);
            // SAFETY: the processor has the kernels' instructions; there are two columns a window.
            unsafe { (kernels.spread)(from, routes.as_ptr(), share, to.as_mut_ptr()) };
            column += 2 * whole;
        }
    }

    fn pixel(&self, block: usize, column: usize, row: usize) -> Line {
        let Pooling { layout, pooled, columns, rows, .. } = &self.pooling;
        let (x, y) = (columns.around(column), rows.around(row));
        let route = layout.at(column as isize, row as isize);
        scalar::routed(
            &self.pooled[block * pooled.plane() + pooled.at(x as isize, y as isize)],
            self.routes[block * layout.plane() + route],
            self.share(columns.pixels(x).len(), row),
        )
    }

    /// What part of a window's gradient goes to each pixel that a route leads to; the window being
    /// so many pixels wide and around a row.
    fn share(&self, across: usize, row: usize) -> f32 {
        let rows = &self.pooling.rows;
        match self.pooling.pool {
            Pool::Max => 1.0,
            Pool::Average => 2.0 / (across * rows.pixels(rows.around(row)).len()) as f32,
        }
    }
}

/// The windows along an axis; they begin anew at the seam.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    len: usize,
    seam: usize,
}

impl Windows {
    pub(crate) fn count(&self) -> usize {
        halve(self.len, self.seam, 1)
    }

    /// The pixels of a range of windows that is not empty.
    pub(crate) fn of(&self, windows: Range<usize>) -> Range<usize> {
        self.pixels(windows.start).start..self.pixels(windows.end - 1).end
    }

    /// The pixels that become one: two, or the one that is left before a seam or the end.
    fn pixels(&self, window: usize) -> Range<usize> {
        let before = halve(self.seam, 0, 1);
        if window < before {
            2 * window..self.seam.min(2 * window + 2)
        } else {
            let start = self.seam + 2 * (window - before);
            start..self.len.min(start + 2)
        }
    }

    /// The window that a pixel is in.
    fn around(&self, pixel: usize) -> usize {
        if pixel < self.seam { pixel / 2 } else { halve(self.seam, 0, 1) + (pixel - self.seam) / 2 }
    }

    /// Where the part of the axis that a pixel is in ends: at the seam, or with the axis.
    fn part_end(&self, pixel: usize) -> usize {
        if pixel < self.seam { self.seam } else { self.len }
    }

    /// A range of windows in parts before and behind the seam, those that are not empty.
    fn parts(&self, windows: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let seam = halve(self.seam, 0, 1).clamp(windows.start, windows.end);
        [windows.start..seam, seam..windows.end].into_iter().filter(|part| !part.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_in_the_window_around_it() {
        for (len, seam) in [(1, 0), (7, 0), (8, 0), (9, 4), (9, 5), (12, 5), (6, 6)] {
            let windows = Windows { len, seam };
            let pixels: Vec<_> = (0..windows.count()).flat_map(|at| windows.pixels(at)).collect();
            assert_eq!(pixels, (0..len).collect::<Vec<_>>(), "{windows:?}");
            for pixel in pixels {
                let window = windows.pixels(windows.around(pixel));
                assert!(window.contains(&pixel), "{pixel} of {windows:?}");
                assert!(window.end <= windows.part_end(pixel), "{pixel} of {windows:?}");
            }
            let parts: Vec<_> = windows.parts(0..windows.count()).flatten().collect();
            assert_eq!(parts, (0..windows.count()).collect::<Vec<_>>(), "{windows:?}");
        }
    }
}
