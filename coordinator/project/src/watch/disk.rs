//! Access of a watcher to the disk.

use std::collections::BTreeMap;
use std::fs;

use impasto_types::AssetPath;

use super::settling::Probe;
use crate::picture::{self, Completeness};
use crate::project::Project;
use crate::scan::models::{self, may_name_files};
use crate::scan::networks;
use crate::stamp::Stamp;
use crate::walk::{Found, ScanError, Walk, names_an_image, walk};

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
        let file = self.project.path_of(path);
        if self.project.manifest().networks().any(|network| network == path) {
            return networks::completeness(&file);
        }
        if !names_an_image(&file) {
            return Completeness::Whole;
        }
        picture::completeness(&file)
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
    let Walk { wanted, others, .. } = walk(project)?;
    let stamps = |found: Vec<Found>| found.into_iter().map(|found| (found.path, found.stamp));
    let mut all: BTreeMap<AssetPath, Stamp> = stamps(wanted).collect();
    let companions = companions_of(project, all.keys()).into_iter();
    all.extend(stamps(others));
    for path in companions.chain(manifest.needed()).chain([project.manifest_path().clone()]) {
        if let Some(stamp) = stamp(project, &path) {
            all.insert(path, stamp);
        }
    }
    Ok(all)
}

/// The files beside an asset that belong to it, such as its mask or what a model names, of all
/// assets; whether they exist or not.
pub(super) fn companions(project: &Project) -> Result<Vec<AssetPath>, ScanError> {
    let assets: Vec<_> = walk(project)?.wanted.into_iter().map(|found| found.path).collect();
    Ok(companions_of(project, assets.iter()))
}

fn companions_of<'a>(
    project: &Project,
    assets: impl Iterator<Item = &'a AssetPath>,
) -> Vec<AssetPath> {
    let mut all = Vec::new();
    for asset in assets {
        let companions = project.manifest().companions(asset).into_iter().map(|(_, path)| path);
        let companions: Vec<AssetPath> = companions.collect();
        let models = companions.iter().chain([asset]).filter(|path| may_name_files(path));
        all.extend(models.flat_map(|model| models::paths(project, model)));
        all.extend(companions);
    }
    all
}
