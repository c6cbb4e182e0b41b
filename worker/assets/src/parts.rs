//! Parts of files, at places that files themselves name.

use std::io::{Read, Seek, SeekFrom};

use crate::AssetErrorKind;

/// Reads a part of a file of `length` bytes. The part is checked before memory is allocated for it.
pub(crate) fn read_part<R: Read + Seek>(
    reader: &mut R,
    length: u64,
    at: u64,
    size: u64,
) -> Result<Vec<u8>, AssetErrorKind> {
    if at.checked_add(size).is_none_or(|end| end > length) {
        return Err(AssetErrorKind::Truncated);
    }
    reader.seek(SeekFrom::Start(at)).map_err(AssetErrorKind::Read)?;
    let mut bytes = vec![0; size as usize];
    reader.read_exact(&mut bytes).map_err(AssetErrorKind::Read)?;
    Ok(bytes)
}
