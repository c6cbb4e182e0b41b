//! How a KTX2 file stores its texels, and what it says beside them.

use ktx2::Format;

use crate::texels::{Block, Masks, Texels, Word};

/// How a KTX2 file is stored, so that a result is stored so too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ktx2Layout {
    pub(crate) format: Format,
    /// Bytes of what readers with another order of bytes would turn.
    pub(crate) type_size: u32,
    pub(crate) texels: Texels,
    /// The fourth channel is opacity, and not 1 whatever is stored.
    pub(crate) has_alpha: bool,
    pub(crate) packing: Packing,
    /// How many pictures there are, each of half the sides of the one before it. 0 is one, of which
    /// whoever loads the file makes the others.
    pub(crate) levels: u32,
    /// The description of the texels as it is stored, with its length.
    pub(crate) descriptor: Vec<u8>,
    /// Names and values as they are stored, without the zero between them.
    pub(crate) entries: Vec<Entry>,
}

/// A name and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// How the bytes of a picture are packed once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Zstandard,
    Zlib,
}

/// Where the first picture's row begins, and which way the next ones lie.
pub(crate) const ORIENTATION: &[u8] = b"KTXorientation";
/// Which channel each of red, green, blue and alpha is taken from.
pub(crate) const SWIZZLE: &[u8] = b"KTXswizzle";
pub(crate) const WRITER: &[u8] = b"KTXwriter";

/// Bytes of the descriptor before its basic block, and of a block's own header.
const BEFORE_BASIC: usize = 12;

impl Ktx2Layout {
    /// The same without the data for programs.
    pub(crate) fn without_data(self) -> Self {
        Self { entries: Vec::new(), ..self }
    }

    /// The number of Khronos' data format for the curve of the levels.
    fn transfer(&self) -> Option<u8> {
        self.descriptor.get(BEFORE_BASIC + 2).copied()
    }

    /// Whether the levels are light as sRGB encodes it.
    pub(crate) fn is_srgb(&self) -> bool {
        self.transfer() == Some(2)
    }

    /// Whether the numbers are light without an upper end.
    pub(crate) fn is_scene_linear(&self) -> bool {
        let is_float = self.texels.depth() == impasto_types::Depth::Float;
        is_float && self.transfer() != Some(2)
    }

    /// The number of Khronos' data format for the colours of red, green and blue.
    pub(crate) fn primaries(&self) -> Option<u8> {
        self.descriptor.get(BEFORE_BASIC + 1).copied()
    }

    /// Whether colours are multiplied by alpha.
    pub(crate) fn is_multiplied(&self) -> bool {
        self.descriptor.get(BEFORE_BASIC + 3).is_some_and(|flags| flags & 1 != 0)
    }

    /// The value of an entry.
    pub(crate) fn entry(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self.entries.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.strip_suffix(&[0]).unwrap_or(value))
    }
}

/// What a format of Vulkan stands for; `None` if it is not supported.
pub(crate) fn texels(format: Format) -> Option<Texels> {
    const RED_FIRST: [u32; 3] = [0xff, 0xff00, 0x00ff_0000];
    const BLUE_FIRST: [u32; 3] = [0x00ff_0000, 0xff00, 0xff];
    let gray = |bytes, mask| Texels::Masks(Masks::gray(bytes, mask, 0));
    let colors = |bytes, colors, alpha| Texels::Masks(Masks::colors(bytes, colors, alpha));
    Some(match format {
        Format::R8_UNORM | Format::R8_SRGB => gray(1, 0xff),
        Format::R8G8_UNORM | Format::R8G8_SRGB => colors(2, [0xff, 0xff00, 0], 0),
        Format::R8G8B8_UNORM | Format::R8G8B8_SRGB => colors(3, RED_FIRST, 0),
        Format::B8G8R8_UNORM | Format::B8G8R8_SRGB => colors(3, BLUE_FIRST, 0),
        Format::R8G8B8A8_UNORM | Format::R8G8B8A8_SRGB => colors(4, RED_FIRST, 0xff00_0000),
        Format::B8G8R8A8_UNORM | Format::B8G8R8A8_SRGB => colors(4, BLUE_FIRST, 0xff00_0000),
        Format::R16_UNORM => Texels::Words(Word::Sixteen, 1),
        Format::R16G16_UNORM => Texels::Words(Word::Sixteen, 2),
        Format::R16G16B16_UNORM => Texels::Words(Word::Sixteen, 3),
        Format::R16G16B16A16_UNORM => Texels::Words(Word::Sixteen, 4),
        Format::R16_SFLOAT => Texels::Words(Word::Half, 1),
        Format::R16G16_SFLOAT => Texels::Words(Word::Half, 2),
        Format::R16G16B16_SFLOAT => Texels::Words(Word::Half, 3),
        Format::R16G16B16A16_SFLOAT => Texels::Words(Word::Half, 4),
        Format::R32_SFLOAT => Texels::Words(Word::Single, 1),
        Format::R32G32_SFLOAT => Texels::Words(Word::Single, 2),
        Format::R32G32B32_SFLOAT => Texels::Words(Word::Single, 3),
        Format::R32G32B32A32_SFLOAT => Texels::Words(Word::Single, 4),
        Format::BC1_RGB_UNORM_BLOCK
        | Format::BC1_RGB_SRGB_BLOCK
        | Format::BC1_RGBA_UNORM_BLOCK
        | Format::BC1_RGBA_SRGB_BLOCK => Texels::Blocks(Block::Bc1),
        Format::BC2_UNORM_BLOCK | Format::BC2_SRGB_BLOCK => Texels::Blocks(Block::Bc2),
        Format::BC3_UNORM_BLOCK | Format::BC3_SRGB_BLOCK => Texels::Blocks(Block::Bc3),
        Format::BC4_UNORM_BLOCK => Texels::Blocks(Block::Bc4),
        Format::BC5_UNORM_BLOCK => Texels::Blocks(Block::Bc5),
        Format::BC6H_UFLOAT_BLOCK => Texels::Blocks(Block::Bc6h),
        Format::BC7_UNORM_BLOCK | Format::BC7_SRGB_BLOCK => Texels::Blocks(Block::Bc7),
        _ => return None,
    })
}

/// Whether there is alpha by the format alone.
pub(crate) fn has_alpha(format: Format, texels: Texels) -> bool {
    let is_opaque = matches!(format, Format::BC1_RGB_UNORM_BLOCK | Format::BC1_RGB_SRGB_BLOCK);
    texels.may_have_alpha() && !is_opaque
}
