//! Maps in folders by kind: `Normal/brick.png` beside `Albedo/brick.png`.

use std::collections::BTreeSet;

use impasto_types::AssetPath;

use super::name::TextureName;
use super::words::{Kind, kind};

/// The pictures in folders of colours, such as `Albedo`.
#[derive(Debug, Clone, Default)]
pub(super) struct ColourFolders {
    pictures: BTreeSet<String>,
}

impl ColourFolders {
    /// What a file in such a folder is known by; `None` for others.
    pub(super) fn picture(path: &AssetPath, name: &TextureName) -> Option<String> {
        let (_, around) = named_folders(path).find(|(folder, _)| *folder == Kind::Colour)?;
        Some(key(&around, &material(path, name)))
    }

    pub(super) fn add(&mut self, picture: Option<String>) {
        self.pictures.extend(picture);
    }

    /// The folder of data maps that holds this file: one that is named as a map, beside a folder of
    /// colours with a file of the same material.
    pub(super) fn of_maps<'p>(&self, path: &'p AssetPath, name: &TextureName) -> Option<&'p str> {
        if self.pictures.is_empty() {
            return None;
        }
        let material = material(path, name);
        let is_maps = |folder: &Kind, around: &Around<'_>| {
            let is_map = !matches!(folder, Kind::Colour | Kind::ColourLetter | Kind::Letter);
            is_map && self.pictures.contains(&key(around, &material))
        };
        let mut named = named_folders(path);
        named.find(|(folder, around)| is_maps(folder, around)).map(|(_, around)| around.name)
    }
}

/// A folder of a path, and what stands before and after it.
struct Around<'p> {
    before: &'p str,
    name: &'p str,
    after: &'p str,
}

/// The folders of a path that are named as a kind of map.
fn named_folders(path: &AssetPath) -> impl Iterator<Item = (Kind, Around<'_>)> {
    let folder = path.parent();
    let starts = std::iter::once(0).chain(folder.match_indices('/').map(|(at, _)| at + 1));
    starts.filter_map(move |start| {
        let length = folder[start..].find('/').unwrap_or(folder.len() - start);
        let (before, name) = (&folder[..start], &folder[start..start + length]);
        let after = &folder[start + length..];
        folder_kind(name).map(|kind| (kind, Around { before, name, after }))
    })
}

/// What the files of a folder are by its name: `Normal`, `normal_maps`, `Base Color`.
fn folder_kind(name: &str) -> Option<Kind> {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    let word: String = letters.flat_map(char::to_lowercase).collect();
    let plurals = ["", "s", "map", "maps", "textures"];
    let singular = plurals.iter().filter_map(|plural| word.strip_suffix(plural));
    singular.filter(|word| word.len() > 1).find_map(kind)
}

fn key(Around { before, after, .. }: &Around<'_>, material: &str) -> String {
    format!("{before}*{after}/{material}").to_lowercase()
}

/// The material of a file by its name; the whole name if that is a map's word.
fn material(path: &AssetPath, name: &TextureName) -> String {
    if name.material.is_empty() { path.file_stem().to_lowercase() } else { name.material.clone() }
}
