//! The kernels compiled for NEON: pairs of 4 lanes, 32 registers.
//!
//! A vector is two registers, so that its lanes have a whole byte of bits, as everywhere. The
//! product's register block is 6 rows by 2 vectors: 24 accumulators and 4 registers of the panel
//! leave 4 of 32 for elements of A.

use std::arch::{aarch64::*, asm};

use crate::fp32::{
    correlation::{self, Correlation},
    depthwise::{self, Depthwise},
    gemm::{self, Operands},
    gram,
    kernels::Kernels,
    lanes::Lanes,
    row_lanes,
    rows::Rows,
    thin::{self, Thin},
    winograd::{self, Tiles},
};

#[derive(Clone, Copy)]
struct F32x8(float32x4_t, float32x4_t);

/// The bit of each lane.
#[inline(always)]
unsafe fn own_bits() -> (uint32x4_t, uint32x4_t) {
    const BITS: [u32; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
    (vld1q_u32(BITS.as_ptr()), vld1q_u32(BITS.as_ptr().add(4)))
}

/// The bits of the lanes whose masks are set.
#[inline(always)]
unsafe fn bits_of(low: uint32x4_t, high: uint32x4_t) -> u32 {
    let own = own_bits();
    vaddvq_u32(vorrq_u32(vandq_u32(low, own.0), vandq_u32(high, own.1)))
}

/// `values` where the mask is set, zero elsewhere.
#[inline(always)]
unsafe fn masked(values: float32x4_t, mask: uint32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(values), mask))
}

impl Lanes for F32x8 {
    const WIDTH: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(vdupq_n_f32(value), vdupq_n_f32(value))
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(vld1q_f32(from), vld1q_f32(from.add(4)))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        vst1q_f32(to, self.0);
        vst1q_f32(to.add(4), self.1);
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(vaddq_f32(self.0, other.0), vaddq_f32(self.1, other.1))
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(vsubq_f32(self.0, other.0), vsubq_f32(self.1, other.1))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(vfmaq_f32(term.0, self.0, factor.0), vfmaq_f32(term.1, self.1, factor.1))
    }
    #[inline(always)]
    unsafe fn rectify(self) -> Self {
        // Not a maximum, which would make +0 of -0.
        let kept = |values| masked(values, vmvnq_u32(vcltzq_f32(values)));
        Self(kept(self.0), kept(self.1))
    }
    #[inline(always)]
    unsafe fn at_most(self, high: f32) -> Self {
        let high = vdupq_n_f32(high);
        let kept = |values| vbslq_f32(vcgtq_f32(values, high), high, values);
        Self(kept(self.0), kept(self.1))
    }
    #[inline(always)]
    unsafe fn larger(self, other: Self) -> Self {
        // Floats that are not negative are in the order of their bits, a NaN above all.
        let larger = |own, other| {
            vreinterpretq_f32_u32(vmaxq_u32(
                vreinterpretq_u32_f32(vabsq_f32(own)),
                vreinterpretq_u32_f32(vabsq_f32(other)),
            ))
        };
        Self(larger(self.0, other.0), larger(self.1, other.1))
    }
    #[inline(always)]
    unsafe fn positive(self) -> u32 {
        bits_of(vcgtzq_f32(self.0), vcgtzq_f32(self.1))
    }
    #[inline(always)]
    unsafe fn equal(self, other: Self) -> u32 {
        bits_of(vceqq_f32(self.0, other.0), vceqq_f32(self.1, other.1))
    }
    #[inline(always)]
    unsafe fn keep(self, bits: u32) -> Self {
        let (own, bits) = (own_bits(), vdupq_n_u32(bits));
        Self(masked(self.0, vtstq_u32(bits, own.0)), masked(self.1, vtstq_u32(bits, own.1)))
    }
    #[inline(always)]
    unsafe fn load_bits(from: *const u8) -> u32 {
        u32::from(from.read())
    }
    #[inline(always)]
    unsafe fn store_bits(bits: u32, to: *mut u8) {
        to.write(bits as u8);
    }
    #[inline(always)]
    unsafe fn prefetch(line: *const f32) {
        asm!(
            "prfm pldl2keep, [{line}]",
            line = in(reg) line,
            options(nomem, nostack, preserves_flags),
        );
    }
}

/// The kernels, for a processor that has NEON.
pub(crate) static KERNELS: Kernels =
    Kernels { panel: 16, product, thin, tiles, gram, rows, depthwise, correlate };

#[target_feature(enable = "neon")]
unsafe fn product(operands: &Operands) {
    gemm::product::<F32x8, 6, 2>(operands);
}

#[target_feature(enable = "neon")]
unsafe fn thin(thin: &Thin<'_>) {
    thin::features::<F32x8, 6, 2>(thin);
}

#[target_feature(enable = "neon")]
unsafe fn tiles(tiles: &Tiles<'_>, block: usize, scratch: &mut [f32]) {
    winograd::block::<F32x8, 6, 2>(tiles, block, scratch);
}

#[target_feature(enable = "neon")]
unsafe fn gram(packed: &[f32], channels: usize, gram: &mut [f64], sum: &mut [f64]) {
    gram::block::<F32x8, 4, 2, 1>(packed, channels, gram, sum);
}

#[target_feature(enable = "neon")]
unsafe fn rows(rows: Rows<'_>) {
    row_lanes::run::<F32x8>(rows);
}

#[target_feature(enable = "neon")]
unsafe fn depthwise(row: &Depthwise<'_>, output: &mut [f32]) {
    depthwise::row::<F32x8>(row, output);
}

#[target_feature(enable = "neon")]
unsafe fn correlate(work: &Correlation) {
    correlation::sums::<F32x8, 6, 2>(work);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    #[target_feature(enable = "neon")]
    unsafe fn check() {
        crate::fp32::lanes::tests::check::<F32x8>();
    }

    #[test]
    fn lanes_do_what_they_say() {
        if Level::Neon.runs_here() {
            // SAFETY: the level was detected.
            unsafe { check() }
        }
    }
}
