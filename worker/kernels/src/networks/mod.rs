//! Networks that stylise a picture in one pass, in fp32: [`StyleTransformer`] with the vector that
//! a [`StylePredictor`] makes of any style image, [`MultiStyle`], which has learned its styles, and
//! a [`Decoder`], which turns restyled features of VGG-19 into a picture.
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
//! tiles is wrapped. The network halves a picture twice, so an axis of n pixels is computed to the
//! next multiple of [`SIDE_MULTIPLE`] and cut off; one that tiles at another length is unrolled
//! (`unrolled.rs`). A picture may be smaller than a kernel: it is mirrored or wrapped again.
//!
//! **Memory.** A run paints a picture over itself, and takes three maps from the [`Workspace`],
//! which keeps them: 14 floats a pixel in [`StyleTransformer`], 42 in [`MultiStyle`], whose first
//! layer has 32 channels at full size. Of a large picture no map of full size is stored
//! (`strips.rs`): a layer there is computed in strips of rows for the layer that reads it, and once
//! before that for its moments, where it is normalised. Then it is 6 floats a pixel in
//! [`StyleTransformer`], 10 in [`MultiStyle`].

mod body;
mod border;
mod decoder;
mod decoder_layout;
mod direct;
mod feed_forward;
mod geometry;
mod kernel;
mod lap;
mod layer;
mod layer_weights;
mod multi_style;
mod normalization;
mod outer;
mod picture;
mod predictor;
mod residual;
mod spread;
mod strips;
mod table;
mod tensors;
#[cfg(test)]
mod tests;
mod training;
mod transformer;
#[cfg(test)]
mod truth;
mod unrolled;
mod workspace;

pub use decoder::{Decoder, DecoderInput};
pub use decoder_layout::{DecoderLayout, DecoderWeights, LevelWeights};
pub use feed_forward::{
    FeedForward, FeedForwardError, FeedForwardLayout, LayoutError, MOST_BLOCKS, MOST_STYLES,
    TensorLayout,
};
pub use lap::{FADE_PX, closed};
pub use layer_weights::{BodyWeights, LayerWeights};
pub use multi_style::MultiStyle;
pub use normalization::Factors;
pub use picture::{Canvas, PaintError, Picture};
pub use predictor::StylePredictor;
pub use tensors::{TensorError, Tensors};
pub use training::{DecoderTraining, Training};
pub use transformer::{StyleTransformer, StyleVector};
pub use unrolled::{unrolled, unrolled_size};
pub use workspace::Workspace;

/// Pixels by whose multiples the networks paint.
pub const SIDE_MULTIPLE: usize = 4;
