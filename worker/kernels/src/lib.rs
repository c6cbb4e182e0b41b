//! The frozen-weight VGG pass on the CPU, in fp32: features forward, statistics, and the gradient with respect to the picture.
//!
//! This crate does no I/O, reads no clock, no environment and no random numbers, and knows nothing of images, losses or
//! optimisers: slices in, slices out. Weights never have a gradient here, which is what makes the pass small: the backward of a
//! 3x3 convolution is a 3x3 convolution with flipped, transposed weights, and nothing but the features has to be kept.
//!
//! - [`Network`] holds the weights, prepared once for both directions and shared by every pass.
//! - [`Pass`] holds the buffers of one picture size and runs the schedule: [`Pass::forward`], [`Pass::statistics`], [`Pass::backward`].
//! - [`Level`] is the instruction set. It is chosen at run time; the scalar loops are always compiled and are the specification
//!   that the vector kernels are tested against.
//!
//! The result does not depend on the number of threads: work is cut into fixed chunks, every value is computed by one chunk in one
//! order, and sums over chunks are taken in the order of the chunks. Levels differ from each other by rounding.

mod convolution;
mod edge;
mod first;
mod layer;
mod level;
mod network;
mod pass;
mod plane;
mod pool;
mod scalar;
mod seed;
mod statistics;
mod workers;

// Written once for every vector width; a machine without such a level compiles them all the same, so that they cannot rot.
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod gemm;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod gram;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod kernels;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod lanes;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod winograd;

pub use edge::Edge;
pub use layer::Layer;
pub use level::{Level, UnknownLevel};
pub use network::{ConvWeights, Network, NetworkError};
pub use pass::{Pass, Shape};
pub use pool::Pool;
pub use seed::Seed;
