//! What actions came to: a small JSON file per action, `actions/ab/<digest>.json`, that names the
//! result's blob.
//!
//! Losing an entry costs a computation, never a picture: what does not read is removed, and a
//! result whose blob is gone is no result.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use impasto_types::{Digest, TaskResult};
use serde::{Deserialize, Serialize};

use crate::BlobStore;
use crate::whole_file;

/// No entry comes near this; a larger file is none.
const MAX_ENTRY_BYTES: u64 = 64 << 10;

/// Results by action digest, in a folder that several processes can share.
#[derive(Debug, Clone)]
pub struct ActionCache {
    root: PathBuf,
}

/// An entry that was not kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct ActionCacheError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// An entry names its action, so that a file that was moved or copied is not taken for another's.
#[derive(Serialize, Deserialize)]
struct Entry {
    action: Digest,
    result: TaskResult,
}

impl ActionCache {
    /// Opens the cache in `data_dir`, and makes it where there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(data_dir: &Path) -> Result<Self, ActionCacheError> {
        let root = data_dir.join("actions");
        fs::create_dir_all(&root)
            .map_err(|source| ActionCacheError { path: root.clone(), source })?;
        Ok(Self { root })
    }

    /// What `action` came to, if that is known and its picture is in `blobs`.
    pub fn get(&self, action: Digest, blobs: &BlobStore) -> Option<TaskResult> {
        let path = self.path_of(action);
        let size_bytes = fs::metadata(&path).ok()?.len();
        // An entry that cannot be read just now may be sound: only what was read and makes no sense
        // is removed.
        let bytes = if size_bytes <= MAX_ENTRY_BYTES { fs::read(&path).ok()? } else { Vec::new() };
        let entry = serde_json::from_slice::<Entry>(&bytes).ok();
        match entry.filter(|entry| entry.action == action) {
            Some(entry) => {
                Some(entry.result).filter(|result| result.blobs().all(|blob| blobs.contains(blob)))
            }
            None => {
                tracing::warn!(path = %path.display(), "an entry of the action cache does not read and is removed");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps what `action` came to.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn put(&self, action: Digest, result: &TaskResult) -> Result<(), ActionCacheError> {
        let path = self.path_of(action);
        let entry = Entry { action, result: result.clone() };
        self.write(&path, &entry).map_err(|source| ActionCacheError { path, source })
    }

    fn write(&self, path: &Path, entry: &Entry) -> io::Result<()> {
        let (mut file, temp) = whole_file::begin(&self.root)?;
        file.write_all(&serde_json::to_vec(entry)?)?;
        drop(file);
        whole_file::keep(temp, path)
    }

    fn path_of(&self, action: Digest) -> PathBuf {
        let hex = action.to_hex();
        self.root.join(&hex[..2]).join(format!("{hex}.json"))
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{Losses, Output, Part, RunReport};

    use super::*;

    struct Cache {
        _folder: tempfile::TempDir,
        blobs: BlobStore,
        cache: ActionCache,
    }

    fn cache() -> Cache {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = BlobStore::open(folder.path(), 1 << 20).expect("it opens");
        let cache = ActionCache::open(folder.path()).expect("it opens");
        Cache { _folder: folder, blobs, cache }
    }

    fn result(blobs: &BlobStore) -> TaskResult {
        let report = RunReport {
            iterations: 40,
            losses: Some(Losses { total: 1.25, content: 1.0, style: 0.25 }),
            compute_ms: 10,
            device: "cpu scalar".to_owned(),
        };
        let blob = blobs.put(b"picture").expect("it is stored");
        let output = Output { part: Part::Color, blob, width: 2, height: 3 };
        TaskResult { outputs: vec![output], report }
    }

    #[test]
    fn what_is_kept_is_found_while_its_picture_is_there() {
        let Cache { _folder, blobs, cache } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        assert_eq!(cache.get(action, &blobs), None);
        cache.put(action, &result).expect("it is kept");
        assert_eq!(cache.get(action, &blobs), Some(result));
        let empty = tempfile::tempdir().expect("a folder");
        let without = BlobStore::open(empty.path(), 1 << 20).expect("it opens");
        assert_eq!(cache.get(action, &without), None);
    }

    #[test]
    fn an_entry_that_does_not_read_is_removed() {
        let Cache { _folder, blobs, cache } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        for change in [
            |bytes: &mut Vec<u8>| bytes.truncate(10),
            |bytes: &mut Vec<u8>| bytes.clear(),
            |bytes: &mut Vec<u8>| bytes.resize(1 << 20, b' '),
            |bytes: &mut Vec<u8>| bytes[13] ^= 1,
        ] {
            cache.put(action, &result).expect("it is kept");
            let path = cache.path_of(action);
            let mut bytes = fs::read(&path).expect("it is there");
            change(&mut bytes);
            fs::write(&path, bytes).expect("it is overwritten");
            assert_eq!(cache.get(action, &blobs), None);
            assert!(!path.exists());
        }
    }
}
