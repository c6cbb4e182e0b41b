//! Pictures that do not fit into memory are refused by their headers, before any is decoded.

use std::ops::ControlFlow;

use impasto_assets::{Limits, Origin, Picture, encode, read_header};
use impasto_painter::{PaintError, PaintStep, Registry, Source, Sources, Tools, paint};
use impasto_types::{AssetKind, ContainerFormat, FailureKind, Optimize, OutputSpec, Part, Recipe};

use crate::support::{PNG, method, sources};

const MIB: u64 = 1 << 20;

/// A file of a few bytes whose header says that it has `side` x `side` pixels.
fn announcing(name: &str, format: ContainerFormat, side: u16) -> Source {
    if format.is_model() {
        return model_of(name, &announcing("texture.png", ContainerFormat::Png, side));
    }
    let picture = Picture {
        width: 32,
        height: 32,
        rgb: vec![9.0; 32 * 32 * 3],
        alpha: None,
        extra: Vec::new(),
        origin: Origin::synthetic(name, format),
    };
    let output = OutputSpec { part: Part::Color, format, quality: 90 };
    let mut bytes = encode(&picture, output).expect("it encodes");
    let (little, big) = (side.to_le_bytes(), side.to_be_bytes());
    match format {
        ContainerFormat::Glb | ContainerFormat::Gltf => {}
        ContainerFormat::Png => {
            for at in [16, 20] {
                bytes[at..at + 4].copy_from_slice(&u32::from(side).to_be_bytes());
            }
            let sum = crc(&bytes[12..29]).to_be_bytes();
            bytes[29..33].copy_from_slice(&sum);
        }
        ContainerFormat::Bmp => {
            for at in [18, 22] {
                bytes[at..at + 4].copy_from_slice(&u32::from(side).to_le_bytes());
            }
        }
        ContainerFormat::Dds => {
            for at in [12, 16] {
                bytes[at..at + 4].copy_from_slice(&u32::from(side).to_le_bytes());
            }
        }
        ContainerFormat::Exr => {
            // The last column and row of the data window.
            let kind = b"dataWindow\0box2i\0";
            let name = bytes.windows(kind.len()).position(|it| it == kind).expect("a window");
            for at in [name + kind.len() + 12, name + kind.len() + 16] {
                bytes[at..at + 4].copy_from_slice(&(u32::from(side) - 1).to_le_bytes());
            }
        }
        ContainerFormat::Hdr => {
            let size = bytes.windows(6).position(|six| six == b"-Y 32 ").expect("a size");
            let line = format!("-Y {side} +X {side}");
            bytes.splice(size..size + b"-Y 32 +X 32".len(), line.into_bytes());
        }
        ContainerFormat::Psd => {
            for at in [14, 18] {
                bytes[at..at + 4].copy_from_slice(&u32::from(side).to_be_bytes());
            }
        }
        ContainerFormat::Qoi => {
            for at in [4, 8] {
                bytes[at..at + 4].copy_from_slice(&u32::from(side).to_be_bytes());
            }
        }
        ContainerFormat::Ktx2 => {
            for at in [20, 24] {
                bytes[at..at + 4].copy_from_slice(&u32::from(side).to_le_bytes());
            }
            // By Zstandard, so that few bytes may stand for the blocks of all six levels.
            bytes[44] = 2;
            for level in 0..6 {
                let blocks = u64::from((side >> level).max(1)).div_ceil(4).pow(2);
                let at = 80 + 24 * level + 16;
                bytes[at..at + 8].copy_from_slice(&(16 * blocks).to_le_bytes());
            }
        }
        ContainerFormat::Tga => {
            bytes[12..14].copy_from_slice(&little);
            bytes[14..16].copy_from_slice(&little);
        }
        ContainerFormat::Jpeg => {
            let frame = bytes.windows(2).position(|two| two == [0xff, 0xc0]).expect("a frame");
            bytes[frame + 5..frame + 7].copy_from_slice(&big);
            bytes[frame + 7..frame + 9].copy_from_slice(&big);
        }
        ContainerFormat::Webp => {
            // Fourteen bits each of width and height less one, after the signature.
            let at = bytes.windows(4).position(|four| four == b"VP8L").expect("a picture") + 9;
            let less = u32::from(side) - 1;
            let field =
                u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            let field = field >> 28 << 28 | less << 14 | less;
            bytes[at..at + 4].copy_from_slice(&field.to_le_bytes());
        }
        ContainerFormat::Tiff => {
            // The entries of width and height have the tags 256 and 257, type 4, one value each.
            for tag in [256_u16, 257] {
                let [low, high] = tag.to_le_bytes();
                let entry = [low, high, 4, 0, 1, 0, 0, 0, 32, 0, 0, 0];
                let at = bytes.windows(12).position(|twelve| twelve == entry).expect("an entry");
                bytes[at + 8..at + 10].copy_from_slice(&little);
            }
        }
    }
    Source { name: name.to_owned(), bytes }
}

/// A model of nothing but a texture.
fn model_of(name: &str, texture: &Source) -> Source {
    let length = texture.bytes.len();
    let padded = length.next_multiple_of(4);
    let mut json = format!(
        r#"{{"asset":{{"version":"2.0"}},"buffers":[{{"byteLength":{length}}}],
        "bufferViews":[{{"buffer":0,"byteLength":{length}}}],"images":[{{"bufferView":0}}],
        "textures":[{{"source":0}}],
        "materials":[{{"pbrMetallicRoughness":{{"baseColorTexture":{{"index":0}}}}}}]}}"#
    );
    json.push_str(&" ".repeat(json.len().next_multiple_of(4) - json.len()));
    let word = |number: usize| u32::try_from(number).expect("it is small").to_le_bytes();
    let whole = 12 + 8 + json.len() + 8 + padded;
    let head = [*b"glTF", word(2), word(whole), word(json.len()), *b"JSON"].concat();
    let chunk = [word(padded), *b"BIN\0"].concat();
    let mut bytes = [&head[..], json.as_bytes(), &chunk, &texture.bytes].concat();
    bytes.resize(whole, 0);
    Source { name: name.to_owned(), bytes }
}

