//! Photoshop's documents, PSD and PSB: the merged image that they store beside their layers.
//!
//! They are read and written here: the crate `psd` (0.3.5) reads no PSB and no floats, makes 8 bits
//! of 16, panics at ZIP, and writes nothing.

mod blocks;
mod decode;
mod document;
mod fields;
mod layers;
mod resources;
mod samples;
mod section;
mod white;

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
