//! What was built: the committable record, and the results that a build has delivered since it was
//! written.
//!
//! A build appends a line for each delivery and writes the record once at its end, so a build that
//! is killed loses nothing and a build of ten thousand outputs does not write ten thousand records.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};

use impasto_planner::{Plan, PlannedTask, Record, RecordDetails};
use impasto_types::{AssetPath, Digest};
use serde::{Deserialize, Serialize};

use crate::details;
use crate::lockfile::{LockEntry, Lockfile, LockfileError};
use crate::project::Project;
use crate::replace::ReplaceError;

/// The project's state.
#[derive(Debug, Default)]
pub struct State {
    lockfile: Lockfile,
    /// The digest of the record's file, and the length of the deliveries' as they were loaded.
    loaded: (Option<Digest>, u64),
    /// Open once something was delivered.
    deliveries: Option<File>,
    details: BTreeMap<AssetPath, RecordDetails>,
}

/// The deliveries since the record was written, one a line. They belong to it until it is written
/// again.
const DELIVERIES: &str = "deliveries.jsonl";

#[derive(Serialize, Deserialize)]
struct Delivery<O, E> {
    output: O,
    entry: E,
}

impl State {
    /// The project's state.
    ///
    /// # Errors
    /// The record cannot be used; it is not to be written then.
    pub fn load(project: &Project) -> Result<Self, LockfileError> {
        let (mut lockfile, digest) = Lockfile::load(project)?;
        let delivered = fs::read(project.state_file(DELIVERIES)).unwrap_or_default();
        // A line that was cut off by the end of its build is no delivery: its output is compared
        // with the cache.
        let lines = delivered.split(|byte| *byte == b'\n');
        for Delivery { output, entry } in lines.flat_map(serde_json::from_slice) {
            lockfile.put(output, entry);
        }
        let loaded = (digest, delivered.len() as u64);
        Ok(Self { lockfile, loaded, deliveries: None, details: BTreeMap::new() })
    }

    /// Whether no other build has changed the state since it was loaded.
    pub fn is_current(&self, project: &Project) -> bool {
        let record = fs::read(project.lockfile()).ok().map(|bytes| Digest::of(&bytes));
        let delivered = fs::metadata(project.state_file(DELIVERIES)).map_or(0, |file| file.len());
        self.loaded == (record, delivered)
    }

    /// Whether a build ended before it wrote the record.
    pub fn is_unsaved(&self) -> bool {
        self.loaded.1 > 0 || self.deliveries.is_some()
    }

    /// How each output came to be: what a plan compares with. The actions themselves are there
    /// after [`Self::read_details`].
    pub fn records(&self) -> BTreeMap<AssetPath, Record> {
        let record = |(output, entry): (&AssetPath, &LockEntry)| {
            let record = Record {
                asset: entry.asset.clone(),
                action_digest: entry.action,
                output: entry.blob,
                details: self.details.get(output).cloned(),
            };
            (output.clone(), record)
        };
        self.lockfile.entries().iter().map(record).collect()
    }

    /// The outputs that are recorded.
    pub fn outputs(&self) -> impl Iterator<Item = &AssetPath> {
        self.lockfile.entries().keys()
    }

    /// What is recorded of an output.
    pub fn get(&self, output: &AssetPath) -> Option<&LockEntry> {
        self.lockfile.entries().get(output)
    }

    /// Reads the actions behind the outputs that `wanted` names, as far as they were written down
    /// on this machine.
    pub fn read_details(&mut self, project: &Project, wanted: impl Fn(&AssetPath) -> bool) {
        let entries = self.lockfile.entries();
        self.details =
            details::read(project, |output| wanted(output) && entries.contains_key(output));
        // Those of an older record would give the wrong reasons.
        self.details.retain(|output, details| entries[output].action == details.action.digest());
    }

    /// Writes down the actions behind the outputs, unless they are, so that a later plan can say
    /// what changed. `plan` gives those of outputs that its own actions made; others are kept.
    ///
    /// # Errors
    /// They cannot be written. Nothing is lost but reasons.
    pub fn keep_details(&self, project: &Project, plan: &Plan) -> Result<(), ReplaceError> {
        let (Some(lockfile), 0) = self.loaded else { return Ok(()) };
        let outputs = plan
            .tasks
            .iter()
            .flat_map(|task| task.output_paths().map(move |output| (output, task)));
        let is_known = |(output, task): &(&AssetPath, &PlannedTask)| {
            self.get(output).is_some_and(|it| it.action == task.action)
        };
        let known: Vec<(&AssetPath, &PlannedTask)> = outputs.filter(is_known).collect();
        let header = details::Header::new(lockfile, known.iter().map(|(output, _)| *output));
        if known.is_empty() || details::header(project).as_ref() == Some(&header) {
            return Ok(());
        }
        let mut details: BTreeMap<_, _> =
            known.into_iter().map(|(output, task)| (output.clone(), task.details())).collect();
        let missing = |output: &AssetPath| {
            !details.contains_key(output) && self.lockfile.entries().contains_key(output)
        };
        let mut kept = details::read(project, missing);
        details.append(&mut kept);
        details::write(project, &header, &details)
    }

    /// Notes that `output` was delivered.
    ///
    /// # Errors
    /// The note cannot be written. The output is recorded all the same once the state is saved.
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
        // The line ends what a build before may have left unfinished.
        let mut line = vec![b'\n'];
        serde_json::to_writer(&mut line, &Delivery { output, entry })?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// Forgets an output that nothing makes any more.
    pub fn remove(&mut self, output: &AssetPath) {
        self.lockfile.remove(output);
    }

    /// Writes the record. It belongs under the project's lock.
    ///
    /// # Errors
    /// The file cannot be written; what was delivered stays noted.
    pub fn save(&mut self, project: &Project) -> Result<(), ReplaceError> {
        let digest = self.lockfile.save(project)?;
        // Closed first: an open file cannot be removed everywhere.
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
    fn a_build_that_is_killed_loses_nothing() {
        let test = TestProject::new();
        let project = test.project();
        let mut state = State::load(project).expect("there is none yet");
        state.put(project, path("stylized/a.png"), entry(b"one")).expect("it is noted");
        // As if the process ended here, in the middle of the next line.
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
        state.save(project).expect("it is saved");
        let read = |wanted: bool| {
            let mut next = State::load(project).expect("it loads");
            next.read_details(project, |_| wanted);
            next.records()[&output].details.clone()
        };
        // While another action is planned, nothing is known of this one.
        let mut task = planned("stylized/a.png");
        let right = std::mem::replace(&mut task.action, Digest::of(b"other"));
        let mut plan = Plan { tasks: vec![task], ..Plan::default() };
        state.keep_details(project, &plan).expect("nothing is to be done");
        assert_eq!(read(true), None);
        plan.tasks[0].action = right;
        state.keep_details(project, &plan).expect("they are written");
        assert_eq!((read(false), read(true)), (None, Some(details())));

        // Another clone built something else, and its record came in by version control.
        let other = LockEntry::new(Digest::of(b"other"), path("a.png"), BlobRef::of(b"two"));
        state.put(project, output.clone(), other).expect("it is noted");
        state.save(project).expect("it is saved");
        assert_eq!(read(true), None);
    }
}
