//! Every kind of TGA is read right, and what the asset had comes back.

use impasto_assets::{
    AlphaKind, Color, Depth, Limits, Origin, Picture, decode, encode, read_header,
};
use impasto_types::{ContainerFormat, FileTrait, OutputSpec, Part};

use crate::fixtures::tga::{Packets, Palette, Tga};

const WIDTH: usize = 13;
const HEIGHT: usize = 7;
const PIXELS: usize = WIDTH * HEIGHT;

/// Values of `bits` bits with runs, some of which cross the ends of rows.
fn values(bits: u8) -> Vec<u32> {
    let value = |at: usize| (at as u32).wrapping_mul(2_654_435_761) >> (32 - u32::from(bits));
    (0..PIXELS).map(|at| value(if at % 11 < 5 { at / 11 * 11 } else { at })).collect()
}

fn read(bytes: &[u8], row: &str) -> Picture {
    let picture =
        decode(bytes, "a.tga", &Limits::default()).unwrap_or_else(|error| panic!("{row}: {error}"));
    let header = read_header(bytes, "a.tga", &Limits::default())
        .unwrap_or_else(|error| panic!("{row}: {error}"));
    let origin = &picture.origin;
    assert_eq!(
        (header.width, header.height, header.color, header.depth, header.alpha),
        (picture.width, picture.height, origin.color, Depth::Eight, picture.alpha.is_some()),
        "{row}"
    );
    picture
}

fn written(picture: &Picture) -> Vec<u8> {
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Tga, quality: 90 };
    encode(picture, output).expect("it encodes")
}

fn traits(bytes: &[u8]) -> Vec<FileTrait> {
    read_header(bytes, "a.tga", &Limits::default()).expect("a header").traits.iter().collect()
}

/// Red, green, blue, and the bits beside them from 0 to 1.
fn pixel(value: u32, bits: u8, is_gray: bool) -> ([f32; 3], f32) {
    let byte = |shift: u32| (value >> shift & 255) as f32;
    let five = |shift: u32| (value >> shift & 31) as f32 * 255.0 / 31.0;
    match bits {
        _ if is_gray => ([byte(0); 3], byte(8) / 255.0),
        15 | 16 => ([five(10), five(5), five(0)], (value >> 15) as f32),
        _ => ([byte(16), byte(8), byte(0)], byte(24) / 255.0),
    }
}

fn check(tga: &Tga, stored: &[u32], row: &str) -> Picture {
    let picture = read(&tga.file(stored), row);
    let palette = tga.palette.as_ref();
    let resolved = |value: u32| {
        palette.map_or(value, |one| one.colors[value as usize - usize::from(one.first)])
    };
    let bits = palette.map_or(tga.bits, |palette| palette.bits);
    let resolved: Vec<u32> = stored.iter().map(|&value| resolved(value)).collect();
    for (at, &value) in resolved.iter().enumerate() {
        let (rgb, attribute) = pixel(value, bits, tga.kind == 3);
        let found = &picture.rgb[3 * at..][..3];
        assert!(found.iter().zip(rgb).all(|(a, b)| (a - b).abs() < 1e-4), "{row}: {found:?}");
        for plane in picture.alpha.iter().chain(&picture.extra) {
            assert!((plane[at] - attribute).abs() < 1e-6, "{row}");
        }
    }

    // Without a palette, which becomes true colour, and with packets within rows.
    let expected = Tga {
        kind: if tga.kind == 1 { 2 } else { tga.kind },
        bits: if bits == 15 { 16 } else { bits },
        palette: None,
        packets: Packets::None,
        ..tga.clone()
    };
    let bytes = written(&picture);
    assert_eq!(bytes[2], expected.kind + if tga.packets == Packets::None { 0 } else { 8 }, "{row}");
    assert_eq!(&bytes[8..16], &tga.file(stored)[8..16], "{row}");
    assert_eq!(bytes[16..18], [expected.bits, tga.attribute_bits | tga.origin << 4], "{row}");
    let start = 18 + tga.id.len();
    assert_eq!(&bytes[18..start], &tga.id, "{row}");
    let (pixels, _) = unpacked(&bytes, start, row);
    assert!(pixels == expected.pixels(&resolved), "{row}");
    picture
}

