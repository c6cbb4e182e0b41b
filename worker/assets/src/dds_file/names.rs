//! What headers call the formats of pixels.

use crate::dds_layout::DdsAlpha;
use crate::texels::{Block, Masks, Texels, Word};

/// What a FourCC stands for; `None` if it is not supported.
pub(super) fn by_four_cc(letters: [u8; 4]) -> Option<(Texels, DdsAlpha)> {
    use DdsAlpha::{Multiplied, Opaque, Straight, Unsaid};
    let blocks = |block, alpha| Some((Texels::Blocks(block), alpha));
    match &letters {
        b"DXT1" => blocks(Block::Bc1, Unsaid),
        b"DXT2" => blocks(Block::Bc2, Multiplied),
        b"DXT3" => blocks(Block::Bc2, Straight),
        b"DXT4" => blocks(Block::Bc3, Multiplied),
        b"DXT5" => blocks(Block::Bc3, Straight),
        b"ATI1" | b"BC4U" => blocks(Block::Bc4, Opaque),
        b"ATI2" | b"BC5U" => blocks(Block::Bc5, Opaque),
        // Numbers of Direct3D 9.
        [36, 0, 0, 0] => Some((Texels::Words(Word::Sixteen, 4), Unsaid)),
        [113, 0, 0, 0] => Some((Texels::Words(Word::Half, 4), Unsaid)),
        [116, 0, 0, 0] => Some((Texels::Words(Word::Single, 4), Unsaid)),
        _ => None,
    }
}

/// What a number of DXGI stands for; `None` if it is not supported. Formats without a type are
/// taken for those without a sign.
pub(super) fn by_dxgi(code: u32) -> Option<Texels> {
    let gray = |bytes, mask| Texels::Masks(Masks::gray(bytes, mask, 0));
    let colors = |bytes, colors, alpha| Texels::Masks(Masks::colors(bytes, colors, alpha));
    const RED_FIRST: [u32; 3] = [0xff, 0xff00, 0x00ff_0000];
    const BLUE_FIRST: [u32; 3] = [0x00ff_0000, 0xff00, 0xff];
    Some(match code {
        2 => Texels::Words(Word::Single, 4),
        10 => Texels::Words(Word::Half, 4),
        11 => Texels::Words(Word::Sixteen, 4),
        24 => colors(4, [0x3ff, 0x3ff << 10, 0x3ff << 20], 3 << 30),
        27..=29 => colors(4, RED_FIRST, 0xff00_0000),
        35 => colors(4, [0xffff, 0xffff_0000, 0], 0),
        49 => colors(2, [0xff, 0xff00, 0], 0),
        56 => gray(2, 0xffff),
        61 => gray(1, 0xff),
        65 => Texels::Masks(Masks::gray(1, 0, 0xff)),
        70..=72 => Texels::Blocks(Block::Bc1),
        73..=75 => Texels::Blocks(Block::Bc2),
        76..=78 => Texels::Blocks(Block::Bc3),
        79 | 80 => Texels::Blocks(Block::Bc4),
        82 | 83 => Texels::Blocks(Block::Bc5),
        85 => colors(2, [0xf800, 0x07e0, 0x001f], 0),
        86 => colors(2, [0x7c00, 0x03e0, 0x001f], 0x8000),
        87 | 90 | 91 => colors(4, BLUE_FIRST, 0xff00_0000),
        88 | 92 | 93 => colors(4, BLUE_FIRST, 0),
        94 | 95 => Texels::Blocks(Block::Bc6h),
        97..=99 => Texels::Blocks(Block::Bc7),
        115 => colors(2, [0x0f00, 0x00f0, 0x000f], 0xf000),
        _ => return None,
    })
}

/// What errors call a number of DXGI.
pub(super) fn dxgi_name(code: u32) -> String {
    let known = match code {
        6 => "R32G32B32_FLOAT",
        16 => "R32G32_FLOAT",
        26 => "R11G11B10_FLOAT",
        31 => "R8G8B8A8_SNORM",
        34 => "R16G16_FLOAT",
        41 => "R32_FLOAT",
        51 => "R8G8_SNORM",
        54 => "R16_FLOAT",
        67 => "R9G9B9E5_SHAREDEXP",
        81 => "BC4_SNORM",
        84 => "BC5_SNORM",
        96 => "BC6H_SF16",
        _ => return format!("pixels of DXGI format {code}"),
    };
    format!("{known} pixels")
}
