//! Photoshop's documents, PSD and PSB: the merged image that they store beside their layers.
//!
//! They are read and written here: the crate `psd` reads 8 bits of RGB and grey alone, no PSB, and
//! panics where a section is cut.

mod decode;
mod document;
mod fields;
mod layers;
mod resources;
mod samples;
mod section;

use std::io::{Read, Seek};

pub(crate) use decode::{check, decode};

use crate::{AssetErrorKind, Header, Limits};

/// Reads the header of a file of `length` bytes: what stands before its samples.
pub(crate) fn header<R: Read + Seek>(
    mut reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    Ok(document::Document::read(&mut reader, length, limits)?.header())
}
