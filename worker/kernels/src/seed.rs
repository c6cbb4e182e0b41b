//! Where a loss enters the backward pass: the gradient of the loss with respect to the features of
//! one layer.

use crate::{feature_map::FeatureMap, vgg::Layer};

/// The gradient of a loss at one layer, in the forms that style and content losses have. Parts that
/// are absent add nothing.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    pub layer: Layer,
    /// S, C x C: adds `F * S` (a loss of the Gram matrix).
    pub gram: Option<&'a [f32]>,
    /// v, C: adds v to every pixel (a loss of the channel means).
    pub mean: Option<&'a [f32]>,
    /// Adds `factor * (F - P)` (a squared distance to features P).
    pub target: Option<Target<'a>>,
}

/// The features that a layer's own are pulled to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub map: &'a FeatureMap,
    /// Where the pass's first pixel lies in the picture that the map is of: column and row,
    /// multiples of 16.
    pub origin: (usize, usize),
    pub factor: f32,
}
