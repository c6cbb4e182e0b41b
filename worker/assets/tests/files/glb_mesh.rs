//! The surfaces of models are read in the pixels of their textures, however they are stored.

use impasto_assets::{AssetErrorKind, Depth, Limits, Model, Triangle, read_model};
use impasto_types::ContainerFormat;

use crate::fixtures::glb::{Glb, image, png, surface, with_causes};

const WIDTH: f32 = 8.0;
const HEIGHT: f32 = 4.0;

/// A model of one texture of 8 x 4 pixels, whose material says this of it.
fn textured(info: &str) -> Glb {
    let mut glb = Glb::default();
    let image = glb.image(&png(8, 4, false));
    glb.texture(format!(r#"{{"source":{image}}}"#));
    glb.materials
        .push(format!(r#"{{"pbrMetallicRoughness":{{"baseColorTexture":{{"index":0{info}}}}}}}"#));
    glb
}

/// A fan of four corners in space, so that no two are in one place.
const POSITIONS: [f32; 12] = [0., 0., 0., 1., 0., 0., 1., 1., 0., 0., 1., 5.];
const COORDINATES: [f32; 8] = [0., 0., 1., 0., 1., 1., 0., 1.];

fn at(triangle: &Triangle) -> [[f32; 2]; 3] {
    triangle.corners.map(|corner| corner.at)
}

/// The corners in parts of the texture's sides.
fn parts(model: &Model) -> Vec<[[f32; 2]; 3]> {
    let part = |[x, y]: [f32; 2]| [x / WIDTH, y / HEIGHT];
    model.triangles.iter().map(|triangle| at(triangle).map(part)).collect()
}

/// A model of one primitive of `POSITIONS`, with other fields of it.
fn primitive(glb: &mut Glb, coordinates: usize, more: &str) {
    let positions = glb.floats(&POSITIONS, 3);
    glb.primitives.push(format!(
        r#"{{"attributes":{{"POSITION":{positions},"TEXCOORD_0":{coordinates}}},
        "material":0{more}}}"#
    ));
}

#[test]
fn a_quad_is_two_triangles_in_pixels() {
    let mut glb = textured("");
    glb.quad(0);
    let model = surface(&glb.file());
    assert_eq!((model.places.len(), model.unread.len(), model.warning.as_deref()), (1, 0, None));
    let corners: Vec<_> = model.triangles.iter().map(at).collect();
    assert_eq!(corners, [[[0., 0.], [8., 0.], [8., 4.]], [[0., 0.], [8., 4.], [0., 4.]]]);
    let positions = model.triangles[1].corners.map(|corner| corner.position);
    assert_eq!(positions, [[0., 0., 0.], [1., 1., 0.], [0., 1., 0.]]);
    // Another primitive of the same numbers shows nothing else.
    glb.primitives.push(glb.primitives[0].clone());
    assert_eq!(surface(&glb.file()).triangles, model.triangles);
    // Without a texture, nothing is shown.
    glb.materials.push("{}".to_owned());
    glb.primitives = vec![glb.primitives[0].replace(r#""material":0"#, r#""material":1"#)];
    assert_eq!(surface(&glb.file()).triangles, []);
}

#[test]
fn lists_strips_and_fans_are_joined_as_the_standard_says() {
    let [a, b, c, d] = [[0., 0.], [1., 0.], [1., 1.], [0., 1.]];
    for (mode, expected) in [
        ("", vec![[a, b, c]]),
        (r#","mode":4"#, vec![[a, b, c]]),
        (r#","mode":5"#, vec![[a, b, c], [b, d, c]]),
        (r#","mode":6"#, vec![[b, c, a], [c, d, a]]),
        (r#","mode":0"#, vec![]),
        (r#","mode":1"#, vec![]),
        (r#","mode":2"#, vec![]),
        (r#","mode":3"#, vec![]),
        (r#","mode":7"#, vec![]),
    ] {
        let mut glb = textured("");
        let coordinates = glb.floats(&COORDINATES, 2);
        primitive(&mut glb, coordinates, mode);
        let model = surface(&glb.file());
        assert_eq!(parts(&model), expected, "{mode}");
        let is_thin = [0, 1, 2, 3].iter().any(|thin| mode == format!(r#","mode":{thin}"#));
        assert_eq!(model.unread, if is_thin { vec![0] } else { vec![] }, "{mode}");
    }
}

#[test]
fn indices_of_every_type_are_read() {
    let order = [2_u32, 1, 0, 0, 3, 2];
    for (code, size) in [(5121, 1), (5123, 2), (5125, 4)] {
        let mut glb = textured("");
        let coordinates = glb.floats(&COORDINATES, 2);
        let bytes: Vec<u8> =
            order.iter().flat_map(|index| index.to_le_bytes()[..size].to_vec()).collect();
        let json = format!(r#""componentType":{code},"type":"SCALAR","count":6"#);
        let indices = glb.accessor(&bytes, &json);
        primitive(&mut glb, coordinates, &format!(r#","indices":{indices}"#));
        let [a, b, c, d] = [[0., 0.], [1., 0.], [1., 1.], [0., 1.]];
        assert_eq!(parts(&surface(&glb.file())), [[c, b, a], [a, d, c]], "{code}");
    }
}

#[test]
fn coordinates_of_every_type_are_read() {
    let check = |code: u32, normalized: bool, bytes: &[u8], expected: [f32; 2]| {
        let mut glb = textured("");
        let json =
            format!(r#""componentType":{code},"normalized":{normalized},"type":"VEC2","count":4"#);
        let coordinates = glb.accessor(&bytes.repeat(4), &json);
        primitive(&mut glb, coordinates, "");
        assert_eq!(parts(&surface(&glb.file()))[0][1], expected, "{code} {normalized}");
    };
    check(5126, false, &[1.5_f32, -0.25].map(f32::to_le_bytes).concat(), [1.5, -0.25]);
    check(5121, true, &[255, 51], [1.0, 0.2]);
    check(5123, true, &[65_535_u16, 13_107].map(u16::to_le_bytes).concat(), [1.0, 0.2]);
    check(5120, true, &[127, 128], [1.0, -1.0]);
    check(5122, true, &[32_767_i16, -32_768].map(i16::to_le_bytes).concat(), [1.0, -1.0]);
    check(5121, false, &[255, 2], [255.0, 2.0]);
    check(5123, false, &[300_u16, 2].map(u16::to_le_bytes).concat(), [300.0, 2.0]);
    check(5120, false, &[255, 2], [-1.0, 2.0]);
    check(5122, false, &[-300_i16, 2].map(i16::to_le_bytes).concat(), [-300.0, 2.0]);
}

#[test]
fn elements_may_be_apart_shifted_and_sparse() {
    // Positions and coordinates in turns, as most programs write them, after four bytes.
    let mut glb = textured("");
    let mut bytes = vec![9; 4];
    for (position, coordinate) in POSITIONS.chunks(3).zip(COORDINATES.chunks(2)) {
        bytes.extend(position.iter().chain(coordinate).flat_map(|number| number.to_le_bytes()));
    }
    let view = glb.view(&bytes);
    let text = &mut glb.views[view];
    *text = text.replace('}', r#","byteStride":20}"#);
    for (offset, kind) in [(4, "VEC3"), (16, "VEC2")] {
        glb.accessors.push(format!(
            r#"{{"bufferView":{view},"byteOffset":{offset},"componentType":5126,
            "type":"{kind}","count":4}}"#
        ));
    }
    glb.primitives
        .push(r#"{"attributes":{"POSITION":0,"TEXCOORD_0":1},"material":0,"mode":6}"#.to_owned());
    let [a, b, c, d] = [[0., 0.], [1., 0.], [1., 1.], [0., 1.]];
    assert_eq!(parts(&surface(&glb.file())), [[b, c, a], [c, d, a]]);

    // Sparse ones replace those of a view, or zeros.
    let values = glb.view(&[0.5_f32, 0.25, 0.75, 0.125].map(f32::to_le_bytes).concat());
    for (code, bytes) in
        [(5121, vec![1, 3]), (5123, vec![1, 0, 3, 0]), (5125, vec![1, 0, 0, 0, 3, 0, 0, 0])]
    {
        let indices = glb.view(&bytes);
        let sparse = format!(
            r#""sparse":{{"count":2,"indices":{{"bufferView":{indices},
            "componentType":{code}}},"values":{{"bufferView":{values}}}}}"#
        );
        let with = |start: &str| {
            let mut glb = glb.clone();
            glb.accessors[1] =
                format!(r#"{{{start}"componentType":5126,"type":"VEC2","count":4,{sparse}}}"#);
            parts(&surface(&glb.file()))
        };
        let [new, last] = [[0.5, 0.25], [0.75, 0.125]];
        let view = format!(r#""bufferView":{view},"byteOffset":16,"#);
        assert_eq!(with(&view), [[new, c, a], [c, last, a]], "{code}");
        assert_eq!(with(""), [[new, a, a], [a, last, a]], "{code}");
    }
}

#[test]
fn a_transform_moves_the_coordinates() {
    let check = |info: &str, expected: [[f32; 2]; 3]| {
        let mut glb = textured(&format!(
            r#","texCoord":0,"extensions":{{"KHR_texture_transform":{{{info}}}}}"#
        ));
        let coordinates = glb.floats(&COORDINATES, 2);
        primitive(&mut glb, coordinates, "");
        let found = parts(&surface(&glb.file()))[0];
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-6, "{info}: {found} {expected}");
        }
    };
    check("", [[0., 0.], [1., 0.], [1., 1.]]);
    check(r#""offset":[0.5,-2]"#, [[0.5, -2.], [1.5, -2.], [1.5, -1.]]);
    check(r#""scale":[2,3]"#, [[0., 0.], [2., 0.], [2., 3.]]);
    // The extension's own examples: the lower left quarter, turned; and upside down.
    check(
        r#""offset":[0,1],"rotation":1.57079632679,"scale":[0.5,0.5]"#,
        [[0., 1.], [0., 0.5], [0.5, 0.5]],
    );
    check(r#""offset":[0,1],"scale":[1,-1]"#, [[0., 1.], [1., 1.], [1., 0.]]);
    // Its set of coordinates is another.
    let mut glb =
        textured(r#","texCoord":7,"extensions":{"KHR_texture_transform":{"texCoord":1}}"#);
    let coordinates = glb.floats(&COORDINATES, 2);
    let other = glb.floats(&[0.5; 8], 2);
    primitive(&mut glb, coordinates, "");
    glb.primitives[0] = glb.primitives[0]
        .replace(r#""TEXCOORD_0""#, &format!(r#""TEXCOORD_1":{other},"TEXCOORD_0""#));
    assert_eq!(parts(&surface(&glb.file())), [[[0.5, 0.5]; 3]]);
}

#[test]
fn a_primitive_shows_the_textures_of_all_its_materials() {
    let mut glb = textured("");
    let small = glb.painted(&image(ContainerFormat::Webp, (4, 4), false, Depth::Eight), "");
    let coordinates = glb.floats(&COORDINATES, 2);
    primitive(
        &mut glb,
        coordinates,
        &format!(
            r#","extensions":{{"KHR_materials_variants":{{"mappings":[{{"material":{small},
            "variants":[0]}}]}}}}"#
        ),
    );
    let model = surface(&glb.file());
    let places: Vec<_> = model.triangles.iter().map(|triangle| triangle.place).collect();
    assert_eq!(places, [0, 1]);
    assert_eq!(at(&model.triangles[1]), [[0., 0.], [4., 0.], [4., 4.]]);
}

#[test]
fn triangles_of_two_equal_corners_are_left_out() {
    let mut glb = textured("");
    let positions = glb.floats(&[0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 1., 5.], 3);
    let coordinates = glb.floats(&COORDINATES, 2);
    glb.primitives.push(format!(
        r#"{{"attributes":{{"POSITION":{positions},"TEXCOORD_0":{coordinates}}},"material":0,
        "mode":5}}"#
    ));
    assert_eq!(parts(&surface(&glb.file())), [[[1., 0.], [0., 1.], [1., 1.]]]);
}

#[test]
fn what_cannot_be_read_counts_as_used() {
    let check = |change: &dyn Fn(&mut Glb), reason: &str| {
        let mut glb = textured("");
        glb.painted(&png(3, 3, false), "");
        glb.quad(1);
        glb.quad(0);
        change(&mut glb);
        let model = surface(&glb.file());
        assert_eq!(model.unread, [0], "{reason}");
        assert_eq!(model.triangles.len(), 2, "{reason}");
        assert!(model.triangles.iter().all(|triangle| triangle.place == 1), "{reason}");
        assert_eq!(
            model.warning,
            Some(format!("has surfaces that {reason}; the whole of their textures counts as used"))
        );
    };
    check(
        &|glb| {
            glb.accessors[3] = r#"{"componentType":5126,"type":"VEC3","count":4}"#.to_owned();
            let packed =
                r#""extensions":{"KHR_draco_mesh_compression":{"bufferView":0}},"material""#;
            glb.primitives[1] = glb.primitives[1].replace(r#""material""#, packed);
        },
        "are compressed (KHR_draco_mesh_compression)",
    );
    // The views of the last quad's positions and of the other numbers of it.
    let elsewhere = |glb: &mut Glb, more: &str| {
        let view = &mut glb.views[5];
        *view = view.replace(r#""buffer":0"#, &format!(r#""buffer":1{more}"#));
    };
    check(
        &|glb| {
            let meshopt = format!(
                r#","extensions":{{"EXT_meshopt_compression":{{"buffer":0,"byteOffset":{},
                "byteLength":4}}}}"#,
                glb.bin.len() - 4
            );
            elsewhere(glb, &meshopt);
        },
        "are compressed (EXT_meshopt_compression)",
    );
    check(&|glb| elsewhere(glb, ""), "are in files of their own");
    check(
        &|glb| glb.primitives[1] = glb.primitives[1].replace("TEXCOORD_0", "TEXCOORD_4"),
        "have no texture coordinates",
    );
    for mode in 0..4 {
        let other = format!(r#""mode":{mode},"material""#);
        check(
            &|glb| glb.primitives[1] = glb.primitives[1].replace(r#""material""#, &other),
            "are points or lines",
        );
    }
}

#[test]
fn textures_in_files_of_their_own_are_not_painted() {
    let mut glb = textured("");
    glb.quad(0);
    for file in ["wall.png", "roof.png"] {
        glb.images.push(format!(r#"{{"uri":"{file}"}}"#));
        let image = glb.images.len() - 1;
        let texture = glb.texture(format!(r#"{{"source":{image}}}"#));
        let material = glb.material(texture, "");
        glb.quad(material);
    }
    let more = "shows textures that are files of their own, such as `wall.png`, which are not \
        painted";
    let model = surface(&glb.file());
    assert_eq!((model.triangles.len(), model.unread.len()), (2, 0));
    assert_eq!(model.warning.as_deref(), Some(more));
    glb.primitives[0] = glb.primitives[0].replace("TEXCOORD_0", "TEXCOORD_4");
    let both = format!(
        "has surfaces that have no texture coordinates; the whole of their textures counts as \
        used; and it {more}"
    );
    assert_eq!(surface(&glb.file()).warning, Some(both));
}

#[test]
fn the_same_corners_again_and_again_are_no_more_triangles_than_bytes() {
    // Each material moves the texture in another way.
    let repeated = |times: usize| {
        let mut glb = textured("");
        let coordinates = glb.floats(&COORDINATES, 2);
        let strip = [0, 1, 2, 3].repeat(500);
        let indices = glb.accessor(&strip, r#""componentType":5121,"type":"SCALAR","count":2000"#);
        let positions = glb.floats(&POSITIONS, 3);
        for at in 0..times {
            let info = format!(
                r#"{{"index":0,"extensions":{{"KHR_texture_transform":{{"offset":[{at},0]}}}}}}"#
            );
            let material = glb.materials.len();
            glb.materials
                .push(format!(r#"{{"pbrMetallicRoughness":{{"baseColorTexture":{info}}}}}"#));
            glb.primitives.push(format!(
                r#"{{"attributes":{{"POSITION":{positions},"TEXCOORD_0":{coordinates}}},
                "indices":{indices},"material":{material},"mode":5}}"#
            ));
        }
        glb.file()
    };
    assert_eq!(surface(&repeated(1)).triangles.len(), 1998);
    let file = repeated(3);
    let error = read_model(&file, "a.glb", &Limits::default()).expect_err("too many");
    assert!(matches!(error.kind, AssetErrorKind::NotSupported { .. }));
    let expected =
        format!("`a.glb` is a glb with more than {} triangles, which is not supported", file.len());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn wrong_numbers_are_found_and_named() {
    let check = |change: &dyn Fn(&mut Glb), reason: &str| {
        let mut glb = textured("");
        glb.quad(0);
        change(&mut glb);
        let error = read_model(&glb.file(), "a.glb", &Limits::default()).expect_err(reason);
        assert_eq!(error.to_string(), "`a.glb` is damaged", "{reason}");
        assert!(with_causes(&error).ends_with(reason), "{}, {reason}", with_causes(&error));
    };
    // Accessors 0 to 2 are positions, coordinates and indices.
    let replace = |at: usize, old: &'static str, new: &'static str| {
        move |glb: &mut Glb| {
            assert!(glb.accessors[at].contains(old), "{}", glb.accessors[at]);
            glb.accessors[at] = glb.accessors[at].replace(old, new);
        }
    };
    let beyond = "beyond the end of its buffer view";
    check(&replace(0, "\"count\":4", "\"count\":5"), &format!("accessor 0: {beyond}"));
    check(&replace(1, "{", "{\"byteOffset\":4,"), &format!("accessor 1: {beyond}"));
    check(&replace(1, "{", "{\"byteOffset\":1e15,"), &format!("accessor 1: {beyond}"));
    check(&replace(2, "\"count\":6", "\"count\":7"), &format!("accessor 2: {beyond}"));
    let many = "more elements than the file has bytes";
    check(&replace(0, "\"count\":4", "\"count\":1e15"), &format!("accessor 0: {many}"));
    check(&replace(0, "VEC3", "VEC2"), "accessor 0: another type than its attribute has");
    check(&replace(1, "5126", "5125"), "numbers of another type than its attribute has");
    check(&replace(1, "5126", "7"), "numbers of another type than its attribute has");
    check(&replace(2, "5121", "5126"), "accessor 2: numbers of vertices of another type");
    check(&replace(2, "SCALAR", "VEC2"), "accessor 2: it holds no numbers of vertices");
    check(&replace(2, "\"bufferView\":3", "\"bufferView\":9"), "there is no buffer view 9");
    check(
        &|glb| {
            let at = glb.bin.len() - 2;
            glb.bin[at] = 4;
        },
        "accessor 2: a vertex that is not there",
    );
    check(
        &|glb| {
            let at = glb.bin.len() - 6 - 32 - 4;
            glb.bin[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        },
        "accessor 0: a number that is not finite",
    );
    check(
        &|glb| glb.views[1] = glb.views[1].replace('}', ",\"byteStride\":8}"),
        "accessor 0: elements that overlap",
    );
    check(
        &|glb| glb.primitives[0] = glb.primitives[0].replace("\"indices\":2", "\"indices\":3"),
        "there is no accessor 3",
    );
    check(
        &|glb| glb.primitives[0] = glb.primitives[0].replace("\"material\":0", "\"material\":1"),
        "there is no material 1",
    );
    let sparse = r#","sparse":{"count":1,"indices":{"bufferView":3,"byteOffset":5,
    "componentType":5121},"values":{"bufferView":1}}}"#;
    check(
        &|glb| {
            glb.bin.truncate(glb.bin.len() - 1);
            glb.bin.push(4);
            glb.primitives[0] = glb.primitives[0].replace("\"indices\":2,", "");
            glb.accessors[1] = glb.accessors[1].replace('}', sparse);
        },
        "accessor 1: a sparse element that it does not have",
    );
}

#[test]
fn other_files_are_no_models() {
    let error = read_model(&png(3, 3, false), "a.png", &Limits::default()).expect_err("a picture");
    assert_eq!(error.to_string(), "`a.png` holds png data, which is no model");
}
