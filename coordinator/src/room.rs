//! Room on the disk of the blobs, of which the last part is kept for the coordinator's records.
//!
//! Blobs are many and large; facts are small, and nothing goes on without them. So uploads are
//! refused before the disk is full, and the least recently used blobs expire.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use impasto_types::ByteSize;
use tokio::sync::Notify;

/// What is kept of a large disk: the facts of a million attempts.
const KEPT_BYTES: u64 = 64 << 20;

/// What is kept of a small disk, as a divisor of its size.
const KEPT_OF: u64 = 16;

/// Room for blobs. Clones share their notice.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    folder: PathBuf,
    short: Arc<Notify>,
    /// Whether the last blob did not fit, for the log.
    refuses: Arc<AtomicBool>,
}

/// A blob does not fit at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the coordinator's disk is full: {} has {} free, and {} of them are kept for its records; a \
     blob of {} does not fit", folder.display(), disk.free, ByteSize(disk.kept()), blob
)]
pub(crate) struct NoRoom {
    folder: PathBuf,
    disk: Disk,
    blob: ByteSize,
}

/// The state of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    /// What this user may still use.
    free: ByteSize,
    total: ByteSize,
}

impl Disk {
    fn kept(self) -> u64 {
        KEPT_BYTES.min(self.total.0 / KEPT_OF)
    }

    fn takes(self, bytes: u64) -> bool {
        bytes.saturating_add(self.kept()) <= self.free.0
    }

    /// How many bytes have to go, so that there is room for a while.
    fn shortage(self) -> u64 {
        (2 * self.kept()).saturating_sub(self.free.0)
    }
}

impl Room {
    /// The room for the blobs in `folder`.
    pub(crate) fn of(folder: PathBuf) -> Self {
        Self { folder, short: Arc::default(), refuses: Arc::default() }
    }

    /// Whether a blob of this size may be stored.
    ///
    /// # Errors
    /// It does not fit. Then the clean-up is called.
    pub(crate) fn check(&self, bytes: u64) -> Result<(), NoRoom> {
        match disk_of(&self.folder).filter(|disk| !disk.takes(bytes)) {
            None => {
                if self.refuses.swap(false, Ordering::Relaxed) {
                    tracing::info!("uploads are accepted again");
                }
                Ok(())
            }
            Some(disk) => {
                let (folder, blob) = (self.folder.clone(), ByteSize(bytes));
                let error = NoRoom { folder, disk, blob };
                if !self.refuses.swap(true, Ordering::Relaxed) {
                    tracing::warn!("uploads are refused: {error}");
                }
                self.short.notify_one();
                Err(error)
            }
        }
    }

    /// Waits until the disk was too full for somebody.
    pub(crate) async fn wait_for_shortage(&self) {
        self.short.notified().await;
    }

    /// How many bytes should be freed.
    pub(crate) fn shortage(&self) -> u64 {
        disk_of(&self.folder).map_or(0, Disk::shortage)
    }
}

/// `None` if the system does not say.
#[cfg(unix)]
fn disk_of(folder: &Path) -> Option<Disk> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| ByteSize(blocks.saturating_mul(disk.f_frsize));
    Some(Disk { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
}

/// Here a full disk is noticed when a write fails.
#[cfg(not(unix))]
fn disk_of(_: &Path) -> Option<Disk> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn disk(free_mib: u64, total_mib: u64) -> Disk {
        Disk { free: ByteSize(free_mib * MIB), total: ByteSize(total_mib * MIB) }
    }

    #[test]
    fn the_last_part_of_a_disk_takes_no_blobs() {
        for (disk, largest_mib) in [(disk(100, 4_096), 36), (disk(10, 16), 9)] {
            assert!(
                disk.takes(largest_mib * MIB) && !disk.takes(largest_mib * MIB + 1),
                "{disk:?}"
            );
        }
        assert!(!disk(63, 4_096).takes(0) && !disk(63, 4_096).takes(u64::MAX));
        assert_eq!(disk(100, 4_096).shortage(), 28 * MIB);
        assert_eq!(disk(128, 4_096).shortage(), 0);
    }

    #[test]
    fn a_refusal_names_folder_and_free_space() {
        let (folder, blob) = (PathBuf::from("farm"), ByteSize(5 * MIB));
        let text = NoRoom { folder, disk: disk(63, 4_096), blob }.to_string();
        assert!(text.contains("farm has 63.0 MiB free, and 64.0 MiB of them are kept"), "{text}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_never_fits_calls_the_clean_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let room = Room::of(folder.path().to_owned());
        room.check(u64::MAX).expect_err("no disk is so large");
        room.wait_for_shortage().await;
    }
}
