//! The patterns that name the maps of a folder's materials.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use impasto_types::AssetPath;

use crate::data_map::{DataMaps, NORMALS};

/// A map that follows the paint: the key of a rule that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Normal,
    Height,
    Roughness,
    /// What the channels of the file hold.
    Packed(&'static str),
}

/// The words of maps that follow the paint.
const WORDS: [(Key, &[&str]); 14] = [
    (Key::Normal, &NORMALS),
    (Key::Normal, &["n", "nor", "norm", "nm", "normal", "local", "normaltexture"]),
    (
        Key::Height,
        &[
            "disp",
            "displ",
            "dsp",
            "displace",
            "displacement",
            "displacementmap",
            "height",
            "heightmap",
            "h",
            "bump",
            "bmp",
        ],
    ),
    (Key::Roughness, &["rough", "roughness", "roughnessmap", "roughmap", "rgh", "r"]),
    (
        Key::Packed("occlusion+roughness+metallic"),
        &[
            "orm",
            "arm",
            "aorm",
            "occlusionroughnessmetallic",
            "occlusionroughnessmetallictexture",
            "occlusionroughmetal",
            "aoroughnessmetallic",
            "ambientocclusionroughnessmetallic",
        ],
    ),
    (
        Key::Packed("none+roughness+metallic"),
        &[
            "metallicroughness",
            "metallicroughnesstexture",
            "metalroughness",
            "roughnessmetallic",
            "roughmetal",
        ],
    ),
    (Key::Packed("roughness+metallic+occlusion"), &["rma", "rmao"]),
    (Key::Packed("metallic+roughness+occlusion"), &["mra", "mrao", "mro"]),
    (Key::Packed("occlusion+roughness+height"), &["ord", "ordp"]),
    (Key::Packed("occlusion+roughness+metallic+height"), &["ormh"]),
    (Key::Packed("roughness+metallic+occlusion+height"), &["rmah"]),
    (Key::Packed("metallic+roughness+occlusion+height"), &["mrah"]),
    (Key::Packed("metallic+occlusion+mask+smoothness"), &["maskmap", "mads"]),
    (
        Key::Packed("metallic+none+none+smoothness"),
        &["metallicsmoothness", "metallicgloss", "metallicglossmap"],
    ),
];

/// Lines of a rule that name the maps of these assets' materials. Of several names for one map,
/// that of the most files is first.
pub(super) fn lines(assets: &[&AssetPath]) -> Vec<String> {
    let found = patterns(assets);
    let quoted = |pattern: &String| super::quoted(pattern);
    let plain = [(Key::Normal, "normal"), (Key::Height, "height"), (Key::Roughness, "roughness")];
    let plain = plain.into_iter().filter_map(|(key, name)| {
        let named: Vec<String> = found
            .iter()
            .filter(|(own, _)| *own == key)
            .map(|(_, pattern)| quoted(pattern))
            .collect();
        one_or_several(name, named)
    });
    let packed = found.iter().filter_map(|(key, pattern)| match key {
        Key::Packed(channels) => {
            Some(format!("{{ path = {}, channels = \"{channels}\" }}", quoted(pattern)))
        }
        Key::Normal | Key::Height | Key::Roughness => None,
    });
    let packed = one_or_several("packed", packed.collect());
    plain.chain(packed).collect()
}

/// A line of a manifest.
fn one_or_several(key: &str, mut values: Vec<String>) -> Option<String> {
    match values.len() {
        0 => None,
        1 => Some(format!("{key} = {}", values.remove(0))),
        _ => Some(format!("{key} = [\n    {},\n]", values.join(",\n    "))),
    }
}

/// No more names than these are written for one map: the first that exists counts.
const MOST: usize = 24;

