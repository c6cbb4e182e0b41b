//! Delivers the results of a task to a project, all of them or none.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use impasto_files::{folder_of, sync_folder_of, write_together};
use impasto_types::{AssetPath, BlobRef};

use crate::commit::{Begun, Commit};
use crate::fingerprint::Fingerprint;
use crate::project::Project;
use crate::replace::{Delivered, ReplaceError, Staged, Staging, classify, placed, stage};
use crate::stat_cache::StatCache;

/// A file to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewFile<'a> {
    pub output: &'a AssetPath,
    pub bytes: &'a [u8],
}

/// A file that was delivered.
#[derive(Debug, Clone)]
pub struct DeliveredFile {
    pub output: AssetPath,
    pub change: Delivered,
    fingerprint: Fingerprint,
}

impl DeliveredFile {
    /// The digest and size of its content.
    pub fn blob(&self) -> BlobRef {
        self.fingerprint.blob
    }

    /// Notes the file in `cache`, so that the next build need not read it.
    pub fn remember(&self, cache: &mut StatCache) {
        cache.put_output(self.output.clone(), self.fingerprint);
    }
}

/// An asset whose new files are on disk under temporary names, for [`place_all`].
#[derive(Debug)]
pub struct Prepared {
    unchanged: Vec<(AssetPath, Fingerprint)>,
    new: New,
}

/// The new files of an asset.
#[derive(Debug)]
enum New {
    None,
    /// A single rename is atomic by itself.
    One(AssetPath, Staged),
    Several(Begun),
}

