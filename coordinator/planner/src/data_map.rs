//! Data maps: images whose channels are not colours, recognised by the names that tools give them.
//!
//! Some suffixes are unambiguous, as in `rock_nor_gl_1k.png`. Others are ordinary words
//! (`left_arm.png`, `button_normal.png`): these mark a data map only beside another file of the
//! same material, such as `left.png` or `left_diff.png`.

use std::collections::BTreeSet;

use impasto_types::AssetPath;

/// Suffixes that only data maps have, in lower case, with `_` for every separator. From the
/// downloads of Poly Haven, ambientCG and FreePBR, and the exports of Substance 3D Painter, Unreal,
/// Unity, Godot and Blender's Node Wrangler.
const DATA: [&str; 53] = [
    // Normals.
    "nor_gl",
    "nor_dx",
    "nrm",
    "nrml",
    "normals",
    "normalgl",
    "normaldx",
    "normal_gl",
    "normal_dx",
    "normal_ogl",
    "normal_opengl",
    "normal_directx",
    "normalmap",
    "normal_map",
    // Roughness and its inverse.
    "roughness",
    "roughnessmap",
    "rgh",
    "glossiness",
    "smoothness",
    // Metalness.
    "metalness",
    "mtl",
    "specularlevel",
    // Occlusion.
    "ao",
    "mixed_ao",
    "ambientocclusion",
    "ambient_occlusion",
    // Height.
    "disp",
    "dsp",
    "displace",
    "displacement",
    "heightmap",
    "height_map",
    "bumpmap",
    "bump_map",
    // Several in the channels of one file.
    "orm",
    "ormh",
    "ord",
    "rma",
    "rmao",
    "mra",
    "mrao",
    "mro",
    "occlusionroughnessmetallic",
    "occlusion_roughness_metallic",
    "metallicroughness",
    "metallic_roughness",
    "metallicsmoothness",
    "metallic_smoothness",
    "rough_ao",
    "maskmap",
    "mask_map",
    "opacitymask",
    "opacity_mask",
];

/// Suffixes of data maps that are ordinary words, so pictures have them too.
const WORDS: [&str; 22] = [
    "n",
    "nor",
    "norm",
    "normal",
    "rough",
    "gloss",
    "glossy",
    "metal",
    "metallic",
    "occlusion",
    "height",
    "depth",
    "bump",
    "arm",
    "mask",
    "opacity",
    "alpha",
    "spec",
    "specular",
    "cavity",
    "thickness",
    "transmission",
];

/// Suffixes of a material's colours.
const COLOURS: [&str; 13] = [
    "color",
    "colour",
    "col",
    "diffuse",
    "diff",
    "albedo",
    "albedotransparency",
    "basecolor",
    "base_color",
    "basecolour",
    "basemap",
    "bc",
    "d",
];

/// Distinguishes data maps from pictures among the files of a folder.
#[derive(Debug, Clone, Default)]
pub struct DataMaps {
    /// Folder and name, in lower case, of each material that some file shows to exist.
    materials: BTreeSet<String>,
}

impl DataMaps {
    /// Collects the materials of these files.
    pub fn among<'a>(files: impl IntoIterator<Item = &'a AssetPath>) -> Self {
        let materials = files.into_iter().filter_map(|path| {
            let name = without_size(path.file_stem());
            let material = match (cut(name, &COLOURS), cut(name, &DATA), cut(name, &WORDS)) {
                (Some(material), _, _) | (None, Some(material), _) => material,
                // An ordinary word does not show that there is a material: `left_arm` and
                // `left_mask`.
                (None, None, Some(_)) => return None,
                (None, None, None) => name,
            };
            Some(key(path, material))
        });
        Self { materials: materials.collect() }
    }

    /// The suffix that marks the file as a data map, in lower case with its separators:
    /// `_nor_gl_1k`, `-ao`. `None` for pictures.
    pub fn ending(&self, path: &AssetPath) -> Option<String> {
        let stem = path.file_stem();
        let name = without_size(stem);
        let material = cut(name, &DATA).or_else(|| {
            cut(name, &WORDS).filter(|material| self.materials.contains(&key(path, material)))
        })?;
        Some(stem[material.len()..].to_ascii_lowercase())
    }
}

