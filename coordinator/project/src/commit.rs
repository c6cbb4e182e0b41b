//! Replaces several files atomically: all or none, even if the process is killed in between.
//!
//! New content is first written and synced beside each file under a temporary name. Then a journal
//! of all renames is synced before the first rename. From then on [`recover`], which runs whenever
//! the project's lock is taken, can complete the delivery. Until all files are in place the old
//! ones are kept under other names, so that an error can restore them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use impasto_files::{folder_of, is_temporary_name, sync_folder_of};
use impasto_types::{AssetPath, BlobRef};
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::project::Project;
use crate::replace::{ReplaceError, Staged, classify, holds, placed};

/// The folder of the journals of unfinished deliveries.
const JOURNALS: &str = "commits";

/// One file of a delivery, as the journal names it.
#[derive(Debug, Serialize, Deserialize)]
struct Move {
    output: AssetPath,
    /// The name of the file with the new content, beside the output.
    temporary: String,
    /// The new content.
    blob: BlobRef,
}

/// A [`Move`] with absolute paths.
#[derive(Debug)]
struct Paths {
    target: PathBuf,
    new: PathBuf,
    /// Where the old file is kept until all files are in place.
    old: PathBuf,
    blob: BlobRef,
}

/// A delivery in progress.
#[derive(Debug)]
pub(crate) struct Commit {
    journal: PathBuf,
    moves: Vec<Paths>,
    /// The number of files in place.
    done: usize,
}

/// A delivery that this process began.
#[derive(Debug)]
pub(crate) struct Begun {
    commit: Commit,
    /// The outputs, and the modification times of their new files.
    outputs: Vec<(AssetPath, i64)>,
}

impl Commit {
    /// Writes the journal of one or more files. From now on this process or a later one completes
    /// the delivery.
    pub(crate) fn begin(
        project: &Project,
        staged: Vec<(AssetPath, Staged)>,
    ) -> Result<Begun, ReplaceError> {
        let outputs =
            staged.iter().map(|(output, new)| (output.clone(), new.modified_ns())).collect();
        let named = staged.iter().map(|(output, new)| Move {
            output: output.clone(),
            temporary: new
                .temporary
                .path()
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            blob: new.blob,
        });
        let moves: Vec<Move> = named.collect();
        let name = moves.first().map_or("", |first| first.temporary.as_str());
        let journal = project.state_dir().join(JOURNALS).join(name).with_extension("json");
        write_journal(project, &journal, &moves).map_err(|source| classify(&journal, source))?;
        let mut commit = Self { journal, moves: vec![], done: 0 };
        for (_, Staged { target, temporary, blob, .. }) in staged {
            // The journal names the file now, so it must not be removed on drop.
            let new = temporary.keep().map_err(|source| classify(&target, source))?;
            commit.moves.push(Paths { old: old_name(&new), target, new, blob });
        }
        Ok(Begun { commit, outputs })
    }

    /// Reads a journal that an earlier process left. `None` if it is incomplete, so no file was
    /// replaced, or if it names a file that is not ours.
    fn load(project: &Project, journal: PathBuf) -> Result<Option<Self>, ReplaceError> {
        let bytes = fs::read(&journal).map_err(|source| classify(&journal, source))?;
        let Ok(moves) = serde_json::from_slice::<Vec<Move>>(&bytes) else { return Ok(None) };
        let paths = |Move { output, temporary, blob }: Move| {
            // Only our own temporary files may be renamed or removed.
            let is_ours = is_temporary_name(&temporary);
            let target = project.resolve(&output).ok().filter(|_| is_ours)?;
            let new = folder_of(&target).join(temporary);
            Some(Paths { old: old_name(&new), target, new, blob })
        };
        let moves: Option<Vec<Paths>> = moves.into_iter().map(paths).collect();
        Ok(moves.map(|moves| Self { journal, moves, done: 0 }))
    }

    /// Does the next rename; `None` if every file is in place.
    fn step(&mut self) -> Option<Result<(), ReplaceError>> {
        let Paths { target, new, old, blob } = self.moves.get(self.done)?;
        let step = if exists(target) && exists(new) && !exists(old) {
            fs::rename(target, old)
        } else {
            self.done += 1;
            match fs::rename(new, target) {
                // The rename was done before.
                Err(_) if holds(target, *blob) => Ok(()),
                result => result,
            }
        };
        Some(step.map_err(|source| classify(target, source)))
    }

