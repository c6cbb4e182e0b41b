//! Models in the binary form of glTF 2.0.

use std::fmt::Write as _;
use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use serde_json::Value;

/// Faces of a cube lie in cells of so many pixels, three in a row, and leave a margin free.
pub const CELL: u32 = 64;
pub const MARGIN: u32 = 8;

/// Width and height of the texture of a cube.
pub const TEXTURE: (u32, u32) = (3 * CELL, 2 * CELL);

/// For each face the axis that it looks along, and those that run to the right and down on it.
const FACES: [[[f32; 3]; 3]; 6] = [
    [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]],
    [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]],
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]],
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]],
    [[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]],
];

/// A cube whose faces are islands of their own in the texture; `paint` is the colour of a point of
/// its surface, whose coordinates are from -1 to 1. With `format`, its texture is such a file.
pub fn cube(format: ImageFormat, paint: impl Fn([f32; 3]) -> [u8; 3]) -> Vec<u8> {
    let texture = RgbImage::from_fn(TEXTURE.0, TEXTURE.1, |x, y| {
        let face = (y / CELL * 3 + x / CELL) as usize;
        let side = (CELL - 2 * MARGIN) as f32;
        let within = |at: u32| (((at % CELL) as f32 + 0.5) - MARGIN as f32) / side;
        let (right, down) = (within(x), within(y));
        let inside = [right, down].iter().all(|at| (0.0..=1.0).contains(at));
        image::Rgb(if inside { paint(point(face, right, down)) } else { [0, 0, 0] })
    });
    let mut picture = Cursor::new(Vec::new());
    texture.write_to(&mut picture, format).expect("it is encoded");
    build(&picture.into_inner(), format.to_mime_type(), None)
}

/// The same with a normal map of a flat surface, in PNG.
pub fn cube_with_normals(paint: impl Fn([f32; 3]) -> [u8; 3]) -> Vec<u8> {
    let plain = cube(ImageFormat::Png, paint);
    let mut normals = Cursor::new(Vec::new());
    let flat = RgbImage::from_pixel(TEXTURE.0, TEXTURE.1, image::Rgb([128, 128, 255]));
    flat.write_to(&mut normals, ImageFormat::Png).expect("it is encoded");
    build(&view(&plain, 1), ImageFormat::Png.to_mime_type(), Some(&normals.into_inner()))
}

/// The point of a face at these shares of its width and height.
fn point(face: usize, right: f32, down: f32) -> [f32; 3] {
    let [out, across, along] = FACES[face];
    [0, 1, 2].map(|axis| {
        out[axis] + across[axis] * (2.0 * right - 1.0) + along[axis] * (2.0 * down - 1.0)
    })
}

/// The pixel of the texture, to the right and down, at these shares of a face's width and height.
pub fn pixel(face: usize, right: f32, down: f32) -> (f32, f32) {
    let side = (CELL - 2 * MARGIN) as f32;
    let (column, row) = (face as u32 % 3 * CELL + MARGIN, face as u32 / 3 * CELL + MARGIN);
    (column as f32 + right * side, row as f32 + down * side)
}

/// An edge of a face: the face, and the edge's two ends in shares of its width and height.
pub type Edge = (usize, [(f32, f32); 2]);

/// The edges at which two faces meet, as each of them has it.
pub fn edges() -> Vec<[Edge; 2]> {
    const SIDES: [[(f32, f32); 2]; 4] = [
        [(0.0, 0.0), (1.0, 0.0)],
        [(0.0, 1.0), (1.0, 1.0)],
        [(0.0, 0.0), (0.0, 1.0)],
        [(1.0, 0.0), (1.0, 1.0)],
    ];
    let sides = (0..6).flat_map(|face| SIDES.map(|ends| (face, ends)));
    let sides: Vec<_> = sides.collect();
    let ends =
        |(face, ends): (usize, [(f32, f32); 2])| ends.map(|(right, down)| point(face, right, down));
    let mut edges = Vec::new();
    for (at, one) in sides.iter().enumerate() {
        for other in &sides[at + 1..] {
            let ([a, b], [c, d]) = (ends(*one), ends(*other));
            if a == c && b == d {
                edges.push([*one, *other]);
            } else if a == d && b == c {
                edges.push([*one, (other.0, [other.1[1], other.1[0]])]);
            }
        }
    }
    edges
}

