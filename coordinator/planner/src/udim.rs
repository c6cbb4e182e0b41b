//! UDIM sets: the tiles of a rule's assets that are painted as one picture.

use std::collections::{BTreeMap, HashMap, HashSet};

use impasto_types::AssetPath;

use crate::manifest::TileName;
use crate::{ListedAsset, Listing, Manifest};

/// The tiles of every set among the assets of rules with `udim`.
#[derive(Debug, Default)]
pub(crate) struct TileSets<'a> {
    /// Those with a tile that is still being written.
    unsettled: HashSet<(usize, String)>,
    sets: HashMap<(usize, String), BTreeMap<u16, &'a ListedAsset>>,
}

impl<'a> TileSets<'a> {
    pub(crate) fn among(manifest: &Manifest, listing: &'a Listing) -> Self {
        let mut sets: HashMap<_, BTreeMap<u16, &ListedAsset>> = HashMap::new();
        if manifest.has_tiles() {
            for asset in &listing.assets {
                let Some((rule, TileName { set, number })) = manifest.tile(&asset.path) else {
                    continue;
                };
                sets.entry((rule, set)).or_default().insert(number, asset);
            }
        }
        let unsettled = listing.passed.unsettled.iter().filter_map(|path| manifest.tile(path));
        let unsettled = unsettled.map(|(rule, name)| (rule, name.set)).collect();
        Self { unsettled, sets }
    }

    /// Whether the file is a tile of a set of which another is still being written: it has to wait.
    pub(crate) fn waits(&self, manifest: &Manifest, path: &AssetPath) -> bool {
        if self.unsettled.is_empty() {
            return false;
        }
        let tile = manifest.tile(path);
        tile.is_some_and(|(rule, name)| self.unsettled.contains(&(rule, name.set)))
    }

    /// The tiles of the set that a file belongs to, by their numbers, if there are several.
    pub(crate) fn of(
        &self,
        manifest: &Manifest,
        path: &AssetPath,
    ) -> Option<&BTreeMap<u16, &'a ListedAsset>> {
        if self.sets.is_empty() {
            return None;
        }
        let (rule, TileName { set, .. }) = manifest.tile(path)?;
        self.sets.get(&(rule, set)).filter(|tiles| tiles.len() > 1)
    }

    /// Whether the file is a tile of a set, but not the first, whose asset it belongs to.
    pub(crate) fn follows(&self, manifest: &Manifest, path: &AssetPath) -> bool {
        let tiles = self.of(manifest, path);
        let first = tiles.and_then(|tiles| tiles.values().next());
        first.is_some_and(|first| first.path != *path)
    }
}
