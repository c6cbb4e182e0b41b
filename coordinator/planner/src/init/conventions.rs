//! Folders with the file names of real libraries, tools and engines: `init` groups the maps of each
//! material, and paints no map as a picture.

use std::collections::BTreeMap;

use impasto_types::{AssetPath, Part};

use super::init_manifest;
use crate::Manifest;

/// Colour maps, each with its maps that follow the paint, and the other files.
struct Folder {
    convention: &'static str,
    materials: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// Maps that stay as they are.
    others: &'static [&'static str],
}

const ORM: &str = "packed:occlusion+roughness+metallic";
const GLTF: &str = "packed:none+roughness+metallic";
const MASK_MAP: &str = "packed:metallic+occlusion+mask+smoothness";
const UNITY: &str = "packed:metallic+none+none+smoothness";

const FOLDERS: [Folder; 12] = [
    Folder {
        convention: "Poly Haven",
        materials: &[
            (
                "aerial_rocks_02_diff_1k.jpg",
                &[
                    ("normal", "aerial_rocks_02_nor_gl_1k.png"),
                    ("height", "aerial_rocks_02_disp_1k.png"),
                    ("roughness", "aerial_rocks_02_rough_1k.jpg"),
                    (ORM, "aerial_rocks_02_arm_1k.jpg"),
                ],
            ),
            (
                "brick_wall_001_diffuse_1k.jpg",
                &[
                    ("normal", "brick_wall_001_nor_gl_1k.png"),
                    ("height", "brick_wall_001_displacement_1k.png"),
                    ("roughness", "brick_wall_001_rough_1k.jpg"),
                ],
            ),
            (
                "coast_sand_rocks_02_diff_4k.jpg",
                &[
                    ("normal", "coast_sand_rocks_02_nor_dx_4k.jpg"),
                    ("roughness", "coast_sand_rocks_02_rough_4k.jpg"),
                    (ORM, "coast_sand_rocks_02_arm_4k.jpg"),
                ],
            ),
        ],
        others: &[
            "aerial_rocks_02_ao_1k.jpg",
            "aerial_rocks_02_nor_dx_1k.png",
            "brick_wall_001_ao_1k.jpg",
            "coast_sand_rocks_02_ao_4k.jpg",
        ],
    },
    Folder {
        convention: "ambientCG",
        materials: &[
            (
                "Bricks075A_1K-JPG_Color.jpg",
                &[
                    ("normal", "Bricks075A_1K-JPG_NormalGL.jpg"),
                    ("height", "Bricks075A_1K-JPG_Displacement.jpg"),
                    ("roughness", "Bricks075A_1K-JPG_Roughness.jpg"),
                ],
            ),
            (
                "Metal032_2K-PNG_Color.png",
                &[
                    ("normal", "Metal032_2K-PNG_NormalGL.png"),
                    ("height", "Metal032_2K-PNG_Displacement.png"),
                    ("roughness", "Metal032_2K-PNG_Roughness.png"),
                ],
            ),
            (
                "PavingStones142_4K-JPG_Color.jpg",
                &[
                    ("normal", "PavingStones142_4K-JPG_NormalGL.jpg"),
                    ("roughness", "PavingStones142_4K-JPG_Roughness.jpg"),
                ],
            ),
        ],
        others: &[
            "Bricks075A_1K-JPG_AmbientOcclusion.jpg",
            "Bricks075A_1K-JPG_NormalDX.jpg",
            "Metal032_2K-PNG_Metalness.png",
            "Metal032_2K-PNG_NormalDX.png",
            "PavingStones142_4K-JPG_AmbientOcclusion.jpg",
        ],
    },
    Folder {
        convention: "Quixel Megascans",
        materials: &[
            (
                "tbdnddnr_2K_Albedo.jpg",
                &[
                    ("normal", "tbdnddnr_2K_Normal.jpg"),
                    ("height", "tbdnddnr_2K_Displacement.jpg"),
                    ("roughness", "tbdnddnr_2K_Roughness.jpg"),
                ],
            ),
            (
                "vlkhcbx_4K_Albedo.jpg",
                &[
                    ("normal", "vlkhcbx_4K_Normal_LOD0.jpg"),
                    ("height", "vlkhcbx_4K_Displacement.jpg"),
                    ("roughness", "vlkhcbx_4K_Roughness.jpg"),
                ],
            ),
        ],
        others: &[
            "tbdnddnr_2K_AO.jpg",
            "tbdnddnr_2K_Cavity.jpg",
            "tbdnddnr_2K_Specular.jpg",
            "vlkhcbx_4K_Gloss.jpg",
            "vlkhcbx_4K_Fuzz.jpg",
            "vlkhcbx_4K_Translucency.jpg",
        ],
    },
    Folder {
        convention: "Substance 3D Painter",
        materials: &[
            (
                "Crate_Base_color.png",
                &[
                    ("normal", "Crate_Normal_OpenGL.png"),
                    ("height", "Crate_Height.png"),
                    ("roughness", "Crate_Roughness.png"),
                ],
            ),
            (
                "Robot_Body_BaseColor.1001.png",
                &[
                    ("normal", "Robot_Body_Normal.1001.png"),
                    ("roughness", "Robot_Body_Roughness.1001.png"),
                ],
            ),
            (
                "Robot_Body_BaseColor.1002.png",
                &[
                    ("normal", "Robot_Body_Normal.1002.png"),
                    ("roughness", "Robot_Body_Roughness.1002.png"),
                ],
            ),
        ],
        others: &[
            "Crate_Metallic.png",
            "Crate_Mixed_AO.png",
            "Robot_Body_Metallic.1001.png",
            "Robot_Body_Metallic.1002.png",
        ],
    },
    Folder {
        convention: "Unreal",
        materials: &[
            ("T_Brick_Clay_New_D.tga", &[("normal", "T_Brick_Clay_New_N.tga")]),
            ("T_Concrete_Poured_D.tga", &[("normal", "T_Concrete_Poured_N.tga")]),
            ("T_Wall_01_BC.tga", &[("normal", "T_Wall_01_N.tga"), (ORM, "T_Wall_01_ORM.tga")]),
            (
                "T_Rock_BC.1001.tga",
                &[
                    ("normal", "T_Rock_N.1001.tga"),
                    ("height", "T_Rock_H.1001.tga"),
                    ("packed:metallic+roughness+occlusion", "T_Rock_MRA.1001.tga"),
                ],
            ),
            (
                "T_Crate_BaseColor.tga",
                &[
                    ("normal", "T_Crate_Normal.tga"),
                    (ORM, "T_Crate_OcclusionRoughnessMetallic.tga"),
                ],
            ),
            (
                "T_Cliff_D.tga",
                &[
                    ("normal", "T_Cliff_N.tga"),
                    ("packed:roughness+metallic+occlusion", "T_Cliff_RMA.tga"),
                ],
            ),
        ],
        others: &["T_Brick_Clay_New_M.tga", "T_Wall_01_S.tga"],
    },
    Folder {
        convention: "Unity",
        materials: &[
            (
                "Wall_BaseMap.png",
                &[("normal", "Wall_NormalMap.png"), (MASK_MAP, "Wall_MaskMap.png")],
            ),
            (
                "Barrel_MainTex.png",
                &[("normal", "Barrel_Normal.png"), (UNITY, "Barrel_MetallicGlossMap.png")],
            ),
            (
                "Chest_AlbedoTransparency.png",
                &[("normal", "Chest_Normal.png"), (UNITY, "Chest_MetallicSmoothness.png")],
            ),
        ],
        others: &["Barrel_BumpMap.png", "Barrel_OcclusionMap.png", "Wall_DetailMask.png"],
    },
    Folder {
        convention: "glTF",
        materials: &[
            (
                "Default_albedo.jpg",
                &[("normal", "Default_normal.jpg"), (GLTF, "Default_metalRoughness.jpg")],
            ),
            (
                "BoomBox_baseColor.png",
                &[
                    ("normal", "BoomBox_normal.png"),
                    (ORM, "BoomBox_occlusionRoughnessMetallic.png"),
                ],
            ),
            (
                "Avocado_baseColor.png",
                &[("normal", "Avocado_normal.png"), (GLTF, "Avocado_roughnessMetallic.png")],
            ),
            (
                "SciFiHelmet_BaseColor.png",
                &[
                    ("normal", "SciFiHelmet_Normal.png"),
                    (GLTF, "SciFiHelmet_MetallicRoughness.png"),
                ],
            ),
            (
                "FlightHelmet_Materials_GlassPlasticMat_BaseColor.png",
                &[
                    ("normal", "FlightHelmet_Materials_GlassPlasticMat_Normal.png"),
                    (ORM, "FlightHelmet_Materials_GlassPlasticMat_OcclusionRoughMetal.png"),
                ],
            ),
            (
                "camera_tripod_BaseColor.png",
                &[
                    ("normal", "camera_tripod_Normal.png"),
                    (ORM, "camera_tripod_OcclusionRoughMetal.png"),
                ],
            ),
        ],
        others: &["Default_AO.jpg", "SciFiHelmet_AmbientOcclusion.png"],
    },
    Folder {
        convention: "Blender, by hand",
        materials: &[
            (
                "Rock Color 2048.png",
                &[("normal", "Rock Normal 2048.png"), ("roughness", "Rock Roughness 2048.png")],
            ),
            (
                "old-wood-albedo.png",
                &[
                    ("normal", "old-wood-normal-ogl.png"),
                    ("height", "old-wood-height.png"),
                    ("roughness", "old-wood-roughness.png"),
                ],
            ),
        ],
        others: &["old-wood-ao.png", "old-wood-metallic.png"],
    },
    Folder {
        convention: "id Tech 4",
        materials: &[
            (
                "lfwall13f3_d.tga",
                &[("normal", "lfwall13f3_local.tga"), ("height", "lfwall13f3_h.tga")],
            ),
            ("a_grate_d.tga", &[("normal", "a_grate_local.tga")]),
            ("snpanel2.tga", &[("normal", "snpanel2_local.tga"), ("height", "snpanel2_bmp.tga")]),
        ],
        others: &["lfwall13f3_s.tga", "a_grate_s.tga", "snpanel2_s.tga"],
    },
    Folder {
        convention: "Darkplaces",
        materials: &[
            (
                "floor_tile1.tga",
                &[("normal", "floor_tile1_norm.tga"), ("height", "floor_tile1_bump.tga")],
            ),
            ("wall_base.tga", &[("normal", "wall_base_norm.tga")]),
        ],
        others: &["floor_tile1_gloss.tga", "wall_base_gloss.tga"],
    },
    Folder {
        convention: "Source",
        materials: &[
            ("brickwall003a.tga", &[("normal", "brickwall003a_normal.tga")]),
            ("metaldoor01.tga", &[("normal", "metaldoor01_normal.tga")]),
        ],
        others: &["brickwall003a_height-ssbump.tga"],
    },
    Folder {
        convention: "a folder for each material",
        materials: &[
            (
                "bark/bark_diff_2k.png",
                &[("normal", "bark/bark_nor_gl_2k.png"), ("roughness", "bark/bark_rough_2k.png")],
            ),
            (
                "slate/T_Slate_BC.png",
                &[("normal", "slate/T_Slate_N.png"), (ORM, "slate/T_Slate_ORM.png")],
            ),
        ],
        others: &["bark/bark_ao_2k.png"],
    },
];

