//! The signature of an EXR file and its attributes, as they are stored.

use std::io::Read;

use super::{damaged, unsupported};
use crate::AssetErrorKind;
use crate::exr_layout::ExrAttribute;

/// What a file starts with.
#[derive(Debug)]
pub(super) struct Head {
    pub is_tiled: bool,
    pub attributes: Vec<ExrAttribute>,
    /// Bytes up to the table of chunks.
    pub bytes: u64,
}

/// More attributes than any program writes: previews and profiles are the longest.
const MOST_BYTES: u64 = 64 << 20;

impl Head {
    /// Reads them from a file of `length` bytes, of which none has been read.
    pub(super) fn read(reader: impl Read, length: u64) -> Result<Self, AssetErrorKind> {
        let mut source = Source { reader, length, read: 0 };
        let (_, flags) = (source.word()?, source.word()?);
        let version = flags & 0xff;
        if version != 2 {
            return Err(unsupported(format!("version {version} of the format")));
        }
        const DEEP: u32 = 0x800;
        const PARTS: u32 = 0x1000;
        const TILED: u32 = 0x200;
        const LONG_NAMES: u32 = 0x400;
        if flags & DEEP != 0 {
            return Err(unsupported("deep pixels"));
        }
        if flags & PARTS != 0 {
            return Err(unsupported("several parts"));
        }
        let unknown = flags & !(0xff | TILED | LONG_NAMES);
        if unknown != 0 {
            return Err(unsupported(format!("the flags {unknown:#x}")));
        }
        let mut attributes: Vec<ExrAttribute> = Vec::new();
        loop {
            let name = source.name()?;
            if name.is_empty() {
                break;
            }
            if attributes.iter().any(|other| other.name == name) {
                return Err(damaged("an attribute is there twice"));
            }
            let kind = source.name()?;
            let size = source.word()?;
            let value = source.bytes(size.into())?;
            attributes.push(ExrAttribute { name, kind, value });
        }
        Ok(Self { is_tiled: flags & TILED != 0, attributes, bytes: source.read })
    }
}

/// A file that is read once, and only as far as it goes.
struct Source<R> {
    reader: R,
    length: u64,
    read: u64,
}

impl<R: Read> Source<R> {
    /// Checks the count before memory is allocated for it.
    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, AssetErrorKind> {
        self.read += count;
        if self.read > self.length {
            return Err(AssetErrorKind::Truncated);
        }
        if self.read > MOST_BYTES {
            return Err(unsupported(format!("more than {MOST_BYTES} bytes of attributes")));
        }
        let mut bytes = vec![0; count as usize];
        self.reader.read_exact(&mut bytes).map_err(AssetErrorKind::Read)?;
        Ok(bytes)
    }

    fn word(&mut self) -> Result<u32, AssetErrorKind> {
        let bytes = self.bytes(4)?;
        Ok(bytes.first_chunk().map_or(0, |four| u32::from_le_bytes(*four)))
    }

    /// Letters up to a zero.
    fn name(&mut self) -> Result<Vec<u8>, AssetErrorKind> {
        const LONGEST: usize = 255;
        let mut name = Vec::new();
        loop {
            match self.bytes(1)?[0] {
                0 => return Ok(name),
                _ if name.len() == LONGEST => return Err(damaged("a name is too long")),
                letter => name.push(letter),
            }
        }
    }
}
