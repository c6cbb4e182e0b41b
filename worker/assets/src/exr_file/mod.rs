//! OpenEXR: floating-point channels in scan lines or tiles. Its attributes are read here, so that
//! each comes back as it was; the `exr` crate packs and unpacks the chunks.

mod attributes;
mod channels;
mod chunks;
mod decode;
mod fields;

use std::io::Read;

use impasto_types::{ContainerFormat, Depth, FileTrait, FileTraits};

pub(crate) use chunks::{chunk_header, section};
pub(crate) use decode::{check, decode};

use crate::{AssetErrorKind, Header, Limits, Orientation};
use fields::Fields;

/// Reads the header of a file of `length` bytes, which is read from its start.
pub(crate) fn header(
    reader: impl Read,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    let fields = Fields::read(reader, length, limits)?;
    let traits = FileTraits::default()
        .with(FileTrait::Lossy, fields.is_lossy())
        .with(FileTrait::AssociatedAlpha, fields.has_alpha())
        .with(FileTrait::ExtraSamples, fields.extra() > 0)
        .with(FileTrait::ExrAttributes, fields.says_more());
    Ok(Header {
        format: ContainerFormat::Exr,
        width: fields.width,
        height: fields.height,
        color: fields.color(),
        alpha: fields.has_alpha(),
        depth: Depth::Float,
        extra: fields.extra(),
        orientation: Orientation::Normal,
        traits,
        largest: None,
        sheet: None,
        layers: 0,
    })
}

fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Exr, what: what.into() }
}

fn damaged(what: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Exr, what)
}
