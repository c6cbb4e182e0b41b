//! The committable record of a build: `impasto.lock` has the action that built each output.
//!
//! It suits version control: sorted, one value per line, without times or data of a machine, and
//! identical after every build of the same files. So a fresh clone is up to date, and branches that
//! build different assets merge. Fields and entries that this version does not know are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use impasto_planner::Record;
use impasto_types::{AssetPath, BlobRef, Digest};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::project::Project;
use crate::replace::{ReplaceError, replace_file};

/// The record of one output, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LockEntry {
    /// The digest of the action that built it.
    pub action: Digest,
    /// The asset that it was painted from.
    pub asset: AssetPath,
    /// The file that was written.
    #[serde(flatten)]
    pub blob: BlobRef,
    /// Fields of a newer version.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// The complete record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lockfile {
    entries: BTreeMap<AssetPath, Record>,
    /// Fields of entries that only a newer version knows, by output.
    more_of: BTreeMap<AssetPath, Map<String, Value>>,
    /// Entries of a newer version, by output.
    unknown: BTreeMap<String, Value>,
    /// Other fields of a newer version.
    more: Map<String, Value>,
}

/// Why a record cannot be used. It is not overwritten then.
#[derive(Debug, thiserror::Error)]
pub enum LockfileError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "{} has the conflict markers of a merge: keep either side, and build again", path.display()
    )]
    Conflict { path: PathBuf },
    #[error(
        "{} is damaged: restore it from version control, or delete it and build again",
        path.display()
    )]
    Damaged { path: PathBuf, source: serde_json::Error },
    #[error(
        "{} has version {version}, but this Impasto knows {VERSION}: update Impasto", path.display()
    )]
    Version { path: PathBuf, version: u32 },
}

/// Raised when an older Impasto would misread the file; not for added fields.
const VERSION: u32 = 1;

/// What most entries take, indented.
const USUAL_ENTRY_BYTES: usize = 360;

/// The start of a line with which version control marks a conflict.
const CONFLICT: &[u8] = b"<<<<<<< ";

#[derive(Serialize, Deserialize)]
struct Stored<E> {
    version: u32,
    #[serde(default)]
    outputs: E,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Read before the rest of the file, which another version may write differently.
#[derive(Deserialize)]
struct StoredVersion {
    version: u32,
}

/// A file of which this version knows every field, as most are. Reading it so takes a tenth of the
/// time, and a record may have a hundred thousand entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    version: u32,
    outputs: PlainEntries,
}

/// Entries in the order of the file, which is that of their paths.
struct PlainEntries(Vec<(AssetPath, Record)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainEntry {
    action: Digest,
    asset: AssetPath,
    digest: Digest,
    size_bytes: u64,
}

/// The entries of the file, by output.
struct Written<'a>(Vec<(&'a str, WrittenEntry<'a>)>);

/// An entry of the file.
#[derive(Clone, Copy)]
enum WrittenEntry<'a> {
    Known(&'a Record, Option<&'a Map<String, Value>>),
    Unknown(&'a Value),
}

/// A [`LockEntry`] that is not copied.
#[derive(Serialize)]
struct KnownEntry<'a> {
    action: Digest,
    asset: &'a AssetPath,
    #[serde(flatten)]
    blob: BlobRef,
    #[serde(flatten)]
    more: Option<&'a Map<String, Value>>,
}

impl LockEntry {
    pub fn new(action: Digest, asset: AssetPath, blob: BlobRef) -> Self {
        Self { action, asset, blob, more: Map::new() }
    }
}

