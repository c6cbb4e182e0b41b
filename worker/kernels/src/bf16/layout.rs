//! Where the pixels of a map lie, and what its border holds.
//!
//! A map is planes of 32 channels, one [`Line`] a pixel: `[channels / 32][row][column]`. Bits of a
//! map lie as its lines do. A tile of the product is then 16 lines in a row, however many channels
//! there are. Each plane has a border, so that a convolution reads its nine taps at nine fixed
//! distances, whatever the edge: position p reads `p + dy * stride + dx`. A run of positions may go
//! on from one row into the next; the values that are computed for the border in between are
//! overwritten by [`Layout::close_features`] or [`Layout::fold_gradient`].
//!
//! A pixel that was read twice, by replicating or reflecting, gets a second gradient, in a frame
//! one pixel wide around the gradient: there the border is two pixels wide, so that the frame
//! itself can be computed as any other pixel. Closing the gradient folds the frame back.

use crate::{
    bf16::line::{Bits, CHANNELS, Line, POSITIONS, Shared},
    edge::{Axis, Edge, OUTSIDE},
    feature_map::{narrow, widen},
    shape::Shape,
    threads::Threads,
    vgg::CONVOLUTIONS,
};

/// The maps of one convolution: its input, its output and their gradients all have the same.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    across: Side,
    down: Side,
}

/// One axis of a layout.
#[derive(Clone, Debug)]
struct Side {
    len: usize,
    frame: usize,
    /// The pixel that is read one before the first, and one behind the last; none where that is
    /// zero.
    features: [Option<usize>; 2],
    /// The same for the gradient's own border.
    gradient: [Option<usize>; 2],
}

impl Side {
    fn new(len: usize, edge: Edge) -> Self {
        let ends = |axis: &Axis| {
            [-1, len as isize]
                .map(|position| axis.source(position))
                .map(|source| (source != OUTSIDE).then_some(source as usize))
        };
        let (forward, backward) = (Axis::forward(len, edge), Axis::backward(len, edge));
        Self { len, frame: backward.frame(), features: ends(&forward), gradient: ends(&backward) }
    }

    fn pad(&self) -> usize {
        1 + self.frame
    }

    fn padded(&self) -> usize {
        self.len + 2 * self.pad()
    }

    /// What a position reads, `ends` being read one before the first and one behind the last.
    fn source(&self, position: isize, ends: [Option<usize>; 2]) -> Option<usize> {
        let end = self.len as isize;
        match position {
            -1 => ends[0],
            inside if (0..end).contains(&inside) => Some(inside as usize),
            beyond if beyond == end => ends[1],
            _ => None,
        }
    }
}

/// What planes are made of.
pub(crate) trait Border: Copy + Send {
    const ZERO: Self;
}

impl Border for Line {
    const ZERO: Self = Self::ZERO;
}

impl Border for Bits {
    const ZERO: Self = 0;
}

impl Layout {
    /// Of the maps that a convolution reads and writes.
    pub(crate) fn new(shape: &Shape, convolution: usize) -> Self {
        debug_assert!(convolution < CONVOLUTIONS);
        let Shape { width, height, edge_x, edge_y, .. } = shape.at_convolution(convolution);
        Self { across: Side::new(width, edge_x), down: Side::new(height, edge_y) }
    }

    pub(crate) fn width(&self) -> usize {
        self.across.len
    }

    pub(crate) fn height(&self) -> usize {
        self.down.len
    }

