use super::*;

fn path(name: &str) -> AssetPath {
    name.parse().expect("it is a path")
}

/// Whether the first of `files` is a data map among them.
fn is_map(files: &[&str]) -> bool {
    let files: Vec<AssetPath> = files.iter().map(|name| path(name)).collect();
    DataMaps::among(&files).find(&files[0]).is_some()
}

#[test]
fn names_that_only_data_maps_have() {
    for (name, glob) in [
        // Poly Haven.
        ("rock_wall_nor_gl_1k.png", "**/*_nor_gl_1k.*"),
        ("rock_wall_nor_dx_16k.jpg", "**/*_nor_dx_16k.*"),
        ("brick_nor_gl_4k.png", "**/*_nor_gl_4k.*"),
        ("rock_wall_ao_2k.png", "**/*_ao_2k.*"),
        ("brick_arm_4k.png", "**/*_arm_4k.*"),
        ("brick_rough_8k.exr.png", "**/*_rough_8k.exr.*"),
        // ambientCG.
        ("Bricks075A_1K-JPG_NormalGL.jpg", "**/*_normalgl.*"),
        ("Bricks001_4K-PNG_NormalGL.png", "**/*_normalgl.*"),
        ("Bricks075A_1K-JPG_AmbientOcclusion.jpg", "**/*_ambientocclusion.*"),
        ("Bricks001_4K-PNG_Displacement.png", "**/*_displacement.*"),
        ("Fabric_8K-PNG_Opacity.png", "**/*_opacity.*"),
        // FreePBR.
        ("rock1-normal-ogl.png", "**/*-normal-ogl.*"),
        // Quixel.
        ("tfzkbb_2K_Normal_LOD0.jpg", "**/*_normal_lod0.*"),
        ("tfzkbb_8K_Cavity.jpg", "**/*_cavity.*"),
        ("vlkhcbx_4K_Displacement.jpg", "**/*_displacement.*"),
        // Substance 3D Painter, for Unreal and for Unity.
        ("T_Crate_OcclusionRoughnessMetallic.png", "**/*_occlusionroughnessmetallic.*"),
        ("Crate_Normal_DirectX.tga", "**/*_normal_directx.*"),
        ("Crate_Mixed_AO.png", "**/*_mixed_ao.*"),
        ("Crate_MetallicSmoothness.png", "**/*_metallicsmoothness.*"),
        ("Wall_MaskMap.png", "**/*_maskmap.*"),
        ("Crate_CoatMask.png", "**/*_coatmask.*"),
        ("Crate_TangentMap.png", "**/*_tangentmap.*"),
        ("Crate_Normal_1012.png", "**/*_normal_[0-9][0-9][0-9][0-9].*"),
        // Unreal.
        ("T_Brick_N.1001.png", "**/*_n.[0-9][0-9][0-9][0-9].*"),
        ("T_Brick_N.png", "**/*_n.*"),
        ("T_Brick_S.png", "**/*_s.*"),
        ("t_brick_n.png", "**/*_n.*"),
        ("T_Wall_01_ORM.tga", "**/*_orm.*"),
        ("TX_Wall_MRA.tga", "**/*_mra.*"),
        ("T_Wall_AORM.tga", "**/*_aorm.*"),
        // glTF, CryEngine, by hand.
        ("Helmet_metallicRoughnessTexture.png", "**/*_metallicroughnesstexture.*"),
        ("crate_ddna.tif", "**/*_ddna.*"),
        ("a_ORM.png", "**/*_orm.*"),
        ("Rock Height Map 2048.png", "**/* height map 2048.*"),
        ("münze_nrm (1).png", "**/*_nrm (1).*"),
        ("rock_roughness_v02.png", "**/*_roughness_v02.*"),
        ("brick/roughness.png", "**/roughness.*"),
    ] {
        let found = DataMaps::default().find(&path(name));
        assert_eq!(found.and_then(|map| map.glob()).as_deref(), Some(glob), "{name}");
    }
    // No glob tells these from the ends of other words.
    for name in ["BrickNormalMap.png", "WallAO.png", "brickRoughness.png"] {
        let found = DataMaps::default().find(&path(name)).expect(name);
        assert_eq!(found.glob(), None, "{name}");
    }
}

#[test]
fn names_of_pictures() {
    for name in [
        "rock_wall_diff_1k.jpg",
        "Bricks075A_1K-JPG_Color.jpg",
        "rock1-albedo.png",
        "Crate_AlbedoTransparency.png",
        "T_Brick_D.1001.png",
        "T_Brick_BC.png",
        "tfzkbb_2K_Albedo.jpg",
        "brick.png",
        "chaos.png",
        "_ao.png",
        "disp.png",
        "left_arm.png",
        "arm.png",
        "normal.png",
        "n.png",
        "gas_mask_02.png",
        "button_normal_256.png",
        "letter_n.png",
        "shirt_s.png",
        "t_shirt_m.png",
        "Swarm.png",
        "4k.png",
        "1001.png",
        "abnormal.png",
        "firearm.png",
        "speed_bump.png",
        "car_metallic.png",
        "daily_news_local.png",
    ] {
        assert_eq!(DataMaps::default().find(&path(name)), None, "{name}");
    }
}

