//! Delivers the results of a task to a project, all of them or none.

use std::path::PathBuf;

use impasto_types::{AssetPath, BlobRef};

use crate::commit::Commit;
use crate::fingerprint::Fingerprint;
use crate::project::Project;
use crate::replace::{Delivered, ReplaceError, Staging, stage};
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

/// Writes the outputs of one asset, all of them or none. Missing folders are created.
///
/// All content is written and synced under temporary names before the first file is replaced. If
/// the process ends between two files, the next process that locks the project completes the
/// delivery.
///
/// # Errors
/// A path is a link or leads through one, or a file cannot be written; all files are then
/// unchanged.
pub fn deliver_all(
    project: &Project,
    files: &[NewFile<'_>],
) -> Result<Vec<DeliveredFile>, ReplaceError> {
    let (mut unchanged, mut staged) = (Vec::new(), Vec::new());
    for &NewFile { output, bytes } in files {
        match stage_output(project, output, bytes)? {
            Staging::Unchanged(fingerprint) => unchanged.push((output, fingerprint)),
            Staging::New(new) => staged.push((output, new)),
        }
    }
    let placed = match <[_; 1]>::try_from(staged) {
        // A single rename is atomic by itself.
        Ok([(output, new)]) => vec![(output, new.place()?)],
        Err(several) => Commit::begin(project, several)?.finish()?,
    };
    let placed = placed.into_iter().map(|found| (Delivered::Written, found));
    let unchanged = unchanged.into_iter().map(|found| (Delivered::Unchanged, found));
    let delivered = placed.chain(unchanged).map(|(change, (output, fingerprint))| DeliveredFile {
        output: AssetPath::clone(output),
        change,
        fingerprint,
    });
    Ok(delivered.collect())
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
