//! The patterns that name the maps of a folder's materials.

use std::collections::{BTreeMap, HashMap, HashSet};

use impasto_types::AssetPath;

use crate::data_map::{DataMaps, NORMALS};

/// The keys of a rule, with the words of the maps that they name.
const WORDS: [(&str, &[&[&str]]); 3] = [
    ("normal", &[&NORMALS, &["n", "nor", "norm", "nm", "normal"]]),
    (
        "height",
        &[&["disp", "displ", "displacement", "displacementmap", "height", "heightmap", "h"]],
    ),
    ("roughness", &[&["rough", "roughness", "roughnessmap", "rgh", "r"]]),
];

/// For each key the pattern that names the most maps of these assets' materials.
pub(super) fn patterns(assets: &[&AssetPath]) -> Vec<(&'static str, String)> {
    let all = DataMaps::among(assets.iter().copied());
    let (maps, colors): (Vec<&AssetPath>, Vec<&AssetPath>) =
        assets.iter().copied().partition(|path| all.find(path).is_some());
    let mut folders: HashMap<&str, Colors<'_>> = HashMap::new();
    for color in colors {
        folders.entry(color.parent()).or_default().add(color.file_stem());
    }
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for map in maps {
        let Some(word) = DataMaps::word(map) else { continue };
        let named = WORDS.iter().find(|(_, words)| words.concat().contains(&word.as_str()));
        let (Some((key, _)), Some(colors)) = (named, folders.get(map.parent())) else { continue };
        let Some(pattern) = colors.pattern(map.file_stem()) else { continue };
        let pattern = format!("{{dir}}/{pattern}.{}", map.extension());
        *counts.entry((key, pattern)).or_default() += 1;
    }
    let most = |key: &&'static str| {
        let own = counts.iter().filter(|((own, _), _)| own == key);
        // Of the two conventions of a material, one is enough: OpenGL's, whose name is later.
        let most = own.max_by_key(|((_, pattern), count)| (**count, pattern.clone()));
        most.map(|((_, pattern), _)| (*key, pattern.clone()))
    };
    WORDS.iter().map(|(key, _)| key).filter_map(most).collect()
}

/// The colour maps of a folder by their names.
#[derive(Debug, Default)]
struct Colors<'a> {
    stems: HashSet<&'a str>,
    /// What follows each material's name.
    tails: HashMap<&'a str, HashSet<&'a str>>,
}

impl<'a> Colors<'a> {
    fn add(&mut self, stem: &'a str) {
        let (material, tail) = DataMaps::material_and_tail(stem);
        self.stems.insert(stem);
        self.tails.entry(material).or_default().insert(tail);
    }

    /// The pattern by which one of these names a map. The longest name is the material's own, not
    /// one that it begins like.
    fn pattern(&self, map: &str) -> Option<String> {
        let mut ends = map.char_indices().map(|(at, _)| at).rev();
        ends.find_map(|end| {
            let (name, rest) = map.split_at(end);
            // `wall_01_n` is the map of `wall_01`, whose number is no tail of the map's.
            if !rest.is_empty() && self.stems.contains(name) {
                let (_, tail) = DataMaps::material_and_tail(name);
                if !tail.is_empty() || !self.tails.contains_key(name) {
                    return Some(format!("{{stem}}{rest}"));
                }
            }
            let tails = self.tails.get(name)?.iter();
            let middles = tails.filter_map(|tail| rest.strip_suffix(tail));
            let middle = middles.filter(|middle| !middle.is_empty()).min_by_key(|own| own.len())?;
            Some(format!("{{material}}{middle}{{tail}}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str]) -> Vec<(&'static str, String)> {
        let paths: Vec<AssetPath> =
            files.iter().map(|file| file.parse().expect("it is a path")).collect();
        patterns(&paths.iter().collect::<Vec<_>>())
    }

    #[test]
    fn conventions_give_patterns() {
        let check = |files: &[&str], expected: &[(&'static str, &str)]| {
            let expected: Vec<_> =
                expected.iter().map(|(key, pattern)| (*key, (*pattern).to_owned())).collect();
            assert_eq!(found(files), expected, "{files:?}");
        };
        check(
            &["a/brick_diff_1k.jpg", "a/brick_nor_gl_1k.png", "a/brick_rough_1k.jpg"],
            &[
                ("normal", "{dir}/{material}_nor_gl{tail}.png"),
                ("roughness", "{dir}/{material}_rough{tail}.jpg"),
            ],
        );
        check(
            &[
                "Bricks001_4K-PNG_Color.png",
                "Bricks001_4K-PNG_NormalDX.png",
                "Bricks001_4K-PNG_NormalGL.png",
                "Bricks001_4K-PNG_Displacement.png",
            ],
            &[
                ("normal", "{dir}/{material}_NormalGL{tail}.png"),
                ("height", "{dir}/{material}_Displacement{tail}.png"),
            ],
        );
        check(
            &["T_Wall_BC.1001.tga", "T_Wall_N.1001.tga", "T_Wall_BC.1002.tga"],
            &[("normal", "{dir}/{material}_N{tail}.tga")],
        );
        check(
            &["m/wall.png", "m/wall_local.tga", "m/wall2.png", "m/wall2_n.png", "m/wall_n.png"],
            &[("normal", "{dir}/{material}_n{tail}.png")],
        );
        check(
            &["wall_01.png", "wall_01_n.png", "wall_02.png", "wall_02_n.png"],
            &[("normal", "{dir}/{stem}_n.png")],
        );
        check(&["m/wall.png", "n/wall_n.png", "m/left_arm.png"], &[]);
    }
}
