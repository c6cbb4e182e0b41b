//! Replaces a file's content atomically.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use impasto_files::{AtomicFile, ClosedFile};
use impasto_types::{BlobRef, Digest};

use crate::contained::LeavesProject;
use crate::fingerprint::Fingerprint;
use crate::stamp::{Stamp, nanoseconds, now_ns};

/// The result of replacing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// The file had these bytes already. It was not touched, so its time is the same.
    Unchanged,
    Written,
}

/// Why a file could not be replaced. The old file is unchanged, and no part of the new one is left.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    #[error("{} is read-only: check it out or make it writable", path.display())]
    ReadOnly { path: PathBuf },
    #[error("{} is a folder", path.display())]
    Folder { path: PathBuf },
    #[error("the disk is full: {} was not written", path.display())]
    DiskFull { path: PathBuf, source: io::Error },
    #[error("{} is on a read-only file system", path.display())]
    ReadOnlyDisk { path: PathBuf, source: io::Error },
    #[error("{} may not be written", path.display())]
    Denied { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Other { path: PathBuf, source: io::Error },
    #[error(
        "`{output}` is a link to {}, or leads through one: outputs are never written through links",
        target.display()
    )]
    Linked { output: impasto_types::AssetPath, target: PathBuf },
    #[error(transparent)]
    Leaves(#[from] LeavesProject),
}

/// Writes `bytes` to a temporary file beside `path` and renames it to `path`. Missing folders are
/// created. If `path` is a link, its target is replaced.
///
/// # Errors
/// The file cannot be written; it is then unchanged.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<Delivered, ReplaceError> {
    match stage(path, bytes)? {
        Staging::Unchanged(_) => Ok(Delivered::Unchanged),
        Staging::New(staged) => staged.place().map(|()| Delivered::Written),
    }
}

/// Like [`replace_file`], but if `path` is a link, the link itself is replaced: what it leads to,
/// such as a file in a store that other projects share, keeps its content.
///
/// # Errors
/// The file cannot be written; it is then unchanged.
pub fn replace_output(path: &Path, bytes: &[u8]) -> Result<Delivered, ReplaceError> {
    match stage_output(path, bytes)? {
        Staging::Unchanged(_) => Ok(Delivered::Unchanged),
        Staging::New(staged) => staged.place().map(|()| Delivered::Written),
    }
}

/// Replaces several files as [`replace_output`] does: all are written before the first is renamed.
///
/// # Errors
/// A file cannot be written; then none is changed, unless renaming failed.
pub fn replace_outputs<'a>(
    files: impl IntoIterator<Item = (&'a Path, &'a [u8])>,
) -> Result<(), ReplaceError> {
    let staged = files.into_iter().map(|(path, bytes)| stage_output(path, bytes));
    let staged: Vec<Staging> = staged.collect::<Result<_, _>>()?;
    staged.into_iter().try_for_each(|staging| match staging {
        Staging::Unchanged(_) => Ok(()),
        Staging::New(staged) => staged.place(),
    })
}

/// Writes new content beside `path`, which may be a link, but does not replace that yet.
fn stage_output(path: &Path, bytes: &[u8]) -> Result<Staging, ReplaceError> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    if !is_link {
        return stage(path, bytes);
    }
    let (temporary, modified_ns) =
        write_beside(path, bytes, None).map_err(|source| classify(path, source))?;
    let (target, blob) = (path.to_owned(), BlobRef::of(bytes));
    Ok(Staging::New(Staged { target, temporary, blob, modified_ns }))
}

/// A file that is ready to get new content.
#[derive(Debug)]
pub(crate) enum Staging {
    /// It has the content already.
    Unchanged(Fingerprint),
    New(Staged),
}

/// A file's new content, written and synced beside it under a temporary name. Removed on drop,
/// unless it was placed.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) target: PathBuf,
    pub(crate) temporary: ClosedFile,
    pub(crate) blob: BlobRef,
    /// The modification time set on the file, to the nanosecond. A later write leaves another time,
    /// since file systems use a coarser clock.
    pub(crate) modified_ns: i64,
}

/// Writes new content beside `path`, as [`replace_file`] does, but does not replace the file yet.
pub(crate) fn stage(path: &Path, bytes: &[u8]) -> Result<Staging, ReplaceError> {
    let fail = |source| classify(path, source);
    let target = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path).map_err(fail)?,
        _ => path.to_owned(),
    };
    let taken_ns = now_ns();
    let old = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(fail(error)),
    };
    let blob = BlobRef::of(bytes);
    if let Some(old) = &old {
        if old.is_dir() {
            return Err(ReplaceError::Folder { path: path.to_owned() });
        }
        if old.len() == blob.size_bytes && fs::read(&target).map_err(fail)? == bytes {
            let stamp = Stamp::of(old);
            return Ok(Staging::Unchanged(Fingerprint { stamp, taken_ns, blob, ours: false }));
        }
        if old.permissions().readonly() {
            return Err(ReplaceError::ReadOnly { path: path.to_owned() });
        }
    }
    let (temporary, modified_ns) = write_beside(&target, bytes, old.as_ref()).map_err(fail)?;
    Ok(Staging::New(Staged { target, temporary, blob, modified_ns }))
}

