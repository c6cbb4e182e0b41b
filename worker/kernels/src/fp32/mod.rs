//! The pass in fp32: Winograd on vectors of whatever width the processor has, plain loops where it
//! has none.

mod bits;
pub(crate) mod convolution;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod correlation;
pub(crate) mod depthwise;
pub(crate) mod dispatch;
mod features;
mod first;
pub(crate) mod job;
mod pass;
mod pool;
mod prepared;
pub(crate) mod rows;
pub(crate) mod scalar;
mod seed;
mod statistics;

// Written once for every vector width; a machine without such a level compiles them all the same,
// so that they cannot rot.
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
pub(crate) mod gemm;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod gram;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
pub(crate) mod kernels;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod row_lanes;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
pub(crate) mod thin;
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
mod winograd;

pub(crate) use pass::Pass;
pub(crate) use prepared::Prepared;
