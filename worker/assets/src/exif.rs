//! The few fields of EXIF that matter: how the picture is turned, and what it says in words.

mod tiff;
mod write;

use crate::Orientation;

use tiff::Tiff;

/// EXIF longer than this is not looked at: its first directory, which has the fields, comes first.
pub(crate) const EXIF_BYTES: u64 = 1 << 16;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Exif {
    pub orientation: Orientation,
    pub text: ExifText,
    /// Whether there is text that cannot be read, or more than a file of any format holds.
    pub lost: bool,
}

/// What EXIF says in words, in the byte order of its file, which some of it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ExifText {
    big_endian: bool,
    /// Of the first directory.
    first: Vec<Field>,
    /// Of the directory with EXIF's own fields.
    own: Vec<Field>,
}

/// A tag whose values have a byte each.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    tag: u16,
    kind: u16,
    value: Vec<u8>,
}

const ORIENTATION: u16 = 0x0112;
/// Where EXIF's own directory is.
const OWN_DIRECTORY: u16 = 0x8769;
/// Document, description, make, model, software, date, artist, host, copyright; and title, comment,
/// author, keywords and subject, as Windows writes them.
const FIRST_TEXT: [u16; 14] = [
    0x010d, 0x010e, 0x010f, 0x0110, 0x0131, 0x0132, 0x013b, 0x013c, 0x8298, 0x9c9b, 0x9c9c, 0x9c9d,
    0x9c9e, 0x9c9f,
];
/// Dates of the original, the user's comment, the camera's owner, title, photographer, editor.
const OWN_TEXT: [u16; 7] = [0x9003, 0x9004, 0x9286, 0xa430, 0xa436, 0xa437, 0xa438];
/// Bytes, ASCII, what only its tag defines, and UTF-8.
const BYTE_KINDS: [u16; 4] = [1, 2, 7, 129];
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// With a table of all tags it fits into a segment of JPEG, which is what a file of any format has.
const MOST_TEXT_BYTES: usize = 64_000;

impl Exif {
    /// Reads the first directory of a TIFF structure, with or without the prefix that it has in
    /// JPEG, and the directory of EXIF's own fields. What cannot be read counts as absent.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"Exif\0\0").unwrap_or(bytes);
        Self::directories(bytes).unwrap_or_default()
    }

    fn directories(bytes: &[u8]) -> Option<Self> {
        let tiff = Tiff::open(bytes)?;
        let mut exif = Self::default();
        exif.text.big_endian = !tiff.little;
        let mut own = None;
        for entry in tiff.entries(tiff.long(4)? as usize) {
            match entry.tag {
                ORIENTATION => {
                    let value = match entry.kind {
                        SHORT => tiff.short(entry.at + 8),
                        _ => tiff.low_word(entry.at + 8),
                    };
                    let orientation = value.and_then(Orientation::from_exif);
                    exif.orientation = orientation.unwrap_or(exif.orientation);
                }
                OWN_DIRECTORY => own = tiff.long(entry.at + 8),
                tag if FIRST_TEXT.contains(&tag) => {
                    exif.lost |= !exif.text.take(&tiff, &entry, |text| &mut text.first);
                }
                _ => {}
            }
        }
        let own = own.map(|at| tiff.entries(at as usize));
        for entry in own.into_iter().flatten().filter(|entry| OWN_TEXT.contains(&entry.tag)) {
            exif.lost |= !exif.text.take(&tiff, &entry, |text| &mut text.own);
        }
        Some(exif)
    }
}

impl ExifText {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.own.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.first.iter().chain(&self.own).map(|field| field.value.len()).sum()
    }

    /// Adds an entry's text to a list; false if that is not possible. The first of equal tags
    /// counts, and one that says nothing is left out.
    fn take(
        &mut self,
        tiff: &Tiff<'_>,
        entry: &tiff::Entry,
        list: impl Fn(&mut Self) -> &mut Vec<Field>,
    ) -> bool {
        let tiff::Entry { tag, kind, .. } = *entry;
        if list(self).iter().any(|field| field.tag == tag) {
            return true;
        }
        let value = tiff.bytes_of(entry).filter(|_| BYTE_KINDS.contains(&kind));
        match value {
            Some(value) if !says_something(value) => true,
            Some(value) if self.bytes() + value.len() <= MOST_TEXT_BYTES => {
                list(self).push(Field { tag, kind, value: value.to_vec() });
                true
            }
            _ => false,
        }
    }
}

/// Cameras write names of blanks or zeros where nothing was set, and a comment's encoding alone.
fn says_something(text: &[u8]) -> bool {
    let text = [&b"ASCII\0\0\0"[..], b"UNICODE\0"]
        .into_iter()
        .find_map(|encoding| text.strip_prefix(encoding))
        .unwrap_or(text);
    text.iter().any(|&byte| byte != 0 && byte != b' ')
}

#[cfg(test)]
mod tests;
