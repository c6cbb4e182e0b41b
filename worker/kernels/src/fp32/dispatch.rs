//! Which kernels a level has.

#[cfg(target_arch = "x86_64")]
use crate::fp32::{avx2, avx512};
use crate::{fp32::kernels::Kernels, level::Level};

/// The kernels of a level, if the level has any and this processor can run them.
pub(crate) fn kernels(level: Level) -> Option<&'static Kernels> {
    if level > Level::detect() {
        return None;
    }
    match level {
        Level::Scalar => None,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => Some(&avx2::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Amx => Some(&avx512::KERNELS),
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 | Level::Amx => None,
    }
}
