//! Data maps: images whose channels are not colours, told by the names that tools give them.
//!
//! A name such as `rock_nor_gl_1k.png` says so by itself. Others end in a word that pictures end in
//! too (`left_arm.png`, `button_normal.png`): those are data maps only beside a file of the same
//! material, such as `left.png` or `left_diff.png`.

use std::collections::BTreeSet;

use impasto_types::AssetPath;

/// Endings that only data maps have, lower case, with `_` for every separator. From the downloads
/// of Poly Haven, ambientCG and FreePBR, and the exports of Substance 3D Painter, Unreal, Unity,
/// Godot and Blender's Node Wrangler.
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

/// Endings of data maps that are words of their own, so that pictures have them too.
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

/// Endings of a material's colours.
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

/// Tells data maps from pictures among the files of a folder.
#[derive(Debug, Clone, Default)]
pub struct DataMaps {
    /// The materials that some file shows to be there: folder and name, lower case.
    materials: BTreeSet<String>,
}

impl DataMaps {
    /// Looks for materials among these files.
    pub fn among<'a>(files: impl IntoIterator<Item = &'a AssetPath>) -> Self {
        let materials = files.into_iter().filter_map(|path| {
            let name = without_size(path.file_stem());
            let material = match (cut(name, &COLOURS), cut(name, &DATA), cut(name, &WORDS)) {
                (Some(material), _, _) | (None, Some(material), _) => material,
                // Another word of the same kind shows nothing: `left_arm` and `left_mask`.
                (None, None, Some(_)) => return None,
                (None, None, None) => name,
            };
            Some(key(path, material))
        });
        Self { materials: materials.collect() }
    }

    /// The ending by which the file's name says that it is a data map, lower case and with its
    /// separators: `_nor_gl_1k`, `-ao`.
    pub fn ending(&self, path: &AssetPath) -> Option<String> {
        let stem = path.file_stem();
        let name = without_size(stem);
        let material = cut(name, &DATA).or_else(|| {
            cut(name, &WORDS).filter(|material| self.materials.contains(&key(path, material)))
        })?;
        Some(stem[material.len()..].to_ascii_lowercase())
    }
}

/// A material, wherever its files say it.
fn key(path: &AssetPath, material: &str) -> String {
    format!("{}/{material}", path.parent()).to_lowercase()
}

/// `name` without the ending among `endings` that takes most of it, and without the separator
/// before it.
fn cut<'a>(name: &'a str, endings: &[&str]) -> Option<&'a str> {
    // ASCII alone is changed, so that places in one text are places in the other.
    let plain = name.to_ascii_lowercase().replace(SEPARATORS, "_");
    let ends = |ending: &&&str| {
        plain.strip_suffix(**ending).is_some_and(|rest| rest.len() > 1 && rest.ends_with('_'))
    };
    let longest = endings.iter().filter(ends).map(|ending| ending.len()).max()?;
    Some(&name[..name.len() - longest - 1])
}

const SEPARATORS: [char; 4] = ['_', '-', '.', ' '];

/// A stem without the resolution that Poly Haven puts last: `_1k`, `_16k`.
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
    fn names_that_tools_give() {
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
    fn words_count_beside_their_material() {
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