    fn complete(&mut self) -> Result<(), ReplaceError> {
        while let Some(step) = self.step() {
            step?;
        }
        Ok(())
    }

    /// Whether the new content of every file still exists.
    fn can_complete(&self) -> bool {
        self.moves.iter().all(|Paths { target, new, blob, .. }| {
            fs::metadata(new).is_ok_and(|found| found.len() == blob.size_bytes)
                || holds(target, *blob)
        })
    }

    /// Puts the old files back.
    fn undo(&self) -> Result<(), ReplaceError> {
        for Paths { target, new, old, blob } in self.moves.iter().rev() {
            let back = if exists(old) {
                fs::rename(old, target)
            } else if !exists(new) && holds(target, *blob) {
                // There was no file before.
                fs::remove_file(target)
            } else {
                Ok(())
            };
            back.map_err(|source| classify(target, source))?;
        }
        self.close()
    }

    /// Makes the renames durable, then removes the old files and the journal.
    fn close(&self) -> Result<(), ReplaceError> {
        for Paths { target, .. } in &self.moves {
            sync_folder_of(target).map_err(|source| classify(target, source))?;
        }
        self.clear()
    }

    /// Removes the old files and the journal. The renames must be durable.
    fn clear(&self) -> Result<(), ReplaceError> {
        for path in self.moves.iter().flat_map(|Paths { new, old, .. }| [new, old]) {
            remove(path)?;
        }
        remove(&self.journal)
    }
}

impl Begun {
    /// Moves every file into place.
    ///
    /// # Errors
    /// A file cannot be moved; the old files are back then.
    pub(crate) fn place(&mut self) -> Result<(), ReplaceError> {
        if let Err(error) = self.commit.complete() {
            // If this fails too, the next process that locks the project tries again.
            self.commit.undo()?;
            return Err(error);
        }
        Ok(())
    }

    /// The files that [`Self::place`] moves.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Path> {
        self.commit.moves.iter().map(|paths| paths.target.as_path())
    }

    /// Ends the delivery. The caller has synced the folders of [`Self::targets`].
    pub(crate) fn finish(self) -> Result<Vec<(AssetPath, Fingerprint)>, ReplaceError> {
        let Self { commit, outputs } = self;
        commit.clear()?;
        let files = commit.moves.iter().zip(outputs);
        files
            .map(|(Paths { target, blob, .. }, (output, modified_ns))| {
                Ok((output, placed(target, *blob, modified_ns)?))
            })
            .collect()
    }
}

/// Completes the deliveries that a process left unfinished, or undoes them if that is impossible.
/// Returns whether there were any. The caller must hold the project's lock.
pub(crate) fn recover(project: &Project) -> Result<bool, ReplaceError> {
    let folder = project.state_dir().join(JOURNALS);
    let journals = match fs::read_dir(&folder) {
        Ok(journals) => journals,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(classify(&folder, source)),
    };
    let mut found = false;
    for journal in journals {
        let journal = journal.map_err(|source| classify(&folder, source))?.path();
        match Commit::load(project, journal.clone())? {
            None => remove(&journal)?,
            Some(mut commit) => {
                if commit.can_complete() && commit.complete().is_ok() {
                    commit.close()?;
                } else {
                    commit.undo()?;
                }
            }
        }
        found = true;
    }
    Ok(found)
}

fn write_journal(project: &Project, journal: &Path, moves: &[Move]) -> io::Result<()> {
    project.make_state_dir(journal)?;
    let mut file = File::create(journal)?;
    file.write_all(&serde_json::to_vec(moves)?)?;
    file.sync_all()?;
    sync_folder_of(journal)
}

