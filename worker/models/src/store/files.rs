//! Atomic file writes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use impasto_files::{AtomicFile, Durability};
use impasto_types::{BlobRef, Digest};
use tempfile::TempDir;

use super::ModelFile;
use crate::ModelError;

/// The prefix of temporary files and folders.
const HALF_MADE: &str = ".half-made-";

/// Twice the largest known file: torchvision's VGG-19 with its classifier.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A temporary folder in the store, removed when it is dropped.
pub(super) fn working_folder(dir: &Path) -> Result<TempDir, ModelError> {
    tempfile::Builder::new()
        .prefix(HALF_MADE)
        .tempdir_in(dir)
        .map_err(ModelError::io("create a folder in", dir))
}

/// Removes temporary files of dead processes. The caller holds the store's lock. A file that cannot
/// be removed, because a child of that process may still have it open, is left to the next writer.
pub(super) fn remove_leftovers(dir: &Path) -> Result<(), ModelError> {
    impasto_files::remove_abandoned(dir, Duration::ZERO);
    for entry in fs::read_dir(dir).map_err(ModelError::io("list", dir))? {
        let entry = entry.map_err(ModelError::io("list", dir))?;
        if !entry.file_name().to_string_lossy().starts_with(HALF_MADE) {
            continue;
        }
        let _ = fs::remove_dir_all(entry.path());
    }
    Ok(())
}

/// Writes a temporary file and renames it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    impasto_files::write(path, bytes, Durability::Content).map_err(ModelError::io("write", path))
}

/// Copies `from` into the store and verifies its length and digest.
pub(super) fn copy_whole(from: &Path, to: &ModelFile) -> Result<(), ModelError> {
    let expected = to.model.blob;
    let source = File::open(from).map_err(ModelError::io("read", from))?;
    let mut copy = AtomicFile::beside(&to.path).map_err(ModelError::io("write", &to.path))?;
    // Reading one byte more than expected detects a file that is too long.
    let mut source = source.take(expected.size_bytes.saturating_add(1));
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = source.read(&mut buffer).map_err(ModelError::io("read", from))?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        copy.write_all(&buffer[..length]).map_err(ModelError::io("write", &to.path))?;
    }
    let got = Digest::of_hasher(&hasher);
    if got != expected.digest {
        return Err(ModelError::WrongDigest {
            what: format!("`{}`", from.display()),
            expected: expected.digest,
            got,
        });
    }
    copy.persist(&to.path, Durability::Content).map_err(ModelError::io("write", &to.path))
}

/// The digest and length of a file, if it exists.
pub(super) fn digest_of_file(path: &Path) -> Result<Option<BlobRef>, ModelError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ModelError::io("read", path)(error)),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(ModelError::io("read", path))?;
    Ok(Some(BlobRef { digest: Digest::of_hasher(&hasher), size_bytes: hasher.count() }))
}

/// Reads a file, unless it is longer than any known file of weights.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, ModelError> {
    let read = || -> io::Result<Result<Vec<u8>, u64>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        if length > MAX_FILE_BYTES {
            return Ok(Err(length));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        Ok(Ok(bytes))
    };
    match read().map_err(ModelError::io("read", path))? {
        Ok(bytes) => Ok(bytes),
        Err(bytes) => Err(ModelError::TooLong { path: path.to_owned(), bytes }),
    }
}
