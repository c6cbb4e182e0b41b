//! The kernels compiled for AVX2 with FMA: 8 lanes, 16 registers.
//!
//! The product's register block is 6 rows by 2 vectors: 12 accumulators, 2 vectors of the panel and
//! 1 splat make 15 of 16 registers.

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
struct F32x8(__m256);

impl Lanes for F32x8 {
    const WIDTH: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(_mm256_set1_ps(value))
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(_mm256_loadu_ps(from))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm256_storeu_ps(to, self.0);
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(_mm256_add_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(_mm256_sub_ps(self.0, other.0))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(_mm256_fmadd_ps(self.0, factor.0, term.0))
    }
    #[inline(always)]
    unsafe fn rectify(self) -> Self {
        // The instruction returns its second operand if either is a NaN.
        Self(_mm256_max_ps(_mm256_setzero_ps(), self.0))
    }
    #[inline(always)]
    unsafe fn at_most(self, high: f32) -> Self {
        Self(_mm256_min_ps(_mm256_set1_ps(high), self.0))
    }
    #[inline(always)]
    unsafe fn larger(self, other: Self) -> Self {
        // Floats that are not negative are in the order of their bits, a NaN above all.
        let sign = _mm256_set1_epi32(i32::MIN);
        let (own, other) = (_mm256_castps_si256(self.0), _mm256_castps_si256(other.0));
        Self(_mm256_castsi256_ps(_mm256_max_epi32(
            _mm256_andnot_si256(sign, own),
            _mm256_andnot_si256(sign, other),
        )))
    }
    #[inline(always)]
    unsafe fn positive(self) -> u32 {
        _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, _mm256_setzero_ps())) as u32
    }
    #[inline(always)]
    unsafe fn equal(self, other: Self) -> u32 {
        _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0)) as u32
    }
    #[inline(always)]
    unsafe fn keep(self, bits: u32) -> Self {
        let own = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let open = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits as i32), own), own);
        Self(_mm256_and_ps(self.0, _mm256_castsi256_ps(open)))
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
        _mm_prefetch::<_MM_HINT_T1>(line.cast());
    }
}

/// The kernels, for a processor that has AVX2 and FMA.
pub(crate) static KERNELS: Kernels =
    Kernels { panel: 16, product, thin, tiles, gram, rows, depthwise, correlate };

#[target_feature(enable = "avx2,fma")]
unsafe fn product(operands: &Operands) {
    gemm::product::<F32x8, 6, 2>(operands);
}

#[target_feature(enable = "avx2,fma")]
unsafe fn thin(thin: &Thin<'_>) {
    thin::features::<F32x8, 6, 2>(thin);
}

#[target_feature(enable = "avx2,fma")]
unsafe fn tiles(tiles: &Tiles<'_>, block: usize, scratch: &mut [f32]) {
    winograd::block::<F32x8, 6, 2>(tiles, block, scratch);
}

#[target_feature(enable = "avx2,fma")]
unsafe fn gram(packed: &[f32], channels: usize, gram: &mut [f64], sum: &mut [f64]) {
    gram::block::<F32x8, 4, 2, 1>(packed, channels, gram, sum);
}

#[target_feature(enable = "avx2,fma")]
unsafe fn rows(rows: Rows<'_>) {
    row_lanes::run::<F32x8>(rows);
}

#[target_feature(enable = "avx2,fma")]
unsafe fn depthwise(row: &Depthwise<'_>, output: &mut [f32]) {
    depthwise::row::<F32x8>(row, output);
}

#[target_feature(enable = "avx2,fma")]
unsafe fn correlate(work: &Correlation) {
    correlation::sums::<F32x8, 6, 2>(work);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    #[target_feature(enable = "avx2,fma")]
    unsafe fn check() {
        crate::fp32::lanes::tests::check::<F32x8>();
    }

    #[test]
    fn lanes_do_what_they_say() {
        if Level::Avx2.runs_here() {
            // SAFETY: the level was detected.
            unsafe { check() }
        }
    }
}
