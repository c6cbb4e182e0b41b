//! The symmetric product of a block of pixels, `F^T F`, added to sums in f64.
//!
//! The block is packed as `[channel / 16][pixel][16]`, so that both factors of a tile are read in
//! runs; a tile is `MR` channels by `GROUPS` groups of 16 channels, summed over the block's pixels
//! in registers, then added to the f64 sums. Only tiles that touch the upper triangle are computed.

use crate::fp32::{gemm::BLOCK, lanes::Lanes};

/// `packed` is the block, as [`crate::fp32::gemm::pack_rows`] packs it. `VECTORS` is the number of
/// vectors in `GROUPS` groups of [`BLOCK`] channels, and `MR` divides [`BLOCK`].
///
/// # Safety
/// The processor has the instruction set of `L`; `packed` is whole pixels of `channels`; `gram` is
/// C x C and `sum` C long.
#[inline(always)]
pub(crate) unsafe fn block<L: Lanes, const MR: usize, const VECTORS: usize, const GROUPS: usize>(
    packed: &[f32],
    channels: usize,
    gram: &mut [f64],
    sum: &mut [f64],
) {
    debug_assert!(VECTORS * L::WIDTH == GROUPS * BLOCK && BLOCK.is_multiple_of(MR));
    let pixels = packed.len() / channels;
    let groups = channels / BLOCK;
    for group in 0..groups {
        let mut sums = [0.0f32; BLOCK];
        for pixel in packed[group * pixels * BLOCK..][..pixels * BLOCK].chunks_exact(BLOCK) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += value;
            }
        }
        for (total, sum) in sum[group * BLOCK..].iter_mut().zip(sums) {
            *total += f64::from(sum);
        }
    }
    let stride = pixels * BLOCK;
    for i in 0..groups {
        for first in (0..BLOCK).step_by(MR) {
            let a = packed.as_ptr().add(i * stride + first);
            let target = gram.as_mut_ptr().add((i * BLOCK + first) * channels);
            let mut j = i;
            while j + GROUPS <= groups {
                tile::<L, MR, VECTORS>(
                    a,
                    packed.as_ptr().add(j * stride),
                    stride,
                    pixels,
                    target.add(j * BLOCK),
                    channels,
                );
                j += GROUPS;
            }
            // Fewer groups are left than a tile holds; where a tile holds one, none are.
            while j < groups {
                tile::<L, MR, 1>(
                    a,
                    packed.as_ptr().add(j * stride),
                    stride,
                    pixels,
                    target.add(j * BLOCK),
                    channels,
                );
                j += 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn tile<L: Lanes, const MR: usize, const VECTORS: usize>(
    a: *const f32,
    b: *const f32,
    stride: usize,
    pixels: usize,
    gram: *mut f64,
    channels: usize,
) {
    let per_group = BLOCK / L::WIDTH;
    let mut sums = [[L::splat(0.0); VECTORS]; MR];
    for pixel in 0..pixels {
        let mut lanes = [L::splat(0.0); VECTORS];
        for (v, lanes) in lanes.iter_mut().enumerate() {
            *lanes =
                L::load(b.add(v / per_group * stride + pixel * BLOCK + v % per_group * L::WIDTH));
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            let value = L::splat(*a.add(pixel * BLOCK + r));
            for (sum, lanes) in sums.iter_mut().zip(lanes) {
                *sum = value.mul_add(lanes, *sum);
            }
        }
    }
    let mut row = [0.0f32; 2 * BLOCK];
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            sum.store(row.as_mut_ptr().add(v * L::WIDTH));
        }
        for (column, value) in row[..VECTORS * L::WIDTH].iter().enumerate() {
            *gram.add(r * channels + column) += f64::from(*value);
        }
    }
}
