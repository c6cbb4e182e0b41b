//! Changes that a watcher reports.

use std::collections::BTreeSet;

use impasto_types::AssetPath;

/// A change that a watcher reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These assets and inputs changed and are complete, or were removed.
    Paths(BTreeSet<AssetPath>),
    /// Events were lost: scan everything.
    Rescan,
    /// The manifest changed. The watcher uses the old one until it is restarted.
    ManifestChanged,
    /// A picture is incomplete and has not changed for too long. Reported once.
    Incomplete { path: AssetPath, reason: String },
    /// The system has no events, or stopped sending them; the folder is compared every `poll_ms`
    /// instead.
    Polling { reason: String },
}
