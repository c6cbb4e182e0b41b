//! Files that appear whole or not at all.
//!
//! Everything that Impasto keeps on a disk is written here: a temporary file beside the target, the
//! bytes, a sync if the caller asks for one, a rename. A process that is killed in between leaves
//! the old file and a temporary one, whose name every part of Impasto passes over.
//!
//! This crate knows nothing of what it writes, reads nothing back and keeps no policy: whether a
//! file may be replaced at all is the caller's question. It stands apart from the crates that use
//! it because they share nothing else: projects, models, blobs and downloads.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{NamedTempFile, TempPath};

const PREFIX: &str = ".impasto-";
const SUFFIX: &str = ".tmp";

/// Whether this is a name that a file of this crate has before it gets its own.
pub fn is_temporary_name(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX) && !name.contains(['/', '\\'])
}

/// What survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Perhaps a file that is empty or cut short: for what is checked whenever it is read.
    None,
    /// The old file or the new one, each whole.
    Content,
    /// The new file, once the call has returned.
    Name,
}

/// A file that is being written. Dropped before [`Self::persist`], it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
}

impl AtomicFile {
    /// Begins a file beside `target`, whose folder is made.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let folder = folder_of(target);
        fs::create_dir_all(folder)?;
        Self::within(folder)
    }

    /// Begins a file in `folder`, which has to be on the target's file system.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn within(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        // As any program creates files: the umask takes away what it should. A temporary file is
        // private otherwise. Windows inherits the folder's access rights either way.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self { file: builder.tempfile_in(folder)? })
    }

    /// The file, for a writer that is not [`Write`], such as an asynchronous one.
    pub fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives the file the permissions of the one that it replaces.
    ///
    /// # Errors
    /// The system refuses them.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.file.as_file().set_permissions(permissions)
    }

    /// Gives the file its name, in place of an older one. The target's folder is made.
    ///
    /// # Errors
    /// The file cannot be synced or renamed; the target is then as it was.
    pub fn persist(self, target: &Path, durability: Durability) -> io::Result<()> {
        fs::create_dir_all(folder_of(target))?;
        if durability != Durability::None {
            // Content and length; losing the time of a change does no harm.
            self.file.as_file().sync_data()?;
        }
        let closed = ClosedFile { path: self.file.into_temp_path() };
        match durability {
            Durability::None | Durability::Content => closed.rename(target),
            Durability::Name => closed.persist(target),
        }
    }

    /// Syncs the file and its times, and closes it. It gets its name later, or never.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub fn close(self) -> io::Result<ClosedFile> {
        self.file.as_file().sync_all()?;
        Ok(ClosedFile { path: self.file.into_temp_path() })
    }
}

/// A file that is complete and synced under its temporary name. Dropped, it is removed.
#[derive(Debug)]
pub struct ClosedFile {
    path: TempPath,
}

impl ClosedFile {
    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, in place of an older one, durably.
    ///
    /// # Errors
    /// It cannot be renamed; the target is then as it was.
    pub fn persist(self, target: &Path) -> io::Result<()> {
        self.rename(target)?;
        sync_folder_of(target)
    }

    /// Leaves the file where it is, for a caller that takes care of it from now on.
    ///
    /// # Errors
    /// The system does not let it be kept.
    pub fn keep(self) -> io::Result<PathBuf> {
        self.path.keep().map_err(|error| error.error)
    }

    fn rename(self, target: &Path) -> io::Result<()> {
        self.path.persist(target).map_err(|error| error.error)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// Gives `target` the content `bytes`. Folders above it are made; a link is replaced, not followed.
///
/// # Errors
/// The file cannot be written; it is then as it was.
pub fn write(target: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut file = AtomicFile::beside(target)?;
    file.write_all(bytes)?;
    file.persist(target, durability)
}

/// Removes the files of this crate that a process which died has left in `folder`: those that
/// nobody has written to for `age`. What cannot be listed or removed does no harm and is passed
/// over.
pub fn remove_abandoned(folder: &Path, age: Duration) {
    for path in abandoned(folder, age) {
        let _ = fs::remove_file(path);
    }
}

fn abandoned(folder: &Path, age: Duration) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_abandoned = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        is_temporary_name(&name)
            && changed.is_ok_and(|time| time.elapsed().is_ok_and(|elapsed| elapsed >= age))
    };
    entries.flatten().filter(is_abandoned).map(|entry| entry.path()).collect()
}

