//! Which instruction set the kernels use. Chosen at run time, never at compile time.

use std::{fmt, str::FromStr};

/// An instruction set, in rising order of speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain loops, for every machine: the specification of the others.
    Scalar,
    /// 256-bit vectors with fused multiply-add (AVX2 and FMA).
    Avx2,
    /// 512-bit vectors (AVX-512F).
    Avx512,
    /// Matrix tiles of bf16 with sums in fp32 (AMX), on Linux. Passes in fp32 run as at
    /// [`Level::Avx512`].
    Amx,
}

impl Level {
    const ALL: [Self; 4] = [Self::Scalar, Self::Avx2, Self::Avx512, Self::Amx];

    /// The best level that this processor can run.
    pub fn detect() -> Self {
        Self::ALL.into_iter().rev().find(|level| level.runs_here()).unwrap_or(Self::Scalar)
    }

    /// Every level that this processor can run, slowest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|level| level.runs_here()).collect()
    }

    /// The best level that this processor can run and that the text allows: a wish may lower the
    /// level, never raise it.
    pub fn at_most(wish: &str) -> Result<Self, UnknownLevel> {
        Ok(wish.parse::<Self>()?.min(Self::detect()))
    }

    #[cfg(target_arch = "x86_64")]
    fn runs_here(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            Self::Amx => crate::permission::granted(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn runs_here(self) -> bool {
        self == Self::Scalar
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
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
#[error("unknown instruction set {0:?}: expected scalar, avx2, avx512 or amx")]
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
        assert_eq!(Level::at_most("avx512"), Ok(Level::detect().min(Level::Avx512)));
        assert_eq!(Level::at_most("amx"), Ok(Level::detect()));
        assert!(Level::available().contains(&Level::detect()));
        assert_eq!(Level::available()[0], Level::Scalar);
    }
}
