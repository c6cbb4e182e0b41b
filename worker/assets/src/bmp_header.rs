//! What a BMP file says beside its pixels.

use std::io::{BufRead, Read, Seek, SeekFrom};

use impasto_types::FileTrait;

use crate::Density;
use crate::metadata::Metadata;

/// The position of a BMP file's pixels per metre: two little-endian 32-bit numbers.
pub(crate) const DENSITY: std::ops::Range<usize> = 38..46;

/// Reads a BMP file's header. What cannot be read counts as absent.
pub(crate) fn read_metadata<R: BufRead + Seek>(reader: &mut R) -> Metadata {
    // The file header, and the longest header of pixels, the fifth version's.
    const HEAD_BYTES: u64 = 14 + 124;
    let mut head = Vec::new();
    let read = reader
        .seek(SeekFrom::Start(0))
        .and_then(|_| reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head));
    match read {
        Ok(_) => from_head(&head).unwrap_or_default(),
        Err(_) => Metadata::default(),
    }
}

fn from_head(head: &[u8]) -> Option<Metadata> {
    const CORE_HEADER_BYTES: u32 = 12;
    const INFO_HEADER_BYTES: u32 = 40;
    let mut metadata = Metadata::default();
    let header_bytes = long(head, 14)?;
    let bits = short(head, if header_bytes == CORE_HEADER_BYTES { 24 } else { 28 })?;
    metadata.add(FileTrait::Palette, bits <= 8);
    metadata.add(FileTrait::LowDepth, bits < 8 || bits == 16);
    if header_bytes < INFO_HEADER_BYTES {
        return Some(metadata);
    }
    metadata.density = Density {
        x: f64::from(long(head, DENSITY.start)?),
        y: f64::from(long(head, DENSITY.start + 4)?),
    }
    .checked();
    /// Masks say which bits are red, green and blue, and also which are alpha.
    const BIT_FIELDS: u32 = 3;
    const ALPHA_BIT_FIELDS: u32 = 6;
    const MASKS: [usize; 3] = [54, 58, 62];
    if matches!(long(head, 30)?, BIT_FIELDS | ALPHA_BIT_FIELDS) {
        let bits = MASKS.iter().filter_map(|&at| long(head, at)).map(u32::count_ones);
        metadata.add(FileTrait::LowDepth, bits.min().is_some_and(|least| least < 8));
    }
    const FIFTH_HEADER_BYTES: u32 = 124;
    const COLOR_SPACE: usize = 14 + 56;
    let has_profile = header_bytes >= FIFTH_HEADER_BYTES
        && head.get(COLOR_SPACE..COLOR_SPACE + 4) == Some(b"DEBM");
    metadata.add(FileTrait::Icc, has_profile);
    Some(metadata)
}

fn short(head: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*head.get(at..)?.first_chunk()?))
}

fn long(head: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?))
}