/// Whether the disk, or this user's share of it, is full.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The folder that a file of this name is in.
pub fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in the folder of `target` survive a power cut.
///
/// # Errors
/// The folder cannot be synced.
#[cfg(unix)]
pub fn sync_folder_of(target: &Path) -> io::Result<()> {
    match File::open(folder_of(target)).and_then(|folder| folder.sync_all()) {
        // Some network file systems have no such call; the file itself is safe already.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// Does nothing: folders cannot be opened as files here, and the file system's journal keeps
/// renames.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_folder_of(_target: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("it can be listed");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_replaced_and_leave_nothing_beside_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("new").join("deep").join("a.png");
        for durability in [Durability::None, Durability::Content, Durability::Name] {
            let bytes = format!("{durability:?}");
            write(&target, bytes.as_bytes(), durability).expect("it is written");
            assert_eq!(fs::read_to_string(&target).expect("it is there"), bytes);
        }
        assert_eq!(names_in(target.parent().expect("it has a folder")), ["a.png"]);
    }

    #[test]
    fn what_is_not_persisted_was_never_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.png");
        write(&target, b"old", Durability::None).expect("it is written");
        let mut file = AtomicFile::beside(&target).expect("it begins");
        file.write_all(b"new").expect("it is written");
        assert_eq!(names_in(folder.path()).len(), 2);
        drop(file);
        assert_eq!(names_in(folder.path()), ["a.png"]);
        assert_eq!(fs::read(&target).expect("it is there"), b"old");
    }

    #[test]
    fn a_closed_file_gets_its_name_later_or_never() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.png");
        let closed = |bytes: &[u8]| {
            let mut file = AtomicFile::beside(&target).expect("it begins");
            file.write_all(bytes).expect("it is written");
            file.close().expect("it is synced")
        };
        let first = closed(b"first");
        let name = first.path().file_name().expect("it has a name").to_string_lossy().into_owned();
        assert!(is_temporary_name(&name) && !is_temporary_name("../.impasto-a.tmp"), "{name}");
        drop(closed(b"never"));
        first.persist(&target).expect("it is renamed");
        assert_eq!(fs::read(&target).expect("it is there"), b"first");
        assert_eq!(names_in(folder.path()), ["a.png"]);
        let kept = closed(b"kept").keep().expect("it is kept");
        assert_eq!(fs::read(kept).expect("it is there"), b"kept");
    }

    #[test]
    fn a_folder_in_the_way_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.png");
        fs::create_dir(&target).expect("it is made");
        assert!(write(&target, b"new", Durability::Content).is_err());
        assert_eq!(names_in(folder.path()), ["a.png"]);
        // A file where a folder should be.
        fs::write(folder.path().join("b"), "").expect("it is written");
        assert!(write(&folder.path().join("b").join("c.png"), b"new", Durability::None).is_err());
    }

    #[test]
    fn only_old_temporary_files_are_abandoned() {
        let folder = tempfile::tempdir().expect("a folder");
        let half = AtomicFile::within(folder.path()).expect("it begins");
        fs::write(folder.path().join("a.tmp"), "").expect("it is written");
        let hour = Duration::from_secs(3600);
        assert_eq!(abandoned(folder.path(), hour), Vec::<PathBuf>::new());
        let two_hours_ago = std::time::SystemTime::now() - 2 * hour;
        half.as_file().set_modified(two_hours_ago).expect("it is set");
        assert_eq!(abandoned(folder.path(), hour), [half.file.path()]);
        remove_abandoned(folder.path(), hour);
        assert_eq!(names_in(folder.path()), ["a.tmp"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_a_plain_create() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
        let (plain, atomic) = (folder.path().join("plain"), folder.path().join("atomic"));
        fs::write(&plain, "").expect("it is written");
        write(&atomic, b"", Durability::None).expect("it is written");
        assert_eq!(mode(&atomic), mode(&plain));
    }
}
