//! The whole engine on a candle device: network, picture, gradient, the content's features and the
//! optimiser's memory stay there while a picture is painted.
//!
//! An iteration fetches the sums that make up the loss and the optimiser's inner products, some
//! hundred numbers, and sends back the optimiser's decision. Forward and backward are put together
//! from operations that every device of candle has, so the same code runs on CUDA (feature `cuda`,
//! with cuDNN's convolutions), on Metal (feature `metal`) and on the CPU, where it is slow and is
//! tested against the kernels.
//!
//! Precision: in profile `exact` all is in single precision; since cuDNN would round the factors,
//! convolutions are then matrix products of cuBLAS. In profile `fast`, on a card, weights and
//! features are bf16, and what is summed over them is single: pixels, their gradients, statistics
//! and losses. Products of bf16 numbers are accumulated in single precision by both cuDNN and
//! cuBLAS. candle's CPU has no fast bf16, so there both profiles are single.
//!
//! A canvas may be stepped from any thread.

mod adam;
mod border;
mod canvas;
mod composed;
mod convolution;
mod costs;
mod device_mask;
mod fused;
mod lbfgs;
mod network;
mod optimizer;
mod pass;
mod pooling;
mod reduced_copy;
mod smoothing;
mod statistics;
mod style;
mod tensor_device;
mod tile_pass;
mod tiles;
mod total_variation;
mod transfer;

pub use self::pass::TensorPass;
pub use self::tensor_device::TensorDevice;
pub use self::tile_pass::Kernels;
