//! What the pixels of a file show, and the warnings that follow. The caller decodes files, and only
//! those that are about to be painted.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use impasto_types::{AssetPath, Crop};
use serde::{Deserialize, Serialize};

use crate::data_map::DataMaps;
use crate::manifest::Manifest;
use crate::{Note, Plan};

/// What the pixels of a file show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Look {
    /// The pixels are unit vectors around one direction: a normal map.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub normal_map: bool,
    /// Colours differ where alpha is 0, so alpha may be data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden_colors: bool,
    /// Many pixels are plain magenta, as where a colour stands for transparency.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub magenta_ground: bool,
    /// What a black or white frame covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub border: Option<Crop>,
}

impl Plan {
    /// The files whose pixels are worth a look before they are painted: the assets of stale tasks,
    /// and the style images of stale tasks as far as nothing is cut off them.
    pub fn to_be_looked_at(&self, manifest: &Manifest) -> Vec<AssetPath> {
        let assets = self.stale().map(|task| task.asset.clone());
        let styles = self.stale_styles(manifest).map(|(_, image)| image);
        let mut files: Vec<_> = assets.chain(styles).collect();
        files.sort();
        files.dedup();
        files
    }

    /// The warnings that follow from the pixels of those files.
    pub fn notes_on_pixels(
        &self,
        manifest: &Manifest,
        looks: &BTreeMap<AssetPath, Look>,
    ) -> Vec<Note> {
        let mut notes = Vec::new();
        // Few projects have such pixels, and names are compared with all others of their folder.
        let named = LazyCell::new(|| DataMaps::among(self.tasks.iter().map(|task| &task.asset)));
        for (index, rule) in manifest.rule_names().enumerate() {
            let tasks = self.stale().filter(|task| task.rule() == rule);
            let mut assets: Vec<&AssetPath> = tasks.map(|task| &task.asset).collect();
            assets.dedup();
            let shows = |what: fn(&Look) -> bool| {
                assets.iter().copied().filter(move |asset| looks.get(*asset).is_some_and(what))
            };
            // Of the others, the name has said it already.
            let mut normal_maps =
                shows(|look| look.normal_map).filter(|asset| named.find(asset).is_none());
            let paints_data =
                manifest.paintings(index).iter().all(|painting| painting.paints_data());
            if let Some(first) = normal_maps.next().filter(|_| !paints_data) {
                let (rule, first, count) =
                    (rule.to_owned(), first.clone(), 1 + normal_maps.count());
                notes.push(Note::NormalMaps { rule, first, count });
            }
            if !manifest.paintings(index).iter().any(|painting| painting.has_key()) {
                let mut magenta = shows(|look| look.magenta_ground);
                if let Some(first) = magenta.next() {
                    let (rule, first) = (rule.to_owned(), first.clone());
                    notes.push(Note::MagentaGround { rule, first, count: 1 + magenta.count() });
                }
            }
            if manifest.paintings(index).iter().any(|painting| painting.says_alpha) {
                continue;
            }
            let mut hidden = shows(|look| look.hidden_colors && !look.normal_map);
            if let Some(first) = hidden.next() {
                let (rule, first, count) = (rule.to_owned(), first.clone(), 1 + hidden.count());
                notes.push(Note::HiddenColors { rule, first, count });
            }
        }
        let mut styles: Vec<_> = self.stale_styles(manifest).collect();
        styles.sort();
        styles.dedup();
        notes.extend(styles.into_iter().filter_map(|(style, image)| {
            let border = looks.get(&image)?.border?;
            Some(Note::StyleBorder { style, image, border })
        }));
        notes
    }

    /// The style images of stale tasks that are used whole, with their styles.
    fn stale_styles<'a>(
        &'a self,
        manifest: &'a Manifest,
    ) -> impl Iterator<Item = (String, AssetPath)> + use<'a> {
        let mut styles: Vec<&str> = self.stale().map(|task| task.style()).collect();
        styles.sort_unstable();
        styles.dedup();
        styles.into_iter().flat_map(|style| {
            let images = &manifest.style(style).images;
            let whole = images.iter().filter(|image| image.crop.is_none());
            whole.map(|image| (style.to_owned(), image.path.clone()))
        })
    }
}