/// The patterns that name maps of these assets' materials, for each key those of the most maps
/// first. One whose materials all have a map by those before it is left out.
fn patterns(assets: &[&AssetPath]) -> Vec<(Key, String)> {
    let all = DataMaps::among(assets.iter().copied());
    let (maps, colors): (Vec<&AssetPath>, Vec<&AssetPath>) =
        assets.iter().copied().partition(|path| all.find(path).is_some());
    let mut folders: HashMap<&str, Colors<'_>> = HashMap::new();
    for color in colors {
        folders.entry(color.parent()).or_default().add(color.file_stem());
    }
    // By pattern, the materials that it serves: folders and names.
    let mut served: BTreeMap<(Key, String), BTreeSet<(&str, &str)>> = BTreeMap::new();
    for map in maps {
        let Some(word) = DataMaps::word(map) else { continue };
        let named = WORDS.iter().find(|(_, words)| words.contains(&word.as_str()));
        let (Some((key, _)), Some(colors)) = (named, folders.get(map.parent())) else { continue };
        let Some((name, pattern)) = colors.pattern(map.file_stem()) else { continue };
        let pattern = format!("{{dir}}/{pattern}.{}", map.extension());
        served.entry((*key, pattern)).or_default().insert((map.parent(), name));
    }
    let mut patterns: Vec<_> = served.into_iter().collect();
    // Of the two conventions of a material, one is enough: OpenGL's, whose name is later.
    patterns.sort_by(|((key, pattern), materials), ((other_key, other), others)| {
        key.cmp(other_key).then(others.len().cmp(&materials.len())).then(other.cmp(pattern))
    });
    let mut kept: Vec<(Key, String)> = Vec::new();
    let mut have: BTreeSet<(Key, &str, &str)> = BTreeSet::new();
    for ((key, pattern), materials) in patterns {
        let is_new = |(folder, name): &(&'_ str, &'_ str)| !have.contains(&(key, *folder, *name));
        let count = kept.iter().filter(|(other, _)| *other == key).count();
        if count < MOST && materials.iter().any(is_new) {
            have.extend(materials.into_iter().map(|(folder, name)| (key, folder, name)));
            kept.push((key, pattern));
        }
    }
    kept
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

    /// The name of a material that has this map, and the pattern by which it names it. The longest
    /// name is the material's own, not one that it begins like.
    fn pattern<'m>(&self, map: &'m str) -> Option<(&'m str, String)> {
        let mut ends = map.char_indices().map(|(at, _)| at).rev();
        ends.find_map(|end| {
            let (name, rest) = map.split_at(end);
            // `wall_01_n` is the map of `wall_01`, whose number is no tail of the map's.
            if !rest.is_empty() && self.stems.contains(name) {
                let (_, tail) = DataMaps::material_and_tail(name);
                if !tail.is_empty() || !self.tails.contains_key(name) {
                    return Some((name, format!("{{stem}}{rest}")));
                }
            }
            let tails = self.tails.get(name)?.iter();
            let middles = tails.filter_map(|tail| rest.strip_suffix(tail));
            let middle = middles.filter(|middle| !middle.is_empty()).min_by_key(|own| own.len())?;
            Some((name, format!("{{material}}{middle}{{tail}}")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str]) -> Vec<String> {
        let paths: Vec<AssetPath> =
            files.iter().map(|file| file.parse().expect("it is a path")).collect();
        lines(&paths.iter().collect::<Vec<_>>())
    }

    #[test]
    fn conventions_give_lines() {
        let check = |files: &[&str], expected: &[&str]| {
            assert_eq!(found(files), expected, "{files:?}");
        };
        check(
            &["a/brick_diff_1k.jpg", "a/brick_nor_gl_1k.png", "a/brick_rough_1k.jpg"],
            &[
                r#"normal = "{dir}/{material}_nor_gl{tail}.png""#,
                r#"roughness = "{dir}/{material}_rough{tail}.jpg""#,
            ],
        );
        check(
            &["T_Wall_BC.1001.tga", "T_Wall_N.1001.tga", "T_Wall_BC.1002.tga"],
            &[r#"normal = "{dir}/{material}_N{tail}.tga""#],
        );
        check(
            &["wall_01.png", "wall_01_n.png", "wall_02.png", "wall_02_n.png"],
            &[r#"normal = "{dir}/{stem}_n.png""#],
        );
        check(
            &["T_Wall_BC.tga", "T_Wall_ORM.tga"],
            &[concat!(
                r#"packed = { path = "{dir}/{material}_ORM{tail}.tga", "#,
                r#"channels = "occlusion+roughness+metallic" }"#
            )],
        );
        check(&["m/wall.png", "n/wall_n.png", "m/left_arm.png"], &[]);
    }

    #[test]
    fn every_word_is_that_of_a_map() {
        for word in WORDS.iter().flat_map(|(_, words)| *words) {
            let path = format!("wall_{word}.png").parse().expect("it is a path");
            assert_eq!(DataMaps::word(&path).as_deref(), Some(*word));
        }
    }

    #[test]
    fn several_names_of_one_map_are_a_list_the_commonest_first() {
        assert_eq!(
            found(&[
                "m/wall.png",
                "m/wall_local.tga",
                "m/wall2.png",
                "m/wall2_n.png",
                "m/wall3.png",
                "m/wall3_n.png",
            ]),
            ["normal = [\n    \"{dir}/{material}_n{tail}.png\",\n    \
              \"{dir}/{material}_local{tail}.tga\",\n]"]
        );
        // OpenGL's is enough for a material that has DirectX's too.
        let both = found(&[
            "Bricks001_4K-PNG_Color.png",
            "Bricks001_4K-PNG_NormalDX.png",
            "Bricks001_4K-PNG_NormalGL.png",
        ]);
        assert_eq!(both, [r#"normal = "{dir}/{material}_NormalGL{tail}.png""#]);
    }
}
