//! Radiance RGBE: three numbers of 8 bits with a common exponent, in rows that are packed or not.

mod decode;
mod header;
mod rows;

use std::io::BufRead;

use impasto_types::{ContainerFormat, Depth, FileTrait, FileTraits};

pub(crate) use decode::{check, decode};
pub(crate) use header::size_line;

use crate::{AssetErrorKind, Color, Header, Limits, Orientation};
use header::Head;

/// Reads the header of a file from its start.
pub(crate) fn header(reader: impl BufRead, limits: &Limits) -> Result<Header, AssetErrorKind> {
    let head = Head::read(reader, limits)?;
    let traits = FileTraits::default()
        .with(FileTrait::HdrFields, head.says_more())
        .with(FileTrait::Orientation, head.orientation != Orientation::Normal);
    Ok(Header {
        format: ContainerFormat::Hdr,
        width: head.width,
        height: head.height,
        color: Color::Rgb,
        alpha: false,
        depth: Depth::Float,
        extra: 0,
        orientation: head.orientation,
        traits,
        largest: None,
        sheet: None,
        layers: 0,
    })
}

fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Hdr, what: what.into() }
}

fn damaged(what: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Hdr, what)
}
