//! Intervals of a watcher.

use super::settling::SettleSettings;

/// How a folder is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSettings {
    pub settle: SettleSettings,
    /// Polls instead of using the system's events, which network mounts often lack.
    pub poll: bool,
    /// How often all files are compared without events.
    pub poll_ms: u64,
    /// How often all files are compared with events, in case some were lost.
    pub reconcile_ms: u64,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            settle: SettleSettings::default(),
            poll: false,
            poll_ms: 2_000,
            reconcile_ms: 60_000,
        }
    }
}
