//! The last use of a file, kept as its modification time, since the content of these files never
//! changes.

use std::fs::{File, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Uses within this time are noted once: expiry needs no more precision, and this saves a system
/// call per read.
const PRECISION: Duration = Duration::from_secs(60);

/// When the file was last used, with a precision of a minute.
pub(crate) fn last_use(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Notes that the file is used now. If this fails, the file only expires earlier.
pub(crate) fn note_use(path: &Path, metadata: &Metadata) {
    let now = SystemTime::now();
    if now.duration_since(last_use(metadata)).is_ok_and(|age| age < PRECISION) {
        return;
    }
    // Opened for writing, as Windows requires.
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
