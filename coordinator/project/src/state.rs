//! What was built: the committable record, and the outputs delivered since it was written.
//!
//! A build appends a line for each delivery and writes the record once at its end. So a killed
//! build loses nothing, and a build of ten thousand outputs does not write the record ten thousand
//! times.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};

use impasto_planner::{Plan, PlannedTask, Record};
use impasto_types::{AssetPath, Digest};
use serde::{Deserialize, Serialize};

use crate::details::{self, Detail, Header};
use crate::lockfile::{LockEntry, Lockfile, LockfileError};
use crate::project::Project;
use crate::replace::ReplaceError;

/// The project's state.
#[derive(Debug, Default)]
pub struct State {
    lockfile: Lockfile,
    /// When the state was loaded: the digest of the record's file and the length of the file of
    /// deliveries.
    loaded: (Option<Digest>, u64),
    /// Opened with the first delivery.
    deliveries: Option<File>,
}

/// The file of deliveries since the record was written, one per line. Writing the record removes
/// it.
pub(crate) const DELIVERIES: &str = "deliveries.jsonl";

#[derive(Serialize, Deserialize)]
struct Delivery<O, E> {
    output: O,
    entry: E,
}

impl State {
    /// The project's state.
    ///
    /// # Errors
    /// The record cannot be used, and must not be overwritten.
    pub fn load(project: &Project) -> Result<Self, LockfileError> {
        let (mut lockfile, digest) = Lockfile::load(project)?;
        let delivered = fs::read(project.state_file(DELIVERIES)).unwrap_or_default();
        // An incomplete line of a killed build is ignored; its output is restored from the cache.
        let lines = delivered.split(|byte| *byte == b'\n');
        for Delivery { output, entry } in lines.flat_map(serde_json::from_slice) {
            lockfile.put(output, entry);
        }
        let loaded = (digest, delivered.len() as u64);
        Ok(Self { lockfile, loaded, deliveries: None })
    }

    /// Whether the files are unchanged since the state was loaded.
    pub fn is_current(&self, project: &Project) -> bool {
        let record = fs::read(project.lockfile()).ok().map(|bytes| Digest::of(&bytes));
        let delivered = fs::metadata(project.state_file(DELIVERIES)).map_or(0, |file| file.len());
        self.loaded == (record, delivered)
    }

    /// Whether there are deliveries that the record does not have yet.
    pub fn is_unsaved(&self) -> bool {
        self.loaded.1 > 0 || self.deliveries.is_some()
    }

    /// The records that a plan compares with, by output. They have details only after
    /// [`Self::read_details`].
    pub fn records(&self) -> &BTreeMap<AssetPath, Record> {
        self.lockfile.entries()
    }