/// The stored pixels of a file, and where they end. No packet may cross the end of a row.
fn unpacked(bytes: &[u8], start: usize, row: &str) -> (Vec<u8>, usize) {
    let size = usize::from(bytes[16].div_ceil(8));
    if bytes[2] & 8 == 0 {
        let end = start + PIXELS * size;
        return (bytes[start..end].to_vec(), end);
    }
    let (mut pixels, mut at) = (Vec::new(), start);
    while pixels.len() < PIXELS * size {
        let before = pixels.len() / size;
        let count = usize::from(bytes[at] & 127) + 1;
        assert!(before % WIDTH + count <= WIDTH, "{row}: a packet crosses the end of a row");
        let stored = if bytes[at] & 128 != 0 { size } else { count * size };
        let values = &bytes[at + 1..][..stored];
        pixels.extend(values.iter().cycle().take(count * size));
        at += 1 + stored;
    }
    (pixels, at)
}

#[test]
fn every_kind_origin_and_packing_comes_back() {
    for origin in 0..4 {
        for packets in [Packets::None, Packets::Rows, Packets::Across] {
            let check_one = |mut tga: Tga, stored: &[u32], alpha: bool| {
                (tga.origin, tga.packets) = (origin, packets);
                let row = format!("{tga:?}");
                let picture = check(&tga, stored, &row);
                assert_eq!(picture.alpha.is_some(), alpha, "{row}");
                let color = if tga.kind == 3 { Color::Gray } else { Color::Rgb };
                assert_eq!(picture.origin.color, color, "{row}");
            };
            for (kind, bits, attribute_bits, alpha) in [
                (2, 15, 0, false),
                (2, 16, 0, false),
                (2, 16, 1, true),
                (2, 24, 0, false),
                (2, 32, 0, true),
                (2, 32, 8, true),
                (3, 8, 0, false),
                (3, 16, 0, true),
                (3, 16, 8, true),
            ] {
                let tga = Tga::new(WIDTH, HEIGHT, kind, bits, attribute_bits);
                check_one(tga, &values(bits), alpha);
            }
            for (index_bits, color_bits, attribute_bits, alpha) in [
                (8, 15, 0, false),
                (8, 16, 1, true),
                (8, 24, 0, false),
                (8, 32, 0, true),
                (8, 32, 8, true),
                (16, 16, 0, false),
                (16, 24, 0, false),
                (16, 32, 8, true),
            ] {
                for first in [0, 5] {
                    let mut tga = Tga::new(WIDTH, HEIGHT, 1, index_bits, attribute_bits);
                    let colors = values(color_bits)[..40].to_vec();
                    tga.palette = Some(Palette { colors, first, bits: color_bits });
                    let indices: Vec<u32> =
                        values(16).into_iter().map(|v| v % 40 + u32::from(first)).collect();
                    check_one(tga, &indices, alpha);
                }
            }
        }
    }
}