fn write_beside(
    target: &Path,
    bytes: &[u8],
    old: Option<&Metadata>,
) -> io::Result<(ClosedFile, i64)> {
    let mut file = AtomicFile::beside(target)?;
    file.write_all(bytes)?;
    let modified = SystemTime::now();
    // If the file system refuses the time, the next build digests the file.
    let _ = file.as_file().set_modified(modified);
    if let Some(old) = old {
        file.set_permissions(old.permissions())?;
    }
    Ok((file.close()?, nanoseconds(modified)))
}

impl Staged {
    /// Renames the file to its target, replacing an older one, durably.
    fn place(self) -> Result<(), ReplaceError> {
        let Self { target, temporary, .. } = self;
        temporary.persist(&target).map_err(|source| classify(&target, source))
    }

    /// The modification time, which [`placed`] needs.
    pub(crate) fn modified_ns(&self) -> i64 {
        self.modified_ns
    }
}

/// The fingerprint of a file that has just been placed.
pub(crate) fn placed(
    target: &Path,
    blob: BlobRef,
    modified_ns: i64,
) -> Result<Fingerprint, ReplaceError> {
    let metadata = fs::metadata(target).map_err(|source| classify(target, source))?;
    let stamp = Stamp::of(&metadata);
    let ours = stamp.modified_ns == modified_ns && stamp.size_bytes == blob.size_bytes;
    // Another process has replaced the file meanwhile, so its stamp is not trusted.
    let taken_ns = if ours { modified_ns } else { i64::MIN };
    Ok(Fingerprint { stamp, taken_ns, blob, ours })
}

/// Whether the file has this content.
pub(crate) fn holds(path: &Path, blob: BlobRef) -> bool {
    let read = || -> io::Result<bool> {
        if fs::metadata(path)?.len() != blob.size_bytes {
            return Ok(false);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(Digest::of_hasher(&hasher) == blob.digest)
    };
    read().unwrap_or(false)
}

pub(crate) fn classify(path: &Path, source: io::Error) -> ReplaceError {
    let path = path.to_owned();
    if impasto_files::is_disk_full(&source) {
        return ReplaceError::DiskFull { path, source };
    }
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem => ReplaceError::ReadOnlyDisk { path, source },
        io::ErrorKind::PermissionDenied => ReplaceError::Denied { path, source },
        _ => ReplaceError::Other { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("it can be listed");
        entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn equal_bytes_leave_the_file_untouched() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("new").join("deep").join("a.png");
        assert_eq!(replace_file(&file, b"one").expect("it is written"), Delivered::Written);
        let time =
            || fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("it has a time");
        let before = time();
        assert_eq!(replace_file(&file, b"one").expect("it is compared"), Delivered::Unchanged);
        assert_eq!(time(), before);
        assert_eq!(replace_file(&file, b"two").expect("it is replaced"), Delivered::Written);
        assert_eq!(fs::read(&file).expect("it is there"), b"two");
        assert_eq!(names_in(file.parent().expect("it has a folder")), ["a.png"]);
    }

    #[test]
    fn a_read_only_file_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.png");
        fs::write(&file, "old").expect("it is written");
        let mut permissions = fs::metadata(&file).expect("it is there").permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).expect("it is locked");

        assert_eq!(
            replace_file(&file, b"old").expect("equal bytes need no writing"),
            Delivered::Unchanged
        );
        let error = replace_file(&file, b"new").expect_err("it is read-only").to_string();
        assert_eq!(
            error,
            format!("{} is read-only: check it out or make it writable", file.display())
        );
        assert_eq!(fs::read(&file).expect("it is there"), b"old");
        assert_eq!(names_in(folder.path()), ["a.png"]);
    }

    #[test]
    fn a_failed_replacement_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("a.png")).expect("it is made");
        assert!(matches!(
            replace_file(&folder.path().join("a.png"), b"new"),
            Err(ReplaceError::Folder { .. })
        ));
        // A file in place of a folder.
        fs::write(folder.path().join("b"), "").expect("it is written");
        assert!(replace_file(&folder.path().join("b").join("c.png"), b"new").is_err());
        let mut names = names_in(folder.path());
        names.sort();
        assert_eq!(names, ["a.png", "b"]);
    }

    #[test]
    fn errors_name_their_cause() {
        let text = |kind: io::ErrorKind| classify(Path::new("a.png"), kind.into()).to_string();
        assert_eq!(text(io::ErrorKind::StorageFull), "the disk is full: a.png was not written");
        assert_eq!(text(io::ErrorKind::PermissionDenied), "a.png may not be written");
        assert_eq!(text(io::ErrorKind::ReadOnlyFilesystem), "a.png is on a read-only file system");
    }

    #[cfg(unix)]
    #[test]
    fn an_output_replaces_a_link_and_not_what_it_leads_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let (stored, link) = (folder.path().join("stored"), folder.path().join("a.png"));
        fs::write(&stored, "precious").expect("it is written");
        std::os::unix::fs::symlink(&stored, &link).expect("it is linked");
        replace_output(&link, b"new").expect("it is replaced");
        assert_eq!(fs::read(&stored).expect("it is there"), b"precious");
        assert_eq!(fs::read(&link).expect("it is there"), b"new");
        assert!(!fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(replace_output(&link, b"new").expect("it is a file"), Delivered::Unchanged);
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.png");
        fs::write(&file, "old").expect("it is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is set");
        replace_file(&file, b"new").expect("it is replaced");
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o640);
    }
}