    /// Lines from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        self.across.padded()
    }

    /// Lines of one plane.
    pub(crate) fn plane(&self) -> usize {
        self.across.padded() * self.down.padded()
    }

    /// Lines of a map: its planes, and what the last block of positions may read behind them.
    pub(crate) fn lines(&self, channels: usize) -> usize {
        channels / CHANNELS * self.plane() + 2 * POSITIONS + 2
    }

    /// The frame's width across and down: none or one.
    pub(crate) fn frame(&self) -> (usize, usize) {
        (self.across.frame, self.down.frame)
    }

    /// Where a pixel lies in its plane; the border is at -1 and before, and at the width or height
    /// and behind.
    pub(crate) fn at(&self, x: isize, y: isize) -> usize {
        debug_assert!(
            x >= -(self.across.pad() as isize)
                && x < (self.across.len + self.across.pad()) as isize,
            "column {x} of {self:?}"
        );
        debug_assert!(
            y >= -(self.down.pad() as isize) && y < (self.down.len + self.down.pad()) as isize,
            "row {y} of {self:?}"
        );
        (y + self.down.pad() as isize) as usize * self.stride()
            + (x + self.across.pad() as isize) as usize
    }

    /// Column and row of a place in the plane, if it is a pixel and not border.
    pub(crate) fn pixel(&self, place: usize) -> Option<(usize, usize)> {
        let x = (place % self.stride()).checked_sub(self.across.pad())?;
        let y = (place / self.stride()).checked_sub(self.down.pad())?;
        (x < self.across.len && y < self.down.len).then_some((x, y))
    }

    /// The row that is read at a row up to one beyond the border; none where that is zero.
    pub(crate) fn row(&self, row: isize) -> Option<usize> {
        self.down.source(row, self.down.features)
    }

    /// The same for columns.
    pub(crate) fn column(&self, column: isize) -> Option<usize> {
        self.across.source(column, self.across.features)
    }

    /// The row of the gradient that is read at a row up to two beyond the border; none where that
    /// is zero.
    pub(crate) fn gradient_row(&self, row: isize) -> Option<usize> {
        self.down.source(row, self.down.gradient)
    }

    /// The same for columns.
    pub(crate) fn gradient_column(&self, column: isize) -> Option<usize> {
        self.across.source(column, self.across.gradient)
    }

    /// Fills the border of features, or of their bits, as the edges say.
    pub(crate) fn close_features<T: Border>(
        &self,
        threads: &mut Threads,
        map: &mut [T],
        channels: usize,
    ) {
        self.close(threads, map, channels, |plane| {
            self.fill_columns(plane, self.across.features);
            self.fill_rows(plane, self.down.features);
        });
    }

    /// Adds the frame of a gradient to the pixels that the features' border was read from, and
    /// fills the border.
    pub(crate) fn fold_gradient(&self, threads: &mut Threads, map: &mut [Line], channels: usize) {
        self.close(threads, map, channels, |plane| {
            self.fold(plane);
            self.fill_gradient(plane);
        });
    }

    fn close<T: Send>(
        &self,
        threads: &mut Threads,
        map: &mut [T],
        channels: usize,
        close: impl Fn(&mut [T]) + Sync,
    ) {
        let planes = Shared::new(map);
        threads.each(channels / CHANNELS, |plane, _| {
            // SAFETY: planes do not overlap, and every one is taken once.
            close(unsafe {
                std::slice::from_raw_parts_mut(
                    planes.at(plane * self.plane(), self.plane()),
                    self.plane(),
                )
            });
        });
    }

    /// First the columns, corners included; then the rows, which bring the corners home.
    fn fold(&self, plane: &mut [Line]) {
        let ends = |side: &Side| {
            [-1, side.len as isize]
                .into_iter()
                .zip(side.features.into_iter().flatten())
                .take(2 * side.frame)
        };
        for row in -(self.down.frame as isize)..(self.down.len + self.down.frame) as isize {
            for (from, to) in ends(&self.across) {
                let line = plane[self.at(from, row)];
                add(&mut plane[self.at(to as isize, row)], &line);
            }
        }
        for (from, to) in ends(&self.down) {
            for column in 0..self.across.len as isize {
                let line = plane[self.at(column, from)];
                add(&mut plane[self.at(column, to as isize)], &line);
            }
        }
    }

    fn fill_gradient(&self, plane: &mut [Line]) {
        self.fill_columns(plane, self.across.gradient);
        self.fill_rows(plane, self.down.gradient);
    }

    /// The border left and right of each row: at distance one what the edge says, beyond it zero.
    fn fill_columns<T: Border>(&self, plane: &mut [T], [before, after]: [Option<usize>; 2]) {
        let (pad, len) = (self.across.pad(), self.across.len);
        for row in plane.chunks_exact_mut(self.stride()) {
            let (left, right) =
                (before.map_or(T::ZERO, |x| row[pad + x]), after.map_or(T::ZERO, |x| row[pad + x]));
            row[0] = T::ZERO;
            row[pad - 1] = left;
            row[pad + len] = right;
            row[len + 2 * pad - 1] = if pad == 1 { right } else { T::ZERO };
        }
    }

    /// The border above and below, corners included.
    fn fill_rows<T: Border>(&self, plane: &mut [T], sources: [Option<usize>; 2]) {
        let (pad, len, stride) = (self.down.pad(), self.down.len, self.stride());
        plane[..stride].fill(T::ZERO);
        plane[(len + 2 * pad - 1) * stride..].fill(T::ZERO);
        for (row, source) in [pad - 1, pad + len].into_iter().zip(sources) {
            match source {
                Some(source) => plane.copy_within(
                    (pad + source) * stride..(pad + source + 1) * stride,
                    row * stride,
                ),
                None => plane[row * stride..(row + 1) * stride].fill(T::ZERO),
            }
        }
    }
}

/// Sums in fp32, rounded again.
fn add(sum: &mut Line, line: &Line) {
    for (sum, value) in sum.0.iter_mut().zip(line.0) {
        *sum = narrow(widen(*sum) + widen(value));
    }
}