#[test]
fn a_cut_out_of_one_bit_is_alpha() {
    let tga = Tga::new(WIDTH, HEIGHT, 2, 16, 1);
    let stored: Vec<u32> = (0..PIXELS as u32).map(|at| (at % 2) << 15 | 0x7c00).collect();
    let picture = check(&tga, &stored, "a cut-out");
    let alpha = picture.alpha.expect("alpha");
    // 1 is opaque.
    assert_eq!(alpha[..4], [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(picture.rgb[..3], [255.0, 0.0, 0.0]);
}

#[test]
fn the_attributes_type_says_what_the_fourth_byte_is() {
    let check_one = |kind: u8, attribute_bits: u8, bits: u8, expected: Option<AlphaKind>| {
        let mut tga = Tga::new(WIDTH, HEIGHT, 2, bits, attribute_bits);
        tga.attributes_type = Some(kind);
        tga.id = b"an ID".to_vec();
        let row = format!("type {kind}, {attribute_bits} of {bits} bits");
        // Opaque where colours would be divided.
        let all = u32::MAX >> (32 - bits);
        let opaque = if kind == 4 { all << (bits - attribute_bits) & all } else { 0 };
        let stored: Vec<u32> = values(bits).into_iter().map(|value| value | opaque).collect();
        let picture = check(&tga, &stored, &row);
        let alpha = picture.alpha.is_some().then_some(picture.origin.alpha_kind);
        assert_eq!(alpha, expected, "{row}");
        assert_eq!(picture.extra.len(), usize::from(expected.is_none()), "{row}");
    };
    for (attribute_bits, bits) in [(8, 32), (0, 32), (1, 16)] {
        for kind in 0..3 {
            check_one(kind, attribute_bits, bits, None);
        }
        check_one(3, attribute_bits, bits, Some(AlphaKind::Straight));
        if attribute_bits > 0 {
            check_one(4, attribute_bits, bits, Some(AlphaKind::Associated));
            // Unknown types count as no statement.
            check_one(9, attribute_bits, bits, Some(AlphaKind::Straight));
        }
    }
}

#[test]
fn a_fourth_byte_of_zeros_that_is_not_declared_is_no_alpha() {
    let stored: Vec<u32> = values(32).into_iter().map(|value| value & 0x00ff_ffff).collect();
    for (attribute_bits, alpha) in [(0, false), (8, true)] {
        let tga = Tga::new(WIDTH, HEIGHT, 2, 32, attribute_bits);
        let picture = check(&tga, &stored, "zeros");
        assert_eq!(picture.alpha.is_some(), alpha);
        assert!(picture.extra.is_empty());
    }
}

#[test]
fn multiplied_colours_are_divided_and_multiplied_again() {
    let mut tga = Tga::new(WIDTH, HEIGHT, 2, 32, 8);
    tga.attributes_type = Some(4);
    let stored: Vec<u32> = (0..PIXELS as u32)
        .map(|at| {
            let alpha = at * 3 % 256;
            let color = alpha * (at % 5) / 5;
            alpha << 24 | color << 16 | (color / 2) << 8
        })
        .collect();
    let bytes = tga.file(&stored);
    assert_eq!(traits(&bytes), [FileTrait::AssociatedAlpha, FileTrait::TgaAreas]);
    let picture = read(&bytes, "multiplied");
    let half = PIXELS / 2;
    let (alpha, color) = (stored[half] >> 24, stored[half] >> 16 & 255);
    assert!((picture.rgb[3 * half] - 255.0 * color as f32 / alpha as f32).abs() < 1e-3);
    assert!(unpacked(&written(&picture), 18, "multiplied").0 == tga.pixels(&stored));
}

#[test]
fn areas_come_back_without_what_would_be_false() {
    for packets in [Packets::None, Packets::Rows] {
        let mut tga = Tga::new(WIDTH, HEIGHT, 2, 32, 8);
        tga.id = b"made by Ann".to_vec();
        tga.attributes_type = Some(3);
        tga.developer = Some(b"a field of a developer".to_vec());
        tga.packets = packets;
        let asset = tga.file(&values(32));
        assert_eq!(traits(&asset), [FileTrait::TgaAreas]);
        let bytes = written(&read(&asset, "areas"));
        assert!(bytes.ends_with(b"TRUEVISION-XFILE.\0"));
        let long =
            |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().expect("4 bytes")) as usize;
        let (extension, developer) = (long(bytes.len() - 26), long(bytes.len() - 22));
        assert_eq!(&bytes[extension + 2..extension + 5], b"Ann");
        assert_eq!(bytes[extension + 494], 3);
        let correction: Vec<u8> = (0..2048).map(|i| (i * 7) as u8).collect();
        assert_eq!(&bytes[long(extension + 482)..][..2048], &correction);
        assert_eq!((long(extension + 486), long(extension + 490)), (0, 0));
        assert_eq!(bytes[developer..developer + 4], [1, 0, 7, 0]);
        let field = &bytes[long(developer + 4)..][..long(developer + 8)];
        assert_eq!(field, b"a field of a developer");
        // Written again, it is the same file.
        assert_eq!(written(&read(&bytes, "again")), bytes);
    }
}

#[test]
fn another_picture_gets_the_layout_that_every_engine_reads() {
    let check = |color: Color, alpha: bool, kind: u8, bits: u8, attribute_bits: u8| {
        let picture = Picture {
            width: 1,
            height: 2,
            rgb: vec![10.0, 10.0, 10.0, 20.0, 20.0, 20.0],
            alpha: alpha.then(|| vec![0.2, 1.0]),
            extra: Vec::new(),
            origin: Origin { color, ..Origin::synthetic("a", ContainerFormat::Png) },
        };
        let bytes = written(&picture);
        // Not compressed, and the bottom row first.
        assert_eq!((bytes[2], bytes[16], bytes[17], bytes[18]), (kind, bits, attribute_bits, 20));
        assert_eq!(bytes.len(), 18 + 2 * usize::from(bits) / 8);
    };
    check(Color::Rgb, false, 2, 24, 0);
    check(Color::Rgb, true, 2, 32, 8);
    check(Color::Gray, false, 3, 8, 0);
    // Few programs read grey with alpha.
    check(Color::Gray, true, 2, 32, 8);
}

#[test]
fn a_grey_asset_painted_in_colour_becomes_rgb() {
    for (bits, expected) in [(8, 24), (16, 32)] {
        let mut tga = Tga::new(WIDTH, HEIGHT, 3, bits, bits - 8);
        tga.packets = Packets::Rows;
        let mut picture = read(&tga.file(&values(bits)), "grey");
        picture.rgb[0] = 250.0;
        let bytes = written(&picture);
        assert_eq!((bytes[2], bytes[16], bytes[17]), (10, expected, bits - 8));
        let again = read(&bytes, "colour");
        assert_eq!((again.rgb[0], again.alpha), (250.0, picture.alpha));
    }
}

#[test]
fn associated_alpha_passes_between_tiff_and_tga() {
    let mut tga = Tga::new(WIDTH, HEIGHT, 2, 32, 8);
    tga.attributes_type = Some(4);
    let stored: Vec<u32> = values(32).into_iter().map(|value| value | 0xff00_0000).collect();
    let picture = read(&tga.file(&stored), "multiplied");
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Tiff, quality: 90 };
    let tiff = encode(&picture, output).expect("it encodes");
    let tiff = decode(&tiff, "a.tif", &Limits::default()).expect("it decodes");
    assert_eq!(tiff.origin.alpha_kind, AlphaKind::Associated);
    let back = read(&written(&tiff), "back");
    assert_eq!((back.origin.alpha_kind, back.rgb), (AlphaKind::Associated, picture.rgb));
}

