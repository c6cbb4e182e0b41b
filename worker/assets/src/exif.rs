//! The few fields of EXIF that matter: how the picture is turned, and whose it is.

use crate::Orientation;

/// EXIF longer than this is not looked at: its first directory, which has the fields, comes first.
pub(crate) const EXIF_BYTES: u64 = 1 << 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Exif {
    pub orientation: Orientation,
    /// Whether it says who made the picture or who may use it.
    pub rights: bool,
}

const ORIENTATION: u16 = 0x0112;
const ARTIST: u16 = 0x013b;
const COPYRIGHT: u16 = 0x8298;
/// The artist, as Windows writes it.
const XP_AUTHOR: u16 = 0x9c9d;
const SHORT: u16 = 3;

impl Exif {
    /// Reads the first directory of a TIFF structure, with or without the prefix that it has in
    /// JPEG. What cannot be read counts as absent.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"Exif\0\0").unwrap_or(bytes);
        Self::directory(bytes).unwrap_or_default()
    }

    fn directory(bytes: &[u8]) -> Option<Self> {
        let tiff = Tiff::open(bytes)?;
        let mut at = tiff.long(4)? as usize;
        let entries = tiff.short(at)?;
        at += 2;
        let mut exif = Self::default();
        for entry in (0..usize::from(entries)).map(|index| at + index * 12) {
            // A directory that is cut off still says something.
            let (Some(tag), Some(kind)) = (tiff.short(entry), tiff.short(entry + 2)) else { break };
            match tag {
                ORIENTATION => {
                    let value = if kind == SHORT {
                        tiff.short(entry + 8)
                    } else {
                        tiff.low_word(entry + 8)
                    };
                    exif.orientation =
                        value.and_then(Orientation::from_exif).unwrap_or(exif.orientation);
                }
                ARTIST | COPYRIGHT | XP_AUTHOR => {
                    exif.rights |= tiff.text(entry).is_some_and(says_something);
                }
                _ => {}
            }
        }
        Some(exif)
    }

    /// EXIF that holds nothing but an orientation.
    pub(crate) fn bytes_of(orientation: Orientation) -> Vec<u8> {
        let [low, high] = orientation.exif().to_le_bytes();
        [
            // Little-endian, and the first directory follows.
            &b"II*\0\x08\0\0\0"[..],
            // One entry: a tag, its type, how many values, and the value.
            &[1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, low, high, 0, 0],
            // No further directory.
            &[0; 4],
        ]
        .concat()
    }
}

/// Cameras write names of blanks or zeros where nothing was set.
fn says_something(text: &[u8]) -> bool {
    text.iter().any(|&byte| byte != 0 && byte != b' ')
}

/// A TIFF structure, whose numbers are in the byte order that its head names.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        match bytes.get(..4)? {
            b"II*\0" => Some(Self { bytes, little: true }),
            b"MM\0*" => Some(Self { bytes, little: false }),
            _ => None,
        }
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// A small number that is stored in 32 bits.
    fn low_word(&self, at: usize) -> Option<u16> {
        self.long(at)?.try_into().ok()
    }

    /// The bytes of an entry's value: up to four are in the entry, more are elsewhere.
    fn text(&self, entry: usize) -> Option<&'a [u8]> {
        let count = self.long(entry + 4)? as usize;
        let at = if count <= 4 { entry + 8 } else { self.long(entry + 8)? as usize };
        self.bytes.get(at..at.checked_add(count)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_come_back() {
        for orientation in Orientation::ALL {
            let bytes = Exif::bytes_of(orientation);
            assert_eq!(Exif::parse(&bytes), Exif { orientation, rights: false });
            let in_jpeg = [b"Exif\0\0", &bytes[..]].concat();
            assert_eq!(Exif::parse(&in_jpeg).orientation, orientation);
        }
    }

    #[test]
    fn both_byte_orders_and_damage_are_read() {
        let check = |bytes: &[u8], orientation: u16, rights: bool| {
            let exif = Exif::parse(bytes);
            assert_eq!((exif.orientation.exif(), exif.rights), (orientation, rights), "{bytes:?}");
        };
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        check(big, 6, false);
        let long = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\0";
        check(long, 8, false);
        let unknown = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0";
        check(unknown, 1, false);
        let short_name = b"II*\0\x08\0\0\0\x01\0\x3b\x01\x02\0\x03\0\0\0me\0\0\0\0\0\0";
        check(short_name, 1, true);
        let long_name = b"II*\0\x08\0\0\0\x01\0\x98\x82\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0mine\0";
        check(long_name, 1, true);
        let blank_name = b"II*\0\x08\0\0\0\x01\0\x98\x82\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0    \0";
        check(blank_name, 1, false);
        for length in 0..big.len() {
            let _ = Exif::parse(&big[..length]);
        }
        let far = b"II*\0\xff\xff\xff\xff\x01\0\x3b\x01\x02\0\xff\xff\xff\xff";
        check(far, 1, false);
    }
}