/// Identifies a material, whatever the case of its files' names.
fn key(path: &AssetPath, material: &str) -> String {
    format!("{}/{material}", path.parent()).to_lowercase()
}

/// `name` without the longest of `endings` that it has, and without the separator before it.
fn cut<'a>(name: &'a str, endings: &[&str]) -> Option<&'a str> {
    // Only ASCII changes, so byte offsets are the same in both texts.
    let plain = name.to_ascii_lowercase().replace(SEPARATORS, "_");
    let ends = |ending: &&&str| {
        plain.strip_suffix(**ending).is_some_and(|rest| rest.len() > 1 && rest.ends_with('_'))
    };
    let longest = endings.iter().filter(ends).map(|ending| ending.len()).max()?;
    Some(&name[..name.len() - longest - 1])
}

const SEPARATORS: [char; 4] = ['_', '-', '.', ' '];

/// A stem without the resolution that Poly Haven appends: `_1k`, `_16k`.
fn without_size(stem: &str) -> &str {
    let size = stem.rsplit_once(SEPARATORS).filter(|(_, last)| {
        last.strip_suffix(['k', 'K'])
            .is_some_and(|number| (1..=2).contains(&number.len()) && number.parse::<u8>().is_ok())
    });
    size.map_or(stem, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> AssetPath {
        name.parse().expect("it is a path")
    }

    #[test]
    fn suffixes_that_tools_give_mark_data_maps() {
        for (name, expected) in [
            // Poly Haven.
            ("rock_wall_nor_gl_1k.png", Some("_nor_gl_1k")),
            ("rock_wall_nor_dx_16k.jpg", Some("_nor_dx_16k")),
            ("rock_wall_ao_2k.png", Some("_ao_2k")),
            ("rock_wall_diff_1k.jpg", None),
            // ambientCG.
            ("Bricks075A_1K-JPG_NormalGL.jpg", Some("_normalgl")),
            ("Bricks075A_1K-JPG_AmbientOcclusion.jpg", Some("_ambientocclusion")),
            ("Bricks075A_1K-JPG_Color.jpg", None),
            // FreePBR.
            ("rock1-normal-ogl.png", Some("-normal-ogl")),
            ("rock1-albedo.png", None),
            // Substance 3D Painter, for Unreal and for Unity.
            ("T_Crate_OcclusionRoughnessMetallic.png", Some("_occlusionroughnessmetallic")),
            ("Crate_Normal_DirectX.tga", Some("_normal_directx")),
            ("Crate_AlbedoTransparency.png", None),
            ("Crate_MetallicSmoothness.png", Some("_metallicsmoothness")),
            ("Crate_MaskMap.png", Some("_maskmap")),
            // By hand.
            ("a_ORM.png", Some("_orm")),
            ("brick.png", None),
            ("chaos.png", None),
            ("_ao.png", None),
            ("münze_nrm.png", Some("_nrm")),
        ] {
            assert_eq!(DataMaps::default().ending(&path(name)).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn ordinary_words_mark_data_maps_only_beside_their_material() {
        for (name, beside, expected) in [
            ("t/brick_n.png", "t/brick.png", Some("_n")),
            ("t/Brick_Normal.png", "t/brick_BaseColor.png", Some("_normal")),
            ("t/rock_arm_1k.png", "t/rock_diff_1k.jpg", Some("_arm_1k")),
            ("t/rock-metallic.png", "t/rock-normal-ogl.png", Some("-metallic")),
            ("t/rock_arm.png", "t/rock_arm_nrm.png", None),
            ("t/left_arm.png", "t/left_leg.png", None),
            ("t/left_arm.png", "t/left_mask.png", None),
            ("t/left_arm.png", "ui/left.png", None),
            ("t/button_normal.png", "t/button_pressed.png", None),
            ("t/sheet_metal.png", "t/sheet_metal_nrm.png", None),
            ("t/n.png", "t/.png", None),
        ] {
            let files = [path(name), path(beside)];
            let found = DataMaps::among(&files).ending(&files[0]);
            assert_eq!(found.as_deref(), expected, "{name} beside {beside}");
        }
    }
}
