//! The pass in bf16: features and weights rounded to bf16, sums in fp32, products by the
//! processor's matrix tiles.
//!
//! Only AMX is fast enough to be worth the rounding, so only [`Level::Amx`](crate::Level::Amx) has
//! this pass. All but the product itself runs on any processor with AVX-512 and bf16, and all of it
//! in plain loops anywhere, which is what the tests compare.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod convolution;
mod cut;
mod dispatch;
#[cfg(target_arch = "x86_64")]
mod dot;
#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod emulator;
mod features;
mod first;
mod kernels;
mod layout;
mod line;
mod moments;
mod pass;
mod pool;
mod product;
mod scalar;
mod seed;
#[cfg(test)]
mod tests;
mod weights;

pub use dispatch::Products;
#[cfg(test)]
pub(crate) use kernels::Kernels;
pub(crate) use pass::Pass;
pub(crate) use weights::Prepared;
