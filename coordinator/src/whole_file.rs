//! Files that appear whole or not at all, also when several processes write the same one.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::TempPath;

/// Begins a file in `folder`, which has to be on the disk of its later place. It removes itself
/// unless it is kept.
pub(crate) fn begin(folder: &Path) -> io::Result<(File, TempPath)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".impasto-").suffix(".tmp");
    // As any program makes files: the umask takes away what it should. A temporary file is private
    // otherwise.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    Ok(builder.tempfile_in(folder)?.into_parts())
}

/// Gives a finished file its name, in place of an older one. Its folder is made.
pub(crate) fn keep(temp: TempPath, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    temp.persist(path).map_err(|error| error.error)
}

/// Whether the disk, or this user's share of it, is full.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
