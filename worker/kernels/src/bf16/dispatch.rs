//! Which kernels compute the products: the tables by their kind, for this processor.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bf16::amx;
#[cfg(target_arch = "x86_64")]
use crate::bf16::dot;
use crate::bf16::{kernels::Kernels, scalar};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::permission;

/// How products are computed.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// Plain loops: the specification.
    Plain,
    /// Vectors of bf16 pairs (AVX-512).
    Vectors,
    /// Matrix tiles (AMX).
    Tiles,
}

impl Products {
    /// The kernels of this kind, on a processor that can run them.
    pub(crate) fn kernels(self) -> Option<&'static Kernels> {
        match self {
            Self::Plain => Some(&scalar::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Vectors => dot::kernels(),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::Tiles => permission::granted().then_some(&amx::KERNELS),
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
            _ => None,
        }
    }
}
