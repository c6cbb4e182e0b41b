//! The pass in fp32: Winograd on vectors of whatever width the processor has, plain loops where it
//! has none.

mod bits;
mod convolution;
mod dispatch;
mod features;
mod first;
mod job;
mod pass;
mod pool;
mod prepared;
mod scalar;
mod seed;
mod statistics;

// Written once for every vector width; a machine without such a level compiles them all the same,
// so that they cannot rot.
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod gemm;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod gram;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod kernels;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod thin;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod winograd;

pub(crate) use pass::Pass;
pub(crate) use prepared::Prepared;
