//! What was built last time.

use impasto_types::{Action, AssetPath, BlobRef, Digest};
use serde::{Deserialize, Serialize};

/// How an output came to be; the caller keeps one per output in the project's state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub asset: AssetPath,
    pub style: String,
    pub action: Action,
    /// The action's digest as it was computed then: comparing it does not depend on how a file
    /// writes numbers.
    pub action_digest: Digest,
    /// The file that was written.
    pub output: BlobRef,
}
