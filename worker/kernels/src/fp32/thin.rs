//! The product under convolutions of few channels, where a row of A is never gathered: around a
//! pixel lie runs of the rows that its kernel reads, and the next pixel's runs are the same ones, a
//! step on.
//!
//! The sums are those of [`crate::fp32::gemm`] in the same order; bias and ReLU are applied while
//! they are in registers.

use crate::fp32::{
    gemm::{BLOCK, STRIP},
    lanes::Lanes,
};

/// What happens to a sum before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Linear,
    Rectify,
    /// ReLU that ends at six.
    RectifyToSix,
}

impl Activation {
    /// Written so that a NaN stays one.
    pub(crate) fn of(self, value: f32) -> f32 {
        match self {
            Self::Linear => value,
            Self::Rectify if value < 0.0 => 0.0,
            Self::Rectify => value,
            Self::RectifyToSix => value.clamp(0.0, 6.0),
        }
    }
}

/// Where the pixels of one row read and write. A pixel stands for a few neighbours where one has
/// too few features for a vector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thin<'a> {
    /// The rows that the kernel reads, each from what the first pixel reads on. They hold what
    /// whole strips of pixels read.
    pub(crate) rows: &'a [*const f32],
    /// Floats of a row that a pixel reads.
    pub(crate) run: usize,
    /// Floats from one pixel to the next.
    pub(crate) step: usize,
    pub(crate) pixels: usize,
    /// The packed panels of `columns` columns, `blocks` blocks of k deep.
    pub(crate) panels: *const f32,
    pub(crate) blocks: usize,
    pub(crate) columns: usize,
    pub(crate) bias: *const f32,
    pub(crate) activation: Activation,
    /// Pixels of `columns` features, at this distance. One that is shorter lets each pixel
    /// overwrite the last features of the one before.
    pub(crate) output: *mut f32,
    pub(crate) output_step: usize,
    /// [`STRIP`] pixels of features, for those beyond the last.
    pub(crate) spare: *mut f32,
}

/// The features of the pixels, in register blocks of `MR` pixels, which divide [`STRIP`], by `NV`
/// vectors.
///
/// # Safety
/// The processor has the instruction set of `L`, and everything is where `thin` says.
#[inline(always)]
pub(crate) unsafe fn features<L: Lanes, const MR: usize, const NV: usize>(thin: &Thin<'_>) {
    let Thin { pixels, columns, output, output_step, spare, .. } = *thin;
    debug_assert!(STRIP.is_multiple_of(MR) && columns.is_multiple_of(BLOCK));
    let panel = NV * L::WIDTH;
    let mut pixel = 0;
    while pixel < pixels {
        let whole = pixel + MR <= pixels;
        let (to, step) =
            if whole { (output.add(pixel * output_step), output_step) } else { (spare, columns) };
        let mut column = 0;
        while column + panel <= columns {
            tile::<L, MR, NV>(thin, pixel, column, to.add(column), step);
            column += panel;
        }
        while column < columns {
            tile::<L, MR, 1>(thin, pixel, column, to.add(column), step);
            column += BLOCK;
        }
        if !whole {
            for rest in 0..pixels - pixel {
                let to = output.add((pixel + rest) * output_step);
                to.copy_from_nonoverlapping(spare.add(rest * columns), columns);
            }
        }
        pixel += MR;
    }
}

/// One register block.
#[inline(always)]
unsafe fn tile<L: Lanes, const MR: usize, const NV: usize>(
    thin: &Thin<'_>,
    pixel: usize,
    column: usize,
    to: *mut f32,
    to_step: usize,
) {
    let Thin { rows, run, step, panels, blocks, bias, activation, .. } = *thin;
    let mut b = panels.add(column * blocks * BLOCK);
    let mut sums = [[L::splat(0.0); NV]; MR];
    for row in rows {
        let mut a = row.add(pixel * step);
        for _ in 0..run {
            let mut row_of_b = [L::splat(0.0); NV];
            for (v, lanes) in row_of_b.iter_mut().enumerate() {
                *lanes = L::load(b.add(v * L::WIDTH));
            }
            b = b.add(NV * L::WIDTH);
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = L::splat(*a.add(r * step));
                for (sum, lanes) in sums.iter_mut().zip(row_of_b) {
                    *sum = value.mul_add(lanes, *sum);
                }
            }
            a = a.add(1);
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            let value = sum.add(L::load(bias.add(column + v * L::WIDTH)));
            let value = match activation {
                Activation::Linear => value,
                Activation::Rectify => value.rectify(),
                Activation::RectifyToSix => value.rectify().at_most(6.0),
            };
            value.store(to.add(r * to_step + v * L::WIDTH));
        }
    }
}
