//! The header of a DDS file, with every field that a reader may rely on.

use crate::SheetLayout;
use crate::dds_layout::{DdsAlpha, DdsLayout, DdsName};
use crate::texels::{Block, Masks, Texels, Word};

/// The header of a file of `layout.mips` pictures, or of several textures with as many each,
/// signature included.
pub(super) fn header(
    layout: &DdsLayout,
    (width, height): (u32, u32),
    sheet: Option<SheetLayout>,
) -> Vec<u8> {
    let is_cube = sheet.is_some_and(SheetLayout::is_cube);
    let layers = sheet.filter(|sheet| !sheet.is_cube()).map_or(1, SheetLayout::count);
    const CAPS_SIZE_AND_PIXELS: u32 = 0x1007;
    const PITCH: u32 = 8;
    const MIP_COUNT: u32 = 0x2_0000;
    const LINEAR_SIZE: u32 = 0x8_0000;
    const TEXTURE: u32 = 0x1000;
    /// Several surfaces, which are mips.
    const COMPLEX_MIPS: u32 = 0x40_0008;
    const COMPLEX: u32 = 8;
    const CUBE_MAP_OF_SIX: u32 = 0xfe00;
    let has_mips = layout.mips > 1;
    let (size_flag, size) = match layout.pixels {
        Texels::Blocks(_) => (LINEAR_SIZE, layout.pixels.picture_bytes((width, height))),
        Texels::Masks(_) | Texels::Words(..) => (PITCH, layout.pixels.row_bytes(width)),
    };
    let flags = CAPS_SIZE_AND_PIXELS | size_flag | if has_mips { MIP_COUNT } else { 0 };
    // A field of 32 bits; readers compute it where it does not fit.
    let size = u32::try_from(size).unwrap_or(0);
    let mut words = vec![u32::from_le_bytes(*b"DDS "), 124, flags, height, width, size, 0];
    words.push(layout.mips);
    words.extend([0; 11]);
    words.extend(pixel_format(layout));
    let several = if has_mips { COMPLEX_MIPS } else { 0 } | if is_cube { COMPLEX } else { 0 };
    words.push(TEXTURE | several);
    words.push(if is_cube { CUBE_MAP_OF_SIX } else { 0 });
    words.extend([0; 3]);
    if let DdsName::Dxgi(code) = layout.name {
        const SURFACE: u32 = 3;
        const MISC_CUBE: u32 = 4;
        let misc = if is_cube { MISC_CUBE } else { 0 };
        words.extend([code, SURFACE, misc, layers, alpha_mode(layout.alpha)]);
    }
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn pixel_format(layout: &DdsLayout) -> [u32; 8] {
    const ALPHA_PIXELS: u32 = 1;
    const ALPHA_ONLY: u32 = 2;
    const FOUR_CC: u32 = 4;
    const RGB: u32 = 0x40;
    const LUMINANCE: u32 = 0x2_0000;
    let named = |letters: [u8; 4], flags: u32| {
        [32, FOUR_CC | flags, u32::from_le_bytes(letters), 0, 0, 0, 0, 0]
    };
    match (layout.name, layout.pixels) {
        (DdsName::Dxgi(_), _) => named(*b"DX10", 0),
        // What always has alpha need not say so.
        (
            DdsName::FourCc(letters),
            Texels::Blocks(Block::Bc1)
            | Texels::Words(Word::Sixteen | Word::Half | Word::Single, _),
        ) if layout.alpha == DdsAlpha::Straight => named(letters, ALPHA_PIXELS),
        (DdsName::FourCc(letters), _) => named(letters, 0),
        (DdsName::Masks, Texels::Masks(masks)) => {
            let Masks { bytes, colors: [red, green, blue], alpha, gray } = masks;
            let flags = match (gray, red | green | blue, alpha) {
                (_, 0, _) => ALPHA_ONLY,
                (true, _, 0) => LUMINANCE,
                (true, ..) => LUMINANCE | ALPHA_PIXELS,
                (false, _, 0) => RGB,
                (false, ..) => RGB | ALPHA_PIXELS,
            };
            let (green, blue) = if gray { (0, 0) } else { (green, blue) };
            [32, flags, 0, 8 * bytes as u32, red, green, blue, alpha]
        }
        // Not reached: masks name nothing else.
        (DdsName::Masks, _) => [32, 0, 0, 0, 0, 0, 0, 0],
    }
}

fn alpha_mode(alpha: DdsAlpha) -> u32 {
    match alpha {
        DdsAlpha::Unsaid => 0,
        DdsAlpha::Straight => 1,
        DdsAlpha::Multiplied => 2,
        DdsAlpha::Opaque => 3,
        DdsAlpha::Data => 4,
    }
}