fn build(picture: &[u8], mime: &str, normals: Option<&[u8]>) -> Vec<u8> {
    let (mut positions, mut places, mut indices) = (Vec::new(), Vec::new(), Vec::new());
    for face in 0..6 {
        let first = 4 * face as u16;
        for (right, down) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
            positions.extend(point(face, right, down).map(f32::to_le_bytes).concat());
            let (x, y) = pixel(face, right, down);
            let place = [x / TEXTURE.0 as f32, y / TEXTURE.1 as f32];
            places.extend(place.map(f32::to_le_bytes).concat());
        }
        let corners = [0, 2, 1, 0, 3, 2].map(|corner| (first + corner).to_le_bytes());
        indices.extend(corners.concat());
    }
    // The picture lies in the middle, so that what follows it moves.
    let chunks = [&positions[..], picture, &places, &indices].into_iter().chain(normals);
    let [texture, image, map] = match normals {
        None => [""; 3],
        Some(_) => [
            r#", {"source": 1}"#,
            r#", {"bufferView": 4, "mimeType": "image/png"}"#,
            r#""normalTexture": {"index": 1},"#,
        ],
    };
    let (mut bin, mut views) = (Vec::new(), String::new());
    for chunk in chunks {
        let comma = if views.is_empty() { "" } else { ",\n    " };
        let (at, length) = (bin.len(), chunk.len());
        let view = format!(r#"{comma}{{"byteLength": {length}, "byteOffset": {at}, "buffer": 0}}"#);
        views.push_str(&view);
        bin.extend_from_slice(chunk);
        bin.resize(bin.len().next_multiple_of(4), 0);
    }
    let mut json = String::new();
    let length = bin.len();
    write!(
        json,
        r#"{{"asset": {{"version": "2.0", "generator": "a test"}}, "scene": 0,
  "scenes": [{{"nodes": [0]}}], "nodes": [{{"mesh": 0, "name": "crate"}}],
  "meshes": [{{"primitives": [{{"attributes": {{"POSITION": 0, "TEXCOORD_0": 1}}, "indices": 2,
    "material": 0}}]}}],
  "materials": [{{{map} "pbrMetallicRoughness": {{"metallicFactor": 0e0, "roughnessFactor": 8.0E-1,
    "baseColorTexture": {{"index": 0}}}}, "extras": {{"kept": [1.50, "as it is"]}}}}],
  "textures": [{{"source": 0}}{texture}],
  "images": [{{"bufferView": 1, "mimeType": "{mime}", "name": "planks"}}{image}],
  "accessors": [
    {{"bufferView": 0, "componentType": 5126, "count": 24, "type": "VEC3",
      "min": [-1, -1, -1], "max": [1, 1, 1]}},
    {{"bufferView": 2, "componentType": 5126, "count": 24, "type": "VEC2"}},
    {{"bufferView": 3, "componentType": 5123, "count": 36, "type": "SCALAR"}}],
  "bufferViews": [
    {views}],
  "buffers": [{{"byteLength": {length}}}]}}"#
    )
    .expect("text takes what is written");
    file(json, &bin)
}