#[test]
fn damage_is_named() {
    let check = |bytes: &[u8], expected: &str| {
        let error = decode(bytes, "a.tga", &Limits::default()).expect_err("it is refused");
        assert_eq!(error.to_string(), format!("`a.tga` is {expected}"));
    };
    let mut mapped = Tga::new(WIDTH, HEIGHT, 1, 8, 0);
    mapped.palette = Some(Palette { colors: vec![1, 2, 3], first: 4, bits: 24 });
    check(&mapped.file(&[7; PIXELS]), "damaged");
    check(&mapped.file(&[3; PIXELS]), "damaged");
    let whole = Tga::new(WIDTH, HEIGHT, 2, 24, 0).file(&values(24));
    check(&whole[..whole.len() - 1], "truncated");
    check(&whole[..18], "truncated");
    let mut packed = Tga::new(WIDTH, HEIGHT, 2, 24, 0);
    packed.packets = Packets::Rows;
    let packed = packed.file(&values(24));
    check(&packed[..packed.len() - 1], "truncated");
    let with = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    let unsupported = |what: &str| format!("a tga with {what}, which is not supported");
    check(&with(17, 0x40), &unsupported("interleaved rows"));
    check(&with(16, 8), &unsupported("8-bit colours"));
    let odd = Tga::new(WIDTH, HEIGHT, 2, 32, 3).file(&values(32));
    check(&odd, &unsupported("3 attribute bits in 32-bit pixels"));
}
