//! Digests of files, with a check that the file did not change meanwhile.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::stamp::{Stamp, now_ns};
use impasto_types::{BlobRef, Digest};

/// A file's digest, with the stamp that shows whether it still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) stamp: Stamp,
    /// When digesting began.
    pub(crate) taken_ns: i64,
    pub(crate) blob: BlobRef,
    /// Whether we wrote the file and gave it a time that no later write can have, so that even a
    /// fresh stamp is trusted.
    pub(crate) ours: bool,
}

impl Fingerprint {
    /// Whether a file whose stamp is now `stamp` still has this content.
    pub(crate) fn holds_for(&self, stamp: &Stamp) -> bool {
        self.stamp == *stamp && (self.ours || stamp.is_trusted(self.taken_ns))
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FingerprintError {
    #[error("cannot be read")]
    Read(#[from] io::Error),
    #[error("is not a file")]
    NotAFile,
    #[error("changed each time it was read: something is still writing it")]
    Unstable,
}

/// How many times a file that changes while it is read is tried.
const ATTEMPTS: usize = 2;

/// Digests the file. `meanwhile` reads other data that must belong to the same content.
pub(crate) fn fingerprint<T>(
    file: &Path,
    meanwhile: impl Fn() -> T,
) -> Result<(Fingerprint, T), FingerprintError> {
    for _ in 0..ATTEMPTS {
        let taken_ns = now_ns();
        let metadata = fs::metadata(file)?;
        if !metadata.is_file() {
            return Err(FingerprintError::NotAFile);
        }
        let stamp = Stamp::of(&metadata);
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(file)?)?;
        let other = meanwhile();
        if Stamp::of(&fs::metadata(file)?) == stamp && hasher.count() == stamp.size_bytes {
            let blob = BlobRef { digest: Digest::of_hasher(&hasher), size_bytes: stamp.size_bytes };
            return Ok((Fingerprint { stamp, taken_ns, blob, ours: false }, other));
        }
    }
    Err(FingerprintError::Unstable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_file_that_changes_is_read_again_and_then_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        fs::write(&file, "0").expect("it is written");

        let reads = Cell::new(0);
        let change_until = |last: usize| {
            reads.set(0);
            fingerprint(&file, || {
                reads.set(reads.get() + 1);
                if reads.get() <= last {
                    fs::write(&file, "x".repeat(reads.get() + 1)).expect("it is written");
                }
            })
        };
        let (calm, ()) = change_until(1).expect("it is calm at the second reading");
        assert_eq!((calm.blob, reads.get()), (BlobRef::of(b"xx"), 2));
        assert!(matches!(change_until(9), Err(FingerprintError::Unstable)));
    }

    #[test]
    fn a_folder_and_a_missing_file_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(fingerprint(folder.path(), || ()), Err(FingerprintError::NotAFile)));
        assert!(matches!(
            fingerprint(&folder.path().join("none"), || ()),
            Err(FingerprintError::Read(_))
        ));
    }
}
