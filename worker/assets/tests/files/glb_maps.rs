//! Maps of normals and of roughness that lie over a model's painted textures are found, and can be
//! replaced: not a byte more changes.

use std::collections::BTreeMap;

use impasto_assets::{Depth, Limits, ModelMap, decode, model_maps, with_images};
use impasto_types::ContainerFormat;
use serde_json::Value;

use crate::fixtures::glb::{Glb, chunks, image, png, read, surface, with_causes, written};

const NORMAL: &str = "normal";
const ROUGHNESS: &str = "packed:none+roughness";

/// Five textures, each of an image of its own; a material names what it has.
fn five() -> Glb {
    let mut glb = Glb::default();
    for size in 1..=5 {
        let image = glb.image(&png(size, 3, false));
        glb.texture(format!(r#"{{"source":{image}}}"#));
    }
    glb
}

fn material(base: &str, roughness: &str, more: &str) -> String {
    let field = |name: &str, info: &str| match info {
        "" => String::new(),
        info => format!(r#""{name}":{{"index":{info}}}"#),
    };
    let fields = [field("baseColorTexture", base), field("metallicRoughnessTexture", roughness)];
    let fields: Vec<_> = fields.into_iter().filter(|field| !field.is_empty()).collect();
    format!(r#"{{"pbrMetallicRoughness":{{{}}}{more}}}"#, fields.join(","))
}

fn normal(info: &str) -> String {
    format!(r#","normalTexture":{{"index":{info}}}"#)
}

fn maps(bytes: &[u8]) -> Vec<ModelMap> {
    model_maps(bytes, "a.glb", &Limits::default()).expect("a model")
}

/// The number of each map's image, its place, and what it is.
fn found(glb: &Glb) -> Vec<(usize, usize, String)> {
    let maps = maps(&glb.file());
    maps.iter().map(|map| (map.image, map.place, map.part.to_string())).collect()
}

fn check(glb: &Glb, expected: &[(usize, usize, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(image, place, part)| (*image, *place, part.to_string())).collect();
    assert_eq!(found(glb), expected, "{}", glb.json());
}

/// Five textures with these materials.
fn check_materials(materials: &[String], expected: &[(usize, usize, &str)]) {
    check(&Glb { materials: materials.to_vec(), ..five() }, expected);
}

#[test]
fn maps_of_painted_textures_are_found() {
    check_materials(&[material("0", "", "")], &[]);
    let (one, other) = ((1, 0, NORMAL), (2, 0, ROUGHNESS));
    check_materials(&[material("0", "2", &normal("1"))], &[one, other]);
    // However often, and with factors of whatever size.
    let again = material("0", "2", r#","normalTexture":{"index":1,"scale":0.5}"#);
    check_materials(&[material("0", "2", &normal("1")), again], &[one, other]);
    let occlusion = r#","occlusionTexture":{"index":2,"strength":0.5}"#;
    check_materials(&[material("0", "2", occlusion)], &[other]);
    check_materials(&[material("0", "2", ""), material("0", "", occlusion)], &[other]);
    check_materials(&[material("0", "", occlusion)], &[]);
    // Of two textures, each has its own.
    let two = [material("3", "", &normal("1")), material("0", "2", "")];
    check_materials(&two, &[(1, 1, NORMAL), other]);
    // The order is that of images.
    check_materials(&[material("4", "0", &normal("2"))], &[(0, 0, ROUGHNESS), (2, 0, NORMAL)]);
}

#[test]
fn what_else_uses_a_map_keeps_it() {
    let beside = |second: String| {
        check_materials(&[material("0", "2", &normal("1")), second], &[(2, 0, ROUGHNESS)]);
    };
    // Another place, or none.
    beside(material("3", "", &normal("1")));
    beside(material("", "", &normal("1")));
    // Another role: numbers of another kind, colours, and what extensions have, however deep.
    beside(material("0", "1", ""));
    beside(material("0", "", r#","occlusionTexture":{"index":1}"#));
    beside(material("0", "", r#","emissiveTexture":{"index":1}"#));
    beside(material("1", "", ""));
    for (name, field) in [
        ("KHR_materials_clearcoat", "clearcoatNormalTexture"),
        ("KHR_materials_sheen", "sheenColorTexture"),
        ("VRMC_materials_mtoon", "shadeMultiplyTexture"),
        ("KHR_materials_pbrSpecularGlossiness", "specularGlossinessTexture"),
    ] {
        let more = format!(r#","extensions":{{"{name}":{{"{field}":{{"index":1}}}}}}"#);
        beside(material("0", "", &more));
    }
    beside(material("0", "", r#","extensions":{"ANY":{"deep":[{"er":{"index":1.0}}]}}"#));
    // What is none.
    let both = [(1, 0, NORMAL), (2, 0, ROUGHNESS)];
    for more in [
        r#","extras":{"normalTexture":{"index":1}}"#,
        r#","extensions":{"ANY":{"extras":{"a":{"index":1}},"index":"1"}}"#,
        r#","emissiveTexture":{"index":99}"#,
        r#","emissiveTexture":"none""#,
    ] {
        let second = material("0", "", more);
        check_materials(&[material("0", "2", &normal("1")), second], &both);
    }
    let deep = format!(r#","extensions":{{"ANY":{}1{}}}"#, "[".repeat(9999), "]".repeat(9999));
    check_materials(&[material("0", "2", &(normal("1") + &deep))], &both);
    // Two base colours.
    let diffuse = |texture: &str| {
        let diffuse = format!(r#"{{"diffuseTexture":{{"index":{texture}}}}}"#);
        format!(r#","extensions":{{"KHR_materials_pbrSpecularGlossiness":{diffuse}}}"#)
    };
    check_materials(&[material("0", "", &(normal("1") + &diffuse("0")))], &both[..1]);
    check_materials(&[material("0", "", &(normal("1") + &diffuse("3")))], &[]);
    check_materials(&[material("", "", &(normal("1") + &diffuse("0")))], &both[..1]);
}

#[test]
fn a_map_lies_as_its_texture_does() {
    let moved = |fields: &str| format!(r#","extensions":{{"KHR_texture_transform":{{{fields}}}}}"#);
    for (base, map, is_found) in [
        ("", r#","texCoord":0"#, true),
        ("", r#","texCoord":1"#, false),
        (r#","texCoord":1"#, r#","texCoord":1"#, true),
        (r#","texCoord":1"#, "", false),
        ("", &moved(""), true),
        ("", &moved(r#""scale":[1,1],"offset":[0,-0.0],"rotation":0"#), true),
        ("", &moved(r#""scale":[2,1]"#), false),
        ("", &moved(r#""offset":[0,0.5]"#), false),
        ("", &moved(r#""rotation":1.5"#), false),
        ("", &moved(r#""texCoord":1"#), false),
        (r#","texCoord":1"#, &moved(r#""texCoord":1"#), true),
        (&moved(r#""scale":[2,1]"#), &moved(r#""scale":[2.0,1.0]"#), true),
    ] {
        let [base, map] = [("0", base), ("1", map)].map(|(index, more)| format!("{index}{more}"));
        let expected = [(1, 0, NORMAL)];
        let expected = if is_found { &expected[..] } else { &[] };
        check_materials(&[material(&base, "", &normal(&map))], expected);
        let roughness = [(1, 0, ROUGHNESS)];
        let expected = if is_found { &roughness[..] } else { &[] };
        check_materials(&[material(&base, &map, "")], expected);
        // What is occlusion, too, has to lie so in both.
        let occlusion = format!(r#","occlusionTexture":{{"index":{map}}}"#);
        check_materials(&[material(&base, &base.replacen('0', "1", 1), &occlusion)], expected);
    }
    let samplers = [r#"{"wrapS":10497}"#, r#"{"wrapS":33071}"#, r#"{"wrapS":33071,"magFilter":9}"#];
    for (base, map, is_found) in [
        ("", r#","sampler":0"#, true),
        ("", r#","sampler":1"#, false),
        (r#","sampler":1"#, r#","sampler":2"#, true),
        (r#","sampler":1"#, r#","sampler":0"#, false),
        ("", r#","sampler":9"#, false),
    ] {
        let mut glb = five();
        glb.samplers = samplers.map(str::to_owned).to_vec();
        glb.textures[0] = format!(r#"{{"source":0{base}}}"#);
        glb.textures[1] = format!(r#"{{"source":1{map}}}"#);
        glb.materials.push(material("0", "", &normal("1")));
        check(&glb, if is_found { &[(1, 0, NORMAL)] } else { &[] });
    }
}

#[test]
fn each_file_of_a_map_is_one() {
    let with = |change: &dyn Fn(&mut Glb), expected: &[(usize, usize, &str)]| {
        let mut glb = five();
        glb.materials.push(material("0", "2", &normal("1")));
        change(&mut glb);
        check(&glb, expected);
    };
    let (one, other) = ((1, 0, NORMAL), (2, 0, ROUGHNESS));
    // In two formats.
    let webp = r#"{"source":1,"extensions":{"EXT_texture_webp":{"source":4}}}"#;
    with(&|glb| glb.textures[1] = webp.to_owned(), &[one, other, (4, 0, NORMAL)]);
    // One of them is used otherwise.
    with(
        &|glb| {
            glb.textures[1] = webp.to_owned();
            glb.materials.push(material("0", "4", ""));
        },
        &[one, other],
    );
    // The same bytes under another number, of which one is used otherwise.
    with(&|glb| glb.images[4] = glb.images[1].clone(), &[one, other]);
    with(
        &|glb| {
            glb.images[4] = glb.images[1].clone();
            glb.materials.push(material("3", "", r#","emissiveTexture":{"index":4}"#));
        },
        &[other],
    );
    with(
        &|glb| {
            glb.images[4] = glb.images[1].clone();
            glb.textures[1] = r#"{"source":4}"#.to_owned();
        },
        &[other, (4, 0, NORMAL)],
    );
    // A file of its own, and bytes of which something else has a part.
    with(&|glb| glb.images[1] = r#"{"uri":"n.png"}"#.to_owned(), &[other]);
    with(
        &|glb| {
            let inside = glb.views[1].replace(r#""byteLength":"#, r#""byteLength":1,"x":"#);
            glb.views.push(inside);
        },
        &[other],
    );
    // A base colour of two places.
    with(
        &|glb| {
            glb.textures[0] =
                r#"{"source":0,"extensions":{"EXT_texture_webp":{"source":4}}}"#.to_owned();
        },
        &[],
    );
    // Copies of a texture are one place.
    with(
        &|glb| {
            glb.image(&png(1, 3, false));
            glb.texture(r#"{"source":5}"#.to_owned());
            glb.materials.push(material("5", "", &normal("1")));
        },
        &[one, other],
    );
}

#[test]
fn a_map_has_a_name_and_its_bytes() {
    let mut glb = five();
    glb.materials.push(material("0", "2", &normal("1")));
    glb.images[1] = glb.images[1].replace('{', r#"{"name":"bricks_n","#);
    let maps = maps(&glb.file());
    assert_eq!(maps[0].name, "a.glb, image 1 (`bricks_n`)");
    assert_eq!(maps[1].name, "a.glb, image 2");
    assert_eq!([&maps[0].bytes, &maps[1].bytes], [&png(2, 3, false), &png(3, 3, false)]);
    let error = model_maps(&png(3, 3, false), "a.png", &Limits::default()).expect_err("a picture");
    assert_eq!(error.to_string(), "`a.png` holds png data, which is no model");
    let error = model_maps(&five().file(), "a.glb", &Limits::default()).expect_err("no colours");
    assert!(error.to_string().ends_with("without textures of its own to paint"), "{error}");
}

/// The bytes of every view, and the description without the numbers of where they are.
fn content(bytes: &[u8]) -> (Vec<Vec<u8>>, Value) {
    let (text, bin) = chunks(bytes);
    let mut json: Value = serde_json::from_str(&text).expect("it is JSON");
    let mut views = Vec::new();
    for view in json["bufferViews"].as_array_mut().expect("a list") {
        let fields = view.as_object_mut().expect("a view");
        let mut number = |name: &str| {
            fields.remove(name).and_then(|number| number.as_u64()).unwrap_or(0) as usize
        };
        views.push(bin[number("byteOffset")..][..number("byteLength")].to_vec());
    }
    json["buffers"][0]["byteLength"].take();
    (views, json)
}

#[test]
fn only_the_images_change() {
    let mut glb = five();
    glb.materials.push(material("0", "2", &normal("1")));
    glb.quad(0);
    glb.more = b"\x04\0\0\0ODD\0four".to_vec();
    let bytes = glb.file();
    let mut picture = read(&bytes, "a model");
    picture.rgb.iter_mut().for_each(|level| *level = 255.0 - *level);
    let painted = written(&picture);
    assert!(painted != bytes);
    assert_eq!(maps(&painted), maps(&bytes));
    for bytes in [bytes, painted] {
        let own: BTreeMap<_, _> =
            maps(&bytes).into_iter().map(|map| (map.image, map.bytes)).collect();
        for same in [BTreeMap::new(), own] {
            assert!(with_images(&bytes, "a.glb", &same).expect("it is its own") == bytes);
        }
        // Shorter and longer ones, of both, and one that is no map.
        for new in [
            vec![(1, png(1, 1, false))],
            vec![(1, png(40, 30, true)), (2, png(1, 1, false))],
            vec![(4, image(ContainerFormat::Png, (9, 9), true, Depth::Sixteen))],
        ] {
            let new = BTreeMap::from_iter(new);
            let result = with_images(&bytes, "a.glb", &new).expect("they are there");
            let (mut views, json) = content(&bytes);
            for (view, new) in &new {
                views[*view] = new.clone();
            }
            assert_eq!(content(&result), (views, json));
            assert!(result.ends_with(&glb.more));
            assert_eq!(surface(&result), surface(&bytes));
            assert_eq!(read(&result, "a result").rgb, read(&bytes, "a model").rgb);
            for (map, old) in maps(&result).into_iter().zip(maps(&bytes)) {
                let bytes = new.get(&map.image).unwrap_or(&old.bytes).clone();
                assert_eq!(map, ModelMap { bytes, ..old });
            }
            // The colours after the maps give the same as the maps after the colours.
            let again = decode(&result, "a.glb", &Limits::default()).expect("it is a model");
            assert!(written(&again) == result);
        }
    }
}

#[test]
fn images_with_the_same_bytes_change_together() {
    let mut glb = five();
    glb.materials.push(material("0", "", &normal("1")));
    glb.images.push(glb.images[1].clone());
    let bytes = glb.file();
    let expected = with_images(&bytes, "a", &BTreeMap::from([(1, b"new".to_vec())]));
    let expected = expected.expect("it is there");
    assert_eq!(content(&expected).0[1], b"new");
    for new in [vec![5], vec![1, 5]] {
        let new = new.into_iter().map(|image| (image, b"new".to_vec())).collect();
        assert!(with_images(&bytes, "a", &new).expect("they are there") == expected);
    }
}

#[test]
fn images_that_cannot_be_replaced_are_named() {
    let mut glb = five();
    glb.materials.push(material("0", "", &normal("1")));
    glb.images.push(r#"{"name":"far","uri":"far.png"}"#.to_owned());
    glb.images.push(r#"{"uri":"data:image/png;base64,AA=="}"#.to_owned());
    glb.images.push(glb.images[1].clone());
    glb.images.push(r#"{"bufferView":77}"#.to_owned());
    let part = glb.views[2].replace(r#""byteLength":"#, r#""byteLength":1,"x":"#);
    glb.views.push(part);
    let bytes = glb.file();
    let check = |new: &[(usize, &[u8])], expected: &str| {
        let new = new.iter().map(|(image, bytes)| (*image, bytes.to_vec())).collect();
        let error = with_images(&bytes, "a.glb", &new).expect_err(expected);
        assert_eq!(with_causes(&error), format!("`a.glb` {expected}"));
    };
    check(&[(9, b"new")], "cannot be written as glb: there is no image 9");
    check(&[(5, b"new")], "cannot be written as glb: image 5 (`far`) is not in the file");
    check(&[(1, b"")], "cannot be written as glb: image 1 would have no bytes");
    let both = "cannot be written as glb: image 7 has its bytes together with another image";
    check(&[(1, b"new"), (7, b"other")], both);
    let inside = "is a glb with a texture in its description (a `data:` address), which is not \
        supported";
    check(&[(6, b"new")], inside);
    let shared = "is a glb with a texture that buffer view 5 has a part of, which is not supported";
    check(&[(1, b"new"), (2, b"new")], shared);
    let new = BTreeMap::from([(8, b"new".to_vec())]);
    let error = with_images(&bytes, "a.glb", &new).expect_err("there is no such view");
    assert!(with_causes(&error).ends_with("there is no buffer view 77"), "{error}");
    let error = with_images(&png(3, 3, false), "a.png", &new).expect_err("it is a picture");
    assert_eq!(error.to_string(), "`a.png` holds png data, which is no model");
}