/// The checksum of a PNG's chunk.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let table = |byte: u32| {
        (0..8).fold(byte, |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    };
    let step = |sum: u32, byte: &u8| table((sum ^ u32::from(*byte)) & 0xff) ^ sum >> 8;
    !bytes.iter().fold(!0, step)
}

/// Why these files are not painted with so much memory.
fn refused(sources: &Sources, memory_bytes: u64) -> PaintError {
    let (registry, method) = (Registry::default(), method());
    let adapter = registry.adapter(&AssetKind::picture()).expect("it is there");
    let tools = Tools { adapter, method: &method, memory_bytes, refuses_cuts: false };
    let mut optimize = Optimize { iterations: 1, min_scale: 0, ..Optimize::painterly() };
    optimize.common.size = Some(64);
    let recipe = Recipe::Optimize(optimize);
    let weights = vec![1.0; sources.styles.len()];
    let action = sources.action(AssetKind::picture(), recipe, &weights, vec![], vec![PNG]);
    let mut observer = |_: &PaintStep| ControlFlow::Continue(());
    paint(tools, "wall.png", &action, sources, &mut observer).expect_err("it does not fit")
}

/// The picture that is named, and the bytes that it needs.
fn named(error: PaintError) -> (String, u64) {
    assert_eq!(error.kind(), FailureKind::Shortage, "{error}");
    let text = error.to_string();
    let PaintError::Picture { name, least_bytes, given_bytes, .. } = error else {
        panic!("{text}")
    };
    assert!(text.contains(&name) && least_bytes > given_bytes, "{text}");
    (name, least_bytes)
}

#[test]
fn a_header_announces_what_does_not_fit() {
    // A model as text announces nothing before it is gathered to a GLB.
    for format in ContainerFormat::ALL.into_iter().filter(|own| *own != ContainerFormat::Gltf) {
        let file = announcing("large", format, 16_000);
        let header = read_header(&file.bytes, "large", &Limits::default())
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((header.width, header.height), (16_000, 16_000), "{format}");
        assert!(file.bytes.len() < 20_000, "{format}");
        for part in ["asset", "style", "mask", "init"] {
            let mut all = sources();
            match part {
                "asset" => drop(all.files.insert(Part::Color, file.clone())),
                "mask" => drop(all.files.insert(Part::Mask, file.clone())),
                "init" => drop(all.files.insert(Part::Init, file.clone())),
                _ => all.styles.push(file.clone()),
            }
            let (name, bytes) = named(refused(&all, 512 * MIB));
            assert_eq!(name, "large", "{format} as {part}");
            // From 12 bytes a pixel.
            assert!((2900 * MIB..16_000 * MIB).contains(&bytes), "{format} as {part}: {bytes}");
        }
    }
}

#[test]
fn many_large_styles_need_one_decoding_at_a_time() {
    let many = |count: usize| {
        let style = announcing("style", ContainerFormat::Png, 8192);
        Sources { styles: vec![style; count], ..sources() }
    };
    let (_, one) = named(refused(&many(1), 512 * MIB));
    let (name, sixteen) = named(refused(&many(16), 512 * MIB));
    assert_eq!((name.as_str(), one / MIB), ("style", sixteen / MIB), "the first does not fit");
    // With a little more than one takes, all sixteen are looked at; the first is found to be
    // cut short.
    let error = refused(&many(16), sixteen + 16 * MIB);
    assert!(matches!(error, PaintError::File(_)), "{error}");
}

#[test]
fn a_lane_paints_what_all_the_memory_would_or_refuses() {
    let (registry, method) = (Registry::default(), method());
    let adapter = registry.adapter(&AssetKind::picture()).expect("it is there");
    let mut optimize = Optimize { iterations: 1, min_scale: 0, ..Optimize::painterly() };
    optimize.common.size = Some(400);
    let sources = sources();
    let recipe = Recipe::Optimize(optimize);
    let action = sources.action(AssetKind::picture(), recipe, &[1.0], vec![], vec![PNG]);
    let painted = |memory_bytes, refuses_cuts| {
        let tools = Tools { adapter, method: &method, memory_bytes, refuses_cuts };
        let mut observer = |_: &PaintStep| ControlFlow::Continue(());
        match paint(tools, "wall.png", &action, &sources, &mut observer) {
            Ok(painted) => Ok(painted.files[0].bytes.clone()),
            Err(PaintError::Memory { least_bytes, .. }) => Err(least_bytes),
            Err(error) => panic!("{error}"),
        }
    };
    let least_bytes = painted(MIB, false).expect_err("it is too little");
    assert!(painted(least_bytes, false).is_ok(), "it is cut");
    let uncut_bytes = painted(least_bytes, true).expect_err("it would be cut");
    assert!(uncut_bytes > least_bytes);
    let expected = painted(1 << 40, false).expect("there is memory");
    assert!(painted(uncut_bytes, true).expect("it is whole") == expected);
    assert_eq!(painted(uncut_bytes - 1, true), Err(uncut_bytes));
}
