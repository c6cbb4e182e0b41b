//! TIFF: every kind of pixel that the crate `tiff` can unpack.
//!
//! The crate unpacks samples; what they mean is decided here, from the tags. So no sample is lost
//! for being unknown to the crate, and a refusal says what a file holds.

mod decode;
mod directory;
mod jpeg;
mod kind;
mod metadata;
mod pages;
mod samples;

use std::io::{Read, Seek};

pub(crate) use decode::{check, decode};

use crate::{AssetErrorKind, Header, Limits};

/// Reads the header of the page that would be painted; `length` is the file's.
pub(crate) fn header<R: Read + Seek>(
    reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    let mut file = directory::File::open(reader, length)?;
    let page = pages::painted(&mut file)?;
    let kind = kind::Kind::of(&mut file, &page, limits)?;
    let metadata = metadata::Metadata::of(&mut file, &page, &kind);
    Ok(metadata.header(&kind))
}
