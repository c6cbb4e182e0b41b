//! Holds: keep blobs from expiring, even if another process cleans up.
//!
//! A hold is a file of binary digests, `holds/<any name>.hold`. The process that created it keeps
//! it locked, so a free lock shows that the process has died. The file `lock` orders holds and
//! removals: a hold is created under its shared lock, and files are removed under its exclusive
//! lock. So a process that first holds a blob and then finds that it exists can rely on it: any
//! later removal sees the hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use impasto_types::Digest;
use tempfile::NamedTempFile;

use crate::{BlobStoreError, ExpiryError, LocalBlobs};

const SUFFIX: &str = ".hold";

/// Keeps blobs from expiring until it is dropped, in every process that shares the folder.
#[derive(Debug)]
#[must_use = "a dropped hold holds nothing"]
pub struct Hold {
    /// Locked, and removed on drop.
    _file: NamedTempFile,
}

/// Holds blobs, even if they do not exist yet.
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
    /// Reads new holds, forgets released ones, and removes those of dead processes. The caller must
    /// hold the lock of [`gate`].
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

/// Whether no process locks a hold; its file is removed then.
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

/// On a file system without locks nothing is ever removed, so holds need no lock.
fn shared(file: &File) -> io::Result<()> {
    match file.lock_shared() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        result => result,
    }
}

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("holds")
}