impl Lockfile {
    /// The project's record and the digest of its file; empty and `None` if there is no file.
    pub(crate) fn load(project: &Project) -> Result<(Self, Option<Digest>), LockfileError> {
        let path = project.lockfile();
        match fs::read(&path) {
            Ok(bytes) => Ok((Self::parse(&bytes, path)?, Some(Digest::of(&bytes)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((Self::default(), None)),
            Err(source) => Err(LockfileError::Read { path, source }),
        }
    }

    fn parse(bytes: &[u8], path: PathBuf) -> Result<Self, LockfileError> {
        match serde_json::from_slice(bytes) {
            Ok(Plain { version: VERSION, outputs }) => {
                // Made from a sorted list, its nodes are full: insertions would leave them half
                // empty.
                Ok(Self { entries: outputs.0.into_iter().collect(), ..Self::default() })
            }
            Ok(_) | Err(_) => Self::parse_any(bytes, path),
        }
    }

    /// Reads any record, and keeps what it does not know.
    fn parse_any(bytes: &[u8], path: PathBuf) -> Result<Self, LockfileError> {
        let damaged = |source| {
            let path = path.clone();
            match bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(CONFLICT)) {
                true => LockfileError::Conflict { path },
                false => LockfileError::Damaged { path, source },
            }
        };
        let StoredVersion { version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if version > VERSION {
            return Err(LockfileError::Version { path, version });
        }
        let stored: Stored<BTreeMap<String, Value>> =
            serde_json::from_slice(bytes).map_err(damaged)?;
        let mut lockfile = Self { more: stored.more, ..Self::default() };
        for (output, value) in stored.outputs {
            match (output.parse(), LockEntry::deserialize(&value)) {
                (Ok(output), Ok(entry)) => lockfile.put(output, entry),
                (Err(_), _) | (_, Err(_)) => {
                    lockfile.unknown.insert(output, value);
                }
            }
        }
        Ok(lockfile)
    }

    fn render(&self) -> Result<Vec<u8>, serde_json::Error> {
        let known = self.entries.iter().map(|(output, record)| {
            (output.as_str(), WrittenEntry::Known(record, self.more_of.get(output)))
        });
        let unknown = self.unknown.iter();
        let unknown =
            unknown.map(|(output, entry)| (output.as_str(), WrittenEntry::Unknown(entry)));
        let mut outputs: Vec<_> = known.chain(unknown).collect();
        outputs.sort_by_key(|(output, _)| *output);
        let (outputs, more) = (Written(outputs), self.more.clone());
        let mut bytes = Vec::with_capacity(USUAL_ENTRY_BYTES * outputs.0.len());
        let stored = Stored { version: VERSION, outputs, more };
        serde_json::to_writer_pretty(&mut bytes, &stored)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Writes the record atomically, and only if it differs. Returns the digest of the file.
    pub(crate) fn save(&self, project: &Project) -> Result<Digest, ReplaceError> {
        let path = project.lockfile();
        let bytes = self
            .render()
            .map_err(|error| ReplaceError::Other { path: path.clone(), source: error.into() })?;
        replace_file(&path, &bytes)?;
        Ok(Digest::of(&bytes))
    }

    pub(crate) fn entries(&self) -> &BTreeMap<AssetPath, Record> {
        &self.entries
    }

    /// The entries, to add details to them.
    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = (&AssetPath, &mut Record)> {
        self.entries.iter_mut()
    }

    pub(crate) fn put(&mut self, output: AssetPath, entry: LockEntry) {
        let LockEntry { action, asset, blob, more } = entry;
        self.unknown.remove(output.as_str());
        match more.is_empty() {
            true => self.more_of.remove(&output),
            false => self.more_of.insert(output.clone(), more),
        };
        let record = Record { asset, action_digest: action, output: blob, details: None };
        self.entries.insert(output, record);
    }

    pub(crate) fn remove(&mut self, output: &AssetPath) {
        self.entries.remove(output);
        self.more_of.remove(output);
    }
}

impl From<PlainEntry> for Record {
    fn from(PlainEntry { action, asset, digest, size_bytes }: PlainEntry) -> Self {
        let output = BlobRef { digest, size_bytes };
        Self { asset, action_digest: action, output, details: None }
    }
}

impl<'de> Deserialize<'de> for PlainEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = PlainEntries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("entries by output")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<PlainEntries, M::Error> {
                let mut entries = Vec::new();
                while let Some((output, entry)) = map.next_entry::<_, PlainEntry>()? {
                    entries.push((output, entry.into()));
                }
                Ok(PlainEntries(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl Serialize for WrittenEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Known(Record { asset, action_digest, output, details: _ }, more) => {
                KnownEntry { action: *action_digest, asset, blob: *output, more }
                    .serialize(serializer)
            }
            Self::Unknown(value) => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, path};

    fn entry(asset: &str) -> LockEntry {
        LockEntry::new(Digest::of(asset.as_bytes()), path(asset), BlobRef::of(asset.as_bytes()))
    }

    fn parse(text: &str) -> Result<Lockfile, LockfileError> {
        Lockfile::parse(text.as_bytes(), PathBuf::from("impasto.lock"))
    }

    #[test]
    fn a_record_is_sorted_and_has_one_value_per_line() {
        let mut lockfile = Lockfile::default();
        lockfile.put(path("stylized/b.png"), entry("b.png"));
        lockfile.put(path("stylized/a.png"), entry("a.png"));
        let text = String::from_utf8(lockfile.render().expect("it renders")).expect("it is text");
        let (a, b) = (Digest::of(b"a.png"), Digest::of(b"b.png"));
        let expected = format!(
            r#"{{
  "version": 1,
  "outputs": {{
    "stylized/a.png": {{
      "action": "{a}",
      "asset": "a.png",
      "digest": "{a}",
      "size_bytes": 5
    }},
    "stylized/b.png": {{
      "action": "{b}",
      "asset": "b.png",
      "digest": "{b}",
      "size_bytes": 5
    }}
  }}
}}
"#
        );
        assert_eq!(text, expected);
        assert_eq!(parse(&text).expect("it parses"), lockfile);
        // The way of reading that knows every field agrees with the one that keeps the others.
        let any = Lockfile::parse_any(text.as_bytes(), PathBuf::new()).expect("it parses");
        assert_eq!(any, lockfile);
    }

    #[test]
    fn fields_and_entries_of_newer_versions_are_kept() {
        let digest = Digest::of(b"a");
        let text = format!(
            r#"{{
  "version": 1,
  "outputs": {{
    "a.png": {{
      "action": "{digest}",
      "asset": "src/a.png",
      "digest": "{digest}",
      "size_bytes": 1,
      "tool": "next"
    }},
    "b.glb": {{
      "parts": []
    }}
  }},
  "signed": true
}}
"#
        );
        let mut lockfile = parse(&text).expect("it parses");
        assert_eq!(lockfile.entries().len(), 1, "{lockfile:?}");
        let rendered = |lockfile: &Lockfile| {
            String::from_utf8(lockfile.render().expect("it renders")).expect("it is text")
        };
        assert_eq!(rendered(&lockfile), text);
        lockfile.put(path("b.glb"), entry("b.gltf"));
        assert!(!rendered(&lockfile).contains("parts"), "a new build replaces the entry");
    }

    #[test]
    fn a_record_that_cannot_be_used_says_why() {
        for (text, expected) in [
            ("{", "impasto.lock is damaged: restore it"),
            (r#"{"version":1,"outputs":[]}"#, "impasto.lock is damaged"),
            (r#"{"version":9,"outputs":{}}"#, "has version 9, but this Impasto knows 1: update"),
            (r#"{"version":9,"elsewhere":1}"#, "has version 9, but this Impasto knows 1: update"),
            (
                "{\n<<<<<<< ours\n\"version\": 1\n=======\n>>>>>>> theirs\n}",
                "has the conflict markers of a merge: keep either side",
            ),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn each_manifest_has_its_own_record() {
        let test = TestProject::new();
        assert_eq!(test.project().lockfile(), test.dir().join("impasto.lock"));
        std::fs::copy(test.dir().join("impasto.toml"), test.dir().join("night.toml"))
            .expect("it is copied");
        let night = Project::open(&test.dir().join("night.toml")).expect("it opens");
        assert_eq!(night.lockfile(), test.dir().join("night.lock"));
        assert_ne!(night.state_file("x"), test.project().state_file("x"));
    }
}
