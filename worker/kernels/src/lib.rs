//! The frozen-weight VGG pass on the CPU: features forward, statistics, and the gradient with
//! respect to the picture.
//!
//! This crate does no I/O, reads no clock, no environment and no random numbers, and knows nothing
//! of images, losses or optimisers: slices in, slices out. Weights never have a gradient here,
//! which is what makes the pass small: the backward of a 3x3 convolution is a 3x3 convolution with
//! flipped, transposed weights, and nothing but the features has to be kept.
//!
//! - [`Network`] holds the weights, prepared once for both directions and shared by every pass.
//! - [`Pass`] holds the buffers of one picture size and runs the schedule: [`Pass::forward`],
//!   [`Pass::moments`], [`Pass::backward`].
//! - [`Level`] is the instruction set. It is chosen at run time; the scalar loops are always
//!   compiled and are the specification that the vector kernels are tested against.
//!
//! The result does not depend on the number of threads: work is cut into fixed chunks, every value
//! is computed by one chunk in one order, and sums over chunks are taken in the order of the
//! chunks. Levels differ from each other by rounding.

mod bf16;
mod edge;
mod feature_map;
mod fp32;
mod level;
mod mask;
mod moments;
mod network;
pub mod networks;
mod pass;
mod peak;
#[cfg(target_arch = "x86_64")]
mod permission;
mod plane;
mod seed;
mod shape;
mod threads;
pub mod vgg;
mod weights;

#[doc(hidden)]
pub use bf16::Products;
pub use edge::Edge;
pub use feature_map::{FeatureMap, Precision};
pub use level::{Level, UnknownLevel};
pub use mask::{Mask, TileMask};
pub use moments::Moments;
pub use network::{Network, NetworkError};
pub use pass::Pass;
pub use peak::peak;
pub use seed::{Seed, Target};
pub use shape::{Pool, Region, Shape};
#[doc(hidden)]
pub use threads::{Direction, Watch};
pub use vgg::Layer;
pub use weights::ConvWeights;
