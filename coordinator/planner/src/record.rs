//! Records of the last build.

use impasto_types::{Action, AssetPath, BlobRef, Digest};
use serde::{Deserialize, Serialize};

/// How an output was built. The caller keeps one for each output.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The asset that the output was painted from.
    pub asset: AssetPath,
    /// The action's digest as it was computed then, so comparing it does not depend on how a file
    /// represents numbers.
    pub action_digest: Digest,
    /// The file that was written.
    pub output: BlobRef,
    /// The action itself. `None` if only its digest is known, as in a fresh clone: that shows that
    /// an output is stale, but not which input changed.
    pub details: Option<Box<RecordDetails>>,
}

/// The action of an output, which a plan compares with the current one to give reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordDetails {
    /// The style's name in the manifest.
    pub style: String,
    pub action: Action,
}