#[test]
fn ordinary_words_mark_data_maps_only_beside_their_material() {
    for (files, expected) in [
        (&["t/brick_n.png", "t/brick.png"][..], true),
        (&["t/Brick_Normal.png", "t/brick_BaseColor.png"], true),
        (&["t/rock_arm_1k.png", "t/rock_diff_1k.jpg"], true),
        (&["t/rock_arm.png", "t/rock_diff_1k.jpg"], true),
        (&["t/rock-metallic.png", "t/rock-normal-ogl.png"], true),
        (&["t/wall_metallic.png", "t/wall_bump.png"], true),
        (&["t/Bricks001_Height.png", "t/Bricks001_4K-PNG_Color.png"], true),
        (&["t/BrickNormal.png", "t/Brick.png"], true),
        (&["t/metal_n.png", "t/metal.png"], true),
        (&["t/Barrel_Position.png", "t/Barrel_Base_color.png"], true),
        (&["t/Barrel_ID.png", "t/Barrel_Normal.png", "t/Barrel_Base_color.png"], true),
        (&["t/floor_nm.png", "t/floor_diffuse.png"], true),
        (&["t/start_position.png", "t/end_position.png"], false),
        (&["t/metal.png", "t/metal_n.png"], false),
        (&["t/c_n.png", "t/c.png"], true),
        (&["t/rock_arm.png", "t/rock_arm_nrm.png"], false),
        (&["t/left_arm.png", "t/left_leg.png"], false),
        (&["t/left_arm.png", "t/left_mask.png"], false),
        (&["t/left_arm.png", "ui/left.png"], false),
        (&["t/button_normal.png", "t/button_pressed.png"], false),
        (&["t/sheet_metal.png", "t/sheet_metal_nrm.png"], false),
        (&["t/car_metallic.png", "t/bus_metallic.png"], false),
        (&["t/n.png", "t/.png"], false),
        // id Tech: one letter counts beside a map that is not abbreviated, or beside normals.
        (&["t/wall_local.tga", "t/wall.tga"], true),
        (&["t/wall_s.tga", "t/wall_local.tga", "t/wall_d.tga"], true),
        (&["t/wall_s.tga", "t/wall_n.tga", "t/wall.tga"], true),
        (&["t/icon_s.png", "t/icon.png"], false),
        (&["t/icon_s.png", "t/icon_m.png", "t/icon_d.png"], false),
        // A folder for each material.
        (&["brick/normal.png", "brick/roughness.png"], true),
        (&["brick/ao.png", "brick/albedo.png"], true),
        (&["brick/normal.png", "brick/brick.png"], true),
        (&["brick/Normal_2K.png", "brick/brick_diff.png"], true),
        (&["brick/arm.png", "brick/diff.png"], true),
        (&["ui/normal.png", "ui/pressed.png"], false),
        (&["body/arm.png", "body/mask.png"], false),
        (&["body/arm.png", "body/leg.png", "body/body_parts.png"], false),
    ] {
        assert_eq!(is_map(files), expected, "{files:?}");
    }
}

#[test]
fn folders_of_maps_stand_beside_one_of_colours() {
    for (files, glob) in [
        (&["t/Normal/brick.png", "t/Albedo/brick.png"][..], Some("**/normal/**")),
        (&["t/normal maps/brick.png", "t/base_color/Brick.tga"], Some("**/normal maps/**")),
        (&["t/Roughness/walls/a.png", "t/BaseColor/walls/a.png"], Some("**/roughness/**")),
        (&["t/Mask/brick_mask.png", "t/Color/brick_color.png"], Some("**/mask/**")),
        (&["Metal/brick_2k.png", "Colors/brick_2k.png"], Some("**/metal/**")),
        (&["t/Normal/brick.png", "t/Albedo/stone.png"], None),
        (&["t/Normal/brick.png", "u/Albedo/brick.png"], None),
        (&["button/normal/ok.png", "button/hover/ok.png"], None),
        (&["t/Albedo/brick.png", "t/Normal/brick.png"], None),
        (&["t/s/brick.png", "t/color/brick.png"], None),
    ] {
        let files: Vec<AssetPath> = files.iter().map(|name| path(name)).collect();
        let found = DataMaps::among(&files).find(&files[0]);
        assert_eq!(found.and_then(|map| map.glob()).as_deref(), glob, "{files:?}");
    }
}

#[test]
fn names_fall_into_what_comes_before_and_after_a_colours_word() {
    for (stem, material, tail) in [
        ("brick_diff_1k", "brick", "_1k"),
        ("Bricks001_4K-PNG_Color", "Bricks001_4K-PNG", ""),
        ("T_Wall_BC.1001", "T_Wall", ".1001"),
        ("wall_d", "wall", ""),
        ("WallAlbedo", "Wall", ""),
        ("wall", "wall", ""),
        ("wall_2k", "wall", "_2k"),
        ("color", "color", ""),
        ("wall_normal", "wall_normal", ""),
    ] {
        assert_eq!(DataMaps::material_and_tail(stem), (material, tail), "{stem}");
    }
}
