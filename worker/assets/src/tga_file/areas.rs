//! The areas after the pixels of a TGA 2.0 file.

use std::io::{Read, Seek};

use super::fields::{Fields, HEADER_BYTES};
use crate::TgaAreas;
use crate::parts::read_part;

const FOOTER_BYTES: u64 = 26;
const SIGNATURE: &[u8] = b"TRUEVISION-XFILE.\0";

/// The size of the extension area of TGA 2.0; later versions may have a longer one.
const EXTENSION_BYTES: u64 = 495;
const CORRECTION_OFFSET: std::ops::Range<usize> = 482..486;
const ATTRIBUTES_TYPE: usize = 494;
/// 256 entries of four numbers of 16 bits.
const CORRECTION_BYTES: u64 = 2048;

/// What the end of a file says. Damage in it counts as absence: the picture does not depend on it,
/// and old programs write pixels over it.
#[derive(Debug, Default)]
pub(super) struct Footer {
    is_there: bool,
    extension: Option<Vec<u8>>,
    pub attributes_type: Option<u8>,
    developer_at: u64,
}

impl Footer {
    pub(super) fn read<R: Read + Seek>(reader: &mut R, length: u64) -> Self {
        let at = length.saturating_sub(FOOTER_BYTES);
        let Ok(footer) = read_part(reader, length, at, FOOTER_BYTES) else {
            return Self::default();
        };
        let Some(offsets) = footer.strip_suffix(SIGNATURE) else { return Self::default() };
        let (extension, developer) = (long(&offsets[..4]), long(&offsets[4..]));
        let extension = (extension != 0).then(|| {
            let size = read_part(reader, length, extension, 2).ok()?;
            let size = u64::from(u16::from_le_bytes([size[0], size[1]]));
            read_part(reader, length, extension, size).ok().filter(|_| size >= EXTENSION_BYTES)
        });
        let extension = extension.flatten();
        Self {
            is_there: true,
            attributes_type: extension.as_ref().map(|extension| extension[ATTRIBUTES_TYPE]),
            extension,
            developer_at: developer,
        }
    }

    pub(super) fn has_areas(&self) -> bool {
        self.extension.is_some() || self.developer_at != 0
    }

    /// All areas of the file.
    pub(super) fn areas<R: Read + Seek>(
        self,
        reader: &mut R,
        length: u64,
        fields: &Fields,
    ) -> TgaAreas {
        let correction_at =
            self.extension.as_ref().map_or(0, |area| long(&area[CORRECTION_OFFSET]));
        TgaAreas {
            id: read_part(reader, length, HEADER_BYTES as u64, fields.id_bytes as u64)
                .unwrap_or_default(),
            correction: (correction_at != 0)
                .then(|| read_part(reader, length, correction_at, CORRECTION_BYTES).ok())
                .flatten(),
            extension: self.extension,
            developer: developer(reader, length, self.developer_at).unwrap_or_default(),
            footer: self.is_there,
        }
    }
}

/// The fields of the developer area; `None` if it is damaged.
fn developer<R: Read + Seek>(reader: &mut R, length: u64, at: u64) -> Option<Vec<(u16, Vec<u8>)>> {
    const ENTRY_BYTES: u64 = 10;
    if at == 0 {
        return None;
    }
    let count = read_part(reader, length, at, 2).ok()?;
    let count = u64::from(u16::from_le_bytes([count[0], count[1]]));
    let directory = read_part(reader, length, at + 2, count * ENTRY_BYTES).ok()?;
    // Fields do not overlap, so together they are shorter than the file.
    let mut left = length;
    let mut fields = Vec::new();
    for entry in directory.chunks_exact(ENTRY_BYTES as usize) {
        let (at, size) = (long(&entry[2..6]), long(&entry[6..]));
        left = left.checked_sub(size)?;
        let number = u16::from_le_bytes([entry[0], entry[1]]);
        fields.push((number, read_part(reader, length, at, size).ok()?));
    }
    Some(fields)
}

/// Four bytes as a number.
fn long(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
