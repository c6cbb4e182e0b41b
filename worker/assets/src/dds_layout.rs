//! How a DDS file stores its pixels, and what its header calls that.

use impasto_types::Depth;

use crate::texels::{Block, Texels, Word};

/// How a DDS file stores its pixels, so that a result is stored so too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DdsLayout {
    pub(crate) pixels: Texels,
    pub(crate) name: DdsName,
    pub(crate) alpha: DdsAlpha,
    /// How many pictures there are, each of half the sides of the one before it: at least one.
    pub(crate) mips: u32,
}

/// What the header calls the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DdsName {
    /// Four letters, or a number of Direct3D 9.
    FourCc([u8; 4]),
    /// The masks themselves.
    Masks,
    /// A number of DXGI, in the longer header of Direct3D 10.
    Dxgi(u32),
}

/// What the header says of alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DdsAlpha {
    /// Nothing: there is alpha if a pixel of the first picture is not opaque.
    Unsaid,
    Straight,
    /// Colours are multiplied by alpha.
    Multiplied,
    /// There is none, whatever is stored.
    Opaque,
    /// The fourth channel is no opacity.
    Data,
}

/// `BC7_UNORM_SRGB`.
const BC7_SRGB: u32 = 99;
/// `R16G16B16A16_UNORM`.
const FOUR_SIXTEEN: u32 = 11;
/// `R32G32B32A32_FLOAT`.
const FOUR_SINGLE: u32 = 2;

impl DdsLayout {
    /// What a picture that was no DDS becomes: 8 bits a sample are packed as BC7, with colours that
    /// are sRGB by the header; more bits are stored as they are. It has all mips.
    pub(crate) fn usual(depth: Depth, alpha: DdsAlpha) -> Self {
        let (pixels, code) = match depth {
            Depth::Eight => (Texels::Blocks(Block::Bc7), BC7_SRGB),
            Depth::Sixteen => (Texels::Words(Word::Sixteen, 4), FOUR_SIXTEEN),
            Depth::Float => (Texels::Words(Word::Single, 4), FOUR_SINGLE),
        };
        Self { pixels, name: DdsName::Dxgi(code), alpha, mips: u32::MAX }
    }

    /// Whether the numbers are light without an upper end.
    pub(crate) fn is_scene_linear(&self) -> bool {
        self.pixels.depth() == Depth::Float
    }

    /// Whether the file has red and green, but no blue.
    pub(crate) fn has_two_channels(&self) -> bool {
        self.pixels.has_two_channels()
    }
}
