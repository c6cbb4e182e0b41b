//! The chunks of a GLB file.

use std::io::{Read, Seek};
use std::ops::Range;

use super::{damaged, unsupported};
use crate::AssetErrorKind;
use crate::parts::read_part;

/// Where the parts of a file are. Chunks beside these two are nobody's here, and stay.
#[derive(Debug)]
pub(crate) struct Container {
    /// The description of the model, without what fills the chunk up.
    pub json: String,
    /// The bytes of the chunk of the description.
    pub json_at: Range<u64>,
    /// Those of the chunk of the first buffer, if there is one.
    pub bin_at: Option<Range<u64>>,
}

/// Magic, version and length.
pub(crate) const HEAD_BYTES: u64 = 12;
/// Length and type.
pub(crate) const CHUNK_HEAD_BYTES: u64 = 8;
const VERSION: u32 = 2;

impl Container {
    /// Reads the description of a file of `length` bytes, and of the other chunks only their heads.
    pub(crate) fn read<R: Read + Seek>(
        reader: &mut R,
        length: u64,
    ) -> Result<Self, AssetErrorKind> {
        let head = read_part(reader, length, 0, HEAD_BYTES)?;
        match word(&head, 4) {
            VERSION => {}
            version => return Err(unsupported(format!("version {version}"))),
        }
        let declared = u64::from(word(&head, 8));
        if declared > length {
            return Err(AssetErrorKind::Truncated);
        }
        if declared < length {
            return Err(damaged("there are bytes after its end"));
        }
        let (mut json_at, mut bin_at, mut at) = (None, None, HEAD_BYTES);
        while at < length {
            if length - at < CHUNK_HEAD_BYTES {
                return Err(damaged("it ends within a chunk"));
            }
            let head = read_part(reader, length, at, CHUNK_HEAD_BYTES)?;
            let start = at + CHUNK_HEAD_BYTES;
            let end = start + u64::from(word(&head, 0));
            if end > length {
                return Err(damaged("a chunk is longer than the file"));
            }
            match (head.get(4..), &json_at) {
                (Some(b"JSON"), None) => json_at = Some(start..end),
                (_, None) => return Err(damaged("its first chunk is no description")),
                (Some(b"BIN\0"), Some(_)) if bin_at.is_none() => bin_at = Some(start..end),
                (_, Some(_)) => {}
            }
            at = end;
        }
        let json_at = json_at.ok_or_else(|| damaged("it has no description"))?;
        let json = read_part(reader, length, json_at.start, json_at.end - json_at.start)?;
        let mut json = String::from_utf8(json).map_err(super::damaged_by)?;
        // Spaces by the standard, zeros by some programs.
        json.truncate(json.trim_end_matches([' ', '\0']).len());
        Ok(Self { json, json_at, bin_at })
    }

    /// How long the chunk of the first buffer is.
    pub(crate) fn bin_bytes(&self) -> u64 {
        self.bin_at.as_ref().map_or(0, |bin| bin.end - bin.start)
    }

    /// Bytes of the first buffer, out of the file.
    pub(crate) fn part<'a>(
        &self,
        file: &'a [u8],
        range: &Range<u64>,
    ) -> Result<&'a [u8], AssetErrorKind> {
        let start = self.bin_at.as_ref().map_or(0, |bin| bin.start);
        let [start, end] = [range.start, range.end]
            .map(|at| usize::try_from(start.saturating_add(at)).unwrap_or(usize::MAX));
        file.get(start..end).ok_or(AssetErrorKind::Truncated)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
}
