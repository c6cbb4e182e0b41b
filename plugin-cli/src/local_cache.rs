//! Results that this machine already has: the embedded farm's blobs and action cache, read without
//! starting it.

use std::path::Path;

use impasto_blobs::{ActionCacheError, BlobStoreError, LocalActions, LocalBlobs};
use impasto_build::ResultCache;
use impasto_coordinator::Settings;
use impasto_types::{Digest, RunReport, TaskResult};

/// The user's cache. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct LocalCache {
    blobs: LocalBlobs,
    actions: LocalActions,
}

/// A cache that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LocalCacheError {
    #[error("cannot use the cache")]
    Blobs(#[from] BlobStoreError),
    #[error("cannot use the cache")]
    Actions(#[from] ActionCacheError),
}

impl LocalCache {
    pub(crate) fn open(cache_dir: &Path) -> Result<Self, LocalCacheError> {
        let max_blob_bytes = Settings::embedded(cache_dir).max_blob_bytes;
        let blobs = LocalBlobs::open(cache_dir, max_blob_bytes)?;
        Ok(Self { actions: LocalActions::open(blobs.clone())?, blobs })
    }

    /// The report of a cached result.
    pub(crate) fn report(&self, action: Digest) -> Option<RunReport> {
        self.actions.get(action).map(|result| result.report)
    }
}

impl ResultCache for LocalCache {
    fn get(&self, action: Digest) -> Option<(TaskResult, Vec<Vec<u8>>)> {
        let result = self.actions.get(action)?;
        let files: Result<_, _> =
            result.outputs.iter().map(|output| self.blobs.read(output.blob)).collect();
        match files {
            Ok(files) => Some((result, files)),
            Err(error) => {
                // The asset is painted again.
                tracing::debug!("cannot restore a result: {error}");
                None
            }
        }
    }

    fn forget(&self, action: Digest) {
        if let Err(error) = self.actions.remove(action) {
            tracing::debug!("cannot remove a result: {error}");
        }
    }

    fn keep(&self, action: Digest, result: &TaskResult, files: &[&[u8]]) {
        if self.actions.get(action).is_some() {
            return;
        }
        let kept = || -> Result<(), LocalCacheError> {
            for file in files {
                self.blobs.put(file)?;
            }
            Ok(self.actions.put(action, result)?)
        };
        let kept = kept();
        if let Err(error) = kept {
            // Without a cached result, a later build paints again; this one still succeeds.
            tracing::debug!("cannot keep a result: {error}");
        }
    }
}
