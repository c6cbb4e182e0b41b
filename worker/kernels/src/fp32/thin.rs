//! The product under the first layer, where a row of A is never gathered: around a pixel lie three
//! runs of the picture's rows, and the next pixel's runs are the same ones, three values on.
//!
//! The sums are those of [`crate::fp32::gemm`] in the same order; bias and ReLU are applied while
//! they are in registers.

use crate::fp32::{
    gemm::{BLOCK, STRIP},
    lanes::Lanes,
};

/// Where a run of pixels of one row reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thin {
    /// The rows above, at and below the pixels, each from the pixel left of the first on. They hold
    /// what whole strips of pixels read.
    pub(crate) rows: [*const f32; 3],
    /// Floats of a pixel.
    pub(crate) channels: usize,
    pub(crate) pixels: usize,
    /// The packed panels of `columns` columns, `blocks` blocks of k deep.
    pub(crate) panels: *const f32,
    pub(crate) blocks: usize,
    pub(crate) columns: usize,
    pub(crate) bias: *const f32,
    /// Pixels of `columns` features.
    pub(crate) output: *mut f32,
    /// [`STRIP`] pixels of features, for those beyond the last.
    pub(crate) spare: *mut f32,
}

/// The features of the pixels, in register blocks of `MR` pixels, which divide [`STRIP`], by `NV`
/// vectors.
///
/// # Safety
/// The processor has the instruction set of `L`, and everything is where `thin` says.
#[inline(always)]
pub(crate) unsafe fn features<L: Lanes, const MR: usize, const NV: usize>(thin: &Thin) {
    let Thin { pixels, columns, output, spare, .. } = *thin;
    debug_assert!(STRIP.is_multiple_of(MR) && columns.is_multiple_of(BLOCK));
    let panel = NV * L::WIDTH;
    let mut pixel = 0;
    while pixel < pixels {
        let whole = pixel + MR <= pixels;
        let to = if whole { output.add(pixel * columns) } else { spare };
        let mut column = 0;
        while column + panel <= columns {
            tile::<L, MR, NV>(thin, pixel, column, to.add(column));
            column += panel;
        }
        while column < columns {
            tile::<L, MR, 1>(thin, pixel, column, to.add(column));
            column += BLOCK;
        }
        if !whole {
            let rest = output.add(pixel * columns);
            rest.copy_from_nonoverlapping(spare, (pixels - pixel) * columns);
        }
        pixel += MR;
    }
}

/// One register block.
#[inline(always)]
unsafe fn tile<L: Lanes, const MR: usize, const NV: usize>(
    thin: &Thin,
    pixel: usize,
    column: usize,
    to: *mut f32,
) {
    let Thin { rows, channels, panels, blocks, columns, bias, .. } = *thin;
    let mut b = panels.add(column * blocks * BLOCK);
    let mut sums = [[L::splat(0.0); NV]; MR];
    for row in rows {
        let mut a = row.add(pixel * channels);
        for _ in 0..3 * channels {
            let mut row_of_b = [L::splat(0.0); NV];
            for (v, lanes) in row_of_b.iter_mut().enumerate() {
                *lanes = L::load(b.add(v * L::WIDTH));
            }
            b = b.add(NV * L::WIDTH);
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = L::splat(*a.add(r * channels));
                for (sum, lanes) in sums.iter_mut().zip(row_of_b) {
                    *sum = value.mul_add(lanes, *sum);
                }
            }
            a = a.add(1);
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            let bias = L::load(bias.add(column + v * L::WIDTH));
            sum.add(bias).rectify().store(to.add(r * columns + v * L::WIDTH));
        }
    }
}
