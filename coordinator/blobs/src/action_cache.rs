//! Results of actions, for asynchronous callers.

use std::collections::BTreeMap;

use impasto_types::{Digest, TaskResult};

use crate::blocking::blocking;
use crate::{ActionCacheError, BlobStore, LocalActions};

/// Results by action. Clones are handles on the same cache.
#[derive(Debug, Clone)]
pub struct ActionCache {
    local: LocalActions,
}

impl From<LocalActions> for ActionCache {
    fn from(local: LocalActions) -> Self {
        Self { local }
    }
}

impl ActionCache {
    /// Opens the results whose blobs are in `blobs`, and makes their place where there is none.
    ///
    /// # Errors
    /// As [`LocalActions::open`].
    pub async fn open(blobs: &BlobStore) -> Result<Self, ActionCacheError> {
        let blobs = blobs.local().clone();
        blocking(move || LocalActions::open(blobs)).await.map(Self::from)
    }

    /// The same cache for threads that may block.
    pub fn local(&self) -> &LocalActions {
        &self.local
    }

    /// What these actions came to, as far as that is known and its blobs are there. Asking counts
    /// as a use.
    pub async fn results(&self, actions: Vec<Digest>) -> BTreeMap<Digest, TaskResult> {
        let local = self.local.clone();
        let known = move |action| Some((action, local.get(action)?));
        blocking(move || actions.into_iter().filter_map(known).collect()).await
    }

    /// Keeps what actions came to, as many as can be written.
    ///
    /// # Errors
    /// The last entry that could not be written.
    pub async fn put(&self, results: Vec<(Digest, TaskResult)>) -> Result<(), ActionCacheError> {
        let local = self.local.clone();
        let put = move || {
            let mut outcome = Ok(());
            for (action, result) in &results {
                // One entry that cannot be written does not keep the others from it.
                outcome = local.put(*action, result).and(outcome);
            }
            outcome
        };
        blocking(put).await
    }
}
