//! A TIFF structure, as far as EXIF needs it.

/// A TIFF structure, whose numbers are in the byte order that its head names.
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    pub little: bool,
}

/// One of a directory's entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Where it begins.
    pub at: usize,
    pub tag: u16,
    /// The type of its values.
    pub kind: u16,
}

impl<'a> Tiff<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        match bytes.get(..4)? {
            b"II*\0" => Some(Self { bytes, little: true }),
            b"MM\0*" => Some(Self { bytes, little: false }),
            _ => None,
        }
    }

    /// The entries of the directory at an offset. One that is cut off still says something.
    pub(super) fn entries(&self, at: usize) -> impl Iterator<Item = Entry> {
        let count = self.short(at).unwrap_or(0);
        (0..usize::from(count)).map_while(move |index| {
            let at = at + 2 + index * 12;
            Some(Entry { at, tag: self.short(at)?, kind: self.short(at + 2)? })
        })
    }

    pub(super) fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    pub(super) fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// A small number that is stored in 32 bits.
    pub(super) fn low_word(&self, at: usize) -> Option<u16> {
        self.long(at)?.try_into().ok()
    }

    /// The bytes of an entry whose values have one each: up to four are in the entry, more are
    /// elsewhere.
    pub(super) fn bytes_of(&self, entry: &Entry) -> Option<&'a [u8]> {
        let count = self.long(entry.at + 4)? as usize;
        let at = if count <= 4 { entry.at + 8 } else { self.long(entry.at + 8)? as usize };
        self.bytes.get(at..at.checked_add(count)?)
    }
}
