//! The textures of models are read as one picture, and a painted model is the same one with other
//! textures: not a byte more changes.

use impasto_assets::{
    Depth, GlbLayout, Limits, Orientation, Origin, Picture, Place, Wrap, decode, encode,
};
use impasto_types::{ContainerFormat, FileTrait, OutputSpec, Part};

use crate::fixtures::checks::assert_near;
use crate::fixtures::glb::{
    Glb, chunks, every_kind, file, header, image, png, read, surface, written,
};

fn layout(picture: &Picture) -> &GlbLayout {
    picture.origin.glb.as_ref().expect("it is a model's")
}

/// The file of an image in a model, by the number of its view.
fn image_in(bytes: &[u8], view: usize) -> Vec<u8> {
    let (json, bin) = chunks(bytes);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let view = &json["bufferViews"][view];
    let number = |name: &str| view[name].as_f64().unwrap_or(0.0) as usize;
    bin[number("byteOffset")..][..number("byteLength")].to_vec()
}

fn decoded(bytes: &[u8]) -> Picture {
    decode(bytes, "a", &Limits::default()).expect("it decodes")
}

/// A part of a plane.
fn part(plane: &[f32], channels: usize, width: u32, place: &Place) -> Vec<f32> {
    let rows = plane.chunks_exact(channels * width as usize);
    let rows = rows.skip(place.y as usize).take(place.height as usize);
    rows.flat_map(|row| &row[channels * place.x as usize..][..channels * place.width as usize])
        .copied()
        .collect()
}

/// The picture at another size, each pixel being the nearest.
fn resized(picture: &Picture, width: u32, height: u32) -> Picture {
    let places = || {
        (0..height).flat_map(move |y| {
            (0..width).map(move |x| {
                let x = x * picture.width / width;
                (y * picture.height / height * picture.width + x) as usize
            })
        })
    };
    Picture {
        width,
        height,
        rgb: places().flat_map(|at| picture.rgb[3 * at..][..3].to_vec()).collect(),
        alpha: picture.alpha.as_ref().map(|plane| places().map(|at| plane[at]).collect()),
        extra: picture.extra.iter().map(|it| places().map(|at| it[at]).collect()).collect(),
        origin: picture.origin.clone(),
    }
}

#[test]
fn every_kind_comes_back_byte_for_byte() {
    for (row, glb) in every_kind().iter().enumerate() {
        let bytes = glb.file();
        assert!(written(&read(&bytes, &format!("{row}"))) == bytes, "{row}: {}", glb.json());
    }
}