fn old_name(new: &Path) -> PathBuf {
    new.with_extension("old.tmp")
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn remove(path: &Path) -> Result<(), ReplaceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(classify(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replace::{Staging, stage};
    use crate::test_project::{TestProject, path};

    const NAMES: [&str; 3] = ["stylized/a.png", "stylized/a_n.png", "maps/a_r.png"];

    /// A material with one new file; its other files replace old content.
    struct Material {
        test: TestProject,
        outputs: [AssetPath; 3],
    }

    impl Material {
        fn new() -> Self {
            let test = TestProject::new();
            test.write(NAMES[0], b"old");
            test.write(NAMES[1], b"old");
            Self { test, outputs: NAMES.map(path) }
        }

        fn begin(&self) -> Begun {
            let staged = self.outputs.iter().map(|output| {
                match stage(&self.test.project().path_of(output), b"new!").expect("it is staged") {
                    Staging::New(new) => (output.clone(), new),
                    Staging::Unchanged(_) => panic!("{output} is old"),
                }
            });
            Commit::begin(self.test.project(), staged.collect()).expect("it begins")
        }

        fn content(&self) -> [Option<Vec<u8>>; 3] {
            NAMES.map(|name| fs::read(self.test.dir().join(name)).ok())
        }

        #[track_caller]
        fn expect(&self, complete: bool) {
            let old = Some(b"old".to_vec());
            let new = || Some(b"new!".to_vec());
            let expected = if complete { [new(), new(), new()] } else { [old.clone(), old, None] };
            assert_eq!(self.content(), expected);
            for folder in ["stylized", "maps", ".impasto/commits"] {
                let Ok(names) = fs::read_dir(self.test.dir().join(folder)) else { continue };
                let names = names.map(|entry| entry.expect("an entry").file_name());
                let left: Vec<_> =
                    names.filter(|name| name.to_string_lossy().starts_with('.')).collect();
                assert!(left.is_empty(), "{folder} has {left:?}");
            }
        }
    }

    #[test]
    fn a_delivery_that_is_killed_after_any_step_is_completed() {
        // Two renames for each replaced file, one for the new one.
        for steps in 0..=5 {
            let material = Material::new();
            let mut begun = material.begin();
            for _ in 0..steps {
                begun.commit.step().expect("there is a step").expect("it is done");
            }
            if steps == 5 {
                assert!(begun.commit.step().is_none(), "every file has its name");
            }
            drop(begun);
            assert!(recover(material.test.project()).expect("it is completed"));
            material.expect(true);
            assert!(!recover(material.test.project()).expect("there is nothing left"));
        }
    }

    #[test]
    fn a_delivery_that_is_killed_before_its_journal_is_complete_is_undone() {
        let material = Material::new();
        let begun = material.begin();
        let temporaries: Vec<_> =
            begun.commit.moves.iter().map(|files| files.new.clone()).collect();
        let journal = fs::read(&begun.commit.journal).expect("it is there");
        fs::write(&begun.commit.journal, &journal[..journal.len() / 2]).expect("it is cut");
        drop(begun);
        recover(material.test.project()).expect("it is undone");
        // Their names are lost with the journal. They are hidden, so they are not taken for assets.
        for temporary in temporaries {
            fs::remove_file(temporary).expect("it is there");
        }
        material.expect(false);
    }

    #[test]
    fn an_error_after_any_step_puts_the_old_files_back() {
        for (lost, killed) in [0, 1, 2].into_iter().flat_map(|lost| [(lost, false), (lost, true)]) {
            let material = Material::new();
            let begun = material.begin();
            fs::remove_file(&begun.commit.moves[lost].new).expect("it is there");
            if killed {
                drop(begun);
                recover(material.test.project()).expect("it is undone");
            } else {
                let mut begun = begun;
                begun.place().expect_err("a file is lost");
            }
            material.expect(false);
        }
    }

    #[test]
    fn a_journal_that_names_other_files_is_ignored() {
        let material = Material::new();
        material.test.write("precious.png", b"precious");
        let moves = [Move {
            output: path(NAMES[0]),
            temporary: "../precious.png".to_owned(),
            blob: BlobRef::of(b"precious"),
        }];
        let journal = material.test.project().state_dir().join(JOURNALS).join("x.json");
        write_journal(material.test.project(), &journal, &moves).expect("it is written");
        recover(material.test.project()).expect("it is dropped");
        material.expect(false);
        assert!(material.test.dir().join("precious.png").exists());
    }
}
