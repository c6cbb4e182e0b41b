//! What stands before the pictures of a KTX2 file, checked.

use std::io::{Read, Seek};

use ktx2::dfd::{Basic, BlockHeader};
use ktx2::{ColorModel, Header, SupercompressionScheme};

use super::{damaged, unsupported};
use crate::ktx2_layout::{Entry, Ktx2Layout, ORIENTATION, Packing, SWIZZLE, has_alpha, texels};
use crate::parts::read_part;
use crate::texels::{Faces, Masks, Texels, mip_size, most_mips};
use crate::{AlphaKind, AssetErrorKind, Color, Limits, Orientation, SheetLayout};

#[derive(Debug)]
pub(super) struct Fields {
    pub width: u32,
    pub height: u32,
    pub layout: Ktx2Layout,
    /// Where its faces or layers lie in the picture, if it has several; each has `width` and
    /// `height`.
    pub sheet: Option<SheetLayout>,
    pub orientation: Orientation,
    /// Where the first picture is, or the first ones of all faces or layers, and how many bytes
    /// they have there.
    pub first: (u64, u64),
}

/// Bytes of a level's entry in the index.
const LEVEL_BYTES: u64 = 24;
/// More than any program writes between the header and the pictures.
const MOST_BYTES: u64 = 16 << 20;

