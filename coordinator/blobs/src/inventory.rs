//! Lists a store's files with their sizes and last uses.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use impasto_types::Digest;

use crate::ExpiryError;
use crate::last_use::last_use;

/// A folder of files named by digests, in up to 256 subfolders by the first byte.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Blob,
    /// A corrupt blob, kept for inspection.
    Corrupt,
    Result,
}

/// A file of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) used: SystemTime,
}

/// A number of files, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub files: u64,
    pub bytes: u64,
}

/// The content of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inventory {
    pub blobs: Count,
    /// Blobs that were moved aside because their bytes do not match their digest.
    pub corrupt: Count,
    pub results: Count,
    /// The least recent use; `None` for an empty store.
    pub oldest: Option<SystemTime>,
}

impl Folder {
    pub(crate) fn blobs(data_dir: &Path) -> Self {
        Self { root: data_dir.join("blobs"), kind: Kind::Blob }
    }

    pub(crate) fn actions(data_dir: &Path) -> Self {
        Self { root: data_dir.join("actions"), kind: Kind::Result }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn corrupt(&self) -> PathBuf {
        self.root.join("corrupt")
    }

    pub(crate) fn path_of(&self, digest: Digest) -> PathBuf {
        let hex = digest.to_hex();
        let folder = self.root.join(&hex[..2]);
        match self.kind {
            Kind::Result => folder.join(format!("{hex}.json")),
            Kind::Blob | Kind::Corrupt => folder.join(hex),
        }
    }

    /// Every file; `None` if `until` passed before all were listed.
    pub(crate) fn stored(
        &self,
        until: Option<Instant>,
    ) -> Result<Option<Vec<Stored>>, ExpiryError> {
        let mut found = Vec::new();
        for folder in list(&self.root)? {
            let name = folder.file_name();
            let kind = match name.to_str() {
                Some("corrupt") => Kind::Corrupt,
                Some(name) if is_prefix(name) => self.kind,
                _ => continue,
            };
            for file in list(&folder.path())? {
                found.extend(self.file(&file, kind));
            }
            if until.is_some_and(|until| Instant::now() > until) {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    /// The digests in this folder that begin with these hexadecimal digits, at least two.
    pub(crate) fn beginning_with(&self, digits: &str) -> Result<Vec<Digest>, ExpiryError> {
        let files = list(&self.root.join(&digits[..2]))?;
        let named = files.iter().filter_map(|file| self.file(file, self.kind));
        let mut digests: Vec<Digest> = named.map(|stored| stored.digest).collect();
        digests.retain(|digest| digest.to_hex().starts_with(digits));
        Ok(digests)
    }

    /// `None` for a file that is not named by a digest, or that was removed meanwhile.
    fn file(&self, entry: &DirEntry, kind: Kind) -> Option<Stored> {
        let name = entry.file_name();
        let name = name.to_str()?;
        let digest = match kind {
            Kind::Blob | Kind::Corrupt => name,
            Kind::Result => name.strip_suffix(".json")?,
        };
        let digest = digest.parse().ok()?;
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(Stored { kind, digest, bytes: metadata.len(), used: last_use(&metadata) })
    }
}

fn is_prefix(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The entries of a folder; empty if it does not exist.
fn list(folder: &Path) -> Result<Vec<DirEntry>, ExpiryError> {
    let unreadable = |source| ExpiryError::Look { path: folder.to_owned(), source };
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<io::Result<_>>().map_err(unreadable),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(unreadable(source)),
    }
}

/// Every file of the store in `data_dir`; `None` if `until` passed before all were listed.
pub(crate) fn stored_in(
    data_dir: &Path,
    until: Option<Instant>,
) -> Result<Option<Vec<Stored>>, ExpiryError> {
    let (blobs, actions) = (Folder::blobs(data_dir), Folder::actions(data_dir));
    let Some(mut stored) = blobs.stored(until)? else { return Ok(None) };
    let Some(results) = actions.stored(until)? else { return Ok(None) };
    stored.extend(results);
    Ok(Some(stored))
}

impl Count {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl Inventory {
    /// Lists the store in `data_dir`. A folder that does not exist counts as empty.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn of(data_dir: &Path) -> Result<Self, ExpiryError> {
        let stored = stored_in(data_dir, None)?;
        Ok(Self::count(stored.iter().flatten()))
    }

    /// The total over all files.
    pub fn total(&self) -> Count {
        let parts = [self.blobs, self.corrupt, self.results];
        Count {
            files: parts.iter().map(|part| part.files).sum(),
            bytes: parts.iter().map(|part| part.bytes).sum(),
        }
    }

    pub(crate) fn count<'a>(stored: impl Iterator<Item = &'a Stored>) -> Self {
        let mut inventory = Self::default();
        for file in stored {
            let count = match file.kind {
                Kind::Blob => &mut inventory.blobs,
                Kind::Corrupt => &mut inventory.corrupt,
                Kind::Result => &mut inventory.results,
            };
            count.add(file.bytes);
            let oldest = inventory.oldest.get_or_insert(file.used);
            *oldest = file.used.min(*oldest);
        }
        inventory
    }
}
