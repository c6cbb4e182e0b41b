//! Lent files: files elsewhere that serve as blobs, so that a build in one process does not copy
//! its project into the user's cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use impasto_types::{BlobRef, Digest};

/// The lent files by digest. Clones are handles to the same map.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lent(Arc<Mutex<BTreeMap<Digest, PathBuf>>>);

impl Lent {
    pub(crate) fn insert(&self, digest: Digest, path: &Path) {
        self.map().insert(digest, path.to_owned());
    }

    pub(crate) fn path_of(&self, digest: Digest) -> Option<PathBuf> {
        self.map().get(&digest).cloned()
    }

    /// The digest with the current length of the file lent for it, if there is one.
    pub(crate) fn find(&self, digest: Digest) -> Option<BlobRef> {
        let metadata = fs::metadata(self.path_of(digest)?).ok()?;
        Some(BlobRef { digest, size_bytes: metadata.len() })
    }

    /// A panic cannot leave the map inconsistent, so poisoning is ignored.
    fn map(&self) -> MutexGuard<'_, BTreeMap<Digest, PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