impl Fields {
    /// Reads them from a file of `length` bytes.
    pub(super) fn read<R: Read + Seek>(
        mut reader: R,
        length: u64,
        limits: &Limits,
    ) -> Result<Self, AssetErrorKind> {
        let mut part = |at: u64, size: u64| part(&mut reader, length, at, size);
        let head = part(0, Header::LENGTH as u64)?;
        let head = head.first_chunk().ok_or(AssetErrorKind::Truncated)?;
        let code = word(head, 12);
        let scheme = word(head, 44);
        let header = Header::from_bytes(head).map_err(|error| match error {
            ktx2::ParseError::ZeroWidth => {
                AssetErrorKind::NoPixels { width: 0, height: word(head, 24) }
            }
            other => AssetErrorKind::damaged(impasto_types::ContainerFormat::Ktx2, other),
        })?;
        let size = (header.pixel_width, header.pixel_height);
        check_pictures(&header)?;
        limits.check(size.0, size.1)?;
        let is_cube = header.face_count == 6;
        if is_cube && size.0 != size.1 {
            return Err(damaged("the faces of its cube map are not square"));
        }
        let sheet = match (is_cube, header.layer_count) {
            (true, _) => Some(SheetLayout::cube(size.0)),
            (false, 0) => None,
            (false, layers) => Some(SheetLayout::array(size, layers)),
        };
        let whole = sheet.map_or(size, SheetLayout::size);
        limits.check(whole.0, whole.1)?;

        let descriptor =
            part(header.index.dfd_byte_offset.into(), header.index.dfd_byte_length.into())?;
        let basic = basic(&descriptor)?;
        let packing = match header.supercompression_scheme {
            None => Packing::Plain,
            Some(SupercompressionScheme::Zstandard) => Packing::Zstandard,
            Some(SupercompressionScheme::ZLIB) => Packing::Zlib,
            Some(SupercompressionScheme::BasisLZ) => {
                return Err(unsupported("BasisLZ compression"));
            }
            Some(_) => return Err(unsupported(format!("compression {scheme}"))),
        };
        let Some(format) = header.format else {
            return Err(unsupported(match basic.color_model {
                Some(ColorModel::UASTC) => "UASTC pixels".to_owned(),
                Some(ColorModel::ETC1S) => "ETC1S pixels".to_owned(),
                other => format!("pixels without a format, of the model {other:?}"),
            }));
        };
        let mut texels =
            texels(format).ok_or_else(|| match ktx2::Format::ALL.contains(&format) {
                true => unsupported(format!("{format:?} pixels")),
                false => unsupported(format!("pixels of Vulkan's format {code}")),
            })?;

        let entries =
            part(header.index.kvd_byte_offset.into(), header.index.kvd_byte_length.into())?;
        let mut layout = Ktx2Layout {
            format,
            type_size: header.type_size,
            texels,
            has_alpha: has_alpha(format, texels),
            packing,
            levels: header.level_count,
            descriptor,
            entries: parse_entries(&entries)?,
        };
        let swizzle = layout.entry(SWIZZLE).unwrap_or_default();
        match swizzle {
            b"" | b"rgba" => {}
            b"rgb1" => layout.has_alpha = false,
            // What a format of few channels has anyway.
            b"rg01" if layout.texels.has_two_channels() => {}
            b"r001" | b"rrr1" if layout.texels.is_gray() => {}
            // Grey with alpha.
            b"rrrg" if gray_with_alpha(texels).is_some() => {
                texels = gray_with_alpha(texels).unwrap_or(texels);
                (layout.texels, layout.has_alpha) = (texels, true);
            }
            other => {
                return Err(unsupported(format!("the swizzle `{}`", other.escape_ascii())));
            }
        }
        let orientation = match layout.entry(ORIENTATION) {
            None | Some(b"rd") => Orientation::Normal,
            Some(b"ru") => Orientation::Flipped,
            Some(b"ld") => Orientation::Mirrored,
            Some(b"lu") => Orientation::Half,
            Some(other) => {
                return Err(unsupported(format!("the orientation `{}`", other.escape_ascii())));
            }
        };

        let levels = header.level_count.max(1);
        if levels > most_mips(size) {
            return Err(damaged("it has more levels than its sides can be halved"));
        }
        let index = part(Header::LENGTH as u64, LEVEL_BYTES * u64::from(levels))?;
        let mut first = None;
        for (level, entry) in index.chunks_exact(LEVEL_BYTES as usize).enumerate() {
            let long =
                |at: usize| entry[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
            let (offset, packed, bytes) = (long(0), long(8), long(16));
            if offset.checked_add(packed).is_none_or(|end| end > length) {
                return Err(AssetErrorKind::Truncated);
            }
            let face = layout.texels.picture_bytes(mip_size(size, level as u32));
            let expected = sheet.map_or(1, |sheet| u64::from(sheet.count())) * face;
            if bytes != expected || packing == Packing::Plain && packed != expected {
                return Err(damaged("a level has another size than its texels"));
            }
            first = first.or(Some((offset, packed)));
        }
        let first = first.ok_or_else(|| damaged("it has no levels"))?;
        if sheet.is_some() && orientation != Orientation::Normal {
            let what = if is_cube { "a cube map" } else { "an array" };
            return Err(unsupported(format!("{what} of another orientation")));
        }
        Ok(Self { width: size.0, height: size.1, layout, sheet, orientation, first })
    }

    /// Bytes of the first level.
    pub(super) fn first_bytes(&self) -> u64 {
        let faces = self.sheet.map_or(1, |sheet| u64::from(sheet.count()));
        faces * self.layout.texels.picture_bytes((self.width, self.height))
    }

    /// The pictures of a level's bytes.
    pub(super) fn split<'a>(&self, level: &'a [u8]) -> Vec<&'a [u8]> {
        let face = self.layout.texels.picture_bytes((self.width, self.height));
        level.chunks_exact(face.max(1) as usize).collect()
    }

    pub(super) fn faces(&self) -> Faces {
        Faces::of((self.width, self.height), self.sheet)
    }

    pub(super) fn color(&self) -> Color {
        if self.layout.texels.is_gray() { Color::Gray } else { Color::Rgb }
    }

    pub(super) fn alpha_kind(&self) -> AlphaKind {
        match self.layout.has_alpha && self.layout.is_multiplied() {
            true => AlphaKind::Associated,
            false => AlphaKind::Straight,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
}

/// A part of the file that describes it, which is small.
fn part<R: Read + Seek>(
    reader: &mut R,
    length: u64,
    at: u64,
    size: u64,
) -> Result<Vec<u8>, AssetErrorKind> {
    // What lies beyond the file is cut off, however large it is.
    let is_there = at.checked_add(size).is_some_and(|end| end <= length);
    if is_there && size > MOST_BYTES {
        return Err(unsupported(format!("a description of more than {MOST_BYTES} bytes")));
    }
    read_part(reader, length, at, size)
}

/// Refuses what is neither pictures nor one cube map.
fn check_pictures(header: &Header) -> Result<(), AssetErrorKind> {
    let &Header { pixel_height, pixel_depth, layer_count, face_count, .. } = header;
    if pixel_height == 0 {
        return Err(unsupported("a texture of one dimension"));
    }
    if pixel_depth > 0 {
        return Err(unsupported("a volume"));
    }
    match (face_count, layer_count) {
        (1, 0..=SheetLayout::MOST_LAYERS) => Ok(()),
        (1, layers) => Err(unsupported(format!("an array of {layers} pictures"))),
        (6, 0) => Ok(()),
        (6, layers) => Err(unsupported(format!("an array of {layers} cube maps"))),
        _ => Err(damaged("its number of faces is unknown")),
    }
}

/// The basic block of the description, which comes first.
fn basic(descriptor: &[u8]) -> Result<Basic, AssetErrorKind> {
    let wrong = || damaged("its description of texels is cut short");
    let block = descriptor.get(4..).ok_or_else(wrong)?;
    let size = usize::try_from(word(block, 4) >> 16).map_err(|_| wrong())?;
    let block = block.get(..size).ok_or_else(wrong)?;
    if word(block, 0) != 0 {
        return Err(damaged("its description of texels is of another kind"));
    }
    let fields = block.get(BlockHeader::LENGTH..).ok_or_else(wrong)?;
    if fields.len() < Basic::FIXED_LENGTH || fields[4..8].contains(&u8::MAX) {
        return Err(wrong());
    }
    Basic::parse(fields)
        .map_err(|error| AssetErrorKind::damaged(impasto_types::ContainerFormat::Ktx2, error))
}

/// Names and values, each padded to a multiple of four bytes.
fn parse_entries(mut bytes: &[u8]) -> Result<Vec<Entry>, AssetErrorKind> {
    let wrong = || damaged("an entry of its data is cut short");
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (size, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| wrong())?;
        let entry = rest.get(..size).ok_or_else(wrong)?;
        let name = entry.iter().position(|&byte| byte == 0).ok_or_else(wrong)?;
        entries.push((entry[..name].to_vec(), entry[name + 1..].to_vec()));
        // The last one may lack its padding.
        bytes = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(entries)
}

/// Two channels, of which the second is opacity.
fn gray_with_alpha(texels: Texels) -> Option<Texels> {
    match texels {
        Texels::Masks(masks) if texels.has_two_channels() => {
            let [gray, alpha, _] = masks.colors;
            Some(Texels::Masks(Masks::gray(masks.bytes, gray, alpha)))
        }
        _ => None,
    }
}
