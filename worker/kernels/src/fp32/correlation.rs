//! The gradient of a convolution's weights: a weight's is the sum, over all pixels, of what it was
//! multiplied with times the gradient of what came of it.
//!
//! `C[place][column] += A[pixel * step + place] * D[pixel * gradient_step + column]`, summed over
//! the pixels of a row. A is the row that the convolution read, where the next pixel's run is the
//! same one, a step on, so no row is ever gathered: this is the product of `thin.rs` with the roles
//! of its operands turned. A register block of C, places by columns, stays in registers over the
//! whole row; A's values are splat, D's vectors are loaded.
//!
//! Sums over a row are taken in f32, pixel after pixel, and then added to C. Whoever adds up rows
//! does so in a fixed order.

use crate::fp32::{
    gemm::{BLOCK, STRIP},
    lanes::Lanes,
};

/// Where the operands of a row are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correlation {
    pub(crate) input: *const f32,
    /// Floats of a pixel's run: whole strips. Those beyond the kernel's own make sums that nobody
    /// reads.
    pub(crate) places: usize,
    /// Floats from one pixel's run to the next.
    pub(crate) step: usize,
    pub(crate) gradient: *const f32,
    pub(crate) columns: usize,
    pub(crate) gradient_step: usize,
    pub(crate) pixels: usize,
    /// `places * columns`.
    pub(crate) sums: *mut f32,
}

/// The sums, in register blocks of `MR` places, which divide [`STRIP`], by `NV` vectors.
///
/// # Safety
/// The processor has the instruction set of `L`, and everything is where `work` says.
#[inline(always)]
pub(crate) unsafe fn sums<L: Lanes, const MR: usize, const NV: usize>(work: &Correlation) {
    let Correlation { places, columns, .. } = *work;
    debug_assert!(
        places.is_multiple_of(STRIP) && STRIP.is_multiple_of(MR) && columns.is_multiple_of(BLOCK)
    );
    let panel = NV * L::WIDTH;
    let mut place = 0;
    while place < places {
        let mut column = 0;
        while column + panel <= columns {
            tile::<L, MR, NV>(work, place, column);
            column += panel;
        }
        // Levels whose panel is wider than a block have vectors as wide as one.
        while column < columns {
            tile::<L, MR, 1>(work, place, column);
            column += BLOCK;
        }
        place += MR;
    }
}

/// One register block.
#[inline(always)]
unsafe fn tile<L: Lanes, const MR: usize, const NV: usize>(
    work: &Correlation,
    place: usize,
    column: usize,
) {
    let Correlation { step, columns, gradient_step, pixels, .. } = *work;
    let mut a = work.input.add(place);
    let mut d = work.gradient.add(column);
    let mut sums = [[L::splat(0.0); NV]; MR];
    for _ in 0..pixels {
        let mut row = [L::splat(0.0); NV];
        for (v, lanes) in row.iter_mut().enumerate() {
            *lanes = L::load(d.add(v * L::WIDTH));
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            let value = L::splat(*a.add(r));
            for (sum, lanes) in sums.iter_mut().zip(row) {
                *sum = value.mul_add(lanes, *sum);
            }
        }
        a = a.wrapping_add(step);
        d = d.wrapping_add(gradient_step);
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            let to = work.sums.add((place + r) * columns + column + v * L::WIDTH);
            L::load(to).add(*sum).store(to);
        }
    }
}
