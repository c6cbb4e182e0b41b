//! The kernels compiled for AVX-512F: 16 lanes, 32 registers.
//!
//! The product's register block is 12 rows by 2 vectors: 24 accumulators hide the latency of the
//! multiply-add, and each step of 24 of them needs 2 loads and 12 splats, well below what the load
//! ports give.

use std::arch::x86_64::*;

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
struct F32x16(__m512);

impl Lanes for F32x16 {
    const WIDTH: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(_mm512_set1_ps(value))
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(_mm512_loadu_ps(from))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm512_storeu_ps(to, self.0);
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm512_add_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm512_sub_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm512_fmadd_ps(self.0, factor.0, term.0))
    }
    #[inline(always)]
    unsafe fn rectify(self) -> Self {
        // The instruction returns its second operand if either is a NaN.
        Self(_mm512_max_ps(_mm512_setzero_ps(), self.0))
    }
    #[inline(always)]
    unsafe fn at_most(self, high: f32) -> Self {
        Self(_mm512_min_ps(_mm512_set1_ps(high), self.0))
    }
    #[inline(always)]
    unsafe fn larger(self, other: Self) -> Self {
        // Floats that are not negative are in the order of their bits, a NaN above all.
        let sign = _mm512_set1_epi32(i32::MIN);
        let (own, other) = (_mm512_castps_si512(self.0), _mm512_castps_si512(other.0));
        Self(_mm512_castsi512_ps(_mm512_max_epi32(
            _mm512_andnot_si512(sign, own),
            _mm512_andnot_si512(sign, other),
        )))
    }
    #[inline(always)]
    unsafe fn positive(self) -> u32 {
        u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps()))
    }
    #[inline(always)]
    unsafe fn equal(self, other: Self) -> u32 {
        u32::from(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn keep(self, bits: u32) -> Self {
        Self(_mm512_maskz_mov_ps(bits as u16, self.0))
    }
    #[inline(always)]
    unsafe fn load_bits(from: *const u8) -> u32 {
        u32::from(from.cast::<u16>().read_unaligned())
    }
    #[inline(always)]
    unsafe fn store_bits(bits: u32, to: *mut u8) {
        to.cast::<u16>().write_unaligned(bits as u16);
    }
    #[inline(always)]
    unsafe fn prefetch(line: *const f32) {
        _mm_prefetch::<_MM_HINT_T1>(line.cast());
    }
}

/// The kernels, for a processor that has AVX-512F.
pub(crate) static KERNELS: Kernels =
    Kernels { panel: 32, product, thin, tiles, gram, rows, depthwise, correlate };

#[target_feature(enable = "avx512f")]
unsafe fn product(operands: &Operands) {
    gemm::product::<F32x16, 12, 2>(operands);
}

#[target_feature(enable = "avx512f")]
unsafe fn thin(thin: &Thin<'_>) {
    thin::features::<F32x16, 12, 2>(thin);
}

#[target_feature(enable = "avx512f")]
unsafe fn tiles(tiles: &Tiles<'_>, block: usize, scratch: &mut [f32]) {
    winograd::block::<F32x16, 12, 2>(tiles, block, scratch);
}

#[target_feature(enable = "avx512f")]
unsafe fn gram(packed: &[f32], channels: usize, gram: &mut [f64], sum: &mut [f64]) {
    gram::block::<F32x16, 8, 2, 2>(packed, channels, gram, sum);
}

#[target_feature(enable = "avx512f")]
unsafe fn rows(rows: Rows<'_>) {
    row_lanes::run::<F32x16>(rows);
}

#[target_feature(enable = "avx512f")]
unsafe fn depthwise(row: &Depthwise<'_>, output: &mut [f32]) {
    depthwise::row::<F32x16>(row, output);
}

#[target_feature(enable = "avx512f")]
unsafe fn correlate(work: &Correlation) {
    correlation::sums::<F32x16, 12, 2>(work);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    #[target_feature(enable = "avx512f")]
    unsafe fn check() {
        crate::fp32::lanes::tests::check::<F32x16>();
    }

    #[test]
    fn lanes_do_what_they_say() {
        if Level::Avx512.runs_here() {
            // SAFETY: the level was detected.
            unsafe { check() }
        }
    }
}