#[test]
fn one_texture_is_the_picture() {
    for (format, alpha) in [
        (ContainerFormat::Png, true),
        (ContainerFormat::Jpeg, false),
        (ContainerFormat::Webp, true),
        (ContainerFormat::Ktx2, true),
        (ContainerFormat::Dds, true),
    ] {
        let texture = image(format, (8, 12), alpha, Depth::Eight);
        let mut glb = Glb::default();
        glb.painted(&texture, r#","alphaMode":"BLEND""#);
        let (picture, own) = (read(&glb.file(), &format.to_string()), decoded(&texture));
        assert_eq!((picture.rgb, picture.alpha), (own.rgb, own.alpha), "{format}");
        assert_eq!(picture.origin.orientation, Orientation::Normal);
    }
}

#[test]
fn several_lie_side_by_side() {
    let (first, second) = (png(20, 10, true), png(30, 40, false));
    let mut glb = Glb::default();
    glb.painted(&first, r#","alphaMode":"MASK""#);
    glb.samplers.push(r#"{"wrapS":33071,"wrapT":33648}"#.to_owned());
    let view = glb.view(&second);
    glb.images.push(format!(r#"{{"name":"wall","bufferView":{view}}}"#));
    let texture = glb.texture(r#"{"sampler":0,"source":1}"#.to_owned());
    glb.material(texture, "");
    let picture = read(&glb.file(), "two");
    let places = layout(&picture).places().to_vec();
    let place = |y, (width, height), wraps, name: &str| {
        let name = name.to_owned();
        Place { x: 0, y, width, height, wraps, name }
    };
    let expected = [
        place(56, (20, 10), [Wrap::Repeat; 2], "image 0"),
        place(0, (30, 40), [Wrap::Clamp, Wrap::Mirror], "wall"),
    ];
    assert_eq!(places, expected);
    assert_eq!((picture.width, picture.height), (30, 66));
    assert_eq!((layout(&picture).size(), layout(&picture).largest_side()), ((30, 66), 40));
    let alpha = picture.alpha.as_ref().expect("one has alpha");
    for (place, own) in places.iter().zip([&first, &second].map(|it| decoded(it))) {
        assert_eq!(part(&picture.rgb, 3, 30, place), own.rgb);
        let opacity = own.alpha.unwrap_or(vec![1.0; own.rgb.len() / 3]);
        assert_eq!(part(alpha, 1, 30, place), opacity);
    }
    // The edges go on for half of the gap, and the ground beyond is black.
    for (y, width, edge) in [(40, 30, 39), (47, 30, 39), (48, 28, 56), (55, 28, 56)] {
        for (plane, channels) in [(&picture.rgb, 3), (alpha, 1)] {
            let line = |y| Place { x: 0, y, width, height: 1, ..places[0].clone() };
            let [found, expected] = [y, edge].map(|y| part(plane, channels, 30, &line(y)));
            assert_eq!(found, expected, "{y}");
        }
    }
    let ground = Place { x: 28, y: 48, width: 2, height: 18, ..places[0].clone() };
    assert_eq!(part(&picture.rgb, 3, 30, &ground), [0.0; 3 * 2 * 18]);
    assert_eq!(part(alpha, 1, 30, &ground), [0.0; 2 * 18]);
}

#[test]
fn only_what_is_painted_changes() {
    // Bytes that are no numbers of any kind stand for geometry.
    let mut glb = Glb::default();
    let before = glb.view(&[1, 2, 3]);
    glb.painted(&png(6, 5, true), r#","alphaMode":"BLEND""#);
    let between = glb.view(&[9; 41]);
    glb.painted(&image(ContainerFormat::Jpeg, (32, 16), false, Depth::Eight), "");
    let after = glb.view(&(0..=99).collect::<Vec<u8>>());
    glb.more = b"\x04\0\0\0ODD\0four".to_vec();
    let bytes = glb.file();
    let picture = read(&bytes, "asset");
    let kept: Vec<_> = [before, between, after].map(|view| image_in(&bytes, view)).to_vec();

    // One of them, and then both, at three sizes.
    let mut painted = picture.clone();
    let place = layout(&picture).places()[0].clone();
    for y in place.y..place.y + place.height {
        let at = 3 * (y * picture.width + place.x) as usize;
        painted.rgb[at..at + 3 * place.width as usize].fill(77.0);
    }
    let result = written(&painted);
    assert!(result.ends_with(&glb.more));
    assert_eq!(image_in(&result, 3), image_in(&bytes, 3), "it has not changed");
    assert_eq!(decoded(&image_in(&result, 1)).rgb, [77.0; 3 * 30]);
    assert_eq!(decoded(&image_in(&result, 1)).alpha, decoded(&image_in(&bytes, 1)).alpha);
    let (again, old) = (chunks(&result).1.len(), chunks(&bytes).1.len());
    assert!(again.abs_diff(old).is_multiple_of(8) && again != old);

    for (width, height) in [(picture.width, picture.height), (19, 40), (96, 64)] {
        let mut painted = resized(&picture, width, height);
        painted.rgb.iter_mut().for_each(|level| *level = 255.0 - *level);
        let row = format!("{width} x {height}");
        let result = written(&painted);
        assert!(result.ends_with(&glb.more), "{row}");
        let again: Vec<_> = [before, between, after].map(|view| image_in(&result, view)).to_vec();
        assert_eq!(again, kept, "{row}");
        let places = layout(&picture).places_in(width, height);
        for (view, place) in [(1, &places[0]), (3, &places[1])] {
            let texture = decoded(&image_in(&result, view));
            assert_eq!((texture.width, texture.height), (place.width, place.height), "{row}");
            if view == 1 {
                assert_eq!(texture.rgb, part(&painted.rgb, 3, width, place), "{row}");
                let alpha = painted.alpha.as_ref().expect("it has alpha");
                assert_eq!(texture.alpha, Some(part(alpha, 1, width, place)), "{row}");
            }
        }
        let back = read(&result, &row);
        assert_eq!(back.origin.glb.as_ref().map(|glb| glb.places().len()), Some(2));
        assert!(written(&back) == result, "{row}");
    }
}

#[test]
fn the_text_keeps_every_other_byte() {
    let texture = png(6, 5, false);
    let mut bin = vec![5; 8];
    bin.extend(&texture);
    let padded = bin.len().next_multiple_of(4);
    bin.resize(padded, 0);
    bin.extend([6; 12]);
    let text = |bytes: &str, image: &str, later: [usize; 2]| {
        format!(
            r#" {{"zeta" : [1.0e0, 1E+2, -0.50], "images":[{{"mimeType":"image\/png",
            "bufferView":1}}],
	"buffers":[{{ "name":"ümlaut \u00e9", "byteLength" :{bytes} }}],
 "bufferViews" : [ {{"byteLength":8.0,"buffer":0}}, {{"byteLength": {image},"byteOffset":8.0e0,
 "buffer":0}},
 {{"buffer":1,"byteOffset":{0},"byteLength":400,"extensions":{{"EXT_meshopt_compression":
   {{"mode":"TRIANGLES","byteOffset" : {1} ,"byteLength":8,"buffer":0.0,"count":9}},
   "OTHER_one":{{"byteOffset":99}}}}}},
 {{"extras":{{"byteOffset":9999}},"buffer":0,"byteOffset":{2},"byteLength":4}}],
 "textures":[{{"source":0.0}}],
  "materials":[{{"extensions":{{"KHR_materials_unlit":{{}}}},
  "pbrMetallicRoughness":{{"baseColorTexture":{{"index":0e0}}}}}}]}}"#,
            4096, later[0], later[1]
        )
    };
    let json = text(&format!("{}.0", bin.len()), &texture.len().to_string(), [padded, padded + 8]);
    let bytes = file(&json, &bin, b"");
    let mut picture = read(&bytes, "a strange text");
    assert!(written(&picture) == bytes);
    picture.rgb.iter_mut().for_each(|level| *level = 255.0 - *level);
    for (width, height) in [(6, 5), (1, 1), (60, 50)] {
        let result = written(&resized(&picture, width, height));
        let (found, buffer) = chunks(&result);
        let texture = image_in(&result, 1);
        let moved = |old: usize| old + buffer.len() - bin.len();
        let expected = text(
            &match moved(bin.len()) {
                same if same == bin.len() => format!("{same}.0"),
                other => other.to_string(),
            },
            &texture.len().to_string(),
            [moved(padded), moved(padded + 8)],
        );
        assert_eq!(found.trim_end(), expected.trim_end());
        assert_eq!((&buffer[..8], &buffer[moved(padded)..]), (&[5; 8][..], &[6; 12][..]));
        assert_eq!(decoded(&texture).width, width);
    }
}

#[test]
fn alpha_is_opacity_or_data_as_the_materials_say() {
    let texture = png(6, 5, true);
    let own = decoded(&texture);
    for (mode, is_opacity) in [
        ("", false),
        (r#","alphaMode":"OPAQUE""#, false),
        (r#","alphaMode":"MASK""#, true),
        (r#","alphaMode":"BLEND""#, true),
    ] {
        let mut glb = Glb::default();
        glb.painted(&texture, mode);
        let bytes = glb.file();
        let mut picture = read(&bytes, mode);
        assert_eq!(picture.alpha.is_some(), is_opacity, "{mode}");
        let plane = if is_opacity { picture.alpha.clone() } else { picture.extra.first().cloned() };
        assert_eq!(plane, own.alpha, "{mode}");
        // It stays where colours change, also where it has been left out on the way.
        picture.rgb.fill(40.0);
        assert_eq!(decoded(&image_in(&written(&picture), 0)).alpha, own.alpha, "{mode}");
        (picture.alpha, picture.extra) = (None, Vec::new());
        assert_eq!(decoded(&image_in(&written(&picture), 0)).alpha, own.alpha, "{mode}");
    }
    // One material is enough.
    let mut glb = Glb::default();
    glb.painted(&texture, "");
    glb.material(0, r#","alphaMode":"BLEND""#);
    glb.painted(&png(7, 7, true), "");
    let picture = read(&glb.file(), "both");
    assert_eq!((picture.alpha.is_some(), picture.extra.len()), (true, 1));
    let places = layout(&picture).places();
    let data = &picture.extra[0];
    assert_eq!(part(data, 1, picture.width, &places[0]), [1.0; 30]);
    assert_eq!(Some(part(data, 1, picture.width, &places[1])), decoded(&png(7, 7, true)).alpha);
}

#[test]
fn numbers_are_not_painted_and_colours_of_other_kinds_are_left_alone() {
    let mut glb = Glb::default();
    glb.painted(&png(6, 5, false), r#","normalTexture":{"index":1},"emissiveTexture":{"index":2}"#);
    for size in 1..5 {
        let image = glb.image(&png(size, 3, false));
        glb.texture(format!(r#"{{"source":{image}}}"#));
    }
    let names = |glb: &Glb| -> Vec<String> {
        let picture = read(&glb.file(), &glb.json());
        layout(&picture).places().iter().map(|place| place.name.clone()).collect()
    };
    assert_eq!(names(&glb), ["image 0"]);
    let with = |more: &str, texture: usize| {
        let mut glb = glb.clone();
        glb.material(texture, more);
        names(&glb)
    };
    // A map of normals somewhere is one everywhere.
    assert_eq!(with("", 1), ["image 0"]);
    assert_eq!(with("", 2), ["image 0", "image 2"]);
    for field in ["clearcoatTexture", "transmissionTexture"] {
        let more = format!(r#","extensions":{{"KHR_materials_any":{{"{field}":{{"index":3}}}}}}"#);
        assert_eq!(with(&more, 3), ["image 0"], "{field}");
    }
    let sheen = r#","extensions":{"KHR_materials_sheen":{"sheenColorTexture":{"index":3},
    "sheenRoughnessTexture":{"index":4}}}"#;
    assert_eq!(with(sheen, 3), ["image 0", "image 3"]);
    assert_eq!(with(r#","occlusionTexture":{"index":4}"#, 4), ["image 0"]);
    let glossy = r#",
    "extensions":{"KHR_materials_pbrSpecularGlossiness":{"diffuseTexture":{"index":3},
    "specularGlossinessTexture":{"index":4}}}"#;
    assert_eq!(with(glossy, 2), ["image 0", "image 2", "image 3"]);
    // The same bytes under another number are the same image.
    let mut shared = glb.clone();
    shared.images.push(shared.images[1].clone());
    let texture = shared.texture(r#"{"source":5}"#.to_owned());
    shared.material(texture, "");
    assert_eq!(names(&shared), ["image 0"]);
    let mut shared = glb.clone();
    shared.images.push(shared.images[0].clone());
    let texture = shared.texture(r#"{"source":5}"#.to_owned());
    shared.material(texture, "");
    assert_eq!(names(&shared), ["image 0"]);
    let bytes = shared.file();
    let mut picture = read(&bytes, "shared");
    picture.rgb.fill(3.0);
    let result = written(&picture);
    assert_eq!(decoded(&image_in(&result, 0)).rgb, [3.0; 90]);
    for view in 1..5 {
        assert_eq!(image_in(&result, view), image_in(&bytes, view));
    }
}

#[test]
fn a_texture_in_two_formats_has_one_place() {
    let webp = image(ContainerFormat::Webp, (6, 5), false, Depth::Eight);
    let (png, small) = (png(6, 5, true), png(3, 2, true));
    for (second, places) in [(&png, 1), (&small, 2)] {
        let mut glb = Glb::default();
        let first = glb.image(&webp);
        let second = glb.image(second);
        let texture = glb.texture(format!(
            r#"{{"source":{second},"extensions":{{"EXT_texture_webp":{{"source":{first}}}}}}}"#
        ));
        glb.material(texture, r#","alphaMode":"BLEND""#);
        let bytes = glb.file();
        let mut picture = read(&bytes, "twins");
        assert_eq!(layout(&picture).places().len(), places);
        assert!(written(&picture) == bytes);
        picture.rgb.fill(9.0);
        let result = written(&picture);
        let [one, other] = [0, 1].map(|view| decoded(&image_in(&result, view)));
        let formats = (one.origin.format, other.origin.format);
        assert_eq!(formats, (ContainerFormat::Webp, ContainerFormat::Png));
        assert!(one.rgb.iter().chain(&other.rgb).all(|level| *level == 9.0));
        assert_eq!((one.alpha, other.alpha), (None, decoded(&image_in(&bytes, 1)).alpha));
    }
}

#[test]
fn copies_have_one_place_and_stay_copies() {
    let texture = png(6, 5, true);
    let mut other = decoded(&texture);
    other.rgb[0] = 255.0 - other.rgb[0];
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };
    let other = encode(&other, output).expect("it encodes");
    for (second, sampler, places) in [
        (&texture, "", 1),
        (&texture, r#","sampler":0"#, 2),
        (&texture, r#","sampler":1"#, 1),
        (&png(6, 5, false), "", 2),
        (&other, "", 2),
    ] {
        let mut glb = Glb::default();
        glb.samplers.extend([33_071, 10_497].map(|wrap| format!(r#"{{"wrapS":{wrap}}}"#)));
        let left = glb.painted(&texture, "");
        glb.quad(left);
        let image = glb.image(second);
        let right = glb.texture(format!(r#"{{"source":{image}{sampler}}}"#));
        let right = glb.material(right, r#","alphaMode":"BLEND""#);
        glb.quad(right);
        let bytes = glb.file();
        let mut picture = read(&bytes, sampler);
        assert_eq!(layout(&picture).places().len(), places, "{sampler}");
        assert_eq!((picture.width, picture.height), (6, 26), "{sampler}");
        // The left one's alpha is opacity where it is the right one's.
        assert_eq!(picture.extra.len(), places - 1, "{sampler}");
        assert!(written(&picture) == bytes);
        let shown: Vec<_> = surface(&bytes).triangles.iter().map(|it| it.place).collect();
        assert_eq!(shown, [0, 0, places - 1, places - 1], "{sampler}");
        picture.rgb.iter_mut().enumerate().for_each(|(at, level)| *level = (at % 251) as f32);
        let result = written(&picture);
        // The views of a quad are between them.
        let [one, two] = [0, 4].map(|view| image_in(&result, view));
        assert_eq!(one == two, places == 1, "{sampler}");
        let place = &layout(&picture).places()[0];
        assert_eq!(decoded(&one).rgb, part(&picture.rgb, 3, picture.width, place), "{sampler}");
        assert_eq!(decoded(&one).alpha, decoded(&texture).alpha, "{sampler}");
    }
}

#[test]
fn textures_that_become_copies_leave_the_picture_as_it_is() {
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };
    let mut glb = Glb::default();
    for (level, material) in [(21.0, ""), (22.0, r#","alphaMode":"MASK""#)] {
        let mut own = decoded(&png(6, 5, true));
        own.rgb.fill(level);
        glb.painted(&encode(&own, output).expect("it encodes"), material);
    }
    glb.painted(&png(9, 4, false), "");
    let mut picture = read(&glb.file(), "two");
    let old = layout(&picture).places().to_vec();
    picture.rgb.fill(9.0);
    let result = written(&picture);
    let again = read(&result, "copies");
    assert_eq!(layout(&again).places(), [old[0].clone(), old[2].clone()]);
    assert_eq!(header(&result).picture(), header(&glb.file()).picture());
}

#[test]
fn a_texture_keeps_its_format_s_properties() {
    let mut own = decoded(&image(ContainerFormat::Png, (6, 5), false, Depth::Sixteen));
    own.origin.orientation = Orientation::ALL[5];
    let texture =
        encode(&own, OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 })
            .expect("it encodes");
    let mut glb = Glb::default();
    glb.painted(&texture, "");
    glb.painted(&image(ContainerFormat::Jpeg, (9, 8), false, Depth::Eight), "");
    let bytes = glb.file();
    let header = header(&bytes);
    // The grid is taken as it is stored.
    assert_eq!((header.orientation, header.depth), (Orientation::Normal, Depth::Sixteen));
    assert!(!header.traits.contains(FileTrait::Orientation), "it is not lost");
    let mut picture = read(&bytes, "turned");
    picture.rgb.iter_mut().for_each(|level| *level = 255.0 - *level);
    let result = decoded(&image_in(&written(&picture), 0));
    assert_eq!((result.width, result.height), (6, 5));
    assert_eq!(result.origin.orientation, Orientation::ALL[5]);
    let expected: Vec<f32> = own.rgb.iter().map(|level| 255.0 - level).collect();
    assert_near(&result.rgb, &expected, 0.5 / 257.0 + 1e-4, "16 bits");
}

#[test]
fn other_pictures_are_no_models() {
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Glb, quality: 90 };
    let mut picture = decoded(&png(3, 3, false));
    let error = encode(&picture, output).expect_err("it is a picture").to_string();
    assert!(error.starts_with("`a` is a picture, which cannot be written as glb"), "{error}");
    picture.origin = Origin::synthetic("a", ContainerFormat::Glb);
    let error = encode(&picture, output).expect_err("there is no file").to_string();
    assert_eq!(error, "`a` cannot be written as glb");
    let mut glb = Glb::default();
    glb.painted(&png(3, 3, false), "");
    let picture = read(&glb.file(), "model");
    assert!(picture.origin.bytes() >= glb.file().len() as u64);
    let error = encode(&picture, OutputSpec { format: ContainerFormat::Png, ..output });
    assert!(error.expect_err("it is a model").to_string().starts_with("`a.glb` is a model"));
}
