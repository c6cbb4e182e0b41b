//! The texels of textures, which DDS and KTX2 store alike.

mod faces;
mod read;

use impasto_types::Depth;

pub(crate) use faces::Faces;
pub(crate) use read::{Pixel, each_pixel};

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texels {
    Blocks(Block),
    Masks(Masks),
    /// So many samples: red, green, blue and alpha; a single one is grey.
    Words(Word, usize),
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

impl Texels {
    pub(crate) fn depth(self) -> Depth {
        match self {
            Self::Blocks(Block::Bc6h) | Self::Words(Word::Half | Word::Single, _) => Depth::Float,
            Self::Words(Word::Sixteen, _) => Depth::Sixteen,
            Self::Masks(masks) if masks.colors.iter().any(|mask| mask.count_ones() > 8) => {
                Depth::Sixteen
            }
            Self::Blocks(_) | Self::Masks(_) => Depth::Eight,
        }
    }

    pub(crate) fn is_gray(self) -> bool {
        match self {
            Self::Blocks(block) => block == Block::Bc4,
            Self::Masks(masks) => masks.gray,
            Self::Words(_, channels) => channels == 1,
        }
    }

    /// Whether there are red and green, but no blue.
    pub(crate) fn has_two_channels(self) -> bool {
        match self {
            Self::Blocks(block) => block == Block::Bc5,
            Self::Masks(masks) => !masks.gray && masks.colors[1] != 0 && masks.colors[2] == 0,
            Self::Words(_, channels) => channels == 2,
        }
    }

    /// Whether there is room for alpha.
    pub(crate) fn may_have_alpha(self) -> bool {
        match self {
            Self::Blocks(block) => !matches!(block, Block::Bc4 | Block::Bc5 | Block::Bc6h),
            Self::Masks(masks) => masks.alpha != 0,
            Self::Words(_, channels) => channels == 4,
        }
    }

    /// Bytes of a row: of pixels, or of blocks, which are four pixels high.
    pub(crate) fn row_bytes(self, width: u32) -> u64 {
        let width = u64::from(width);
        match self {
            Self::Blocks(block) => width.div_ceil(4) * block.bytes() as u64,
            Self::Masks(masks) => width * masks.bytes as u64,
            Self::Words(word, channels) => width * (channels * word.bytes()) as u64,
        }
    }

    /// How many rows a picture of this height has.
    pub(crate) fn rows(self, height: u32) -> u64 {
        match self {
            Self::Blocks(_) => u64::from(height.div_ceil(4)),
            Self::Masks(_) | Self::Words(..) => u64::from(height),
        }
    }

    /// Bytes of one picture.
    pub(crate) fn picture_bytes(self, (width, height): (u32, u32)) -> u64 {
        self.row_bytes(width) * self.rows(height)
    }
}

impl Masks {
    pub(crate) fn gray(bytes: usize, mask: u32, alpha: u32) -> Self {
        Self { bytes, colors: [mask; 3], alpha, gray: true }
    }

    /// Red alone is grey.
    pub(crate) fn colors(bytes: usize, colors: [u32; 3], alpha: u32) -> Self {
        let [red, green, blue] = colors;
        if green == 0 && blue == 0 {
            Self::gray(bytes, red, alpha)
        } else {
            Self { bytes, colors, alpha, gray: false }
        }
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
