//! Blobs that must not expire, also where another process cleans up.
//!
//! A hold is a file, `holds/<any name>.hold`, of digests in binary. The process that made it keeps
//! it locked, so that a hold of a process that died is known by its lock being free. The file
//! `lock` orders holds and removals: a hold is made under its shared lock, and files are removed
//! under its exclusive one. So whoever first holds a blob and then finds it there can rely on it:
//! had a removal come in between, it would have seen the hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use impasto_types::Digest;
use tempfile::NamedTempFile;

use crate::{BlobStoreError, ExpiryError, LocalBlobs};

const SUFFIX: &str = ".hold";

/// Keeps blobs from expiring for as long as it lives, in every process that shares the folder.
#[derive(Debug)]
#[must_use = "a hold that is dropped holds nothing"]
pub struct Hold {
    /// Locked; removes itself.
    _file: NamedTempFile,
}

/// Holds blobs, whether they are there yet or not.
pub(crate) fn hold(blobs: &LocalBlobs, digests: &[Digest]) -> Result<Hold, BlobStoreError> {
    let folder = folder(blobs.data_dir());
    let make = || -> io::Result<NamedTempFile> {
        fs::create_dir_all(&folder)?;
        let gate = gate(blobs.data_dir())?;
        shared(&gate)?;
        let mut file = tempfile::Builder::new().suffix(SUFFIX).tempfile_in(&folder)?;
        let bytes: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
        file.write_all(&bytes)?;
        // Shared, so that others can still read it.
        shared(file.as_file())?;
        Ok(file)
    };
    make().map(|file| Hold { _file: file }).map_err(|source| BlobStoreError::write(&folder, source))
}

/// The holds of all processes, as far as they have been read.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    read: BTreeMap<PathBuf, BTreeSet<Digest>>,
}

impl Holds {
    /// Reads what is new, forgets what has ended, and removes what processes that died have left.
    /// The gate is locked.
    pub(crate) fn update(&mut self, data_dir: &Path) -> Result<(), ExpiryError> {
        let folder = folder(data_dir);
        let unreadable = |source| ExpiryError::Look { path: folder.clone(), source };
        let mut before = std::mem::take(&mut self.read);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(unreadable(source)),
        };
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if !path.to_string_lossy().ends_with(SUFFIX) || is_abandoned(&path) {
                continue;
            }
            let digests = match before.remove(&path) {
                Some(digests) => digests,
                None => match fs::read(&path) {
                    Ok(bytes) => digests_of(&bytes),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(source) => return Err(ExpiryError::Look { path, source }),
                },
            };
            self.read.insert(path, digests);
        }
        Ok(())
    }

    pub(crate) fn contain(&self, digest: Digest) -> bool {
        self.read.values().any(|digests| digests.contains(&digest))
    }
}

/// Whether nobody holds the lock of a hold; it is removed then.
fn is_abandoned(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return false };
    let abandoned = file.try_lock().is_ok();
    if abandoned {
        let _ = fs::remove_file(path);
    }
    abandoned
}

fn digests_of(bytes: &[u8]) -> BTreeSet<Digest> {
    bytes.chunks_exact(32).filter_map(|digest| Digest::try_from(digest).ok()).collect()
}

/// The file whose lock orders holds and removals.
pub(crate) fn gate(data_dir: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(data_dir.join("lock"))
}

/// Where a file system has no locks nothing is ever removed, so holds need none.
fn shared(file: &File) -> io::Result<()> {
    match file.lock_shared() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        result => result,
    }
}

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("holds")
}
