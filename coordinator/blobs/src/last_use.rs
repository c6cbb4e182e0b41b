//! When a file was used last: its time of change, for what is named by its digest never changes.

use std::fs::{File, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Uses that follow each other within this time are noted once: expiry counts in hours, and a
/// system call for every read is worth more than that.
const PRECISION: Duration = Duration::from_secs(60);

/// When the file was used last, to within a minute.
pub(crate) fn last_use(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Notes that the file is used now. Where that cannot be written, it merely expires earlier.
pub(crate) fn note_use(path: &Path, metadata: &Metadata) {
    let now = SystemTime::now();
    if now.duration_since(last_use(metadata)).is_ok_and(|age| age < PRECISION) {
        return;
    }
    // Opened for writing, as Windows asks for.
    let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(now));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let file = File::create(&path).expect("it is made");
        let now = SystemTime::now();
        let used_after = |before: SystemTime| {
            file.set_modified(before).expect("it is set");
            note_use(&path, &file.metadata().expect("it is there"));
            last_use(&file.metadata().expect("it is there"))
        };
        let lately = now - PRECISION / 2;
        assert_eq!(used_after(lately), lately);
        for noted_anew in [now - 2 * PRECISION, now + 10 * PRECISION] {
            let used = used_after(noted_anew);
            assert!(used >= now && used < now + PRECISION, "{used:?}");
        }
    }
}
