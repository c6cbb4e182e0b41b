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
    pub const ALL: [Self; 6] =
        [Self::Relu1_1, Self::Relu2_1, Self::Relu3_1, Self::Relu4_1, Self::Relu4_2, Self::Relu5_1];

    /// Channels of this layer in VGG-19. A smaller [`Network`](crate::Network) has its own: ask
    /// `Pass::feature_shape`.
    pub fn channels(self) -> usize {
        match self {
            Self::Relu1_1 => 64,
            Self::Relu2_1 => 128,
            Self::Relu3_1 => 256,
            Self::Relu4_1 | Self::Relu4_2 | Self::Relu5_1 => 512,
        }
    }

    /// Pixels around a region that its features up to this layer depend on, rounded up to 16: the
    /// halo of a tile whose statistics are wanted. The region begins and ends at multiples of 16,
    /// at a border or at a seam.
    ///
    /// Each convolution adds one pixel of its own map on either side: `1, 4, 10, 30, 38, 70`.
    pub fn forward_halo_px(self) -> usize {
        match self {
            Self::Relu1_1 | Self::Relu2_1 | Self::Relu3_1 => 16,
            Self::Relu4_1 => 32,
            Self::Relu4_2 => 48,
            Self::Relu5_1 => 80,
        }
    }

    /// Pixels around a region that its gradient depends on when this is the deepest seeded layer,
    /// rounded up to 16: the halo of a tile whose gradient is wanted. It is exact in real numbers;
    /// in floating point a Winograd window mixes the rounding of its 36 pixels, so tile and whole
    /// agree to rounding (at the scalar level to the last bit).
    ///
    /// A pixel's gradient asks for every feature that the pixel reaches, and those for all pixels
    /// that reach them: twice the way, less the block of 16 in which the region begins, `2, 8, 22,
    /// 62, 78, 150`. Beyond a seam of odd size blocks begin elsewhere and are cut short, which
    /// makes it `2, 9, 23, 67, 83, 155`; `shape.rs` counts them.
    pub const fn halo_px(self) -> usize {
        match self {
            Self::Relu1_1 | Self::Relu2_1 => 16,
            Self::Relu3_1 => 32,
            Self::Relu4_1 => 80,
            Self::Relu4_2 => 96,
            Self::Relu5_1 => 160,
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
    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4",
    "conv4_1", "conv4_2", "conv4_3", "conv4_4", "conv5_1",
];

/// How often the picture was halved before each convolution.
pub(crate) const HALVINGS: [usize; CONVOLUTIONS] = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4];

/// Whether the convolution reads a pooled map rather than the features before it.
pub(crate) fn pools_before(convolution: usize) -> bool {
    convolution > 0 && HALVINGS[convolution] > HALVINGS[convolution - 1]
}
