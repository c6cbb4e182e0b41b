//! When a watcher looks, and how long it waits.

use super::settling::SettleSettings;

/// How a folder is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSettings {
    pub settle: SettleSettings,
    /// Does without the system's events, which network mounts often do not give.
    pub poll: bool,
    /// How often everything is compared where there are no events.
    pub poll_ms: u64,
    /// How often everything is compared where there are, for those that were lost.
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
