//! The reports of a watcher.

use std::collections::BTreeSet;

use impasto_types::AssetPath;

/// What a watcher reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These assets and inputs are finished, or gone.
    Paths(BTreeSet<AssetPath>),
    /// Events were lost: look at everything.
    Rescan,
    /// The manifest changed; the watcher goes by the old one until it is started anew.
    ManifestChanged,
    /// A picture has stood still half-written for too long. Reported once.
    Incomplete { path: AssetPath, reason: String },
    /// The system gives no events any more, or never did; the folder is compared every `poll_ms`
    /// instead.
    Polling { reason: String },
}
