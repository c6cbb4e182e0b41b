//! How a convolution of few channels is cut into products: which pixels one row of A stands for,
//! and which weights stand where in B. `direct.rs` computes the products, `training/weights.rs`
//! their gradient, so that both agree on what a weight is.

use std::ops::Range;

use super::kernel::Kernel;
use crate::fp32::gemm::BLOCK;

/// How the outputs of a convolution lie among its source's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One output for each `stride` pixels along each axis, which reads `before` pixels above and
    /// to the left of the first of them.
    Plain { before: usize, stride: usize },
    /// 3x3 taps on the source enlarged twofold by repeating its pixels.
    Repeated,
    /// The gradient that a plain convolution of 3x3 taps, a stride of two and one pixel before
    /// sends back: 2x2 outputs for each pixel.
    Spread,
}

/// A convolution without its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    /// Taps along a side.
    pub(super) side: usize,
    pub(super) kind: Kind,
}

/// One product: outputs of a step that are computed together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    /// Which of the output rows of a source row.
    pub(super) row: usize,
    /// The rows of the window that it reads.
    pub(super) first_row: usize,
    pub(super) rows: usize,
    /// The first column of the window.
    pub(super) first_column: usize,
    /// Floats of a row that it reads, and from one pixel of the product to the next.
    pub(super) run: usize,
    pub(super) step: usize,
    /// Source pixels, or outputs if there is a stride, that one pixel of the product stands for.
    pub(super) group: usize,
    /// Columns of B: whole vectors.
    pub(super) columns: usize,
    pub(super) output_start: usize,
    pub(super) output_step: usize,
}

/// The weights whose sum stands at a place of B.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summed {
    pub(super) output: usize,
    pub(super) input: usize,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Summed {
    /// Their sum.
    pub(super) fn of(&self, kernel: &Kernel<'_>) -> f32 {
        let Self { output, input, rows, columns } = self;
        let taps = rows.clone().flat_map(|row| columns.clone().map(move |column| (row, column)));
        let weights = taps.map(|(row, tap)| f64::from(kernel.weight(*output, *input, row, tap)));
        weights.sum::<f64>() as f32
    }
}

impl Geometry {
    /// Rows, and columns, of the source that an output reads.
    pub(super) fn window(&self) -> usize {
        match self.kind {
            Kind::Plain { .. } => self.side,
            Kind::Repeated => 3,
            Kind::Spread => 2,
        }
    }

    /// How many of them lie before it.
    pub(super) fn before(&self) -> usize {
        match self.kind {
            Kind::Plain { before, .. } => before,
            Kind::Repeated => 1,
            Kind::Spread => 0,
        }
    }

    pub(super) fn stride(&self) -> usize {
        match self.kind {
            Kind::Plain { stride, .. } => stride,
            Kind::Repeated | Kind::Spread => 1,
        }
    }

    pub(super) fn enlarge(&self) -> usize {
        match self.kind {
            Kind::Plain { .. } => 1,
            Kind::Repeated | Kind::Spread => 2,
        }
    }

    /// The length of an output's axis.
    pub(super) fn out_len(&self, len: usize) -> usize {
        len.div_ceil(self.stride()) * self.enlarge()
    }

    /// The products that make up the convolution.
    pub(super) fn products(&self) -> Vec<Product> {
        let Self { out_channels, side, kind, .. } = *self;
        if let Kind::Plain { .. } = kind {
            return vec![self.plain()];
        }
        assert_eq!(side, 3, "three rows of taps for two rows of outputs");
        let whole = out_channels.is_multiple_of(BLOCK);
        let product = |row, column| match (kind, whole) {
            (Kind::Spread, true) => self.spread(row, column, 1),
            (Kind::Spread, false) => self.spread(row, 0, 2),
            // One product for each of the two columns, or one for those of a few source pixels.
            (_, true) => self.repeated(row, 2, column, 1),
            (_, false) => {
                let group = (BLOCK / (2 * out_channels)).max(1);
                self.repeated(row, group + 2, 0, 2 * group)
            }
        };
        let columns = if whole { 2 } else { 1 };
        (0..2).flat_map(|row| (0..columns).map(move |column| product(row, column))).collect()
    }