/// Writes and syncs the outputs of one asset under temporary names. Missing folders are created.
/// Several assets may be prepared on several threads.
///
/// # Errors
/// A path is a link or leads through one, or a file cannot be written.
pub fn prepare(project: &Project, files: &[NewFile<'_>]) -> Result<Prepared, ReplaceError> {
    let (mut unchanged, mut staged) = (Vec::new(), Vec::new());
    for &NewFile { output, bytes } in files {
        match stage_output(project, output, bytes)? {
            Staging::Unchanged(fingerprint) => unchanged.push((output.clone(), fingerprint)),
            Staging::New(new) => staged.push((output.clone(), new)),
        }
    }
    let new = match staged.len() {
        0 | 1 => staged.pop().map_or(New::None, |(output, new)| New::One(output, new)),
        _ => New::Several(Commit::begin(project, staged)?),
    };
    Ok(Prepared { unchanged, new })
}

/// Gives the files of prepared assets their names: all files of an asset or none. If the process
/// ends between two files, the next process that locks the project completes the delivery. What is
/// returned, in the order of `assets`, survives a power failure. Their folders are synced once for
/// all assets, so a large batch costs little more than a small one.
pub fn place_all(assets: Vec<Prepared>) -> Vec<Result<Vec<DeliveredFile>, ReplaceError>> {
    let placed: Vec<_> = assets.into_iter().map(Prepared::place).collect();
    let mut folders: BTreeMap<&Path, &Path> = BTreeMap::new();
    for target in placed.iter().flatten().flat_map(Placed::targets) {
        folders.entry(folder_of(target)).or_insert(target);
    }
    let folders: Vec<_> = folders.into_iter().collect();
    let synced = write_together(&folders, |(_, target)| sync_folder_of(target));
    let unsynced: Vec<(PathBuf, io::Error)> = folders
        .iter()
        .zip(synced)
        .filter_map(|((folder, _), synced)| Some((folder.to_path_buf(), synced.err()?)))
        .collect();
    placed.into_iter().map(|placed| placed?.finish(&unsynced)).collect()
}

/// Writes the outputs of one asset, all of them or none: [`prepare`], then [`place_all`].
///
/// # Errors
/// A path is a link or leads through one, or a file cannot be written; all files are then
/// unchanged.
pub fn deliver_all(
    project: &Project,
    files: &[NewFile<'_>],
) -> Result<Vec<DeliveredFile>, ReplaceError> {
    place_all(vec![prepare(project, files)?]).remove(0)
}

/// An asset whose files have their names, which a power failure may still undo.
struct Placed {
    unchanged: Vec<(AssetPath, Fingerprint)>,
    new: PlacedNew,
}

enum PlacedNew {
    None,
    One { output: AssetPath, target: PathBuf, blob: BlobRef, modified_ns: i64 },
    Several(Begun),
}

impl Prepared {
    /// An output that is as it is to be.
    pub(crate) fn unchanged(output: AssetPath, fingerprint: Fingerprint) -> Self {
        Self { unchanged: vec![(output, fingerprint)], new: New::None }
    }

    /// A single new file.
    pub(crate) fn one(output: AssetPath, staged: Staged) -> Self {
        Self { unchanged: vec![], new: New::One(output, staged) }
    }

    fn place(self) -> Result<Placed, ReplaceError> {
        let new = match self.new {
            New::None => PlacedNew::None,
            New::One(output, staged) => {
                let modified_ns = staged.modified_ns();
                let Staged { target, temporary, blob, .. } = staged;
                temporary.rename(&target).map_err(|source| classify(&target, source))?;
                PlacedNew::One { output, target, blob, modified_ns }
            }
            New::Several(mut begun) => {
                begun.place()?;
                PlacedNew::Several(begun)
            }
        };
        Ok(Placed { unchanged: self.unchanged, new })
    }
}

impl Placed {
    fn targets(&self) -> Vec<&Path> {
        match &self.new {
            PlacedNew::None => vec![],
            PlacedNew::One { target, .. } => vec![target],
            PlacedNew::Several(begun) => begun.targets().collect(),
        }
    }

    /// Ends the delivery, unless one of its folders is in `unsynced`.
    fn finish(self, unsynced: &[(PathBuf, io::Error)]) -> Result<Vec<DeliveredFile>, ReplaceError> {
        for target in self.targets() {
            let lost = unsynced.iter().find(|(folder, _)| folder == folder_of(target));
            if let Some((_, error)) = lost {
                return Err(classify(target, copy_of(error)));
            }
        }
        let new = match self.new {
            PlacedNew::None => vec![],
            PlacedNew::One { output, target, blob, modified_ns } => {
                vec![(output, placed(&target, blob, modified_ns)?)]
            }
            PlacedNew::Several(begun) => begun.finish()?,
        };
        let new = new.into_iter().map(|found| (Delivered::Written, found));
        let unchanged = self.unchanged.into_iter().map(|found| (Delivered::Unchanged, found));
        let delivered = new.chain(unchanged).map(|(change, (output, fingerprint))| DeliveredFile {
            output,
            change,
            fingerprint,
        });
        Ok(delivered.collect())
    }
}

/// The same error for another asset.
fn copy_of(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

fn stage_output(
    project: &Project,
    output: &AssetPath,
    bytes: &[u8],
) -> Result<Staging, ReplaceError> {
    stage(&refuse_link(project, output)?, bytes)
}

/// The absolute path of an output.
///
/// # Errors
/// It is a link, or leads through one.
pub(crate) fn refuse_link(project: &Project, output: &AssetPath) -> Result<PathBuf, ReplaceError> {
    let target = project.resolve(output)?;
    // The target of a link may be another output, or the asset that the output was painted from.
    if target != project.resolved(output) {
        return Err(ReplaceError::Linked { output: output.clone(), target });
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::outputs_on_disk;
    use crate::test_project::{TestProject, path};
    use std::fs;

    fn deliver(
        test: &TestProject,
        files: &[(&str, &[u8])],
    ) -> Result<Vec<DeliveredFile>, ReplaceError> {
        let files: Vec<_> = files.iter().map(|(output, bytes)| (path(output), *bytes)).collect();
        let files = files.iter().map(|(output, bytes)| NewFile { output, bytes });
        deliver_all(test.project(), &files.collect::<Vec<_>>())
    }

    fn changes(delivered: &[DeliveredFile]) -> Vec<(&str, Delivered)> {
        delivered.iter().map(|file| (file.output.as_str(), file.change)).collect()
    }

    #[test]
    fn outputs_are_written_where_the_manifest_says() {
        let test = TestProject::new();
        let normal: (&str, &[u8]) = ("maps/a_n.png", b"normal");
        for (color, expected) in [
            (&b"new"[..], [Delivered::Written, Delivered::Written]),
            (b"newer", [Delivered::Written, Delivered::Unchanged]),
            (b"newer", [Delivered::Unchanged, Delivered::Unchanged]),
        ] {
            let files = [("stylized/walls/a.png", color), normal];
            let delivered = deliver(&test, &files).expect("they are delivered");
            let names = ["stylized/walls/a.png", "maps/a_n.png"];
            assert_eq!(changes(&delivered), names.into_iter().zip(expected).collect::<Vec<_>>());
            for (name, bytes) in files {
                assert_eq!(fs::read(test.dir().join(name)).expect("it is there"), bytes);
            }
        }
    }

    /// The names in a folder of the project that begin with a dot, sorted.
    fn hidden(test: &TestProject, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(test.dir().join(folder)) else { return vec![] };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| name.starts_with('.')).collect()
    }

    #[test]
    fn nothing_has_its_name_before_everything_is_written() {
        let test = TestProject::new();
        test.write("out/a.png", b"old");
        let outputs = ["out/a.png", "out/a_n.png", "maps/b.png"].map(path);
        let [a, a_n, b] = &outputs;
        let material =
            [NewFile { output: a, bytes: b"new" }, NewFile { output: a_n, bytes: b"normal" }];
        let picture = [NewFile { output: b, bytes: b"picture" }];
        let prepare_both = || {
            let files: [&[NewFile<'_>]; 2] = [&material, &picture];
            files.map(|files| prepare(test.project(), files).expect("it is written")).into()
        };
        let read = |name: &str| fs::read(test.dir().join(name)).ok();
        let prepared: Vec<Prepared> = prepare_both();
        assert_eq!(read("out/a.png").as_deref(), Some(&b"old"[..]));
        assert_eq!((read("out/a_n.png"), read("maps/b.png")), (None, None));
        assert_eq!((hidden(&test, "out").len(), hidden(&test, "maps").len()), (2, 1));

        let delivered = place_all(prepared);
        let count = |files: &Result<Vec<_>, _>| files.as_ref().expect("they are placed").len();
        assert_eq!(delivered.iter().map(count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(read("out/a.png").as_deref(), Some(&b"new"[..]));
        assert_eq!(read("out/a_n.png").as_deref(), Some(&b"normal"[..]));
        assert_eq!(read("maps/b.png").as_deref(), Some(&b"picture"[..]));
        for folder in ["out", "maps", ".impasto/commits"] {
            assert_eq!(hidden(&test, folder), [""; 0], "{folder}");
        }
    }

    #[test]
    fn an_asset_that_cannot_be_placed_does_not_stop_the_others() {
        let test = TestProject::new();
        let outputs: Vec<AssetPath> =
            (0..40).map(|number| path(&format!("out/{}/{number}.png", number % 7))).collect();
        let prepared = outputs.iter().map(|output| {
            let files = [NewFile { output, bytes: output.as_str().as_bytes() }];
            prepare(test.project(), &files).expect("it is written")
        });
        let prepared: Vec<_> = prepared.collect();
        // It appeared meanwhile.
        fs::create_dir(test.project().path_of(&outputs[11])).expect("it is made");
        for (number, delivered) in place_all(prepared).into_iter().enumerate() {
            assert_eq!(delivered.is_ok(), number != 11, "{number}: {delivered:?}");
            if let Ok(files) = delivered {
                assert_eq!(files[0].output, outputs[number]);
                let bytes = fs::read(test.project().path_of(&outputs[number]));
                assert_eq!(bytes.expect("it is there"), outputs[number].as_str().as_bytes());
            }
        }
        assert_eq!(hidden(&test, "out/4"), [""; 0], "its temporary file is removed");
    }

    #[test]
    fn a_delivered_file_is_not_read_again_until_it_changes() {
        let test = TestProject::new();
        let (a, b) = (path("stylized/a.png"), path("stylized/b.png"));
        let mut stats = StatCache::default();
        let files: [(&str, &[u8]); 2] = [(a.as_str(), b"one"), (b.as_str(), b"two")];
        for file in deliver(&test, &files).expect("they are delivered") {
            file.remember(&mut stats);
        }
        let mut look = || {
            let found = outputs_on_disk(test.project(), [&a, &b], &mut stats);
            (found.present[&a], found.digested)
        };
        assert_eq!(look(), (BlobRef::of(b"one"), 0));
        // Immediately, with the same length.
        test.write("stylized/a.png", b"ONE");
        assert_eq!(look(), (BlobRef::of(b"ONE"), 1));
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_others_unchanged() {
        let test = TestProject::new();
        test.write("stylized/a.png", b"old");
        fs::create_dir_all(test.dir().join("stylized/b.png")).expect("it is made");
        let error = deliver(&test, &[("stylized/a.png", b"new"), ("stylized/b.png", b"new")])
            .expect_err("one is a folder");
        assert!(matches!(error, ReplaceError::Folder { .. }), "{error}");
        assert_eq!(fs::read(test.dir().join("stylized/a.png")).expect("it is there"), b"old");
        assert_eq!(fs::read_dir(test.dir().join("stylized")).expect("it lists").count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn an_output_that_links_to_an_asset_does_not_overwrite_it() {
        let test = TestProject::new();
        test.write("a.png", b"precious");
        fs::create_dir(test.dir().join("stylized")).expect("it is made");
        std::os::unix::fs::symlink("../a.png", test.dir().join("stylized/a.png"))
            .expect("it is linked");
        let error = deliver(&test, &[("stylized/a.png", b"new")])
            .expect_err("it would overwrite")
            .to_string();
        assert!(error.starts_with("`stylized/a.png` is a link to "), "{error}");
        assert_eq!(fs::read(test.dir().join("a.png")).expect("it is there"), b"precious");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_project_is_not_followed() {
        let outside = tempfile::tempdir().expect("a folder");
        let test = TestProject::new();
        std::os::unix::fs::symlink(outside.path(), test.dir().join("stylized"))
            .expect("it is linked");
        let error =
            deliver(&test, &[("stylized/a.png", b"new")]).expect_err("it would leave").to_string();
        assert_eq!(error, "`stylized/a.png` is a link out of the project, or leads through one");
        assert_eq!(fs::read_dir(outside.path()).expect("it can be listed").count(), 0);
    }
}
