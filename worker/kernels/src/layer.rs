//! The topology of VGG-19 up to relu5_1, and the layers that others see.

/// A layer whose features can be read and whose gradient can be seeded, in order of depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    Relu1_1,
    Relu2_1,
    Relu3_1,
    Relu4_1,
    Relu4_2,
    Relu5_1,
}

impl Layer {
    /// Every layer, shallowest first.
    pub const ALL: [Self; 6] = [Self::Relu1_1, Self::Relu2_1, Self::Relu3_1, Self::Relu4_1, Self::Relu4_2, Self::Relu5_1];

    /// Channels of this layer in VGG-19. A smaller [`Network`](crate::Network) has its own: ask `Pass::feature_shape`.
    pub fn channels(self) -> usize {
        match self {
            Self::Relu1_1 => 64,
            Self::Relu2_1 => 128,
            Self::Relu3_1 => 256,
            Self::Relu4_1 | Self::Relu4_2 | Self::Relu5_1 => 512,
        }
    }

    /// The convolution whose output this is, after its ReLU.
    pub(crate) fn convolution(self) -> usize {
        match self {
            Self::Relu1_1 => 0,
            Self::Relu2_1 => 2,
            Self::Relu3_1 => 4,
            Self::Relu4_1 => 8,
            Self::Relu4_2 => 9,
            Self::Relu5_1 => 12,
        }
    }
}

/// Convolutions up to conv5_1.
pub(crate) const CONVOLUTIONS: usize = 13;

/// The names of the convolutions, for messages.
pub(crate) const NAMES: [&str; CONVOLUTIONS] = [
    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4", "conv4_1", "conv4_2", "conv4_3", "conv4_4",
    "conv5_1",
];

/// How often the picture was halved before each convolution.
pub(crate) const HALVINGS: [usize; CONVOLUTIONS] = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4];

/// Whether the convolution reads a pooled map rather than the features before it.
pub(crate) fn pools_before(convolution: usize) -> bool {
    convolution > 0 && HALVINGS[convolution] > HALVINGS[convolution - 1]
}
