//! Results of actions: a small JSON file per action, `actions/ab/<digest>.json`, that names the
//! result's blobs.
//!
//! Losing an entry costs a computation, never a picture: damaged entries are removed, and a result
//! whose blob is missing is ignored.

use std::fs;
use std::io;
use std::path::Path;

use impasto_files::Durability;
use impasto_types::{Digest, TaskResult};

use crate::entry::{self, Entry};
use crate::inventory::Folder;
use crate::last_use::note_use;
use crate::{ActionCacheError, ExpiryError, LocalBlobs};

/// Far larger than any entry; larger files are damaged.
const MAX_ENTRY_BYTES: u64 = 1 << 20;

/// Results by action, in a folder beside the blobs. Calls block.
#[derive(Debug, Clone)]
pub struct LocalActions {
    folder: Folder,
    blobs: LocalBlobs,
}

/// What is stored for an action.
#[derive(Debug, PartialEq)]
pub enum Peeked {
    Result(Box<TaskResult>),
    /// Written by another version of this program, which can read it.
    OfAnotherVersion,
    /// Not a result, or that of another action.
    Damaged,
    /// Nothing, by now.
    Gone,
}

impl LocalActions {
    /// Opens the cache whose blobs are in `blobs`, and creates its folder if there is none.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn open(blobs: LocalBlobs) -> Result<Self, ActionCacheError> {
        let folder = Folder::actions(blobs.data_dir());
        fs::create_dir_all(folder.root())
            .map_err(|source| ActionCacheError { path: folder.root().to_owned(), source })?;
        Ok(Self { folder, blobs })
    }

    /// The result of `action`, if it is known and its blobs exist. Counts as a use of the result
    /// and its blobs.
    pub fn get(&self, action: Digest) -> Option<TaskResult> {
        let path = self.folder.path_of(action);
        match self.read(&path, action)? {
            Entry::Result(result) => {
                if let Ok(metadata) = fs::metadata(&path) {
                    note_use(&path, &metadata);
                }
                Some(*result).filter(|result| result.blobs().all(|blob| self.blobs.contains(blob)))
            }
            Entry::Newer | Entry::Unreadable => {
                tracing::debug!(path = %path.display(), "a result was written by another version");
                None
            }
            Entry::Damaged => {
                tracing::warn!(path = %path.display(), "a damaged result is removed");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Stores the result of `action`, unless a newer version has written one.
    ///
    /// # Errors
    /// The entry cannot be written.
    pub fn put(&self, action: Digest, result: &TaskResult) -> Result<(), ActionCacheError> {
        let path = self.folder.path_of(action);
        if self.read(&path, action) == Some(Entry::Newer) {
            return Ok(());
        }
        // A power failure may leave an empty entry. It counts as damaged and costs a computation.
        entry::write(action, result)
            .map_err(Into::into)
            .and_then(|bytes| impasto_files::write(&path, &bytes, Durability::None))
            .map_err(|source| ActionCacheError { path, source })
    }

    /// Removes the result of `action`, unless a newer version has written it. Its blobs stay until
    /// they expire. Returns whether there was one.
    ///
    /// # Errors
    /// The entry cannot be removed.
    pub fn remove(&self, action: Digest) -> Result<bool, ActionCacheError> {
        let path = self.folder.path_of(action);
        if self.read(&path, action) == Some(Entry::Newer) {
            return Ok(false);
        }
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(ActionCacheError { path, source }),
        }
    }

    /// The actions that have results, in any order.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn all(&self) -> Result<Vec<Digest>, ExpiryError> {
        let stored = self.folder.stored(None)?.into_iter().flatten();
        Ok(stored.map(|stored| stored.digest).collect())
    }

    /// The result of `action` as it is stored, whether or not its blobs exist. Does not count as a
    /// use, and removes nothing.
    pub fn peek(&self, action: Digest) -> Peeked {
        match self.read(&self.folder.path_of(action), action) {
            Some(Entry::Result(result)) => Peeked::Result(result),
            Some(Entry::Newer | Entry::Unreadable) => Peeked::OfAnotherVersion,
            Some(Entry::Damaged) => Peeked::Damaged,
            None => Peeked::Gone,
        }
    }

    /// `None` if there is no file or it cannot be read.
    fn read(&self, path: &Path, action: Digest) -> Option<Entry> {
        match fs::metadata(path).ok()?.len() {
            ..=MAX_ENTRY_BYTES => Some(entry::read(&fs::read(path).ok()?, action)),
            _ => Some(Entry::Damaged),
        }
    }

    #[cfg(test)]
    fn path_of(&self, action: Digest) -> std::path::PathBuf {
        self.folder.path_of(action)
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{BlobRef, Losses, Output, Part, RunReport};
    use serde_json::{Value, json};

    use super::*;

    struct Cache {
        _folder: tempfile::TempDir,
        blobs: LocalBlobs,
        actions: LocalActions,
    }

    fn cache() -> Cache {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = LocalBlobs::open(folder.path(), 1 << 20).expect("it opens");
        let actions = LocalActions::open(blobs.clone()).expect("it opens");
        Cache { _folder: folder, blobs, actions }
    }

    fn result(blobs: &LocalBlobs) -> TaskResult {
        let report = RunReport {
            iterations: 40,
            losses: Some(Losses { total: 1.25, content: 1.0, style: 0.25 }),
            compute_ms: 10,
            device: "cpu scalar".to_owned(),
            warning: None,
        };
        let blob = blobs.put(b"picture").expect("it is stored");
        let output = Output { part: Part::Color, blob, width: 2, height: 3 };
        TaskResult { outputs: vec![output], report }
    }

    #[test]
    fn a_stored_result_is_found_while_its_picture_exists() {
        let Cache { _folder, blobs, actions } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        assert_eq!(actions.get(action), None);
        actions.put(action, &result).expect("it is kept");
        assert_eq!(actions.get(action), Some(result.clone()));
        let mut absent = result.clone();
        absent.outputs.push(Output { blob: BlobRef::of(b"absent"), ..result.outputs[0] });
        actions.put(action, &absent).expect("it is kept");
        assert_eq!(actions.get(action), None);
    }

    #[test]
    fn a_result_is_seen_and_removed_by_hand() {
        let Cache { _folder, blobs, actions } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        assert_eq!(
            (actions.peek(action), actions.remove(action).ok()),
            (Peeked::Gone, Some(false))
        );
        actions.put(action, &result).expect("it is kept");
        assert_eq!(actions.all().expect("it is listed"), [action]);
        assert_eq!(actions.peek(action), Peeked::Result(Box::new(result.clone())));
        assert_eq!(actions.remove(action).ok(), Some(true));
        assert_eq!((actions.get(action), actions.all().expect("it is listed")), (None, vec![]));
        actions.put(action, &result).expect("it is kept");
        rewrite(&actions.path_of(action), |entry| entry["version"] = json!(2));
        assert_eq!(actions.peek(action), Peeked::OfAnotherVersion);
        assert_eq!(actions.remove(action).ok(), Some(false), "it is newer");
    }

    #[test]
    fn a_damaged_entry_is_removed() {
        let Cache { _folder, blobs, actions } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        let path = actions.path_of(action);
        for change in [
            |bytes: &mut Vec<u8>| bytes.truncate(10),
            |bytes: &mut Vec<u8>| bytes.clear(),
            |bytes: &mut Vec<u8>| bytes.resize(2 << 20, b' '),
            // The first digit of the action.
            |bytes: &mut Vec<u8>| bytes[br#"{"version":1,"action":""#.len()] ^= 1,
        ] {
            actions.put(action, &result).expect("it is kept");
            let mut bytes = fs::read(&path).expect("it is there");
            change(&mut bytes);
            fs::write(&path, bytes).expect("it is overwritten");
            assert_eq!(actions.get(action), None);
            assert!(!path.exists());
        }
    }

    /// Rewrites the entry of an action as another version might have written it.
    fn rewrite(path: &Path, change: impl Fn(&mut Value)) -> Vec<u8> {
        let bytes = fs::read(path).expect("it is there");
        let mut entry = serde_json::from_slice(&bytes).expect("it is JSON");
        change(&mut entry);
        let bytes = serde_json::to_vec(&entry).expect("it is written");
        fs::write(path, &bytes).expect("it is overwritten");
        bytes
    }

    #[test]
    fn fields_of_a_later_version_are_ignored() {
        let Cache { _folder, blobs, actions } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        actions.put(action, &result).expect("it is kept");
        rewrite(&actions.path_of(action), |entry| {
            entry["extra"] = json!(1);
            entry["result"]["extra"] = json!(1);
            entry["result"]["report"]["extra"] = json!(1);
        });
        assert_eq!(actions.get(action), Some(result));
    }

    #[test]
    fn a_newer_entry_is_a_miss_and_is_kept() {
        let Cache { _folder, blobs, actions } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        actions.put(action, &result).expect("it is kept");
        let path = actions.path_of(action);
        let newer = rewrite(&path, |entry| {
            entry["version"] = json!(2);
            entry["result"] = json!(["of", "another", "shape"]);
        });
        assert_eq!(actions.get(action), None);
        actions.put(action, &result).expect("it is left alone");
        assert_eq!(fs::read(&path).expect("it is there"), newer);
    }

    #[test]
    fn an_unreadable_result_is_a_miss_until_it_is_stored_again() {
        let Cache { _folder, blobs, actions } = cache();
        let (action, result) = (Digest::of(b"action"), result(&blobs));
        actions.put(action, &result).expect("it is kept");
        let path = actions.path_of(action);
        let unreadable = rewrite(&path, |entry| entry["result"] = json!({}));
        assert_eq!(actions.get(action), None);
        assert_eq!(fs::read(&path).expect("it is there"), unreadable);
        actions.put(action, &result).expect("it is replaced");
        assert_eq!(actions.get(action), Some(result));
    }
}