impl Folder {
    fn files(&self) -> Vec<AssetPath> {
        let own = self.materials.iter().flat_map(|(color, maps)| {
            std::iter::once(*color).chain(maps.iter().map(|(_, map)| *map))
        });
        let files = own.chain(self.others.iter().copied());
        files.map(|name| format!("textures/{name}").parse().expect("it is a path")).collect()
    }

    /// What is grouped otherwise than it should be.
    fn mistakes(&self) -> Vec<String> {
        let files = self.files();
        let text = init_manifest("x", &files).text;
        let manifest = Manifest::parse(&text, "impasto.toml").expect("it parses");
        let mut mistakes = Vec::new();
        for path in &files {
            let name = path.as_str().strip_prefix("textures/").expect("it is below");
            let expected = self.materials.iter().find(|(color, _)| *color == name);
            if manifest.wanted(path).is_some() != expected.is_some() {
                let painted = if expected.is_some() { "is not painted" } else { "is painted" };
                mistakes.push(format!("{}: {name} {painted}", self.convention));
            }
            let Some((_, maps)) = expected else { continue };
            let mut found: BTreeMap<Part, AssetPath> = BTreeMap::new();
            for (part, map) in manifest.companions(path) {
                if files.contains(&map) {
                    found.entry(part).or_insert(map);
                }
            }
            let wanted: BTreeMap<Part, AssetPath> = maps
                .iter()
                .map(|(part, map)| {
                    let map = format!("textures/{map}").parse().expect("it is a path");
                    (part.parse().expect("it is a part"), map)
                })
                .collect();
            if found != wanted {
                let show = |maps: &BTreeMap<Part, AssetPath>| {
                    let maps = maps.iter().map(|(part, map)| format!("{part} {map}"));
                    maps.collect::<Vec<_>>().join(", ")
                };
                mistakes.push(format!(
                    "{}: {name} has [{}], not [{}]",
                    self.convention,
                    show(&found),
                    show(&wanted)
                ));
            }
        }
        if !mistakes.is_empty() {
            mistakes.push(text);
        }
        mistakes
    }
}

#[test]
fn the_materials_of_twelve_conventions_are_grouped() {
    let mistakes: Vec<String> = FOLDERS.iter().flat_map(Folder::mistakes).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    let names: usize = FOLDERS.iter().map(|folder| folder.files().len()).sum();
    assert!(names >= 120, "{names} names");
}

/// One folder with all of them.
#[test]
fn a_project_of_all_conventions_is_grouped() {
    let materials: Vec<_> = FOLDERS.iter().flat_map(|folder| folder.materials).copied().collect();
    let others: Vec<_> = FOLDERS.iter().flat_map(|folder| folder.others).copied().collect();
    let all = Folder { convention: "all", materials: materials.leak(), others: others.leak() };
    let mistakes = all.mistakes();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}
