//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use impasto_types::{BlobRef, Digest};
use tempfile::{NamedTempFile, TempDir};

use super::ModelFile;
use crate::ModelError;

/// What half-made files and folders are called, so that they can be told from kept ones.
const HALF_MADE: &str = ".half-made-";

/// Twice the longest that is known: torchvision's VGG-19 with its classifier.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A folder in the store for a pull to work in; it goes when it is dropped.
pub(super) fn working_folder(dir: &Path) -> Result<TempDir, ModelError> {
    tempfile::Builder::new()
        .prefix(HALF_MADE)
        .tempdir_in(dir)
        .map_err(ModelError::io("create a folder in", dir))
}

/// Removes what a process that died left half made. The store's lock is held. What cannot be
/// removed, as a child of that process may still have it open, is left to the next writer.
pub(super) fn remove_leftovers(dir: &Path) -> Result<(), ModelError> {
    for entry in fs::read_dir(dir).map_err(ModelError::io("list", dir))? {
        let entry = entry.map_err(ModelError::io("list", dir))?;
        if !entry.file_name().to_string_lossy().starts_with(HALF_MADE) {
            continue;
        }
        let path = entry.path();
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
    }
    Ok(())
}

/// Writes a file beside its place and moves it there.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let mut half_made = half_made_beside(path)?;
    half_made.write_all(bytes).map_err(ModelError::io("write", path))?;
    put_in_place(half_made, path)
}

/// Copies `from` into the store, unless it is not what `to` is to be.
pub(super) fn copy_whole(from: &Path, to: &ModelFile) -> Result<(), ModelError> {
    let expected = to.model.blob;
    let source = File::open(from).map_err(ModelError::io("read", from))?;
    let mut half_made = half_made_beside(&to.path)?;
    // One byte more than there should be shows a file that is too long.
    let mut source = source.take(expected.size_bytes.saturating_add(1));
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = source.read(&mut buffer).map_err(ModelError::io("read", from))?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        half_made.write_all(&buffer[..length]).map_err(ModelError::io("write", &to.path))?;
    }
    let got = Digest::of_hasher(&hasher);
    if got != expected.digest {
        return Err(ModelError::WrongDigest {
            what: format!("`{}`", from.display()),
            expected: expected.digest,
            got,
        });
    }
    put_in_place(half_made, &to.path)
}

/// The digest and length of a file, where there is one.
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

/// Reads a file, unless it is longer than weights are.
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

fn half_made_beside(path: &Path) -> Result<NamedTempFile, ModelError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(HALF_MADE);
    // Weights are no secret: where several users share a store, the umask decides, as for any other
    // file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir).map_err(ModelError::io("create a file in", dir))
}

fn put_in_place(half_made: NamedTempFile, path: &Path) -> Result<(), ModelError> {
    half_made.as_file().sync_all().map_err(ModelError::io("write", path))?;
    half_made.persist(path).map_err(|error| ModelError::io("write", path)(error.error))?;
    Ok(())
}
