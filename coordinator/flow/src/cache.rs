//! Results that this machine already has, without a farm.

use std::fmt::Debug;

use impasto_types::{Digest, TaskResult};

/// A cache of results. Its calls block. They do not fail, as a lost entry only costs time.
pub trait ResultCache: Debug + Send + Sync {
    /// The result of `action` and the contents of its outputs, in their order, if all exist.
    fn get(&self, action: Digest) -> Option<(TaskResult, Vec<Vec<u8>>)>;

    /// Removes a result that is not what its action makes.
    fn forget(&self, action: Digest);

    /// Stores a farm's result, so that it can be restored without the farm.
    fn keep(&self, action: Digest, result: &TaskResult, files: &[&[u8]]);
}
