//! UDIM sets: the tiles of a rule's assets that are painted as one picture.

use std::collections::{BTreeMap, HashMap};

use impasto_types::AssetPath;

use crate::manifest::TileName;
use crate::{ListedAsset, Listing, Manifest};

/// The tiles of every set among the assets of rules with `udim`.
#[derive(Debug, Default)]
pub(crate) struct TileSets<'a> {
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
        Self { sets }
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
