//! The topology of VGG-19 up to relu5_1: its convolutions, where it pools, and the layers whose
//! features losses look at.
//!
//! This is the one place that knows. Passes on other devices, planners of memory and benchmarks ask
//! it instead of keeping tables of their own. Convolutions are counted from 0, which is conv1_1.

/// Convolutions up to conv5_1.
pub const CONVOLUTIONS: usize = 13;

/// The names of the convolutions, as the weight files have them.
pub const NAMES: [&str; CONVOLUTIONS] = [
    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4",
    "conv4_1", "conv4_2", "conv4_3", "conv4_4", "conv5_1",
];

/// The output channels of each convolution. Passes take networks of other widths too, which tests
/// use, and ask [`Network::channels`](crate::Network::channels).
pub const CHANNELS: [usize; CONVOLUTIONS] =
    [64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512];

/// How often the picture was halved before each convolution.
pub const HALVINGS: [usize; CONVOLUTIONS] = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4];

/// Whether a convolution reads a pooled map rather than the features before it.
pub fn pools_before(convolution: usize) -> bool {
    convolution > 0 && HALVINGS[convolution] > HALVINGS[convolution - 1]
}

/// Whether the features of a convolution are pooled for the next one.
pub fn pools_after(convolution: usize) -> bool {
    convolution + 1 < CONVOLUTIONS && pools_before(convolution + 1)
}

/// The layer that a convolution and its ReLU make, where it is one that losses look at.
pub fn layer_after(convolution: usize) -> Option<Layer> {
    Layer::ALL.into_iter().find(|layer| layer.convolution() == convolution)
}

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

    /// Where the style loss looks, shallowest first.
    pub const STYLE: [Self; 5] =
        [Self::Relu1_1, Self::Relu2_1, Self::Relu3_1, Self::Relu4_1, Self::Relu5_1];

    /// Where the content loss looks.
    pub const CONTENT: Self = Self::Relu4_2;

    /// Channels of this layer in VGG-19; see [`CHANNELS`].
    pub fn channels(self) -> usize {
        CHANNELS[self.convolution()]
    }

    /// The convolution whose output this is, after its ReLU.
    pub const fn convolution(self) -> usize {
        match self {
            Self::Relu1_1 => 0,
            Self::Relu2_1 => 2,
            Self::Relu3_1 => 4,
            Self::Relu4_1 => 8,
            Self::Relu4_2 => 9,
            Self::Relu5_1 => 12,
        }
    }

    /// How often the picture was halved before this layer.
    pub const fn halvings(self) -> usize {
        HALVINGS[self.convolution()]
    }

    /// The layers of the style loss up to this one, shallowest first.
    pub fn style_up_to(self) -> &'static [Self] {
        &Self::STYLE[..Self::STYLE.partition_point(|&layer| layer <= self)]
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_and_pools_lie_where_their_names_say() {
        for layer in Layer::ALL {
            let name = NAMES[layer.convolution()].replace("conv", "Relu");
            assert_eq!(format!("{layer:?}"), name);
            assert_eq!(layer_after(layer.convolution()), Some(layer));
        }
        // A stage is the first number of a name.
        for convolution in 1..CONVOLUTIONS {
            let stage = |convolution: usize| NAMES[convolution].as_bytes()[4];
            let begins = stage(convolution) > stage(convolution - 1);
            assert_eq!(pools_before(convolution), begins, "{}", NAMES[convolution]);
            assert_eq!(pools_after(convolution - 1), begins, "{}", NAMES[convolution - 1]);
        }
        assert!(!pools_before(0) && !pools_after(CONVOLUTIONS - 1));
    }
}
