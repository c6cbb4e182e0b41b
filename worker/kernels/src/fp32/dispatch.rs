//! Selects the kernels of a level.

#[cfg(target_arch = "aarch64")]
use crate::fp32::neon;
#[cfg(target_arch = "x86_64")]
use crate::fp32::{avx2, avx512};
use crate::{fp32::kernels::Kernels, level::Level};

/// The kernels of a level, if the level has any and this processor can run them.
pub(crate) fn kernels(level: Level) -> Option<&'static Kernels> {
    if !level.runs_here() {
        return None;
    }
    match level {
        Level::Scalar => None,
        #[cfg(target_arch = "aarch64")]
        Level::Neon => Some(&neon::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => Some(&avx2::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Amx => Some(&avx512::KERNELS),
        #[cfg(not(target_arch = "aarch64"))]
        Level::Neon => None,
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 | Level::Amx => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_but_the_scalar_one_has_kernels_where_it_runs() {
        for level in Level::ALL {
            let has_kernels = level > Level::Scalar && Level::available().contains(&level);
            assert_eq!(kernels(level).is_some(), has_kernels, "{level}");
        }
    }
}
