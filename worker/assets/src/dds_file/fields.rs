//! The 128 bytes that start a DDS file, and the 20 that follow them since Direct3D 10.

use impasto_types::{ContainerFormat, Depth};

use super::names::{by_dxgi, by_four_cc, dxgi_name};
use crate::dds_layout::{DdsAlpha, DdsLayout, DdsName};
use crate::texels::{Faces, Masks, Texels, mip_size, most_mips};
use crate::{AlphaKind, AssetErrorKind, Color, Limits, SheetLayout};

/// The signature and the header.
const SHORT_BYTES: usize = 128;
/// With the header of Direct3D 10.
pub(super) const LONG_BYTES: usize = 148;

/// The fields of the header, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub width: u32,
    pub height: u32,
    pub layout: DdsLayout,
    /// Where its faces or layers lie in the picture, if it has several; each has `width` and
    /// `height`.
    pub sheet: Option<SheetLayout>,
    /// Where the first picture is in the file.
    pub start: usize,
}

impl Fields {
    /// `head` is the file or its first [`LONG_BYTES`] bytes.
    pub(super) fn parse(head: &[u8], limits: &Limits) -> Result<Self, AssetErrorKind> {
        let head = head.get(..LONG_BYTES.min(head.len())).unwrap_or_default();
        if head.len() < SHORT_BYTES {
            return Err(AssetErrorKind::Truncated);
        }
        let word = |at: usize| head[at..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        if (word(4), word(76)) != (124, 32) {
            return Err(damaged("its header has another size"));
        }
        let (flags, height, width, depth, mips) = (word(8), word(12), word(16), word(24), word(28));
        limits.check(width, height)?;
        let pixel_format = PixelFormat {
            flags: word(80),
            four_cc: word(84).to_le_bytes(),
            bits: word(88),
            masks: [word(92), word(96), word(100), word(104)],
        };
        let (mut is_cube, mut layers) = (false, 1);
        let is_long = pixel_format.is(FOUR_CC) && &pixel_format.four_cc == b"DX10";
        let (pixels, name, alpha) = if is_long {
            if head.len() < LONG_BYTES {
                return Err(AssetErrorKind::Truncated);
            }
            check_pictures(word(132), word(136), word(140))?;
            (is_cube, layers) = (word(136) & MISC_CUBE != 0, word(140));
            let code = word(128);
            let pixels = by_dxgi(code).ok_or_else(|| unsupported(dxgi_name(code)))?;
            (pixels, DdsName::Dxgi(code), alpha_of_mode(word(144)))
        } else {
            pixel_format.read()?
        };
        let caps = word(112);
        if caps & CUBE_MAP != 0 && !is_cube {
            let faces = (caps >> 10 & 0x3f).count_ones().max(1);
            if faces < 6 {
                return Err(unsupported(format!("a cube map of {}", count_of_faces(faces))));
            }
            is_cube = true;
        }
        if is_cube && width != height {
            return Err(damaged("the faces of its cube map are not square"));
        }
        if is_cube && layers > 1 {
            return Err(unsupported(format!("an array of {layers} cube maps")));
        }
        let sheet = match (is_cube, layers) {
            (true, _) => Some(SheetLayout::cube(width)),
            // An array of no elements, which Pillow writes, counts as one.
            (false, 0 | 1) => None,
            (false, layers) => Some(SheetLayout::array((width, height), layers)),
        };
        let (wide, high) = sheet.map_or((width, height), SheetLayout::size);
        limits.check(wide, high)?;
        if caps & VOLUME != 0 || flags & DEPTH != 0 && depth > 1 {
            return Err(unsupported("a volume"));
        }
        let mips = mips.max(1);
        if mips > most_mips((width, height)) {
            return Err(damaged("it has more mips than its sides can be halved"));
        }
        let layout = DdsLayout { pixels, name, alpha, mips };
        let start = if is_long { LONG_BYTES } else { SHORT_BYTES };
        Ok(Self { width, height, layout, sheet, start })
    }

    pub(super) fn color(&self) -> Color {
        if self.layout.pixels.is_gray() { Color::Gray } else { Color::Rgb }
    }

    pub(super) fn depth(&self) -> Depth {
        self.layout.pixels.depth()
    }

    /// Whether a channel has fewer than 8 bits. Blocks count as 8: their mixtures have so many.
    pub(super) fn has_low_depth(&self) -> bool {
        let Texels::Masks(masks) = self.layout.pixels else { return false };
        masks.colors.iter().any(|mask| (1..8).contains(&mask.count_ones()))
    }

    /// Whether there is alpha; `None` if only the pixels tell.
    pub(super) fn has_alpha(&self) -> Option<bool> {
        match self.layout.alpha {
            _ if !self.layout.pixels.may_have_alpha() => Some(false),
            DdsAlpha::Unsaid => None,
            DdsAlpha::Opaque => Some(false),
            DdsAlpha::Straight | DdsAlpha::Multiplied | DdsAlpha::Data => Some(true),
        }
    }

    pub(super) fn alpha_kind(&self) -> AlphaKind {
        match self.layout.alpha {
            _ if !self.layout.pixels.may_have_alpha() => AlphaKind::Straight,
            DdsAlpha::Unsaid | DdsAlpha::Straight | DdsAlpha::Opaque => AlphaKind::Straight,
            DdsAlpha::Multiplied => AlphaKind::Associated,
            DdsAlpha::Data => AlphaKind::Unspecified,
        }
    }

    /// Where the first picture of each face is in the file, and how many bytes it has.
    pub(super) fn pictures(&self) -> impl Iterator<Item = (u64, u64)> {
        let size = self.layout.pixels.picture_bytes((self.width, self.height));
        let (start, step) = (self.start as u64, self.face_bytes());
        (0..self.face_count()).map(move |face| (start + face * step, size))
    }

    /// Bytes of the file, as far as the header tells.
    pub(super) fn file_bytes(&self) -> u64 {
        self.start as u64 + self.face_count() * self.face_bytes()
    }

    pub(super) fn faces(&self) -> Faces {
        Faces::of((self.width, self.height), self.sheet)
    }

    fn face_count(&self) -> u64 {
        self.sheet.map_or(1, |sheet| u64::from(sheet.count()))
    }

    /// Bytes of a face with its mips.
    fn face_bytes(&self) -> u64 {
        let mips = (0..self.layout.mips).map(|mip| mip_size((self.width, self.height), mip));
        mips.map(|size| self.layout.pixels.picture_bytes(size)).sum()
    }
}

/// The flag of a cube map in the header of Direct3D 10.
const MISC_CUBE: u32 = 4;

/// Refuses what is neither pictures nor one cube map, by the header of Direct3D 10.
fn check_pictures(dimension: u32, misc: u32, elements: u32) -> Result<(), AssetErrorKind> {
    const LINE: u32 = 2;
    const SURFACE: u32 = 3;
    const SOLID: u32 = 4;
    match dimension {
        SURFACE if misc & MISC_CUBE != 0 && elements > 1 => {
            Err(unsupported(format!("an array of {elements} cube maps")))
        }
        SURFACE if elements > SheetLayout::MOST_LAYERS => {
            Err(unsupported(format!("an array of {elements} pictures")))
        }
        SURFACE => Ok(()),
        LINE => Err(unsupported("a texture of one dimension")),
        SOLID => Err(unsupported("a volume")),
        _ => Err(damaged("its dimension is unknown")),
    }
}

fn count_of_faces(faces: u32) -> String {
    let word = match faces {
        1 => return "one face".to_owned(),
        2 => "two",
        3 => "three",
        4 => "four",
        _ => "five",
    };
    format!("{word} faces")
}

/// The alpha mode of Direct3D 10's header. Unknown ones say nothing.
fn alpha_of_mode(flags: u32) -> DdsAlpha {
    match flags & 7 {
        1 => DdsAlpha::Straight,
        2 => DdsAlpha::Multiplied,
        3 => DdsAlpha::Opaque,
        4 => DdsAlpha::Data,
        _ => DdsAlpha::Unsaid,
    }
}

/// The part of the header that describes pixels.
#[derive(Debug, Clone, Copy)]
struct PixelFormat {
    flags: u32,
    four_cc: [u8; 4],
    bits: u32,
    /// Red, green, blue and alpha.
    masks: [u32; 4],
}

const DEPTH: u32 = 0x80_0000;
const CUBE_MAP: u32 = 0x200;
const VOLUME: u32 = 0x20_0000;

const ALPHA_PIXELS: u32 = 1;
const ALPHA_ONLY: u32 = 2;
const FOUR_CC: u32 = 4;
const PALETTE: u32 = 0x20;
const RGB: u32 = 0x40;
const YUV: u32 = 0x200;
const LUMINANCE: u32 = 0x2_0000;
const SIGNED: u32 = 0x8_0000;

impl PixelFormat {
    fn is(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    fn read(&self) -> Result<(Texels, DdsName, DdsAlpha), AssetErrorKind> {
        if !self.is(FOUR_CC) {
            let masks = self.read_masks()?;
            let alpha = if masks.alpha != 0 { DdsAlpha::Straight } else { DdsAlpha::Opaque };
            return Ok((Texels::Masks(masks), DdsName::Masks, alpha));
        }
        let Some((pixels, alpha)) = by_four_cc(self.four_cc) else {
            let number = u32::from_le_bytes(self.four_cc);
            return Err(unsupported(if number < 1 << 16 {
                format!("pixels of Direct3D 9 format {number}")
            } else {
                format!("`{}` pixels", self.four_cc.escape_ascii())
            }));
        };
        // Some writers say so of DXT1 that has holes.
        let says_alpha = alpha == DdsAlpha::Unsaid && self.is(ALPHA_PIXELS);
        let alpha = if says_alpha { DdsAlpha::Straight } else { alpha };
        Ok((pixels, DdsName::FourCc(self.four_cc), alpha))
    }

    fn read_masks(&self) -> Result<Masks, AssetErrorKind> {
        let bits = self.bits;
        if !matches!(bits, 8 | 16 | 24 | 32) {
            return Err(unsupported(format!("{bits}-bit pixels")));
        }
        let bytes = bits as usize / 8;
        let all = u32::MAX >> (32 - bits);
        let [red, green, blue, alpha] = self.masks;
        let has_alpha = self.is(ALPHA_PIXELS | ALPHA_ONLY);
        let alpha = if has_alpha { alpha } else { 0 };
        let masks = if self.is(LUMINANCE) {
            match (bits, has_alpha) {
                // Pillow's masks lie outside of its pixels.
                (8, false) if red & all == 0 => Masks::gray(bytes, 0xff, 0),
                (16, true) if alpha & all == 0 => Masks::gray(bytes, 0xff, 0xff00),
                _ => Masks::gray(bytes, red, alpha),
            }
        } else if self.is(RGB) {
            Masks::colors(bytes, [red, green, blue], alpha)
        } else if self.is(ALPHA_ONLY) {
            Masks::gray(bytes, 0, alpha)
        } else {
            return Err(unsupported(match self.flags {
                flags if flags & PALETTE != 0 => "a palette",
                flags if flags & YUV != 0 => "YUV pixels",
                flags if flags & SIGNED != 0 => "signed pixels",
                _ => "pixels of an unknown kind",
            }));
        };
        if self.is(PALETTE) {
            return Err(unsupported("a palette"));
        }
        let mut seen = 0_u32;
        let distinct = if masks.gray { &masks.colors[..1] } else { &masks.colors[..] };
        for &mask in distinct.iter().chain([&masks.alpha]).filter(|mask| **mask != 0) {
            let is_whole = mask >> mask.trailing_zeros() == u32::MAX >> (32 - mask.count_ones());
            if !is_whole || mask & !all != 0 || mask & seen != 0 || mask.count_ones() > 16 {
                return Err(unsupported(format!("the mask {mask:#x} in {bits}-bit pixels")));
            }
            seen |= mask;
        }
        if seen == 0 {
            return Err(damaged("no bit of a pixel has a meaning"));
        }
        Ok(masks)
    }
}

pub(super) fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Dds, what: what.into() }
}

fn damaged(what: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Dds, what)
}
