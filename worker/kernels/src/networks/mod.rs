//! Networks that stylise a picture in one pass, in fp32: [`StyleTransformer`] with the vector that
//! a [`StylePredictor`] makes of any style image, and [`MultiStyle`], which has learned its styles.
//!
//! They are written by hand for frozen weights and compute what the published graphs compute.
//! Features are stored channels last. Convolutions between maps of few channels are products on
//! bands of rows (`direct.rs`), those of the residual blocks are Winograd's. A normalisation needs
//! the mean and the variance of the whole map before its first value is known: they are summed
//! where the map is written, and the normalisation is applied where it is read.
//!
//! The result does not depend on the number of threads: bands are of fixed size, and their sums
//! are merged in order.
//!
//! **Borders.** A picture that ends is mirrored at every layer, as in the graphs; one that
//! tiles is wrapped, exactly if its length is a multiple of [`SIDE_MULTIPLE`], for the network
//! halves it twice. An axis of another length is computed to the next multiple and cut off.
//!
//! **Memory.** [`Workspace`] keeps every map of the largest run. The peak is between the last two
//! layers: for each pixel, 13 floats in [`StyleTransformer`] (with the picture and the output 19),
//! 64 in [`MultiStyle`] after its first layer. What would bound it for larger pictures: maps are
//! read and written in bands of rows only, so a layer can be computed twice, first for its moments
//! and then band by band for the layer that reads it, and need not be stored. In [`MultiStyle`]
//! that is the first layer; its second evaluation costs about a third of a run.

mod body;
mod border;
mod direct;
mod multi_style;
mod normalization;
mod picture;
mod predictor;
mod residual;
mod spread;
mod tensors;
#[cfg(test)]
mod tests;
mod transformer;
#[cfg(test)]
mod truth;
mod workspace;

pub use multi_style::MultiStyle;
pub use picture::{PaintError, Picture};
pub use predictor::StylePredictor;
pub use tensors::{TensorError, Tensors};
pub use transformer::{StyleTransformer, StyleVector};
pub use workspace::Workspace;

/// Pixels by whose multiples the networks paint.
pub const SIDE_MULTIPLE: usize = 4;
