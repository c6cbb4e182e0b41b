//! Data maps: images whose channels are not colours, recognised by the names that tools give them.
//!
//! Some words are unambiguous, as in `rock_nor_gl_1k.png`. Others are ordinary (`left_arm.png`,
//! `button_normal.png`): these mark a data map only beside another file of the same material, such
//! as `left.png` or `left_diff.png`, or in a name that only a texture has, such as `T_Left_ARM` or
//! `left_arm_4k`. A map's word can also be the whole name (`brick/normal.png`); then the other
//! files of the folder show that it holds one material. Or it is the name of a folder, beside one
//! of colours.

mod folder;
mod name;
mod words;

use std::collections::{BTreeSet, HashMap};

use impasto_types::AssetPath;
use rayon::prelude::*;

use self::folder::ColourFolders;
use self::name::{MapWord, TextureName};
use self::words::Kind;
pub(crate) use self::words::NORMALS;

/// Distinguishes data maps from pictures among the files of a folder.
#[derive(Debug, Clone, Default)]
pub struct DataMaps {
    /// What the files of each material show, by folder and material in lower case. The material of
    /// files whose whole name is a map's word is empty.
    materials: HashMap<String, Shown>,
    colours: ColourFolders,
}

/// What the files of one material are.
#[derive(Debug, Clone, Default)]
struct Shown {
    /// A file without a map's word.
    plain: bool,
    kinds: BTreeSet<Kind>,
    /// The words of data maps that are not ordinary ones.
    words: BTreeSet<String>,
}

/// Why a file is a data map, as the globs that match such names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataMap {
    named: Named,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// The end of the name in lower case, as a glob without the extension: `_nor_gl_1k`.
    Ending(String),
    /// The folder, as a glob: `normal`.
    Folder(String),
    /// By an ending that no glob tells from the end of another word.
    Unclear,
}

impl DataMap {
    /// A glob that takes the file at `path`: [`Self::glob`], or one for its name alone.
    pub(crate) fn glob_for(&self, path: &AssetPath) -> String {
        let name = || path.as_str().rsplit('/').next().unwrap_or(path.as_str());
        self.glob().unwrap_or_else(|| format!("**/{}", globset::escape(name())))
    }

    /// A glob for all files with the same ending, in any folder, or in folders of the same name.
    pub(crate) fn glob(&self) -> Option<String> {
        match &self.named {
            Named::Ending(ending) => {
                let any = if ending.starts_with(SEPARATORS) { "*" } else { "" };
                Some(format!("**/{any}{ending}.*"))
            }
            Named::Folder(folder) => Some(format!("**/{folder}/**")),
            Named::Unclear => None,
        }
    }
}

const SEPARATORS: [char; 4] = ['_', '-', '.', ' '];

/// As a whole name, a longer word of data maps names nothing else; `ao` and `disp` may.
const LONGEST_ABBREVIATION: usize = 5;