    /// The recorded outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &AssetPath> {
        self.lockfile.entries().keys()
    }

    /// The record of an output.
    pub fn get(&self, output: &AssetPath) -> Option<&Record> {
        self.lockfile.entries().get(output)
    }

    /// Reads the actions of the outputs that `wanted` accepts, as far as this checkout has them.
    pub fn read_details(&mut self, project: &Project, wanted: impl Fn(&AssetPath) -> bool) {
        let entries = self.lockfile.entries();
        let mut read =
            details::read(project, |output| wanted(output) && entries.contains_key(output));
        for (output, record) in self.lockfile.entries_mut() {
            // Details that do not match the record would give wrong reasons.
            let details = read.remove(output);
            let right = details.filter(|it| it.action.digest() == record.action_digest);
            record.details = right.map(Box::new);
        }
    }

    /// Saves the actions of the outputs, unless that was done, so that a later plan can say what
    /// changed. `plan` has those that equal the recorded action; others are kept.
    ///
    /// # Errors
    /// They cannot be written. This only costs reasons.
    pub fn keep_details(&self, project: &Project, plan: &Plan) -> Result<(), ReplaceError> {
        let (Some(lockfile), 0) = self.loaded else { return Ok(()) };
        let before = details::header(project);
        if before.as_ref().is_some_and(|header| header.is_complete_for(lockfile)) {
            return Ok(());
        }
        let outputs = plan
            .tasks
            .iter()
            .flat_map(|task| task.output_paths().map(move |output| (output, task)));
        let is_known = |(output, task): &(&AssetPath, &PlannedTask)| {
            self.get(output).is_some_and(|it| it.action_digest == task.recorded())
        };
        let known: Vec<(&AssetPath, &PlannedTask)> = outputs.filter(is_known).collect();
        let header = Header::new(lockfile, known.iter().map(|(output, _)| *output));
        if known.is_empty() || before.is_some_and(|before| before.is_like(&header)) {
            return Ok(());
        }
        let mut details: BTreeMap<&AssetPath, Detail<'_>> =
            known.into_iter().map(|(output, task)| (output, task.into())).collect();
        let missing =
            |output: &AssetPath| !details.contains_key(output) && self.get(output).is_some();
        let kept = details::read(project, missing);
        details.extend(kept.iter().map(|(output, it)| (output, it.into())));
        let header = header.complete(details.len() == self.records().len());
        details::write(project, &header, details.into_iter())
    }

    /// Records that `output` was delivered.
    ///
    /// # Errors
    /// The line cannot be written. The output is still recorded when the state is saved.
    pub fn put(
        &mut self,
        project: &Project,
        output: AssetPath,
        entry: LockEntry,
    ) -> Result<(), ReplaceError> {
        let noted = self.note(project, &output, &entry);
        self.lockfile.put(output, entry);
        noted.map_err(|source| ReplaceError::Other { path: project.state_file(DELIVERIES), source })
    }

    fn note(&mut self, project: &Project, output: &AssetPath, entry: &LockEntry) -> io::Result<()> {
        let file = match &mut self.deliveries {
            Some(file) => file,
            none => {
                let path = project.state_file(DELIVERIES);
                project.make_state_dir(&path)?;
                none.insert(File::options().create(true).append(true).open(path)?)
            }
        };
        // First ends a line that a killed build may have left incomplete.
        let mut line = vec![b'\n'];
        serde_json::to_writer(&mut line, &Delivery { output, entry })?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// Removes an orphaned output from the record.
    pub fn remove(&mut self, output: &AssetPath) {
        self.lockfile.remove(output);
    }

    /// Writes the record. The caller must hold the project's lock.
    ///
    /// # Errors
    /// The file cannot be written; the lines of deliveries are kept.
    pub fn save(&mut self, project: &Project) -> Result<(), ReplaceError> {
        let digest = self.lockfile.save(project)?;
        // Closed first, since some systems cannot remove an open file.
        self.deliveries = None;
        let path = project.state_file(DELIVERIES);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(ReplaceError::Other { path, source });
            }
            Ok(()) | Err(_) => {}
        }
        self.loaded = (Some(digest), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, details, path, planned};
    use impasto_types::BlobRef;

    fn entry(bytes: &[u8]) -> LockEntry {
        LockEntry::new(details().action.digest(), path("a.png"), BlobRef::of(bytes))
    }

    #[test]
    fn a_killed_build_loses_no_delivery() {
        let test = TestProject::new();
        let project = test.project();
        let mut state = State::load(project).expect("there is none yet");
        state.put(project, path("stylized/a.png"), entry(b"one")).expect("it is noted");
        // As if the process ended here, in the middle of a line.
        let deliveries = project.state_file(DELIVERIES);
        let mut text = fs::read(&deliveries).expect("it is there");
        text.extend_from_slice(b"\n{\"output\":\"stylized/b.p");
        fs::write(&deliveries, text).expect("it is written");

        let mut next = State::load(project).expect("it loads");
        assert!(next.is_unsaved() && !project.lockfile().exists());
        next.put(project, path("stylized/c.png"), entry(b"three")).expect("it is noted");
        let outputs = [path("stylized/a.png"), path("stylized/c.png")];
        let third = State::load(project).expect("it loads");
        assert_eq!(third.outputs().cloned().collect::<Vec<_>>(), outputs);
        assert!(!next.is_current(project), "it grew by a line of its own");

        next.save(project).expect("it is saved");
        assert!(next.is_current(project) && !third.is_current(project));
        let saved = State::load(project).expect("it loads");
        assert_eq!(saved.records(), third.records());
        assert!(!saved.is_unsaved() && !deliveries.exists());
        assert!(project.state_dir().join(".gitignore").exists());
    }

    #[test]
    fn details_belong_to_one_record() {
        let test = TestProject::new();
        let project = test.project();
        let output = path("stylized/a.png");
        let mut state = State::load(project).expect("there is none yet");
        state.put(project, output.clone(), entry(b"one")).expect("it is noted");
        state.put(project, path("stylized/b.png"), entry(b"two")).expect("it is noted");
        state.save(project).expect("it is saved");
        let read = |wanted: bool| {
            let mut next = State::load(project).expect("it loads");
            next.read_details(project, |_| wanted);
            next.records()[&output].details.as_deref().cloned()
        };
        // If the plan has another action, the recorded one is unknown.
        let mut task = planned("stylized/a.png");
        let right = std::mem::replace(&mut task.action, Digest::of(b"other"));
        let mut plan = Plan { tasks: vec![task], ..Plan::default() };
        state.keep_details(project, &plan).expect("nothing is to be done");
        assert_eq!(read(true), None);
        plan.tasks[0].action = right;
        plan.tasks.push(planned("stylized/b.png"));
        state.keep_details(project, &plan).expect("they are written");
        assert_eq!((read(false), read(true)), (None, Some(details())));

        // A later plan that knows less than the file has nothing to add.
        let file = project.state_file("details.jsonl");
        let before = fs::read(&file).expect("they are there");
        plan.tasks[0].action = Digest::of(b"other");
        state.keep_details(project, &plan).expect("nothing is to be done");
        assert_eq!(fs::read(&file).expect("they are there"), before);

        // Another clone built something else, and its record arrived through version control.
        let other = LockEntry::new(Digest::of(b"other"), path("a.png"), BlobRef::of(b"two"));
        state.put(project, output.clone(), other).expect("it is noted");
        state.save(project).expect("it is saved");
        assert_eq!(read(true), None);
    }
}
