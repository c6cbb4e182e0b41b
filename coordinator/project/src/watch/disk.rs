//! Access of a watcher to the disk.

use std::collections::BTreeMap;
use std::fs;

use impasto_types::AssetPath;

use super::settling::Probe;
use crate::picture::{self, Completeness};
use crate::project::Project;
use crate::stamp::Stamp;
use crate::walk::{ScanError, walk};

/// The files of a project.
#[derive(Debug)]
pub(super) struct DiskProbe {
    pub(super) project: Project,
}

impl Probe for DiskProbe {
    fn stamp(&mut self, path: &AssetPath) -> Option<Stamp> {
        stamp(&self.project, path)
    }

    fn completeness(&mut self, path: &AssetPath) -> Completeness {
        if path == self.project.manifest_path() {
            // If the manifest is incomplete, parsing it says so.
            return Completeness::Whole;
        }
        picture::completeness(&self.project.path_of(path))
    }
}

fn stamp(project: &Project, path: &AssetPath) -> Option<Stamp> {
    let metadata = fs::metadata(project.path_of(path)).ok()?;
    metadata.is_file().then(|| Stamp::of(&metadata))
}

/// The stamps of all files that a build depends on: assets, masks, style images, init images, the
/// manifest.
pub(super) fn snapshot(project: &Project) -> Result<BTreeMap<AssetPath, Stamp>, ScanError> {
    let manifest = project.manifest();
    let mut all: BTreeMap<AssetPath, Stamp> =
        walk(project)?.wanted.into_iter().map(|found| (found.path, found.stamp)).collect();
    let companions: Vec<_> = all.keys().flat_map(|asset| manifest.companions(asset)).collect();
    let companions = companions.into_iter().map(|(_, path)| path);
    for path in companions.chain(manifest.inputs()).chain([project.manifest_path().clone()]) {
        if let Some(stamp) = stamp(project, &path) {
            all.insert(path, stamp);
        }
    }
    Ok(all)
}
