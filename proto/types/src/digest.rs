//! BLAKE3 digests: the names of blobs, models and actions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The BLAKE3 digest of some bytes; shown and parsed as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(DigestError::Character(bad));
        }
        let hex = text.as_bytes().try_into().ok();
        hex.and_then(Self::from_hex).ok_or(DigestError::Length(text.len()))
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

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
