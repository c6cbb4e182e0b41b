//! Stamps: what one `stat` shows about a file.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Equal stamps of a file mean equal content, except after edits within the resolution of the file
/// system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub size_bytes: u64,
    pub modified_ns: i64,
    /// When the file's data or attributes last changed, which programs cannot set back; 0 if
    /// unknown.
    pub changed_ns: i64,
    /// Identifies the file, so that one renamed into its place is detected; 0 if unknown.
    pub file_id: u64,
}

/// How much older than its digest a file has to be before an equal stamp is trusted. Within one
/// tick of the clock a file can change without a new stamp. The coarsest clocks, of FAT and some
/// network mounts, tick every two seconds.
pub(crate) const RACY_NS: i64 = 2_000_000_000;

impl Stamp {
    /// The stamp of the file that has this metadata.
    pub fn of(metadata: &Metadata) -> Self {
        let modified_ns = metadata.modified().map_or(0, nanoseconds);
        let (changed_ns, file_id) = change_and_id(metadata);
        Self { size_bytes: metadata.len(), modified_ns, changed_ns, file_id }
    }

    /// Whether a digest that was begun at `taken_ns` with this stamp holds as long as the stamp is
    /// equal.
    pub(crate) fn is_trusted(&self, taken_ns: i64) -> bool {
        self.modified_ns.max(self.changed_ns).saturating_add(RACY_NS) <= taken_ns
    }
}

/// The current time in nanoseconds, comparable with the times of files.
pub fn now_ns() -> i64 {
    nanoseconds(SystemTime::now())
}

pub(crate) fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}

#[cfg(unix)]
fn change_and_id(metadata: &Metadata) -> (i64, u64) {
    use std::os::unix::fs::MetadataExt;
    (
        metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec()),
        metadata.ino(),
    )
}

#[cfg(not(unix))]
fn change_and_id(_metadata: &Metadata) -> (i64, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_file_is_not_trusted() {
        let stamp = Stamp { size_bytes: 1, modified_ns: 10 * RACY_NS, changed_ns: 0, file_id: 0 };
        for (taken_ns, expected) in
            [(0, false), (10 * RACY_NS, false), (11 * RACY_NS - 1, false), (11 * RACY_NS, true)]
        {
            assert_eq!(stamp.is_trusted(taken_ns), expected, "{taken_ns}");
        }
        // Setting the modification time back does not make it older.
        assert!(
            !Stamp { modified_ns: 0, changed_ns: 10 * RACY_NS, ..stamp }.is_trusted(10 * RACY_NS)
        );
    }
}
