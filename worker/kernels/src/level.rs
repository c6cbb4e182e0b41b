//! Which instruction set the kernels use. Chosen at run time, never at compile time.

use std::{fmt, str::FromStr};

/// An instruction set. They are in rising order of speed, on each kind of processor that has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain loops, for every machine: the specification of the others.
    Scalar,
    /// 128-bit vectors with fused multiply-add (NEON), on 64-bit ARM.
    Neon,
    /// 256-bit vectors with fused multiply-add (AVX2 and FMA).
    Avx2,
    /// 512-bit vectors (AVX-512F).
    Avx512,
    /// Matrix tiles of bf16 with sums in fp32 (AMX), on Linux. Passes in fp32 run as at
    /// [`Level::Avx512`].
    Amx,
}

impl Level {
    pub(crate) const ALL: [Self; 5] =
        [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512, Self::Amx];

    /// The best level that this processor can run.
    pub fn detect() -> Self {
        Self::Amx.lowered()
    }

    /// Every level that this processor can run, slowest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|level| level.runs_here()).collect()
    }

    /// The best level that this processor can run and that is not above this one.
    pub fn lowered(self) -> Self {
        Self::ALL
            .into_iter()
            .rev()
            .find(|level| *level <= self && level.runs_here())
            .unwrap_or(Self::Scalar)
    }

    /// The best level that this processor can run and that the text allows: a wish may lower the
    /// level, never raise it.
    ///
    /// # Errors
    /// If the text names no level. One of another kind of processor is no error.
    pub fn at_most(wish: &str) -> Result<Self, UnknownLevel> {
        Ok(wish.parse::<Self>()?.lowered())
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn runs_here(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Neon => false,
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            Self::Amx => crate::permission::granted(),
        }
    }

    #[cfg(target_arch = "aarch64")]
    pub(crate) fn runs_here(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Avx2 | Self::Avx512 | Self::Amx => false,
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(crate) fn runs_here(self) -> bool {
        self == Self::Scalar
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Amx => "amx",
        })
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.to_string() == text)
            .ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

/// A text that names no [`Level`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown instruction set {0:?}: expected scalar, neon, avx2, avx512 or amx")]
pub struct UnknownLevel(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_reads_what_it_prints() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        assert_eq!("AVX".parse::<Level>(), Err(UnknownLevel("AVX".to_owned())));
    }

    #[test]
    fn a_wish_only_lowers_the_level() {
        assert_eq!(Level::at_most("scalar"), Ok(Level::Scalar));
        assert_eq!(Level::at_most("amx"), Ok(Level::detect()));
        assert_eq!(Level::available()[0], Level::Scalar);
        assert_eq!(Level::available().last(), Some(&Level::detect()));
        for wish in Level::ALL {
            let best = Level::available().into_iter().rfind(|level| *level <= wish);
            assert_eq!(Level::at_most(&wish.to_string()).ok(), best, "{wish}");
        }
    }

    #[test]
    fn every_kind_of_processor_has_its_own_vectors() {
        let vectors: &[Level] = if cfg!(target_arch = "x86_64") {
            &[Level::Avx2, Level::Avx512, Level::Amx]
        } else if cfg!(target_arch = "aarch64") {
            // Every system with Rust's standard library has it.
            assert_eq!(Level::detect(), Level::Neon);
            &[Level::Neon]
        } else {
            &[]
        };
        for level in Level::available().into_iter().skip(1) {
            assert!(vectors.contains(&level), "{level}");
        }
    }
}
