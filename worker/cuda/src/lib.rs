//! Passes over feature maps that lie channels-last on a CUDA card: what a frozen network is made of
//! there.
//!
//! All maps are tensors (height, width, channels), their values bf16 or single. A *framed* map has
//! one line more on each side, in which stands what lies beyond the border, so a convolution needs
//! no padding of its own: each kernel writes its result framed, as the next convolution reads it.
//! Between two convolutions nothing else touches the maps: bias, ReLU, pooling, masks and frames
//! are one kernel forward and one back.
//!
//! - [`maps`]: those kernels; and in [`tile`] the way from a picture to the first map and from the
//!   last gradient to a picture.
//! - [`convolve`]: cuDNN's convolution, planned once for each size.
//! - [`products`]: matrix products that are accumulated and given in single precision whatever
//!   their factors are.
//! - [`picture`], [`halving`] and [`history`]: what optimisers and the losses over pixels do, each
//!   in one kernel.
//! - [`sums`]: what is added up over a picture, fetched at once.
//!
//! Everything takes tensors on a card (feature `cuda`). With feature `host`, the same kernels are
//! compiled for the processor and take tensors there too: slow, and exact enough to test all that
//! is made of them without a card. Values move between the host and a card nowhere but in
//! [`sums`](mod@sums).
//!
//! Calls check shapes and types and give an error where they do not fit. All `unsafe` of the
//! tensors' side is here.

#[cfg(feature = "cuda")]
mod card;
mod convolution;
pub mod halving;
pub mod history;
mod launch;
pub mod maps;
pub mod picture;
pub mod products;
pub mod sums;
pub mod tile;

#[cfg(feature = "cuda")]
pub use card::{open, trim};
pub use convolution::{Convolution, convolve};
