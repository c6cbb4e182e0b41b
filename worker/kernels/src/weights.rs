//! A network's weights as they come from a model file.

/// One 3x3 convolution as it comes from a model file.
#[derive(Clone, Copy, Debug)]
pub struct ConvWeights<'a> {
    pub in_channels: usize,
    pub out_channels: usize,
    /// `[out][in][3][3]`.
    pub weights: &'a [f32],
    /// `[out]`.
    pub bias: &'a [f32],
}
