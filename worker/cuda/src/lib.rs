//! The operations of a frozen network on a CUDA GPU, over feature maps that are stored
//! channels-last.
//!
//! All maps are tensors (height, width, channels), their values bf16 or single. In a pass that goes
//! forward and back a *framed* map has one more line on each side, which holds the padding, so a
//! convolution needs none of its own: each kernel writes its result framed, as the next convolution
//! reads it. Between two convolutions nothing else touches the maps: bias, ReLU, pooling, masks and
//! frames are one kernel forward and one back. Networks of one pass need no frames.
//!
//! - [`layers`]: the convolutions and normalisations of networks that paint in one pass.
//! - [`maps`]: the kernels between the convolutions of the others; [`tile`] makes the first map of
//!   a picture, and a picture's gradient of the last one.
//! - [`convolve`]: cuDNN's convolution, planned once for each size.
//! - [`products`]: matrix products that are accumulated and given in single precision whatever
//!   their factors are.
//! - [`picture`], [`halving`] and [`history`]: what optimisers and the losses over pixels do, each
//!   in one kernel.
//! - [`sums`]: sums over a picture, fetched together.
//!
//! Everything takes tensors on a card (feature `cuda`). With feature `host`, the same kernels are
//! compiled for the processor and take tensors there too: slow, but the same code, so that
//! everything that uses them is tested without a card. Values come from a card only in
//! [`sums`](mod@sums); weights and factors go there where they are made.
//!
//! Functions check shapes and types and return an error where they do not fit. All `unsafe` code
//! for tensors is here.

#[cfg(feature = "cuda")]
mod card;
mod convolution;
pub mod halving;
pub mod history;
mod launch;
pub mod layers;
pub mod maps;
pub mod picture;
pub mod products;
pub mod sums;
pub mod tile;

#[cfg(feature = "cuda")]
pub use card::{open, trim};
pub use convolution::{Convolution, convolve};
