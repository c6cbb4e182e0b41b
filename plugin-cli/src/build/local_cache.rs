//! Results that this machine has already: the embedded farm's blobs and action cache, read without
//! starting it.

use std::path::Path;

use impasto_blobs::{ActionCacheError, BlobStoreError, LocalActions, LocalBlobs};
use impasto_coordinator::Settings;
use impasto_types::{Digest, RunReport, TaskResult};
use tokio_util::sync::CancellationToken;

use super::Origin;
use super::delivery::Delivery;

#[derive(Debug)]
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

    /// Delivers what is here.
    pub(crate) fn restore(&self, delivery: &mut Delivery<'_>, cancel: &CancellationToken) {
        for task in delivery.open() {
            if cancel.is_cancelled() {
                return;
            }
            let Some(result) = self.actions.get(task.action) else { continue };
            match self.blobs.read(result.outputs[0].blob) {
                Ok(bytes) => delivery.deliver(task.action, &result, &bytes, Origin::Cached),
                // It is painted again.
                Err(error) => tracing::debug!("cannot restore {}: {error}", task.output),
            }
        }
    }

    /// How a result that is here came about.
    pub(crate) fn report(&self, action: Digest) -> Option<RunReport> {
        self.actions.get(action).map(|result| result.report)
    }

    /// Keeps what a farm has painted, so that it comes back without the farm. A cache that is full
    /// costs time later, not the build.
    pub(crate) fn keep(&self, action: Digest, result: &TaskResult, bytes: &[u8]) {
        if self.actions.get(action).is_some() {
            return;
        }
        let kept = self.blobs.put(bytes).map_err(LocalCacheError::from);
        let kept = kept.and_then(|_| Ok(self.actions.put(action, result)?));
        if let Err(error) = kept {
            tracing::debug!("cannot keep a result: {error}");
        }
    }
}
