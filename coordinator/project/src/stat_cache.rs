//! A cache of digests and headers, so that an unchanged file costs one `stat`.

use std::collections::BTreeMap;
use std::fs;

use impasto_planner::{ImageHeader, Look};
use impasto_types::{AssetPath, BlobRef};
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::project::Project;
use crate::replace::{ReplaceError, replace_file};
use crate::stamp::Stamp;

/// Digests and headers of assets, inputs and outputs, by path. An empty cache gives the same
/// results, so it may be saved without the project's lock.
#[derive(Debug, Clone, Default)]
pub struct StatCache {
    entries: BTreeMap<AssetPath, Entry>,
    outputs: BTreeMap<AssetPath, Fingerprint>,
    changed: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    fingerprint: Fingerprint,
    /// `None` for a picture that cannot be used: it is read again each time, since another version
    /// of Impasto may be able to use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<ImageHeader>,
    /// What the pixels show; `None` if nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look: Option<Look>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    entries: BTreeMap<AssetPath, Entry>,
    #[serde(default)]
    outputs: BTreeMap<AssetPath, Fingerprint>,
}

/// Raised when entries of older files would be misread.
const VERSION: u32 = 1;

const FILE: &str = "stat-cache.json";

impl StatCache {
    /// The project's cache; empty if there is none or it cannot be read.
    pub fn load(project: &Project) -> Self {
        let bytes = fs::read(project.state_file(FILE)).ok();
        let stored = bytes.and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        match stored {
            Some(Stored { version: VERSION, entries, outputs }) => {
                Self { entries, outputs, changed: false }
            }
            Some(_) | None => Self::default(),
        }
    }

    /// Writes the cache into the project, if it changed since it was loaded.
    ///
    /// # Errors
    /// The file cannot be written. This only costs time.
    pub fn save(&mut self, project: &Project) -> Result<(), ReplaceError> {
        if !self.changed {
            return Ok(());
        }
        let file = project.state_file(FILE);
        let other = |source| ReplaceError::Other { path: file.clone(), source };
        project.make_state_dir(&file).map_err(other)?;
        let (entries, outputs) =
            (std::mem::take(&mut self.entries), std::mem::take(&mut self.outputs));
        let stored = Stored { version: VERSION, entries, outputs };
        let bytes = serde_json::to_vec(&stored);
        (self.entries, self.outputs) = (stored.entries, stored.outputs);
        replace_file(&file, &bytes.map_err(|error| other(error.into()))?)?;
        self.changed = false;
        Ok(())
    }

    /// The digest and header of the file whose stamp is now `stamp`; `None` if it may have changed.
    pub(crate) fn get(
        &self,
        path: &AssetPath,
        stamp: &Stamp,
    ) -> Option<(BlobRef, Option<ImageHeader>)> {
        let Entry { fingerprint, header, look: _ } = self.entries.get(path)?;
        fingerprint.holds_for(stamp).then_some((fingerprint.blob, *header))
    }

    pub(crate) fn put(
        &mut self,
        path: AssetPath,
        fingerprint: Fingerprint,
        header: Option<ImageHeader>,
    ) {
        // A file that was read again, because its stamp is fresh, may have the same content.
        let before = self.entries.get(&path).filter(|old| old.fingerprint.blob == fingerprint.blob);
        let look = before.and_then(|old| old.look);
        self.entries.insert(path, Entry { fingerprint, header, look });
        self.changed = true;
    }

    /// The header of a file that can be used, and what its pixels showed if they were looked at, as
    /// of the last scan.
    pub fn seen(&self, path: &AssetPath) -> Option<(ImageHeader, Option<Look>)> {
        let entry = self.entries.get(path)?;
        Some((entry.header?, entry.look))
    }

    /// Keeps what the pixels of a file show, for as long as its content is the same.
    pub(crate) fn note_look(&mut self, path: &AssetPath, look: Look) {
        if let Some(entry) = self.entries.get_mut(path) {
            entry.look = Some(look);
            self.changed = true;
        }
    }

    /// The digest of the output whose stamp is now `stamp`; `None` if it may have changed.
    pub(crate) fn output(&self, path: &AssetPath, stamp: &Stamp) -> Option<BlobRef> {
        let fingerprint = self.outputs.get(path)?;
        fingerprint.holds_for(stamp).then_some(fingerprint.blob)
    }

    pub(crate) fn put_output(&mut self, path: AssetPath, fingerprint: Fingerprint) {
        self.outputs.insert(path, fingerprint);
        self.changed = true;
    }

    /// Drops all outputs except those that `keep` accepts.
    pub(crate) fn retain_outputs(&mut self, keep: impl Fn(&AssetPath) -> bool) {
        let before = self.outputs.len();
        self.outputs.retain(|path, _| keep(path));
        self.changed |= self.outputs.len() != before;
    }

    /// Drops all assets and inputs except those that `keep` accepts.
    pub(crate) fn retain(&mut self, keep: impl Fn(&AssetPath) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|path, _| keep(path));
        self.changed |= self.entries.len() != before;
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{ContainerFormat, Depth, FileTraits};

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
            swaps_sides: false,
            traits: FileTraits::default(),
        };
        let blob = BlobRef::of(b"abc");
        let fingerprint = Fingerprint { stamp, taken_ns: i64::MAX, blob, ours: false };
        cache.put(path("a.png"), fingerprint, Some(header));
        cache.put_output(path("out.png"), fingerprint);
        cache.save(test.project()).expect("it is saved");

        let loaded = StatCache::load(test.project());
        assert_eq!(loaded.get(&path("a.png"), &stamp), Some((blob, Some(header))));
        assert_eq!(loaded.get(&path("a.png"), &Stamp { file_id: 8, ..stamp }), None);
        assert_eq!(loaded.get(&path("b.png"), &stamp), None);
        assert_eq!(loaded.output(&path("out.png"), &stamp), Some(blob));
        assert_eq!(loaded.output(&path("out.png"), &Stamp { size_bytes: 4, ..stamp }), None);

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
