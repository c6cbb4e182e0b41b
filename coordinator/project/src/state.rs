//! What was built: one record for each output, and whether the output still lies there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use impasto_planner::Record;
use impasto_types::{AssetPath, BlobRef};
use serde::{Deserialize, Serialize};

use crate::fingerprint::fingerprint;
use crate::project::Project;
use crate::replace::{ReplaceError, replace_file};
use crate::stamp::Stamp;

/// The project's state. Losing it costs looking results up in the cache again, no painting.
#[derive(Debug, Clone, Default)]
pub struct State {
    records: BTreeMap<AssetPath, Record>,
    seen: BTreeMap<AssetPath, Seen>,
}

/// An output as it was when it was last digested.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Seen {
    stamp: Stamp,
    taken_ns: i64,
    blob: BlobRef,
}

/// What lies where an output was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisk {
    /// Nothing, or nothing that can be read.
    Missing,
    /// What was put there.
    Same(BlobRef),
    /// Something else.
    Changed(BlobRef),
}

impl OnDisk {
    /// The file that is there, in the form that a plan asks for.
    pub fn blob(self) -> Option<BlobRef> {
        match self {
            Self::Missing => None,
            Self::Same(blob) | Self::Changed(blob) => Some(blob),
        }
    }
}

/// Why a state file was set aside.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot read {}; outputs are compared with the cache instead", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is damaged; outputs are compared with the cache instead", path.display())]
    Damaged { path: PathBuf, source: serde_json::Error },
    #[error("{} is of version {version}, this Impasto knows {VERSION}; outputs are compared with the cache instead", path.display())]
    Version { path: PathBuf, version: u32 },
}

/// Rises when an older file's records would mean something else.
const VERSION: u32 = 1;

const FILE: &str = "state.json";

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    outputs: BTreeMap<AssetPath, StoredOutput>,
}

#[derive(Serialize, Deserialize)]
struct StoredOutput {
    record: Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
}

/// Read before anything else of the file, whatever the rest looks like.
#[derive(Deserialize)]
struct StoredVersion {
    version: u32,
}

impl State {
    /// The project's state. Where the file cannot be used it is empty, and the error says why, as a
    /// warning.
    pub fn load(project: &Project) -> (Self, Option<StateError>) {
        match Self::try_load(project) {
            Ok(state) => (state, None),
            Err(error) => (Self::default(), Some(error)),
        }
    }

    fn try_load(project: &Project) -> Result<Self, StateError> {
        let path = project.state_file(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(StateError::Read { path, source }),
        };
        let damaged = |source| StateError::Damaged { path: path.clone(), source };
        let StoredVersion { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version != VERSION {
            return Err(StateError::Version { path, version });
        }
        let stored: Stored = serde_json::from_slice(&bytes).map_err(damaged)?;
        let mut state = Self::default();
        for (output, StoredOutput { record, seen }) in stored.outputs {
            state.seen.extend(seen.map(|seen| (output.clone(), seen)));
            state.records.insert(output, record);
        }
        Ok(state)
    }

    /// Writes the state, at once or not at all, and only where it differs.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, project: &Project) -> Result<(), ReplaceError> {
        let file = project.state_file(FILE);
        let other = |source| ReplaceError::Other { path: file.clone(), source };
        let outputs = self.records.iter().map(|(output, record)| {
            (
                output.clone(),
                StoredOutput { record: record.clone(), seen: self.seen.get(output).copied() },
            )
        });
        let stored = Stored { version: VERSION, outputs: outputs.collect() };
        let bytes = serde_json::to_vec_pretty(&stored).map_err(|error| other(error.into()))?;
        project.make_state_dir().map_err(other)?;
        replace_file(&file, &bytes)?;
        Ok(())
    }

    /// How each output came to be: what a plan compares with.
    pub fn records(&self) -> &BTreeMap<AssetPath, Record> {
        &self.records
    }

    /// Notes that `output` was delivered.
    pub fn put(&mut self, output: AssetPath, record: Record) {
        // Seen again at the next look: right after it was written a stamp would not be trusted
        // anyway.
        self.seen.remove(&output);
        self.records.insert(output, record);
    }

