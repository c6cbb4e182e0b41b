//! Models as text: with files beside them, with data in the text, and whole as a GLB, they are
//! read alike, and come back as they were but for the textures that are painted.

use std::collections::BTreeMap;

use impasto_assets::{
    Limits, ModelFile, Scattered, gather_model, model_files, model_maps, read_header, read_model,
    scatter_model,
};
use impasto_types::{ContainerFormat, FileRole};

use crate::fixtures::glb::{chunks, every_kind, png, read, surface, with_causes, written};
use crate::fixtures::gltf::{FORMS, Form, Text};

impl Text {
    fn named(&self) -> Vec<ModelFile> {
        model_files(self.text.as_bytes(), "a.gltf").expect("it names files")
    }

    /// The files by their numbers.
    fn contents(&self) -> BTreeMap<usize, &[u8]> {
        let bytes = |path: &str| self.files.iter().find(|(own, _)| own == path);
        let named = self.named().into_iter().enumerate();
        named.filter_map(|(number, file)| Some((number, &bytes(&file.path)?.1[..]))).collect()
    }

    fn gathered(&self) -> Vec<u8> {
        gather_model(self.text.as_bytes(), "a.gltf", &self.contents()).expect("it is gathered")
    }

    fn scattered(&self, after: &[u8]) -> Scattered {
        let before = self.gathered();
        scatter_model(self.text.as_bytes(), "a.gltf", &self.contents(), (&before, after))
            .expect("it is scattered")
    }

    /// The model with what has changed.
    fn with(&self, changed: Scattered) -> Self {
        let named = self.named();
        let mut files = self.files.clone();
        for (number, bytes) in changed.files {
            let path = &named[number].path;
            let file = files.iter_mut().find(|(own, _)| own == path).expect("it is a file");
            file.1 = bytes;
        }
        Self { text: String::from_utf8(changed.text).expect("it is text"), files }
    }
}

#[test]
fn every_form_is_read_like_the_model_in_one_file() {
    for (row, glb) in every_kind().iter().enumerate() {
        let bytes = glb.file();
        let (picture, model) = (read(&bytes, "the model"), surface(&bytes));
        for form in FORMS {
            let row = format!("{row} {form:?}");
            let gathered = Text::of(glb, form).gathered();
            let own = read(&gathered, &row);
            assert!(own.rgb == picture.rgb && own.alpha == picture.alpha, "{row}");
            assert_eq!((own.width, own.extra), (picture.width, picture.extra.clone()), "{row}");
            let mut own = surface(&gathered);
            for (place, named) in own.places.iter_mut().zip(&model.places) {
                place.name.clone_from(&named.name);
            }
            assert_eq!(own, model, "{row}");
            let maps = |bytes: &[u8]| {
                let maps = model_maps(bytes, "a.glb", &Limits::default()).expect("maps");
                maps.into_iter()
                    .map(|map| (map.image, map.place, map.part, map.bytes))
                    .collect::<Vec<_>>()
            };
            assert_eq!(maps(&gathered), maps(&bytes), "{row}");
        }
    }
}

#[test]
fn what_is_not_painted_comes_back_byte_for_byte() {
    for (row, glb) in every_kind().iter().enumerate() {
        for form in FORMS {
            let model = Text::of(glb, form);
            let same = model.scattered(&written(&read(&model.gathered(), "the model")));
            assert_eq!(String::from_utf8_lossy(&same.text), model.text, "{row} {form:?}");
            assert!(same.files.is_empty(), "{row} {form:?}");
        }
    }
}

