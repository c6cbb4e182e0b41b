//! Grouping: files into assets.
//!
//! A rule matches one file of each asset, its main file; the rule's patterns derive the paths of
//! the other files from it. A plain picture is an asset with one file.

use std::collections::BTreeSet;
use std::sync::Arc;

use impasto_types::{AssetPath, BlobRef, Part};

use crate::udim::TileSets;
use crate::{Findings, InputFile, ListedAsset, Listing, Manifest};

/// An asset: its files by role.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset<'a> {
    /// The file that the rule matched.
    pub(crate) main: &'a ListedAsset,
    manifest: &'a Manifest,
    findings: &'a Findings<'a>,
    sets: &'a TileSets<'a>,
}

/// A file that belongs to an asset, or why it cannot be used.
pub(crate) type Companion = (Part, AssetPath, Result<InputFile, String>);

impl<'a> Asset<'a> {
    pub(crate) fn new(
        main: &'a ListedAsset,
        manifest: &'a Manifest,
        findings: &'a Findings<'a>,
        sets: &'a TileSets<'a>,
    ) -> Self {
        Self { main, manifest, findings, sets }
    }

    pub(crate) fn path(&self) -> &'a AssetPath {
        &self.main.path
    }

    /// The file that gives the asset its size.
    pub(crate) fn blob(&self) -> BlobRef {
        self.main.blob
    }

    /// The asset's other files that exist, one for each role.
    pub(crate) fn companions(&self) -> impl Iterator<Item = Companion> + use<'a> {
        let findings = self.findings;
        let mut found = BTreeSet::new();
        let named = self.manifest.companions(self.path()).into_iter();
        let named = named.filter_map(move |(part, path)| {
            let file = findings.inputs.get(&path)?.clone();
            found.insert(part).then_some((part, path, file))
        });
        named.chain(self.tiles())
    }

    /// The tiles of its set, the main file among them.
    fn tiles(&self) -> impl Iterator<Item = Companion> + use<'a> {
        let tiles = self.sets.of(self.manifest, self.path());
        tiles.into_iter().flatten().map(|(number, tile)| {
            let image = tile.image.clone();
            let file = image.map(|header| InputFile { blob: tile.blob, header });
            (Part::Udim(*number), tile.path.clone(), file)
        })
    }

    /// Roles for which the rule has a pattern but no file exists, with the first file that would
    /// do.
    pub(crate) fn absent(&self) -> impl Iterator<Item = (Part, AssetPath)> + use<'a> {
        let companions = self.manifest.companions(self.path());
        let exists = |(_, path): &&(Part, AssetPath)| self.findings.inputs.contains_key(path);
        let mut settled: BTreeSet<Part> =
            companions.iter().filter(exists).map(|(part, _)| *part).collect();
        companions.into_iter().filter(move |(part, _)| settled.insert(*part))
    }
}

/// The case keys of all files that belong to another file's asset. They are never assets
/// themselves, even if a rule matches them.
pub(crate) fn companion_names(
    manifest: &Manifest,
    listing: &Listing,
    listed: &[&ListedAsset],
) -> BTreeSet<Arc<str>> {
    let companions = listed.iter().flat_map(|asset| manifest.companions(&asset.path));
    let mut names: BTreeSet<_> = companions.map(|(_, path)| path.case_key()).collect();
    if !listing.named.is_empty() {
        // A mesh is no asset, so what it names may be. One that waits for a file is.
        let is_asset = |model: &AssetPath| {
            !names.contains(&model.case_key()) && manifest.wanted(model).is_some()
        };
        let models = listing.named.iter().filter(|(model, _)| is_asset(model));
        let files = models.flat_map(|(_, files)| files);
        let files: Vec<_> = files.map(|file| file.path.case_key()).collect();
        names.extend(files);
    }
    names
}
