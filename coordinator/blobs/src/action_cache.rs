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
    /// Opens the cache whose blobs are in `blobs`, and creates its folder if there is none.
    ///
    /// # Errors
    /// As [`LocalActions::open`].
    pub async fn open(blobs: &BlobStore) -> Result<Self, ActionCacheError> {
        let blobs = blobs.local().clone();
        blocking(move || LocalActions::open(blobs)).await.map(Self::from)
    }

    /// The same cache for blocking threads.
    pub fn local(&self) -> &LocalActions {
        &self.local
    }

    /// The results of these actions that are known and whose blobs exist. Counts as a use.
    pub async fn results(&self, actions: Vec<Digest>) -> BTreeMap<Digest, TaskResult> {
        let local = self.local.clone();
        let known = move |action| Some((action, local.get(action)?));
        blocking(move || actions.into_iter().filter_map(known).collect()).await
    }

    /// Removes results. Returns which of them were there.
    ///
    /// # Errors
    /// As [`LocalActions::remove`].
    pub async fn remove(&self, actions: Vec<Digest>) -> Result<Vec<Digest>, ActionCacheError> {
        let local = self.local.clone();
        blocking(move || {
            let mut removed = Vec::new();
            for action in actions {
                if local.remove(action)? {
                    removed.push(action);
                }
            }
            Ok(removed)
        })
        .await
    }

    /// Stores results, as many as can be written.
    ///
    /// # Errors
    /// The last entry that could not be written.
    pub async fn put(&self, results: Vec<(Digest, TaskResult)>) -> Result<(), ActionCacheError> {
        let local = self.local.clone();
        let put = move || {
            let mut outcome = Ok(());
            for (action, result) in &results {
                // An entry that cannot be written does not stop the others.
                outcome = local.put(*action, result).and(outcome);
            }
            outcome
        };
        blocking(put).await
    }
}
