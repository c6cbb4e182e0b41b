//! How a DDS file stores its pixels, and what its header calls that.

use impasto_types::Depth;

/// How a DDS file stores its pixels, so that a result is stored so too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DdsLayout {
    pub(crate) pixels: DdsPixels,
    pub(crate) name: DdsName,
    pub(crate) alpha: DdsAlpha,
    /// How many pictures there are, each of half the sides of the one before it: at least one.
    pub(crate) mips: u32,
}

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DdsPixels {
    Blocks(Block),
    Masks(Masks),
    /// Red, green, blue and alpha.
    Words(Word),
}

/// How 4 x 4 pixels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// Two colours of 16 bits, two mixtures of them or one and a hole.
    Bc1,
    /// The colours of BC1, and 4 bits of alpha for each pixel.
    Bc2,
    /// The colours of BC1, and alpha as BC4 stores it.
    Bc3,
    /// One channel: two levels and six mixtures of them.
    Bc4,
    /// Two channels, each as BC4 stores it.
    Bc5,
    /// Floats without a sign.
    Bc6h,
    Bc7,
}

/// The bits of a number that belong to each channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Masks {
    /// Bytes of a pixel: 1 to 4.
    pub bytes: usize,
    /// Red, green and blue; grey has one mask, for all three. A channel without bits is black.
    pub colors: [u32; 3],
    pub alpha: u32,
    /// Whether the header says that it is grey, or two masks are missing.
    pub gray: bool,
}

/// The type of a sample that is no part of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Sixteen,
    Half,
    Single,
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
            Depth::Eight => (DdsPixels::Blocks(Block::Bc7), BC7_SRGB),
            Depth::Sixteen => (DdsPixels::Words(Word::Sixteen), FOUR_SIXTEEN),
            Depth::Float => (DdsPixels::Words(Word::Single), FOUR_SINGLE),
        };
        Self { pixels, name: DdsName::Dxgi(code), alpha, mips: u32::MAX }
    }

    /// Whether the numbers are light without an upper end.
    pub(crate) fn is_scene_linear(&self) -> bool {
        self.pixels == DdsPixels::Blocks(Block::Bc6h)
    }

    /// Whether the file has red and green, but no blue.
    pub(crate) fn has_two_channels(&self) -> bool {
        match self.pixels {
            DdsPixels::Blocks(block) => block == Block::Bc5,
            DdsPixels::Masks(masks) => !masks.gray && masks.colors[1] != 0 && masks.colors[2] == 0,
            DdsPixels::Words(_) => false,
        }
    }
}

impl DdsPixels {
    pub(crate) fn is_gray(self) -> bool {
        match self {
            Self::Blocks(block) => block == Block::Bc4,
            Self::Masks(masks) => masks.gray,
            Self::Words(_) => false,
        }
    }

    /// Whether there is room for alpha.
    pub(crate) fn may_have_alpha(self) -> bool {
        match self {
            Self::Blocks(block) => !matches!(block, Block::Bc4 | Block::Bc5 | Block::Bc6h),
            Self::Masks(masks) => masks.alpha != 0,
            Self::Words(_) => true,
        }
    }

    /// Bytes of a row: of pixels, or of blocks, which are four pixels high.
    pub(crate) fn row_bytes(self, width: u32) -> u64 {
        let width = u64::from(width);
        match self {
            Self::Blocks(block) => width.div_ceil(4) * block.bytes() as u64,
            Self::Masks(masks) => width * masks.bytes as u64,
            Self::Words(word) => width * 4 * word.bytes() as u64,
        }
    }

    /// How many rows a picture of this height has.
    pub(crate) fn rows(self, height: u32) -> u64 {
        match self {
            Self::Blocks(_) => u64::from(height.div_ceil(4)),
            Self::Masks(_) | Self::Words(_) => u64::from(height),
        }
    }

    /// Bytes of one picture.
    pub(crate) fn picture_bytes(self, (width, height): (u32, u32)) -> u64 {
        self.row_bytes(width) * self.rows(height)
    }
}

impl Block {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Bc1 | Self::Bc4 => 8,
            Self::Bc2 | Self::Bc3 | Self::Bc5 | Self::Bc6h | Self::Bc7 => 16,
        }
    }
}

impl Word {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Sixteen | Self::Half => 2,
            Self::Single => 4,
        }
    }
}

/// How many mips a picture of this size has, down to a single pixel.
pub(crate) fn most_mips((width, height): (u32, u32)) -> u32 {
    u32::BITS - width.max(height).leading_zeros()
}

/// The size of a mip.
pub(crate) fn mip_size((width, height): (u32, u32), mip: u32) -> (u32, u32) {
    ((width >> mip).max(1), (height >> mip).max(1))
}
