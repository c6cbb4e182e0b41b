//! DDS, the format of textures as graphics cards read them: the first picture of a file, or the
//! faces of a cube map or the layers of an array, with the mips left alone.

mod decode;
mod fields;
mod names;

use std::io::{Read, Seek};

use impasto_types::{ContainerFormat, FileTrait, FileTraits};

pub(crate) use decode::{check, decode};

use crate::parts::read_part;
use crate::texels::Texels;
use crate::{AlphaKind, AssetErrorKind, Header, Limits, Orientation, SheetLayout};
use fields::{Fields, LONG_BYTES};

/// Reads the header of a file of `length` bytes. Where only the pixels tell whether there is alpha,
/// the first pictures are read.
pub(crate) fn header<R: Read + Seek>(
    mut reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    let head = read_part(&mut reader, length, 0, length.min(LONG_BYTES as u64))?;
    let fields = Fields::parse(&head, limits)?;
    let alpha = match fields.has_alpha() {
        Some(alpha) => alpha,
        None => {
            let part = |(start, size)| read_part(&mut reader, length, start, size);
            let stored = fields.pictures().map(part).collect::<Result<Vec<_>, _>>()?;
            let stored: Vec<&[u8]> = stored.iter().map(Vec::as_slice).collect();
            fields.faces().have_alpha(&stored, fields.layout.pixels)
        }
    };
    let is_color = !matches!(fields.layout.pixels, Texels::Masks(masks) if masks.colors == [0; 3]);
    let traits = FileTraits::default()
        .with(FileTrait::LowDepth, fields.has_low_depth())
        .with(FileTrait::AssociatedAlpha, fields.alpha_kind() == AlphaKind::Associated)
        .with(FileTrait::Mips, fields.layout.mips > 1)
        .with(
            FileTrait::FewChannels,
            fields.layout.pixels.is_gray() && is_color || fields.layout.has_two_channels(),
        );
    Ok(Header {
        format: ContainerFormat::Dds,
        width: fields.faces().whole.0,
        height: fields.faces().whole.1,
        color: fields.color(),
        alpha,
        depth: fields.depth(),
        extra: 0,
        orientation: Orientation::Normal,
        traits,
        largest: fields.sheet.map(SheetLayout::longer_side),
        sheet: fields.sheet,
        layers: 0,
    })
}
