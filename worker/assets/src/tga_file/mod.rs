//! TGA 2.0, all its kinds.

mod areas;
mod decode;
mod fields;
mod pixels;

use std::io::{Read, Seek};

use impasto_types::{ContainerFormat, Depth, FileTrait, FileTraits};

pub(crate) use decode::{check, decode};

use crate::parts::read_part;
use crate::{AlphaKind, AssetErrorKind, Header, Limits, Orientation};
use areas::Footer;
use fields::{Attribute, Fields, HEADER_BYTES};
use pixels::Pixels;

/// Reads the header of a file of `length` bytes. Where only the pixels tell whether there is alpha,
/// the whole file is read.
pub(crate) fn header<R: Read + Seek>(
    mut reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    let head = read_part(&mut reader, length, 0, HEADER_BYTES as u64)?;
    let fields = Fields::parse(&head)?;
    limits.check(fields.width.into(), fields.height.into())?;
    let footer = Footer::read(&mut reader, length);
    let attribute = fields.attribute(footer.attributes_type)?;
    let alpha = match attribute {
        Attribute::Alpha(_) => true,
        Attribute::None | Attribute::Data => false,
        Attribute::AlphaIfAny => {
            let bytes = read_part(&mut reader, length, 0, length)?;
            Pixels::read(&bytes, &fields)?.has_attributes()?
        }
    };
    let traits = FileTraits::default()
        .with(FileTrait::Palette, fields.is_mapped())
        .with(FileTrait::LowDepth, fields.color_bits() < 24 && !fields.is_gray())
        .with(FileTrait::AssociatedAlpha, attribute == Attribute::Alpha(AlphaKind::Associated))
        .with(FileTrait::TgaAreas, fields.id_bytes > 0 || footer.has_areas());
    Ok(Header {
        format: ContainerFormat::Tga,
        width: fields.width.into(),
        height: fields.height.into(),
        color: fields.color(),
        alpha,
        depth: Depth::Eight,
        extra: u32::from(attribute == Attribute::Data),
        orientation: Orientation::Normal,
        traits,
        largest: None,
        sheet: None,
        layers: 0,
    })
}
