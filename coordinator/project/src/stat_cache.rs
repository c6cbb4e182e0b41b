//! A cache of digests and headers, so that an unchanged file costs one `stat`.

mod file;

use std::collections::HashMap;
use std::fs;

use impasto_planner::{ImageHeader, Look};
use impasto_types::{AssetPath, BlobRef, Digest};

use self::file::Content;
use crate::fingerprint::Fingerprint;
use crate::project::Project;
use crate::replace::ReplaceError;
use crate::stamp::Stamp;

/// Digests and headers of assets, inputs and outputs, by path. An empty cache gives the same
/// results, so it may be saved without the project's lock.
#[derive(Debug, Clone, Default)]
pub struct StatCache {
    entries: HashMap<AssetPath, Entry>,
    outputs: HashMap<AssetPath, Fingerprint>,
    changed: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    fingerprint: Fingerprint,
    /// `None` for a picture that cannot be used: it is read again each time, since another version
    /// of Impasto may be able to use it.
    header: Option<ImageHeader>,
    /// Identifies the text and the files of a glTF model of which the header is; `None` if it is
    /// that of this file alone.
    whole: Option<Digest>,
    /// What the pixels show; `None` if nobody has looked.
    look: Option<Look>,
}

const FILE: &str = "stat-cache";

/// A file that earlier versions wrote, which were never released. It is not read.
const OLD_FILE: &str = "stat-cache.json";

impl StatCache {
    /// The project's cache; empty if there is none or it cannot be read.
    pub fn load(project: &Project) -> Self {
        let bytes = fs::read(project.state_file(FILE)).ok();
        let content = bytes.and_then(|bytes| file::parse(&bytes)).unwrap_or_default();
        let Content { entries, outputs } = content;
        Self { entries, outputs, changed: false }
    }

    /// Writes the cache into the project, if it changed since it was loaded.
    ///
    /// # Errors
    /// The file cannot be written. This only costs time.
    pub fn save(&mut self, project: &Project) -> Result<(), ReplaceError> {
        if !self.changed {
            return Ok(());
        }
        let bytes = file::render(&self.entries, &self.outputs);
        let path = || project.state_file(FILE);
        let bytes =
            bytes.map_err(|error| ReplaceError::Other { path: path(), source: error.into() })?;
        project.write_state_file(FILE, &bytes)?;
        self.changed = false;
        // It may be absent, or on a disk that cannot be written.
        let _ = fs::remove_file(project.state_file(OLD_FILE));
        Ok(())
    }

    /// The digest and header of the file whose stamp is now `stamp`; `None` if it may have changed.
    pub(crate) fn get(
        &self,
        path: &AssetPath,
        stamp: &Stamp,
    ) -> Option<(BlobRef, Option<ImageHeader>)> {
        let Entry { fingerprint, header, .. } = self.entries.get(path)?;
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
        self.entries.insert(path, Entry { fingerprint, header, whole: None, look });
        self.changed = true;
    }

    /// The header of a glTF model with its files, if it is known for this content of them.
    pub(crate) fn whole(&self, path: &AssetPath, content: Digest) -> Option<ImageHeader> {
        let Entry { header, whole, .. } = self.entries.get(path)?;
        header.filter(|_| *whole == Some(content))
    }

    /// Keeps the header of a model that is known itself, for this content of its files.
    pub(crate) fn note_whole(&mut self, path: &AssetPath, header: ImageHeader, content: Digest) {
        if let Some(entry) = self.entries.get_mut(path) {
            (entry.header, entry.whole) = (Some(header), Some(content));
            self.changed = true;
        }
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

    /// How many outputs it knows.
    pub(crate) fn output_count(&self) -> usize {
        self.outputs.len()
    }

    /// Drops all outputs except those that `keep` accepts.
    pub(crate) fn retain_outputs(&mut self, keep: impl Fn(&AssetPath) -> bool) {
        let before = self.outputs.len();
        self.outputs.retain(|path, _| keep(path));
        self.changed |= self.outputs.len() != before;
    }

    /// How many assets and inputs it knows.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
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
            largest: None,
            array: false,
            layers: 0,
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
        let whole = fs::read(&file).expect("it is there");
        for broken in [&b""[..], b"impasto stat-cache 4\n", &whole[..whole.len() - 1]] {
            fs::write(&file, broken).expect("it is written");
            let cache = StatCache::load(test.project());
            assert_eq!((cache.count(), cache.output_count()), (0, 0), "{broken:?}");
        }
    }
}
