//! Notices that another program has removed or replaced a file that is open.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A file as it was when it was last looked at. It is never opened here: to close it again would
/// release the locks that this process holds on it.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    id: Option<FileId>,
    bytes: u64,
}

/// What has happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Removed,
    /// It is shorter than it was.
    Cut,
    /// Another file has its path.
    Replaced,
}

impl Presence {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), id: file_id(&metadata), bytes: metadata.len() })
    }

    /// What has happened since the last look; `None` if the file is still there, and is not shorter
    /// than it was.
    pub(super) fn look(&mut self) -> io::Result<Option<Change>> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(Change::Removed));
            }
            Err(error) => return Err(error),
        };
        let change = if file_id(&metadata) != self.id {
            Some(Change::Replaced)
        } else if metadata.len() < self.bytes {
            Some(Change::Cut)
        } else {
            self.bytes = metadata.len();
            None
        };
        Ok(change)
    }
}

/// Device and number of a file.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(metadata: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

/// Windows does not let others remove or replace an open database.
#[cfg(not(unix))]
fn file_id(_: &Metadata) -> Option<FileId> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_and_cuts_are_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "four").expect("it is written");
        let mut presence = Presence::of(&path).expect("it is there");
        let mut look = || presence.look().expect("it can look");
        assert_eq!(look(), None);
        fs::write(&path, "longer").expect("it is written");
        assert_eq!(look(), None);
        fs::write(&path, "four").expect("it is written");
        assert_eq!(look(), Some(Change::Cut));
        fs::remove_file(&path).expect("it is removed");
        assert_eq!(look(), Some(Change::Removed));
    }

    #[cfg(unix)]
    #[test]
    fn another_file_of_the_same_name_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("file"), folder.path().join("other"));
        for path in [&path, &other] {
            fs::write(path, "four").expect("it is written");
        }
        let mut presence = Presence::of(&path).expect("it is there");
        fs::rename(&other, &path).expect("it is renamed");
        assert_eq!(presence.look().expect("it can look"), Some(Change::Replaced));
    }
}
