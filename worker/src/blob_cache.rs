//! A cache of downloaded blobs: a folder of limited size; the least recently used blob is removed
//! first.
//!
//! A file's name is its digest, and its bytes are verified on every read, so several workers can
//! share a folder, and a damaged file is only a miss. Each worker has its own index, made when it
//! opened the folder.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use impasto_files::Durability;
use impasto_types::{BlobRef, Digest};

/// A temporary file this old was left behind by a process that died.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
pub(crate) struct BlobCache {
    dir: PathBuf,
    max_bytes: u64,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    blobs: BTreeMap<Digest, Entry>,
    bytes: u64,
    /// A counter of uses: a larger number is a later use.
    uses: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl BlobCache {
    /// Opens or creates a folder. Files whose names are not digests are left alone.
    pub(crate) fn open(dir: &Path, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        impasto_files::remove_abandoned(dir, ABANDONED);
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let Some(digest) =
                entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok())
            else {
                continue;
            };
            // Another worker may have removed the file by now.
            let Ok(metadata) = entry.metadata() else { continue };
            found.push((
                metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                digest,
                metadata.len(),
            ));
        }
        found.sort_unstable();
        let mut index = Index::default();
        for (_, digest, bytes) in found {
            index.insert(digest, bytes);
        }
        let cache = Self { dir: dir.to_owned(), max_bytes, index: Mutex::new(index) };
        cache.evict(&mut cache.index());
        Ok(cache)
    }

    /// The bytes of a blob, if they are here and match its digest.
    pub(crate) fn get(&self, blob: BlobRef) -> Option<Vec<u8>> {
        let path = self.path(blob.digest);
        let bytes = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() == blob.size_bytes => fs::read(&path).ok(),
            _ => None,
        };
        let Some(bytes) = bytes.filter(|bytes| BlobRef::of(bytes) == blob) else {
            self.forget(blob.digest);
            return None;
        };
        self.index().insert(blob.digest, blob.size_bytes);
        // Modification times keep the order of use for the next process; without them it starts
        // with an older order.
        let _ = OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Stores a blob's bytes, unless it is larger than the whole cache.
    pub(crate) fn put(&self, blob: BlobRef, bytes: &[u8]) -> io::Result<()> {
        if blob.size_bytes > self.max_bytes {
            return Ok(());
        }
        // No sync: bytes are verified on read, and a lost blob is only fetched again.
        impasto_files::write(&self.path(blob.digest), bytes, Durability::None)?;
        let mut index = self.index();
        index.insert(blob.digest, blob.size_bytes);
        self.evict(&mut index);
        Ok(())
    }

    /// The most recently used blobs, at most `count`.
    pub(crate) fn newest(&self, count: usize) -> Vec<Digest> {
        let index = self.index();
        let mut blobs: Vec<_> =
            index.blobs.iter().map(|(digest, entry)| (entry.used, *digest)).collect();
        blobs.sort_unstable_by(|a, b| b.cmp(a));
        blobs.into_iter().take(count).map(|(_, digest)| digest).collect()
    }

    /// A temporary folder beside the blobs, removed when dropped.
    pub(crate) fn scratch_folder(&self) -> io::Result<tempfile::TempDir> {
        tempfile::Builder::new().prefix(".").suffix(".part").tempdir_in(&self.dir)
    }

    fn evict(&self, index: &mut Index) {
        while index.bytes > self.max_bytes {
            let Some(digest) =
                index.blobs.iter().min_by_key(|(_, entry)| entry.used).map(|(digest, _)| *digest)
            else {
                return;
            };
            index.remove(digest);
            // A file that cannot be removed is already gone, or will be found when the folder is
            // next opened.
            let _ = fs::remove_file(self.path(digest));
        }
    }

    fn forget(&self, digest: Digest) {
        self.index().remove(digest);
        let _ = fs::remove_file(self.path(digest));
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(digest.to_hex())
    }

    /// The index is consistent after every statement, so a poisoned lock can be used.
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    /// Records a blob, or another use of it.
    fn insert(&mut self, digest: Digest, bytes: u64) {
        self.uses += 1;
        self.remove(digest);
        self.blobs.insert(digest, Entry { bytes, used: self.uses });
        self.bytes += bytes;
    }

    fn remove(&mut self, digest: Digest) {
        if let Some(entry) = self.blobs.remove(&digest) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(fill: u8) -> (BlobRef, Vec<u8>) {
        let bytes = vec![fill; 100];
        (BlobRef::of(&bytes), bytes)
    }

    #[test]
    fn the_least_recently_used_blob_is_removed_first() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = BlobCache::open(dir.path(), 250).expect("it opens");
        let [a, b, c] = [1, 2, 3].map(blob);
        for (blob, bytes) in [&a, &b] {
            cache.put(*blob, bytes).expect("it is kept");
        }
        assert_eq!(cache.get(a.0), Some(a.1.clone()));
        cache.put(c.0, &c.1).expect("it is kept");
        assert_eq!(cache.newest(9), [c.0.digest, a.0.digest]);
        assert_eq!(cache.newest(1), [c.0.digest]);
        assert_eq!(cache.get(b.0), None);
        let reopened = BlobCache::open(dir.path(), 250).expect("it opens");
        assert_eq!(reopened.get(a.0), Some(a.1));
        assert_eq!(reopened.get(c.0), Some(c.1));
        assert_eq!(
            BlobCache::open(dir.path(), 150).expect("it opens").newest(9).len(),
            1,
            "a smaller limit applies at once"
        );
    }

    #[test]
    fn a_damaged_file_is_a_miss_and_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = BlobCache::open(dir.path(), 1000).expect("it opens");
        let (blob, mut bytes) = blob(7);
        cache.put(blob, &bytes).expect("it is kept");
        bytes[50] ^= 1;
        let path = dir.path().join(blob.digest.to_hex());
        fs::write(&path, &bytes).expect("it is written");
        assert_eq!(cache.get(blob), None);
        assert!(!path.exists());
        assert_eq!(cache.newest(9), []);
    }

    #[test]
    fn large_blobs_are_not_stored_and_other_files_not_touched() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("notes.txt"), "keep").expect("it is written");
        let cache = BlobCache::open(dir.path(), 50).expect("it opens");
        let (blob, bytes) = blob(7);
        cache.put(blob, &bytes).expect("nothing went wrong");
        assert_eq!(cache.get(blob), None);
        assert!(dir.path().join("notes.txt").exists());
    }
}
