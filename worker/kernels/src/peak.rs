//! The most that a core can compute: what benchmarks hold the pass to.
//!
//! Each function multiplies and adds in registers alone, as often as it is told, in enough
//! independent chains that none waits for its own last result. It reads no clock: who asks does.
//! What comes out is looked at, so that no compiler leaves the work out. The numbers stay at one,
//! `1.5 * 1 - 0.5`, as some processors take longer over very small and very large ones.

use std::hint::black_box;

use crate::{feature_map::Precision, level::Level};

/// Runs `steps` rounds of the widest multiplications and additions that a pass at this level and
/// precision can use, on the calling thread. Returns how many operations that were, a
/// multiplication with its addition counted as two. A level that this processor lacks is lowered.
pub fn peak(level: Level, precision: Precision, steps: u64) -> f64 {
    let operations = operations(level.lowered(), precision, steps);
    steps as f64 * operations as f64
}

/// Does the work; returns the operations of one step.
#[cfg(target_arch = "x86_64")]
fn operations(level: Level, precision: Precision, steps: u64) -> u64 {
    match (level, precision) {
        (Level::Scalar | Level::Neon, _) => plain(steps),
        // SAFETY: the level was detected, and stands for AVX2 and FMA.
        (Level::Avx2, _) => unsafe { avx2(steps) },
        #[cfg(target_os = "linux")]
        // SAFETY: the level was detected, and stands for AMX with bf16 and the permission to use
        // it.
        (Level::Amx, Precision::Bf16) => unsafe { amx(steps) },
        // SAFETY: both levels were detected, and have AVX-512F.
        (Level::Avx512 | Level::Amx, _) => unsafe { avx512(steps) },
    }
}

/// Does the work; returns the operations of one step.
#[cfg(target_arch = "aarch64")]
fn operations(level: Level, _precision: Precision, steps: u64) -> u64 {
    match level {
        // SAFETY: the level was detected.
        Level::Neon => unsafe { neon(steps) },
        Level::Scalar | Level::Avx2 | Level::Avx512 | Level::Amx => plain(steps),
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn operations(_level: Level, _precision: Precision, steps: u64) -> u64 {
    plain(steps)
}

/// What the compiler makes of plain loops with the instructions that every processor of this kind
/// has.
fn plain(steps: u64) -> u64 {
    const LANES: usize = 48;
    let (factor, term) = (black_box(1.5_f32), black_box(-0.5_f32));
    let mut sums = [1.0_f32; LANES];
    for _ in 0..steps {
        sums.iter_mut().for_each(|sum| *sum = *sum * factor + term);
    }
    black_box(sums);
    2 * LANES as u64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(steps: u64) -> u64 {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};

    const CHAINS: usize = 12;
    let (factor, term) = (_mm256_set1_ps(black_box(1.5)), _mm256_set1_ps(black_box(-0.5)));
    let mut sums = [_mm256_set1_ps(1.0); CHAINS];
    for _ in 0..steps {
        sums.iter_mut().for_each(|sum| *sum = _mm256_fmadd_ps(*sum, factor, term));
    }
    black_box(sums);
    2 * 8 * CHAINS as u64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(steps: u64) -> u64 {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};

    const CHAINS: usize = 24;
    let (factor, term) = (_mm512_set1_ps(black_box(1.5)), _mm512_set1_ps(black_box(-0.5)));
    let mut sums = [_mm512_set1_ps(1.0); CHAINS];
    for _ in 0..steps {
        sums.iter_mut().for_each(|sum| *sum = _mm512_fmadd_ps(*sum, factor, term));
    }
    black_box(sums);
    2 * 16 * CHAINS as u64
}

/// The instruction adds to its own operand, so a sum is what stays in a register: `1 + 2^-26` is
/// one again.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn neon(steps: u64) -> u64 {
    use std::arch::aarch64::{vdupq_n_f32, vfmaq_f32};

    const CHAINS: usize = 24;
    let (left, right) =
        (vdupq_n_f32(black_box(1.0 / 8192.0)), vdupq_n_f32(black_box(1.0 / 8192.0)));
    let mut sums = [vdupq_n_f32(1.0); CHAINS];
    for _ in 0..steps {
        sums.iter_mut().for_each(|sum| *sum = vfmaq_f32(*sum, left, right));
    }
    black_box(sums);
    2 * 4 * CHAINS as u64
}

/// Six tiles of sums, and two of factors that are zero: the tile unit takes as long over zeros as
/// over anything.
///
/// # Safety
/// The processor has AMX with bf16, and this process may use it.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
unsafe fn amx(steps: u64) -> u64 {
    /// What LDTILECFG reads: palette 1, and eight tiles of 16 rows of 64 bytes.
    #[repr(C, align(64))]
    struct Configuration {
        palette: [u8; 16],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }
    const TILES: usize = 8;
    let mut configuration = Configuration { palette: [0; 16], row_bytes: [0; 16], rows: [0; 16] };
    configuration.palette[0] = 1;
    configuration.row_bytes[..TILES].fill(64);
    configuration.rows[..TILES].fill(16);
    // SAFETY: the caller says that the tiles may be used. The block reads the configuration, leaves
    // no tile configured, and touches no memory else.
    unsafe {
        std::arch::asm!(
            "ldtilecfg [{configuration}]",
            "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
            "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
            "2:",
            "tdpbf16ps tmm0, tmm6, tmm7",
            "tdpbf16ps tmm1, tmm6, tmm7",
            "tdpbf16ps tmm2, tmm6, tmm7",
            "tdpbf16ps tmm3, tmm6, tmm7",
            "tdpbf16ps tmm4, tmm6, tmm7",
            "tdpbf16ps tmm5, tmm6, tmm7",
            "dec {steps}",
            "jnz 2b",
            "tilerelease",
            configuration = in(reg) &raw const configuration,
            steps = inout(reg) steps.max(1) => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, readonly),
        );
    }
    // Six products of 16 by 32 and 32 by 16.
    6 * 2 * 16 * 16 * 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_counts_its_work() {
        for level in Level::available() {
            for precision in [Precision::Fp32, Precision::Bf16] {
                let (one, hundred) = (peak(level, precision, 1), peak(level, precision, 100));
                assert!(
                    one >= 2.0 && hundred == 100.0 * one,
                    "{level} {precision:?}: {one}, {hundred}"
                );
            }
        }
    }
}
