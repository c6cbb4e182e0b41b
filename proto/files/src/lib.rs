//! Atomic file writes.
//!
//! Every file that Impasto stores is written here: to a temporary file beside the target, with a
//! sync if the caller asks for one, then renamed. A process that is killed in between leaves the
//! old file and a temporary one, which all of Impasto ignores by its name.
//!
//! This crate does not know what it writes, and does not decide whether a file may be replaced. It
//! is a crate of its own because its users share nothing else: projects, models, blobs and
//! downloads.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{NamedTempFile, TempPath};

mod together;

pub use together::{WRITERS, write_together};

const PREFIX: &str = ".impasto-";
const SUFFIX: &str = ".tmp";

/// Whether this is the name of a temporary file of this crate.
pub fn is_temporary_name(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX) && !name.contains(['/', '\\'])
}

/// What survives a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Possibly an empty or truncated file: for content that is verified on every read.
    None,
    /// The complete old file or the complete new one.
    Content,
    /// The new file, as soon as the call returns.
    Name,
}

/// A file that is being written. If it is dropped before [`Self::persist`], it is removed.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
}

impl AtomicFile {
    /// Creates a temporary file beside `target`, with its folder.
    ///
    /// # Errors
    /// If the folder cannot be created or written to.
    pub fn beside(target: &Path) -> io::Result<Self> {
        Self::within(folder_of(target))
    }

    /// Creates a temporary file in `folder`, which has to be on the target's file system. The
    /// folder is made if there is none, or none any more.
    ///
    /// # Errors
    /// If the folder cannot be created or written to.
    pub fn within(folder: &Path) -> io::Result<Self> {
        match Self::in_existing(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                Self::in_existing(folder)
            }
            made => made,
        }
    }

    fn in_existing(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        // Default permissions, less the umask; temporary files would be private. Windows inherits
        // the folder's access rights either way.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self { file: builder.tempfile_in(folder)? })
    }

    /// The file, for a writer that is not [`Write`], such as an asynchronous one.
    pub fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Sets the file's permissions, such as those of the file that it replaces.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.file.as_file().set_permissions(permissions)
    }

    /// Renames the file to `target`, which it replaces. Creates the target's folder.
    ///
    /// # Errors
    /// If the file cannot be synced or renamed; the target is then unchanged.
    pub fn persist(self, target: &Path, durability: Durability) -> io::Result<()> {
        if durability != Durability::None {
            // Content and length are enough; losing the modification time does no harm.
            self.file.as_file().sync_data()?;
        }
        // Closed first: not every system can rename an open file.
        let closed = ClosedFile { path: self.file.into_temp_path() };
        match durability {
            Durability::None | Durability::Content => closed.rename(target),
            Durability::Name => closed.persist(target),
        }
    }

    /// Syncs the file with its times and closes it, to be renamed later.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub fn close(self) -> io::Result<ClosedFile> {
        self.file.as_file().sync_all()?;
        Ok(ClosedFile { path: self.file.into_temp_path() })
    }
}

/// A complete, synced file under its temporary name. It is removed when dropped.
#[derive(Debug)]
pub struct ClosedFile {
    path: TempPath,
}

impl ClosedFile {
    /// A second name of the file at `source` (a hard link), beside `target`, whose folder is
    /// created. What is written to one name shows under the other.
    ///
    /// # Errors
    /// If the file system has no such names, or the two are on different ones.
    pub fn linked_beside(source: &Path, target: &Path) -> io::Result<Self> {
        // The temporary file is there for its name alone.
        let Self { path } = AtomicFile::beside(target)?.close()?;
        fs::remove_file(&path)?;
        fs::hard_link(source, &path)?;
        Ok(Self { path })
    }

    /// Its current path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the file to `target`, which it replaces, durably. Creates the target's folder.
    ///
    /// # Errors
    /// If the file cannot be renamed; the target is then unchanged.
    pub fn persist(self, target: &Path) -> io::Result<()> {
        self.rename(target)?;
        sync_folder_of(target)
    }

    /// Keeps the file under its temporary name; the caller has to rename or remove it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn keep(self) -> io::Result<PathBuf> {
        self.path.keep().map_err(|error| error.error)
    }

    /// Renames the file to `target`, which it replaces. The name is durable once
    /// [`sync_folder_of`] returns; until then a power failure may bring the old file back. Creates
    /// the target's folder.
    ///
    /// # Errors
    /// If the file cannot be renamed; the target is then unchanged.
    pub fn rename(self, target: &Path) -> io::Result<()> {
        let path = match self.path.persist(target) {
            Ok(()) => return Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::NotFound => error.path,
            Err(error) => return Err(error.error),
        };
        fs::create_dir_all(folder_of(target))?;
        path.persist(target).map_err(|error| error.error)
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

/// Writes `bytes` to `target`. Creates the folders above it; replaces a link instead of following
/// it.
///
/// # Errors
/// If the file cannot be written; it is then unchanged.
pub fn write(target: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut file = AtomicFile::beside(target)?;
    file.write_all(bytes)?;
    file.persist(target, durability)
}

/// Removes temporary files of dead processes in `folder`: those that were not written to for `age`.
/// Files that cannot be listed or removed do no harm, and are ignored.
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

/// Whether the disk is full, or this user's quota exceeded.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The folder that a file of this name is in.
pub fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes renames in the folder of `target` durable.
///
/// # Errors
/// If the folder cannot be synced.
#[cfg(unix)]
pub fn sync_folder_of(target: &Path) -> io::Result<()> {
    match File::open(folder_of(target)).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot sync folders; the file itself is already synced.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// Does nothing: Windows cannot open folders as files, and the file system's journal keeps renames.
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
    fn folders_that_were_removed_are_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (temporary, target) = (folder.path().join("tmp"), folder.path().join("ab").join("a"));
        for bytes in ["one", "two"] {
            let mut file = AtomicFile::within(&temporary).expect("its folder is made");
            file.write_all(bytes.as_bytes()).expect("it is written");
            file.persist(&target, Durability::None).expect("its folder is made too");
            assert_eq!(fs::read_to_string(&target).expect("it is there"), bytes);
            fs::remove_dir(&temporary).expect("it is empty");
            fs::remove_dir_all(folder.path().join("ab")).expect("it is removed");
        }
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
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
    fn a_folder_is_not_replaced_by_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.png");
        fs::create_dir(&target).expect("it is made");
        assert!(write(&target, b"new", Durability::Content).is_err());
        assert_eq!(names_in(folder.path()), ["a.png"]);
        // A file in place of a folder.
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