    fn plain(&self) -> Product {
        let Self { in_channels, out_channels, side, .. } = *self;
        let group = (BLOCK / out_channels).max(1);
        let columns = (group * out_channels).next_multiple_of(BLOCK);
        assert!(columns == BLOCK || columns == out_channels, "whole vectors of features");
        Product {
            row: 0,
            first_row: 0,
            rows: side,
            first_column: 0,
            run: ((group - 1) * self.stride() + side) * in_channels,
            step: group * self.stride() * in_channels,
            group,
            columns,
            output_start: 0,
            output_step: group * out_channels,
        }
    }

    /// Outputs `first..first + outputs` of the columns that a group of source pixels has, in one of
    /// the two rows; `reach` source pixels are read.
    fn repeated(&self, row: usize, reach: usize, first: usize, outputs: usize) -> Product {
        let Self { in_channels, out_channels, .. } = *self;
        let group = outputs.div_ceil(2);
        let columns = outputs * out_channels;
        assert!(columns.is_multiple_of(BLOCK), "whole vectors of features");
        Product {
            row,
            first_row: row,
            rows: 2,
            first_column: first,
            run: reach * in_channels,
            step: group * in_channels,
            group,
            columns,
            output_start: first * out_channels,
            output_step: 2 * group * out_channels,
        }
    }

    /// The same of one source pixel. Of its outputs, the first reads it alone, the second the next
    /// pixel as well.
    fn spread(&self, row: usize, first: usize, outputs: usize) -> Product {
        let Self { in_channels, out_channels, .. } = *self;
        let columns = outputs * out_channels;
        assert!(columns.is_multiple_of(BLOCK), "whole vectors of features");
        Product {
            row,
            first_row: 0,
            rows: 1 + row,
            first_column: 0,
            run: (first + outputs) * in_channels,
            step: in_channels,
            group: 1,
            columns,
            output_start: first * out_channels,
            output_step: 2 * out_channels,
        }
    }

    /// The weights that stand in row `k` and a column of a product's B; none where it is zero.
    pub(super) fn summed(&self, product: &Product, k: usize, column: usize) -> Option<Summed> {
        let Self { in_channels, out_channels, side, kind } = *self;
        let (row, place) = (k / product.run, k % product.run);
        let (member, output) = (column / out_channels, column % out_channels);
        let (pixel, input) = (place / in_channels, place % in_channels);
        let (rows, columns) = match kind {
            Kind::Plain { stride, .. } => {
                let tap = pixel.wrapping_sub(member * stride);
                if member >= product.group || tap >= side {
                    return None;
                }
                (row..row + 1, tap..tap + 1)
            }
            Kind::Repeated => {
                let phase = product.first_column + member;
                // Of the window's columns, those of this pixel begin at its place in the group.
                let pixel = (product.first_column + pixel).wrapping_sub(phase / 2);
                let rows = repeated_taps(product.row, product.row + row);
                (rows, repeated_taps(phase % 2, pixel))
            }
            Kind::Spread => {
                let phase = product.output_start / out_channels + member;
                (spread_tap(product.row, row), spread_tap(phase, pixel))
            }
        };
        let is_none = rows.is_empty() || columns.is_empty();
        (!is_none).then_some(Summed { output, input, rows, columns })
    }
}

/// The taps of three that read a pixel of the source, if one of the two repeats of the middle pixel
/// is where the kernel stands: the window's pixels are the one before, the middle and the one
/// after.
fn repeated_taps(repeat: usize, pixel: usize) -> Range<usize> {
    match (repeat, pixel) {
        (0, 0) => 0..1,
        (0, 1) => 1..3,
        (1, 1) => 0..2,
        (1, 2) => 2..3,
        _ => 0..0,
    }
}

/// The tap of three through which a coarse pixel, the same or the next one, had read a fine one.
fn spread_tap(fine: usize, coarse: usize) -> Range<usize> {
    match (fine, coarse) {
        (0, 0) => 1..2,
        (1, 0) => 2..3,
        (1, 1) => 0..1,
        _ => 0..0,
    }
}