#[test]
fn painted_textures_come_back_where_they_were() {
    for (row, glb) in every_kind().iter().enumerate() {
        for form in FORMS {
            let row = format!("{row} {form:?}");
            let model = Text::of(glb, form);
            let mut picture = read(&model.gathered(), &row);
            picture.rgb.iter_mut().for_each(|level| *level = 255.0 - *level);
            let after = written(&picture);
            let changed = model.scattered(&after);
            let new = model.with(changed.clone());
            let (expected, found) = (read(&after, &row), read(&new.gathered(), &row));
            assert!(expected.rgb == found.rgb && expected.alpha == found.alpha, "{row}");
            assert_eq!(surface(&new.gathered()).triangles, surface(&after).triangles, "{row}");
            let roles = model.named();
            let painted = |file: &ModelFile| file.role == FileRole::Color;
            let numbers = (0..roles.len()).filter(|number| painted(&roles[*number]));
            assert!(changed.files.keys().copied().eq(numbers), "{row}: {roles:?}");
            // Numbers in the text change with the length of what is in the buffer.
            if form != Form::Buffer {
                assert_eq!(new.text != model.text, form != Form::Files, "{row}");
            }
        }
    }
}

#[test]
fn a_model_with_its_data_in_its_text_needs_nothing_else() {
    let kinds = every_kind();
    let glb = &kinds[2];
    for form in [Form::Data, Form::DataBuffer] {
        let model = Text::of(glb, form);
        let text = model.text.as_bytes();
        assert!(model.named().is_empty(), "{form:?}");
        let header = read_header(text, "a.gltf", &Limits::default()).expect("a header");
        assert_eq!((header.format, header.width, header.height), (ContainerFormat::Gltf, 6, 5));
        let own = read_model(text, "a.gltf", &Limits::default()).expect("a model");
        assert_eq!(own.triangles, surface(&glb.file()).triangles, "{form:?}");
    }
    // Of one with its textures elsewhere there is nothing to paint.
    let header =
        read_header(Text::of(glb, Form::Files).text.as_bytes(), "a.gltf", &Limits::default());
    assert_eq!(header.map(|header| (header.width, header.height)).expect("a header"), (0, 0));
}

#[test]
fn files_have_roles_by_what_materials_do_with_them() {
    let text = |materials: &str| {
        format!(
            r#"{{"asset":{{"version":"2.0"}},"buffers":[{{"uri":"a.bin","byteLength":4}},
            {{"uri":"data:;base64,AAAA","byteLength":3}},{{"uri":"b.bin","byteLength":4}}],
            "bufferViews":[{{"buffer":2,"byteLength":4}}],
            "images":[{{"uri":"c.png"}},{{"uri":"n.png"}},{{"uri":"./c.png"}},{{"uri":"e.png"}},
            {{"bufferView":0}},{{"uri":"../o.png"}}],
            "textures":[{{"source":0}},{{"source":1}},{{"source":2}},{{"source":3}},
            {{"source":4}},{{"source":5}}],"materials":[{materials}]}}"#
        )
    };
    let check = |materials: &str, expected: &[(&str, FileRole)]| {
        let named = model_files(text(materials).as_bytes(), "a.gltf").expect("it names files");
        let named: Vec<_> = named.iter().map(|file| (file.path.as_str(), file.role)).collect();
        assert_eq!(named, expected, "{materials}");
    };
    use FileRole::{Color, Geometry, Kept, Map};
    check(
        r#"{"pbrMetallicRoughness":{"baseColorTexture":{"index":0},
            "metallicRoughnessTexture":{"index":5}},
            "normalTexture":{"index":1},"emissiveTexture":{"index":3}}"#,
        &[
            ("a.bin", Geometry),
            ("b.bin", Geometry),
            ("c.png", Color),
            ("n.png", Map),
            ("e.png", Kept),
            ("../o.png", Map),
        ],
    );
    // One file is a colour and a number, and a buffer holds a colour.
    check(
        r#"{"pbrMetallicRoughness":{"baseColorTexture":{"index":0}},
            "occlusionTexture":{"index":2}},
            {"pbrMetallicRoughness":{"baseColorTexture":{"index":4}},
            "occlusionTexture":{"index":5}}"#,
        &[
            ("a.bin", Geometry),
            ("b.bin", Color),
            ("c.png", Kept),
            ("n.png", Kept),
            ("e.png", Kept),
            ("../o.png", Kept),
        ],
    );
}

