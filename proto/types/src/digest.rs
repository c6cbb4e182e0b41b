//! BLAKE3 digests: the names of blobs, models and actions.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// The BLAKE3 digest of some bytes; shown and parsed as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text or a byte string that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    #[error("a digest has 64 hexadecimal digits, but this has {0} characters")]
    Length(usize),
    #[error("`{0}` is not a hexadecimal digit")]
    Character(char),
    #[error("a digest has 32 bytes, but this has {0}")]
    Bytes(usize),
}

impl Digest {
    /// Digests `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of what was written to an incremental hasher.
    pub fn of_hasher(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }

    /// Parses hexadecimal digits; `None` if one of them is not a digit.
    pub const fn from_hex(hex: &[u8; 64]) -> Option<Self> {
        let mut bytes = [0; 32];
        let mut at = 0;
        while at < bytes.len() {
            bytes[at] = match (hex_value(hex[2 * at]), hex_value(hex[2 * at + 1])) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return None,
            };
            at += 1;
        }
        Some(Self(bytes))
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// All 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.to_string()
    }

    /// Calls `with` with all 64 hexadecimal digits, without allocating.
    pub(crate) fn with_hex<T>(self, with: impl FnOnce(&str) -> T) -> T {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        with(str::from_utf8(&hex).expect("hexadecimal digits are ASCII"))
    }

    /// The first twelve hexadecimal digits: enough to distinguish digests on a screen, never used
    /// as a name.
    pub fn short(self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl TryFrom<&[u8]> for Digest {
    type Error = DigestError;

    fn try_from(bytes: &[u8]) -> Result<Self, DigestError> {
        bytes.try_into().map(Self).map_err(|_| DigestError::Bytes(bytes.len()))
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex = text.as_bytes().try_into().ok();
        hex.and_then(Self::from_hex).ok_or_else(|| {
            let bad = text.chars().find(|c| !c.is_ascii_hexdigit());
            bad.map_or(DigestError::Length(text.len()), DigestError::Character)
        })
    }
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

// Records have hundreds of thousands of digests, so none passes through a `String`.
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_hex(|hex| serializer.serialize_str(hex))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hex;
        impl Visitor<'_> for Hex {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a digest of 64 hexadecimal digits")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|hex| f.write_str(hex))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

/// A blob's name and length in bytes. The length lets a receiver refuse a blob before it reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    pub digest: Digest,
    pub size_bytes: u64,
}

impl BlobRef {
    pub fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes), size_bytes: bytes.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips() {
        let digest = Digest::of(b"impasto");
        assert_eq!(digest.to_hex().parse(), Ok(digest));
        assert_eq!(digest.to_hex().to_uppercase().parse(), Ok(digest));
    }

    #[test]
    fn texts_that_are_not_digests_are_refused() {
        assert_eq!("abc".parse::<Digest>(), Err(DigestError::Length(3)));
        assert_eq!("zz".repeat(32).parse::<Digest>(), Err(DigestError::Character('z')));
        assert_eq!("é".repeat(32).parse::<Digest>(), Err(DigestError::Character('é')));
        assert_eq!(Digest::try_from(&[0_u8; 31][..]), Err(DigestError::Bytes(31)));
    }
}