/// A model of two squares beside each other, each with a texture of its own in PNG, which are the
/// views 0 and 1.
pub fn pair(textures: [&RgbImage; 2]) -> Vec<u8> {
    let (mut bin, mut views) = (Vec::new(), Vec::new());
    let mut add = |bytes: &[u8]| {
        let (at, length) = (bin.len(), bytes.len());
        views.push(format!(r#"{{"buffer": 0, "byteOffset": {at}, "byteLength": {length}}}"#));
        bin.extend_from_slice(bytes);
        bin.resize(bin.len().next_multiple_of(4), 0);
    };
    for texture in textures {
        let mut picture = Cursor::new(Vec::new());
        texture.write_to(&mut picture, ImageFormat::Png).expect("it is encoded");
        add(&picture.into_inner());
    }
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>();
    for left in [0.0, 1.0] {
        let right = left + 1.0;
        add(&bytes(&[left, 0.0, 0.0, right, 0.0, 0.0, right, 1.0, 0.0, left, 1.0, 0.0]));
    }
    add(&bytes(&[0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]));
    add(&[0, 1, 2, 0, 2, 3]);
    let square = |at: usize| {
        format!(
            r#"{{"attributes": {{"POSITION": {at}, "TEXCOORD_0": 2}}, "indices": 3,
                "material": {at}}}"#
        )
    };
    let material = |at: usize| {
        format!(r#"{{"pbrMetallicRoughness": {{"baseColorTexture": {{"index": {at}}}}}}}"#)
    };
    let accessor = |view: usize, kind: u32, count: usize, of: &str| {
        format!(
            r#"{{"bufferView": {view}, "componentType": {kind}, "count": {count}, "type": "{of}"}}"#
        )
    };
    let accessors = [
        accessor(2, 5126, 4, "VEC3"),
        accessor(3, 5126, 4, "VEC3"),
        accessor(4, 5126, 4, "VEC2"),
        accessor(5, 5121, 6, "SCALAR"),
    ];
    let json = format!(
        r#"{{"asset": {{"version": "2.0"}}, "meshes": [{{"primitives": [{}, {}]}}],
        "materials": [{}, {}], "textures": [{{"source": 0}}, {{"source": 1}}],
        "images": [{{"bufferView": 0}}, {{"bufferView": 1}}],
        "accessors": [{}], "bufferViews": [{}], "buffers": [{{"byteLength": {}}}]}}"#,
        square(0),
        square(1),
        material(0),
        material(1),
        accessors.join(", "),
        views.join(", "),
        bin.len()
    );
    file(json, &bin)
}

fn file(json: String, bin: &[u8]) -> Vec<u8> {
    let mut json = json.into_bytes();
    json.resize(json.len().next_multiple_of(4), b' ');
    let word = |number: usize| (number as u32).to_le_bytes();
    let mut bytes = b"glTF".to_vec();
    bytes.extend([word(2), word(28 + json.len() + bin.len()), word(json.len())].concat());
    bytes.extend(b"JSON");
    bytes.extend(&json);
    bytes.extend(word(bin.len()));
    bytes.extend(b"BIN\0");
    bytes.extend(bin);
    bytes
}

/// A model's description as text, and its buffer.
pub fn parts(file: &[u8]) -> (String, Vec<u8>) {
    let number = |at: usize| {
        u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]) as usize
    };
    assert_eq!((&file[..4], number(4), number(8)), (&b"glTF"[..], 2, file.len()));
    let json = 20 + number(12);
    let text = String::from_utf8(file[20..json].to_vec()).expect("it is text");
    assert_eq!(&file[json + 4..json + 8], b"BIN\0");
    (text, file[json + 8..json + 8 + number(json)].to_vec())
}

/// The bytes of one of a model's views.
pub fn view(file: &[u8], index: usize) -> Vec<u8> {
    let (json, bin) = parts(file);
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let view = &json["bufferViews"][index];
    let field = |name: &str| view[name].as_u64().unwrap_or(0) as usize;
    bin[field("byteOffset")..field("byteOffset") + field("byteLength")].to_vec()
}

/// The texture of a cube.
pub fn texture(file: &[u8]) -> RgbImage {
    image::load_from_memory(&view(file, 1)).expect("it is a picture").to_rgb8()
}

/// The file of an image, by its number.
pub fn image(file: &[u8], number: usize) -> Vec<u8> {
    let json: Value = serde_json::from_str(&parts(file).0).expect("it is JSON");
    let index = json["images"][number]["bufferView"].as_u64().expect("it is in the file");
    view(file, index as usize)
}

/// The same model as text, with its buffer in `a mesh.bin` and its images in `maps`, which are
/// PNGs: the text, and the files by their paths from its folder.
pub fn in_files(file: &[u8]) -> (String, Vec<(String, Vec<u8>)>) {
    let (json, bin) = parts(file);
    let mut json: Value = serde_json::from_str(&json).expect("it is JSON");
    let images = json["images"].as_array_mut().expect("it has images");
    let mut files = Vec::new();
    for (number, image) in images.iter_mut().enumerate() {
        let image = image.as_object_mut().expect("it has fields");
        let own = image.remove("bufferView").and_then(|own| own.as_u64()).expect("a view");
        let name = format!("maps/{number}.png");
        files.push((name.clone(), view(file, own as usize)));
        image.insert("uri".to_owned(), name.into());
    }
    json["buffers"][0]["uri"] = "a%20mesh.bin".into();
    files.push(("a mesh.bin".to_owned(), bin));
    (serde_json::to_string_pretty(&json).expect("it is JSON"), files)
}