#[test]
fn images_and_buffers_in_one_file_are_there_once() {
    let picture = png(6, 5, false);
    let many = |count: usize| {
        let image = vec![r#"{"uri":"c.png"}"#; count].join(",");
        let buffer = vec![r#"{"uri":"a.bin","byteLength":2}"#; count].join(",");
        let text = format!(
            r#"{{"asset":{{"version":"2.0"}},"buffers":[{buffer}],"images":[{image}],
            "textures":[{{"source":0}}],
            "materials":[{{"pbrMetallicRoughness":{{"baseColorTexture":{{"index":0}}}}}}]}}"#
        );
        let files = BTreeMap::from([(0, &[1, 2, 3][..]), (1, &picture[..])]);
        let gathered = gather_model(text.as_bytes(), "a.gltf", &files).expect("it is gathered");
        chunks(&gathered).1.len()
    };
    assert_eq!(many(1), many(100));
}

#[test]
fn an_empty_image_is_no_other_s_fault() {
    let picture = png(6, 5, false);
    let text = r#"{"asset":{"version":"2.0"},"images":[{"uri":"a.png"},{"uri":"b.png"}],
        "textures":[{"source":1}],
        "materials":[{"pbrMetallicRoughness":{"baseColorTexture":{"index":0}}}]}"#;
    let files = BTreeMap::from([(0, &[][..]), (1, &picture[..])]);
    let gathered = gather_model(text.as_bytes(), "a.gltf", &files).expect("it is gathered");
    assert_eq!(read(&gathered, "an empty image").width, 6);
}

#[test]
fn bad_models_are_refused_by_name() {
    let check = |text: &str, files: &[(usize, &[u8])], expected: &str| {
        let files: BTreeMap<usize, &[u8]> = files.iter().copied().collect();
        let error = gather_model(text.as_bytes(), "a.gltf", &files).expect_err("it is refused");
        let found = with_causes(&error);
        assert!(found.starts_with(expected), "{text}: {found}");
    };
    let buffers = |json: &str| format!(r#"{{"asset":{{}},"buffers":[{json}]}}"#);
    check(
        &buffers(r#"{"uri":"a.bin","byteLength":5}"#),
        &[(0, &[0; 4])],
        "`a.gltf` is damaged: Format error decoding `gltf`: buffer 0 has 4 bytes instead of 5",
    );
    check(
        &buffers(r#"{"uri":"https://a.example/a.bin","byteLength":5}"#),
        &[],
        "`a.gltf` is a gltf with `https://a.example/a.bin`, which is no file beside it, which is \
         not supported",
    );
    check(
        &buffers(r#"{"uri":"data:;base64,*","byteLength":5}"#),
        &[],
        "`a.gltf` is damaged: Format error decoding `gltf`: `data:;base64,*` holds no data",
    );
    check(r#"{"asset":{}, "buffers": 5}"#, &[], "`a.gltf` is damaged");
    check(r#"{"asset":{}, "images": [{"#, &[], "`a.gltf` is truncated");
    check(r#"{"asset":{}, "bufferViews": {}}"#, &[], "`a.gltf` is damaged");
    let held = r#"{"buffer":0,"byteLength":3},{"buffer":1,"byteLength":3}"#;
    check(
        &format!(
            r#"{{"asset":{{}},"buffers":[{{"uri":"a","byteLength":4}},{{"uri":"a","byteLength":4}}],
            "bufferViews":[{held}],"images":[{{"bufferView":0}}],"textures":[{{"source":0}}],
            "materials":[{{"pbrMetallicRoughness":{{"baseColorTexture":{{"index":0}}}}}}]}}"#
        ),
        &[],
        "`a.gltf` is a gltf with textures in buffers that share a file, which is not supported",
    );
    let many: Vec<String> =
        (0..5000).map(|at| format!(r#"{{"uri":"{at}","byteLength":1}}"#)).collect();
    check(
        &buffers(&many.join(",")),
        &[],
        "`a.gltf` is a gltf with more than 4096 files, which is not supported",
    );
}
