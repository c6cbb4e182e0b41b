//! What was built last time.

use impasto_types::{Action, AssetPath, BlobRef, Digest};
use serde::{Deserialize, Serialize};

/// How an output came to be. The caller keeps one for each output.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The asset that the output was painted from.
    pub asset: AssetPath,
    /// The action's digest as it was computed then: comparing it does not depend on how a file
    /// writes numbers.
    pub action_digest: Digest,
    /// The file that was written.
    pub output: BlobRef,
    /// What the action was. `None` where only its digest is known, as in a fresh clone: that is
    /// enough to see that an output is stale, but not which input made it so.
    pub details: Option<RecordDetails>,
}

/// The action behind an output, which a plan compares with today's to give reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordDetails {
    /// The style's name in the manifest.
    pub style: String,
    pub action: Action,
}