impl DataMaps {
    /// Collects the materials of these files, on several threads.
    pub fn among<'a>(files: impl IntoIterator<Item = &'a AssetPath>) -> Self {
        let files: Vec<&AssetPath> = files.into_iter().collect();
        let named = files.par_iter().map(|path| {
            let name = TextureName::of(path.file_stem());
            let picture = ColourFolders::picture(path, &name);
            let TextureName { material, map, .. } = name;
            // A material may have a map's name: `metal.png` beside `metal_n.png`.
            let whole = map.as_ref().filter(|_| material.is_empty());
            let whole = whole.map(|map| key(path, &map.word));
            (key(path, &material), whole, map, picture)
        });
        let named: Vec<_> = named.collect();
        let mut materials: HashMap<String, Shown> = HashMap::with_capacity(named.len());
        let mut colours = ColourFolders::default();
        for (material, whole, map, picture) in named {
            colours.add(picture);
            if let Some(whole) = whole {
                materials.entry(whole).or_default().plain = true;
            }
            let shown = materials.entry(material).or_default();
            match map {
                None => shown.plain = true,
                Some(MapWord { kind, word, .. }) => {
                    shown.kinds.insert(kind);
                    if matches!(kind, Kind::Data | Kind::Technical) {
                        shown.words.insert(word);
                    }
                }
            }
        }
        Self { materials, colours }
    }

    /// Why the file is a data map; `None` for pictures.
    pub fn find(&self, path: &AssetPath) -> Option<DataMap> {
        let stem = path.file_stem();
        let name = TextureName::of(stem);
        let Some(map) = name.map.as_ref().filter(|map| self.is_shown(path, &name, map)) else {
            let folder = self.colours.of_maps(path, &name)?;
            let named = Named::Folder(globset::escape(&folder.to_lowercase()));
            return Some(DataMap { named });
        };
        // The separator before the word belongs to its ending.
        let separated = stem[..map.start].ends_with(SEPARATORS);
        let start = if separated { map.start - 1 } else { map.start };
        let is_clear = map.is_separate && (separated || start == 0);
        let named = if is_clear { Named::Ending(glob(&stem[start..])) } else { Named::Unclear };
        Some(DataMap { named })
    }

    /// Whether the file's name ends like data maps that may be pictures, and nothing else shows
    /// which it is: `left_arm.png`.
    pub(crate) fn may_be_a_picture(&self, path: &AssetPath) -> bool {
        let map = TextureName::of(path.file_stem()).map;
        map.is_some_and(|map| matches!(map.kind, Kind::Noun | Kind::Technical))
            && self.find(path).is_none()
    }

    /// The word that ends a texture's name, in lower case without separators.
    pub(crate) fn word(path: &AssetPath) -> Option<String> {
        TextureName::of(path.file_stem()).map.map(|map| map.word)
    }

    /// The beginning of a name before the word of its map, if that is a colour's, and before what
    /// follows it; and what follows. `brick_diff_1k` is `brick` and `_1k`.
    pub(crate) fn material_and_tail(stem: &str) -> (&str, &str) {
        let TextureName { map, tail, .. } = TextureName::of(stem);
        let is_color =
            |map: &MapWord| map.start > 0 && matches!(map.kind, Kind::Colour | Kind::ColourLetter);
        let end = map.filter(is_color).map_or(tail, |map| map.start);
        (stem[..end].trim_end_matches(SEPARATORS), &stem[tail..])
    }

    fn is_shown(&self, path: &AssetPath, name: &TextureName, map: &MapWord) -> bool {
        let none = Shown::default();
        let of = |material: &str| self.materials.get(&key(path, material)).unwrap_or(&none);
        let shown = of(&name.material);
        // Two words that are rare in names of pictures show a material: `wall_metallic` beside
        // `wall_bump`.
        let others = shown.words.iter().any(|word| *word != map.word);
        let is_material = shown.has(Kind::Colour) || others;
        let has_main = shown.plain || shown.has(Kind::ColourLetter);
        let is_whole = name.material.is_empty();
        match map.kind {
            Kind::Colour | Kind::ColourLetter => false,
            Kind::Data if !is_whole || map.word.len() > LONGEST_ABBREVIATION => true,
            Kind::Normal | Kind::Letter if is_whole => false,
            Kind::Data | Kind::Technical | Kind::Noun if is_whole => {
                let folder = path.parent();
                let last = folder.rsplit('/').next().unwrap_or(folder);
                let of_folder = of(&TextureName::of(last).material);
                let has_main = of_folder.plain || of_folder.has(Kind::Colour);
                is_material || has_main || name.is_texture
            }
            Kind::Data | Kind::Technical | Kind::Noun | Kind::Normal => {
                is_material || has_main || name.is_texture
            }
            Kind::Letter => {
                is_material || has_main && shown.has(Kind::Normal) || name.is_abbreviated
            }
        }
    }
}

impl Shown {
    fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// Identifies a material, whatever the case of its files' names.
fn key(path: &AssetPath, material: &str) -> String {
    format!("{}/{material}", path.parent()).to_lowercase()
}

/// The end of a name as a glob, for all tiles if it names a UDIM tile.
fn glob(ending: &str) -> String {
    let ending = ending.to_lowercase();
    let (before, last) = ending.split_at(ending.len() - digits_at_end(&ending));
    match last.parse::<u32>() {
        Ok(1001..=1999) => format!("{}[0-9][0-9][0-9][0-9]", globset::escape(before)),
        _ => globset::escape(&ending),
    }
}

fn digits_at_end(text: &str) -> usize {
    text.bytes().rev().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
#[path = "data_map/tests.rs"]
mod tests;