    /// Forgets an output that nothing makes any more.
    pub fn remove(&mut self, output: &AssetPath) -> Option<Record> {
        self.seen.remove(output);
        self.records.remove(output)
    }

    /// What lies where each recorded output was put. An untouched one costs one `stat`; others are
    /// digested, and remembered for the next time if the state is saved.
    pub fn outputs_on_disk(&mut self, project: &Project) -> BTreeMap<AssetPath, OnDisk> {
        let mut found = BTreeMap::new();
        for (output, record) in &self.records {
            let seen = look(project, output, self.seen.get(output));
            let on_disk = match seen {
                None => OnDisk::Missing,
                Some(seen) if seen.blob == record.output => OnDisk::Same(seen.blob),
                Some(seen) => OnDisk::Changed(seen.blob),
            };
            match seen {
                Some(seen) => self.seen.insert(output.clone(), seen),
                None => self.seen.remove(output),
            };
            found.insert(output.clone(), on_disk);
        }
        found
    }
}

fn look(project: &Project, output: &AssetPath, before: Option<&Seen>) -> Option<Seen> {
    let file = project.path_of(output);
    let stamp = Stamp::of(&fs::metadata(&file).ok()?);
    if let Some(before) = before
        && before.stamp == stamp
        && stamp.is_trusted(before.taken_ns)
    {
        return Some(*before);
    }
    let (now, ()) = fingerprint(&file, || ()).ok()?;
    Some(Seen { stamp: now.stamp, taken_ns: now.taken_ns, blob: now.blob })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver;
    use crate::test_project::{TestProject, path, record};

    #[test]
    fn outputs_are_missing_same_or_changed() {
        let test = TestProject::new();
        let output = path("stylized/a.png");
        let (mut state, warning) = State::load(test.project());
        assert!(warning.is_none());
        deliver(test.project(), &output, b"painted").expect("it is delivered");
        state.put(output.clone(), record("a.png", b"painted"));

        let check = |state: &mut State, expected: OnDisk| {
            assert_eq!(
                state.outputs_on_disk(test.project()),
                BTreeMap::from([(output.clone(), expected)])
            );
        };
        check(&mut state, OnDisk::Same(BlobRef::of(b"painted")));
        // At once, in the same length: no stamp is trusted this early.
        fs::write(test.project().path_of(&output), b"PAINTED").expect("it is written");
        check(&mut state, OnDisk::Changed(BlobRef::of(b"PAINTED")));
        fs::remove_file(test.project().path_of(&output)).expect("it is removed");
        check(&mut state, OnDisk::Missing);
    }

    #[test]
    fn the_state_survives_its_file() {
        let test = TestProject::new();
        let mut state = State::default();
        state.put(path("stylized/a.png"), record("a.png", b"one"));
        state.put(path("stylized/b.png"), record("b.png", b"two"));
        assert_eq!(state.remove(&path("stylized/b.png")), Some(record("b.png", b"two")));
        state.save(test.project()).expect("it is saved");
        let (loaded, warning) = State::load(test.project());
        assert!(warning.is_none());
        assert_eq!(loaded.records(), state.records());
        assert!(test.project().state_file(".gitignore").exists());
    }

    #[test]
    fn a_state_that_cannot_be_used_is_empty_and_says_why() {
        let test = TestProject::new();
        State::default().save(test.project()).expect("it is saved");
        let file = test.project().state_file(FILE);
        for (text, expected) in [
            ("{", "is damaged; outputs are compared"),
            (r#"{"version":9,"elsewhere":1}"#, "is of version 9, this Impasto knows 1"),
            (r#"{"version":1,"outputs":{"../x":0}}"#, "is damaged"),
        ] {
            fs::write(&file, text).expect("it is written");
            let (state, warning) = State::load(test.project());
            assert!(state.records().is_empty());
            assert!(
                warning.is_some_and(|warning| warning.to_string().contains(expected)),
                "{text}"
            );
        }
    }
}
