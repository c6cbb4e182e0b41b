//! Writes files that pass through.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use impasto_files::{AtomicFile, ClosedFile};
use impasto_planner::{Passthrough, PlannedCopy};
use impasto_types::{BlobRef, Digest};

use crate::deliver::{Prepared, refuse_link};
use crate::fingerprint::Fingerprint;
use crate::project::Project;
use crate::replace::{ReplaceError, Staged, classify, holds};
use crate::stamp::{Stamp, nanoseconds, now_ns};

/// Why a file could not pass through. An older copy is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// The next build finds its new content.
    #[error("changed while it was copied: something is still writing it")]
    Changed,
    #[error(transparent)]
    Write(#[from] ReplaceError),
}

/// Writes the copy of a file under a temporary name, for [`place_all`](crate::place_all), unless
/// the output has the content already, and is not a second name of a file that is to be copied.
/// Several copies may be prepared on several threads.
///
/// # Errors
/// The file cannot be read, or has another content than the plan saw, or the copy cannot be
/// written.
pub fn prepare_copy(project: &Project, copy: &PlannedCopy) -> Result<Prepared, CopyError> {
    let source = project.path_of(&copy.source);
    let target = refuse_link(project, &copy.output)?;
    let fail = |error| CopyError::Write(classify(&target, error));
    let taken_ns = now_ns();
    match fs::metadata(&target) {
        Ok(old) if old.is_dir() => return Err(ReplaceError::Folder { path: target }.into()),
        Ok(old) if holds(&target, copy.blob) && !is_other_name(&old, &source, copy.how) => {
            let (stamp, blob) = (Stamp::of(&old), copy.blob);
            let fingerprint = Fingerprint { stamp, taken_ns, blob, ours: false };
            return Ok(Prepared::unchanged(copy.output.clone(), fingerprint));
        }
        // A link has the mode of its source.
        Ok(old) if old.permissions().readonly() && !copy.is_ours => {
            return Err(ReplaceError::ReadOnly { path: target }.into());
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    // A link to a link would lead elsewhere from the output's folder.
    let is_link = fs::symlink_metadata(&source).is_ok_and(|metadata| metadata.is_symlink());
    if copy.how == Passthrough::Link
        && !is_link
        && let Some(temporary) = linked(&source, &target)
    {
        if !holds(temporary.path(), copy.blob) {
            return Err(CopyError::Changed);
        }
        // Its time is the source's.
        let staged = Staged { target, temporary, blob: copy.blob, modified_ns: i64::MIN };
        return Ok(Prepared::one(copy.output.clone(), staged));
    }
    let mut file = AtomicFile::beside(&target).map_err(fail)?;
    let source = File::open(&source).map_err(CopyError::Read)?;
    let mut permissions = source.metadata().map_err(CopyError::Read)?.permissions();
    make_writable(&mut permissions);
    let blob = pour(source, |bytes| file.write_all(bytes).map_err(fail))?;
    if blob != copy.blob {
        return Err(CopyError::Changed);
    }
    let modified = SystemTime::now();
    // If the file system refuses the time, the next build digests the file.
    let _ = file.as_file().set_modified(modified);
    // A program in the tree can be run from its copy, too. Not every file system has modes.
    let _ = file.set_permissions(permissions);
    let temporary = file.close().map_err(fail)?;
    let staged = Staged { target, temporary, blob, modified_ns: nanoseconds(modified) };
    Ok(Prepared::one(copy.output.clone(), staged))
}

/// Whether the output is a second name of the source, which is to be copied.
fn is_other_name(output: &Metadata, source: &Path, how: Passthrough) -> bool {
    let is_same = |source: Metadata| Stamp::of(&source) == Stamp::of(output);
    how == Passthrough::Copy && fs::metadata(source).is_ok_and(is_same)
}

/// A second name of the source beside the target; `None` where there cannot be one, such as on
/// another disk.
fn linked(source: &Path, target: &Path) -> Option<ClosedFile> {
    ClosedFile::linked_beside(source, target).ok()
}

/// Lets the owner write, so that the next build can replace the file.
fn make_writable(permissions: &mut Permissions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        permissions.set_mode(permissions.mode() | 0o200);
    }
    #[cfg(not(unix))]
    permissions.set_readonly(false);
}

/// Passes all bytes on, and returns what they were.
fn pour(
    mut source: File,
    mut write: impl FnMut(&[u8]) -> Result<(), CopyError>,
) -> Result<BlobRef, CopyError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        hasher.update(&buffer[..count]);
        write(&buffer[..count])?;
    }
    Ok(BlobRef { digest: Digest::of_hasher(&hasher), size_bytes: hasher.count() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::place_all;
    use crate::replace::Delivered;
    use crate::test_project::{TestProject, path};

    fn planned(bytes: &[u8], how: Passthrough) -> PlannedCopy {
        PlannedCopy {
            models: Vec::new(),
            source: path("walls/a.mtl"),
            blob: BlobRef::of(bytes),
            output: path("out/walls/a.mtl"),
            how,
            is_ours: false,
            is_stale: true,
        }
    }

    fn place(prepared: Prepared) -> Delivered {
        let files = place_all(vec![prepared]).remove(0).expect("it is placed");
        files[0].change
    }

    #[test]
    fn a_copy_and_a_link_have_the_content_that_was_planned() {
        for how in [Passthrough::Copy, Passthrough::Link] {
            let test = TestProject::new();
            test.write("walls/a.mtl", b"material");
            let prepare = |copy: PlannedCopy| prepare_copy(test.project(), &copy);
            let copy = || planned(b"material", how);
            assert_eq!(place(prepare(copy()).expect("it is copied")), Delivered::Written);
            let output = test.dir().join("out/walls/a.mtl");
            assert_eq!(fs::read(&output).expect("it is there"), b"material");
            assert_eq!(place(prepare(copy()).expect("it is there")), Delivered::Unchanged);

            // What a plan has not seen is not written.
            let refused = prepare(planned(b"other", how)).expect_err("it is another");
            assert!(matches!(refused, CopyError::Changed), "{refused}");
            let folder = fs::read_dir(test.dir().join("out/walls")).expect("it lists");
            assert_eq!(folder.count(), 1, "no temporary file is left");

            // A later version replaces the copy, never the source through a link.
            fs::remove_file(test.dir().join("walls/a.mtl")).expect("it is removed");
            test.write("walls/a.mtl", b"material 2");
            assert_eq!(fs::read(&output).expect("it is there"), b"material");
            assert_eq!(
                place(prepare(planned(b"material 2", how)).expect("it is new")),
                Delivered::Written
            );
            assert_eq!(fs::read(&output).expect("it is there"), b"material 2");
        }
    }

    #[test]
    fn a_link_becomes_a_copy_that_can_be_written_to() {
        let test = TestProject::new();
        test.write("walls/a.mtl", b"material");
        let place_as = |how| {
            let copy = planned(b"material", how);
            place(prepare_copy(test.project(), &copy).expect("it is written"))
        };
        place_as(Passthrough::Link);
        assert_eq!(place_as(Passthrough::Link), Delivered::Unchanged);
        assert_eq!(place_as(Passthrough::Copy), Delivered::Written);
        fs::write(test.dir().join("out/walls/a.mtl"), b"edited").expect("it is written");
        assert_eq!(fs::read(test.dir().join("walls/a.mtl")).expect("it is there"), b"material");
    }

    #[test]
    fn a_missing_source_and_a_folder_in_the_way_are_errors() {
        let test = TestProject::new();
        let prepare = || prepare_copy(test.project(), &planned(b"x", Passthrough::Copy));
        assert!(matches!(prepare(), Err(CopyError::Read(_))));
        fs::create_dir_all(test.dir().join("out/walls/a.mtl")).expect("it is made");
        let refused = prepare().expect_err("there is a folder");
        assert!(matches!(refused, CopyError::Write(ReplaceError::Folder { .. })), "{refused}");
    }
}
