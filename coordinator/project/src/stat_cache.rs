//! What files were at the last scan, so that one that is unchanged costs one `stat`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use impasto_planner::ImageHeader;
use impasto_types::{AssetPath, BlobRef};
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::project::Project;
use crate::replace::{ReplaceError, replace_file};
use crate::stamp::Stamp;

/// Digests and headers by path. It is only ever a shortcut: an empty one gives the same scan.
#[derive(Debug, Clone, Default)]
pub struct StatCache {
    file: Option<PathBuf>,
    entries: BTreeMap<AssetPath, Entry>,
    changed: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    stamp: Stamp,
    taken_ns: i64,
    blob: BlobRef,
    /// Of a picture that cannot be used, the reason is found out anew each time: it may lie in
    /// Impasto's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<ImageHeader>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    entries: BTreeMap<AssetPath, Entry>,
}

/// Rises when an older file's entries would mean something else.
const VERSION: u32 = 1;

const FILE: &str = "stat-cache.json";

impl StatCache {
    /// The project's cache; empty where there is none, or none that can be read.
    pub fn load(project: &Project) -> Self {
        let file = project.state_file(FILE);
        let stored =
            fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let entries = stored
            .filter(|stored| stored.version == VERSION)
            .map(|stored| stored.entries)
            .unwrap_or_default();
        Self { file: Some(file), entries, changed: false }
    }

    /// Writes the cache into the project it was loaded from, if a scan changed it.
    ///
    /// # Errors
    /// The file cannot be written. Nothing is lost but time.
    pub fn save(&mut self, project: &Project) -> Result<(), ReplaceError> {
        if !self.changed {
            return Ok(());
        }
        let file = self.file.clone().unwrap_or_else(|| project.state_file(FILE));
        let other = |source| ReplaceError::Other { path: file.clone(), source };
        project.make_state_dir().map_err(other)?;
        let entries = std::mem::take(&mut self.entries);
        let stored = Stored { version: VERSION, entries };
        let bytes = serde_json::to_vec(&stored);
        self.entries = stored.entries;
        replace_file(&file, &bytes.map_err(|error| other(error.into()))?)?;
        self.changed = false;
        Ok(())
    }

    /// What is known of the file that shows `stamp` now; nothing where it may have changed.
    pub(crate) fn get(
        &self,
        path: &AssetPath,
        stamp: &Stamp,
    ) -> Option<(BlobRef, Option<ImageHeader>)> {
        let entry = self.entries.get(path)?;
        (entry.stamp == *stamp && stamp.is_trusted(entry.taken_ns))
            .then_some((entry.blob, entry.header))
    }

    pub(crate) fn put(
        &mut self,
        path: AssetPath,
        fingerprint: Fingerprint,
        header: Option<ImageHeader>,
    ) {
        let Fingerprint { stamp, taken_ns, blob } = fingerprint;
        self.entries.insert(path, Entry { stamp, taken_ns, blob, header });
        self.changed = true;
    }

    /// Forgets what `keep` does not say to keep.
    pub(crate) fn retain(&mut self, keep: impl Fn(&AssetPath) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|path, _| keep(path));
        self.changed |= self.entries.len() != before;
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{ContainerFormat, Depth};

    use super::*;
    use crate::test_project::{TestProject, path};

    #[test]
    fn a_cache_survives_its_file_and_a_corrupt_one_is_empty() {
        let test = TestProject::new();
        let mut cache = StatCache::load(test.project());
        let stamp = Stamp { size_bytes: 3, modified_ns: 5, changed_ns: 6, file_id: 7 };
        let header = ImageHeader {
            width: 2,
            height: 3,
            format: ContainerFormat::Png,
            alpha: true,
            depth: Depth::Sixteen,
        };
        let blob = BlobRef::of(b"abc");
        cache.put(path("a.png"), Fingerprint { stamp, taken_ns: i64::MAX, blob }, Some(header));
        cache.save(test.project()).expect("it is saved");

        let loaded = StatCache::load(test.project());
        assert_eq!(loaded.get(&path("a.png"), &stamp), Some((blob, Some(header))));
        assert_eq!(loaded.get(&path("a.png"), &Stamp { file_id: 8, ..stamp }), None);
        assert_eq!(loaded.get(&path("b.png"), &stamp), None);

        let file = test.project().state_file(FILE);
        for broken in [
            "",
            "{",
            "[]",
            r#"{"version":2,"entries":{}}"#,
            r#"{"version":1,"entries":{"../a":{}}}"#,
        ] {
            fs::write(&file, broken).expect("it is written");
            assert_eq!(StatCache::load(test.project()).entries, BTreeMap::new(), "{broken}");
        }
    }
}
