//! Which surfaces of a model show a picture that is a file of its own.

use impasto_assets::{Limits, Wrap, decode, read_header, read_surface, verify};

use crate::fixtures::glb::Glb;

/// A model of three materials without textures: named, unnamed, and with the name of an image
/// that lies elsewhere.
fn untextured() -> Glb {
    let mut glb = Glb::default();
    glb.images.push(r#"{"uri":"textures/Bricks.png"}"#.to_owned());
    let texture = glb.texture(r#"{"source":0}"#.to_owned());
    for json in [
        r#"{"name":"crate"}"#.to_owned(),
        "{}".to_owned(),
        format!(r#"{{"pbrMetallicRoughness":{{"baseColorTexture":{{"index":{texture}}}}}}}"#),
    ] {
        glb.materials.push(json);
    }
    for (material, corners) in [(0, 1), (1, 2), (2, 3)] {
        let positions = glb.floats(&[0., 0., 0., 1., 0., 0., 1., 1., 0.], 3);
        let coordinates = glb.floats(&[0., 0., 1., 0., 1., 1.], 2);
        let indices = vec![[0, 1, 2]; corners].concat();
        let count = indices.len();
        let json = format!(r#""componentType":5121,"type":"SCALAR","count":{count}"#);
        let indices = glb.accessor(&indices, &json);
        glb.primitives.push(format!(
            r#"{{"attributes":{{"POSITION":{positions},"TEXCOORD_0":{coordinates}}},
            "indices":{indices},"material":{material}}}"#
        ));
    }
    glb
}

#[test]
fn a_surface_shows_a_picture_by_its_name() {
    let file = untextured().file();
    let read = |picture: &str| {
        read_surface(&file, "a.glb", &Limits::default(), picture, (8, 4)).expect("a surface")
    };
    for (picture, triangles) in [
        ("textures/crate_albedo.png", 1),
        ("Crate.png", 1),
        ("bricks.diffuse.png", 3),
        ("CRATE", 1),
        ("crate.old", 1),
        ("bricks", 3),
        ("crates.png", 6),
        ("wall.png", 6),
    ] {
        assert_eq!(read(picture).triangles.len(), triangles, "{picture}");
    }
    let model = read("crate.png");
    assert_eq!((model.places.len(), model.places[0].width, model.warning), (1, 8, None));
    // 8 x 4 pixels on a square metre.
    assert!((model.texels_per_m.expect("a surface") - 32.0_f64.sqrt()).abs() < 1e-6);
    let corners = model.triangles[0].corners.map(|corner| corner.at);
    assert_eq!(corners, [[0., 0.], [8., 0.], [8., 4.]]);
    let error = read_surface(b"no model", "a", &Limits::default(), "a.png", (8, 4));
    assert_eq!(error.expect_err("it is refused").to_string(), "`a` is not an image");
}

/// A model of these materials, the first of which has one triangle, and each next one more. Texture
/// 0 is clamped and mirrored.
fn with_materials(materials: &[&str]) -> Vec<u8> {
    let mut glb = untextured();
    glb.samplers.push(r#"{"wrapS":33071,"wrapT":33648}"#.to_owned());
    glb.textures[0] = r#"{"source":0,"sampler":0}"#.to_owned();
    glb.texture(r#"{"source":0}"#.to_owned());
    glb.materials = materials.iter().map(|json| format!("{{{json}}}")).collect();
    glb.file()
}

#[test]
fn the_longest_name_counts() {
    let check = |materials: [&str; 3], picture: &str, triangles: usize| {
        let file = with_materials(&materials);
        let model = read_surface(&file, "a.glb", &Limits::default(), picture, (8, 4));
        let found = model.expect("a surface").triangles.len();
        assert_eq!(found, triangles, "{materials:?} {picture}");
    };
    let [crate_, lid, v2] = [r#""name":"crate""#, r#""name":"Crate_Lid""#, r#""name":"crate.v2""#];
    check([crate_, lid, ""], "crate_lid_albedo.png", 2);
    check([lid, crate_, ""], "crate_lid_albedo.png", 1);
    check([lid, crate_, ""], "crate_lids.png", 2);
    check([lid, crate_, lid], "CRATE_LID", 4);
    check([crate_, lid, crate_], "crate_albedo.png", 4);
    check([crate_, lid, v2], "crate.v2", 3);
    check([crate_, lid, v2], "crate.v2.png", 3);
    check([crate_, lid, v2], "crate.v3.png", 1);
    // Of one material, the longer of its names.
    let bricks = r#""name":"b","pbrMetallicRoughness":{"baseColorTexture":{"index":1}}"#;
    check([r#""name":"b""#, r#""name":"bricks""#, bricks], "bricks.png", 5);
}

#[test]
fn a_surface_goes_on_as_its_sampler_says() {
    let check = |materials: [&str; 3], expected: [Wrap; 2]| {
        let file = with_materials(&materials);
        let model = read_surface(&file, "a.glb", &Limits::default(), "crate_a.png", (8, 4));
        assert_eq!(model.expect("a surface").places[0].wraps, expected, "{materials:?}");
    };
    let [own, plain] = [0, 1].map(|texture| {
        format!(r#""pbrMetallicRoughness":{{"baseColorTexture":{{"index":{texture}}}}}"#)
    });
    let [named_own, named_plain] =
        [&own, &plain].map(|texture| format!(r#""name":"crate",{texture}"#));
    let (repeat, other) = ([Wrap::Repeat; 2], [Wrap::Clamp, Wrap::Mirror]);
    check(["", "", ""], repeat);
    check(["", &own, &plain], other);
    check(["", &plain, &own], repeat);
    check([&plain, &named_own, &named_plain], other);
    check([&own, &named_plain, &named_own], repeat);
    check([&own, r#""name":"crate""#, &named_own], repeat);
    check([r#""name":"crate""#, &own, r#""name":"crate_a","pbrMetallicRoughness":{}"#], repeat);
}

#[test]
fn a_model_without_textures_has_a_picture_without_pixels() {
    let file = untextured().file();
    let limits = Limits::default();
    let header = read_header(&file, "a.glb", &limits).expect("it is whole");
    assert_eq!((header.width, header.height, header.largest), (0, 0, Some(0)));
    verify(&file, "a.glb", &limits).expect("nothing is damaged");
    let error = decode(&file, "a.glb", &limits).expect_err("there is nothing").to_string();
    assert!(error.contains("`textures/Bricks.png`"), "{error}");
}
