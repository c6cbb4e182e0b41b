//! Results that a machine has already, found without a farm.

use std::fmt::Debug;

use impasto_types::{Digest, TaskResult};

/// A cache of results. Its calls block. Losing an entry costs time, never a result, so nothing here
/// fails.
pub trait ResultCache: Debug + Send + Sync {
    /// What `action` came to, and the contents of its outputs in their order, if all are here.
    fn get(&self, action: Digest) -> Option<(TaskResult, Vec<Vec<u8>>)>;

    /// Keeps what a farm has painted, so that it comes back without the farm.
    fn keep(&self, action: Digest, result: &TaskResult, files: &[&[u8]]);
}
