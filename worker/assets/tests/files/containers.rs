//! What PNG, WebP and BMP files say beside their pixels: colours, frames and orientation.

use impasto_assets::{
    AssetErrorKind, Color, Header, Limits, Orientation, Origin, Picture, decode, encode,
    read_header,
};
use impasto_types::{ContainerFormat, FileTrait, OutputSpec, Part};
use png::chunk::ChunkType;

fn written(picture: &Picture, format: ContainerFormat) -> Vec<u8> {
    encode(picture, OutputSpec { part: Part::Color, format, quality: 90 }).expect("it encodes")
}

fn picture(width: u32, height: u32) -> Picture {
    let samples = 0..width * height * 3;
    Picture {
        width,
        height,
        rgb: samples.map(|index| (index * 37 % 256) as f32).collect(),
        alpha: None,
        extra: Vec::new(),
        origin: Origin::synthetic("a", ContainerFormat::Png),
    }
}

fn header(bytes: &[u8], name: &str) -> Header {
    read_header(bytes, name, &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn traits(bytes: &[u8], name: &str) -> Vec<FileTrait> {
    header(bytes, name).traits.iter().collect()
}

/// A PNG of 2 x 2 pixels with chunks before and after its pixels.
fn png_with(before: &[(&[u8; 4], &[u8])], after: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    for (name, content) in before {
        writer.write_chunk(ChunkType(**name), content).expect("a chunk");
    }
    writer.write_image_data(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 1, 2, 3]).expect("pixels");
    for (name, content) in after {
        writer.write_chunk(ChunkType(**name), content).expect("a chunk");
    }
    writer.finish().expect("an end");
    bytes
}

/// The chunks of a PNG up to its pixels, without IHDR.
fn chunks(png: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut rest, mut chunks) = (&png[8..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let name = String::from_utf8(after[..4].to_vec()).expect("a name");
        if name == "IDAT" {
            break;
        }
        chunks.push((name, after[4..4 + length].to_vec()));
        rest = &after[4 + length + 4..];
    }
    chunks.remove(0);
    chunks
}

#[test]
fn png_s_colours_come_back() {
    const P3: &[u8] = &[12, 13, 0, 1];
    const PQ: &[u8] = &[9, 16, 0, 1];
    const LINEAR: &[u8] = &100_000_u32.to_be_bytes();
    const SRGB_GAMMA: &[u8] = &45_455_u32.to_be_bytes();
    let srgb_primaries: Vec<u8> =
        [31_270_u32, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000]
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect();
    let p3_primaries: Vec<u8> = [31_270_u32, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000]
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect();
    let differs = |before: &[(&[u8; 4], &[u8])], expected: bool| {
        let png = png_with(before, &[]);
        let decoded = decode(&png, "a.png", &Limits::default()).expect("it decodes");
        let again = written(&decoded, ContainerFormat::Png);
        assert_eq!(chunks(&again), chunks(&png), "{before:?}");
        let lost = if expected { vec![FileTrait::PngColor] } else { vec![] };
        assert_eq!(traits(&png, "a.png"), lost, "{before:?}");
    };
    differs(&[], false);
    differs(&[(b"cICP", P3)], true);
    differs(&[(b"cICP", PQ)], true);
    differs(&[(b"cICP", PQ), (b"mDCV", &[7; 24]), (b"cLLI", &[9; 8])], true);
    differs(&[(b"cICP", &[1, 13, 0, 1])], false);
    differs(&[(b"sRGB", &[0])], false);
    differs(&[(b"sRGB", &[0]), (b"gAMA", SRGB_GAMMA), (b"cHRM", &srgb_primaries)], false);
    differs(&[(b"gAMA", SRGB_GAMMA)], false);
    differs(&[(b"gAMA", LINEAR)], true);
    differs(&[(b"cICP", P3), (b"gAMA", SRGB_GAMMA), (b"cHRM", &p3_primaries)], true);
    differs(&[(b"cHRM", &p3_primaries)], true);
    // After the pixels they mean nothing.
    assert_eq!(traits(&png_with(&[], &[(b"cICP", P3)]), "a.png"), []);
}

#[test]
fn cicp_is_kept_beside_a_profile_and_srgb_is_not() {
    let mut icc = vec![5; 300];
    icc[16..20].copy_from_slice(b"RGB ");
    let png = png_with(&[(b"cICP", &[12, 13, 0, 1]), (b"sRGB", &[1])], &[]);
    let mut decoded = decode(&png, "a.png", &Limits::default()).expect("it decodes");
    decoded.origin.icc = Some(icc.clone());
    let again = written(&decoded, ContainerFormat::Png);
    let names: Vec<String> = chunks(&again).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["iCCP", "cICP"]);
    assert_eq!(traits(&again, "a.png"), [FileTrait::Icc, FileTrait::PngColor]);
    let twice = decode(&again, "a.png", &Limits::default()).expect("it decodes");
    assert_eq!(twice.origin.icc, Some(icc));
    // A JPEG keeps the profile alone.
    let jpeg = written(&twice, ContainerFormat::Jpeg);
    assert_eq!(traits(&jpeg, "a.jpg"), [FileTrait::Icc]);
}

#[test]
fn every_kind_of_png_is_read() {
    use png::{BitDepth as Depth, ColorType as Kind};
    let check = |kind: Kind,
                 depth: Depth,
                 transparent: Option<&[u8]>,
                 data: &[u8],
                 rgb: &[f32],
                 alpha: Option<&[f32]>| {
        let row = format!("{kind:?} {depth:?} {transparent:?}");
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, rgb.len() as u32 / 3, 1);
        encoder.set_color(kind);
        encoder.set_depth(depth);
        if kind == Kind::Indexed {
            encoder.set_palette(&[10, 20, 30, 40, 50, 60][..]);
        }
        if let Some(transparent) = transparent {
            encoder.set_trns(transparent);
        }
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(data).expect("pixels");
        writer.finish().expect("an end");
        let decoded = decode(&bytes, "a.png", &Limits::default()).expect("it decodes");
        assert_eq!((&decoded.rgb[..], decoded.alpha.as_deref()), (rgb, alpha), "{row}");
        let header = header(&bytes, "a.png");
        assert_eq!(header.alpha, alpha.is_some(), "{row}");
        assert_eq!(header.color, decoded.origin.color, "{row}");
        assert_eq!(header.depth, decoded.origin.depth, "{row}");
        let mut expected = Vec::new();
        expected.extend((kind == Kind::Indexed).then_some(FileTrait::Palette));
        let low = matches!(depth, Depth::One | Depth::Two | Depth::Four);
        expected.extend(low.then_some(FileTrait::LowDepth));
        assert_eq!(header.traits.iter().collect::<Vec<_>>(), expected, "{row}");
    };
    let two: &[f32] = &[255.0, 255.0, 255.0, 0.0, 0.0, 0.0];
    check(Kind::Grayscale, Depth::One, None, &[0b1000_0000], two, None);
    check(Kind::Grayscale, Depth::Two, None, &[0b1100_0000], two, None);
    check(Kind::Grayscale, Depth::Four, None, &[0xf0], two, None);
    check(Kind::Grayscale, Depth::Eight, None, &[255, 0], two, None);
    check(Kind::Grayscale, Depth::Sixteen, None, &[255, 255, 0, 0], two, None);
    let hole: Option<&[f32]> = Some(&[0.0, 1.0]);
    check(Kind::Grayscale, Depth::One, Some(&[0, 1]), &[0b1000_0000], two, hole);
    check(Kind::Grayscale, Depth::Two, Some(&[0, 3]), &[0b1100_0000], two, hole);
    check(Kind::Grayscale, Depth::Four, Some(&[0, 15]), &[0xf0], two, hole);
    check(Kind::Grayscale, Depth::Eight, Some(&[0, 255]), &[255, 0], two, hole);
    check(Kind::Grayscale, Depth::Sixteen, Some(&[255, 255]), &[255, 255, 0, 0], two, hole);
    // In 16 bits, both bytes decide.
    let near: &[f32] = &[255.0, 255.0, 255.0, 65_534.0 / 257.0, 65_534.0 / 257.0, 65_534.0 / 257.0];
    check(Kind::Grayscale, Depth::Sixteen, Some(&[255, 255]), &[255, 255, 255, 254], near, hole);
    let colors: &[f32] = &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
    check(Kind::Rgb, Depth::Eight, None, &[10, 20, 30, 40, 50, 60], colors, None);
    let key: Option<&[u8]> = Some(&[0, 10, 0, 20, 0, 30]);
    check(Kind::Rgb, Depth::Eight, key, &[10, 20, 30, 40, 50, 60], colors, hole);
    let wide = [10, 10, 20, 20, 30, 30, 40, 40, 50, 50, 60, 60];
    check(Kind::Rgb, Depth::Sixteen, None, &wide, colors, None);
    check(Kind::Rgb, Depth::Sixteen, Some(&[10, 10, 20, 20, 30, 30]), &wide, colors, hole);
    let half: Option<&[f32]> = Some(&[0.2, 1.0]);
    check(Kind::Rgba, Depth::Eight, None, &[10, 20, 30, 51, 40, 50, 60, 255], colors, half);
    check(Kind::GrayscaleAlpha, Depth::Eight, None, &[255, 51, 0, 255], two, half);
    check(Kind::Indexed, Depth::One, None, &[0b0100_0000], colors, None);
    check(Kind::Indexed, Depth::Two, None, &[0b0001_0000], colors, None);
    check(Kind::Indexed, Depth::Four, None, &[0x01], colors, None);
    check(Kind::Indexed, Depth::Eight, None, &[0, 1], colors, None);
    // Entries without a value are opaque.
    check(Kind::Indexed, Depth::Four, Some(&[51]), &[0x01], colors, half);
    check(Kind::Indexed, Depth::Eight, Some(&[51, 255]), &[0, 1], colors, half);
}

/// A PNG animation: `frames` of them, of which the first may be the picture that other programs
/// show.
fn apng(frames: u32, announced: u32, default_is_a_frame: bool) -> Vec<u8> {
    let control = |number: u32| {
        let mut content = Vec::new();
        [number, 2, 2, 0, 0].iter().for_each(|value| content.extend(value.to_be_bytes()));
        content.extend([0, 1, 0, 10, 0, 0]);
        content
    };
    let animation = [announced.to_be_bytes(), [0; 4]].concat();
    let first = control(0);
    let mut before: Vec<(&[u8; 4], &[u8])> = vec![(b"acTL", &animation)];
    let later: Vec<Vec<u8>> = (1..=frames).map(control).collect();
    let mut after: Vec<(&[u8; 4], &[u8])> = Vec::new();
    let apart = if default_is_a_frame { frames - 1 } else { frames };
    if default_is_a_frame {
        before.push((b"fcTL", &first));
    }
    for control in &later[..apart as usize] {
        after.extend([(b"fcTL", &control[..]), (b"fdAT", &[0; 8][..])]);
    }
    png_with(&before, &after)
}

#[test]
fn animated_pngs_are_refused_by_header_and_decoder() {
    let check = |png: &[u8], frames: Option<u32>| {
        let header = read_header(png, "a.png", &Limits::default()).map_err(|error| error.kind);
        let decoded = decode(png, "a.png", &Limits::default()).map_err(|error| error.kind);
        match frames {
            Some(expected) => {
                let text = format!(
                    "has {expected} frames, which is not supported yet: give single pictures"
                );
                assert_eq!(header.expect_err("it is refused").to_string(), text);
                assert_eq!(decoded.expect_err("it is refused").to_string(), text);
            }
            None => {
                header.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(decoded.expect("it decodes").rgb[0], 10.0);
            }
        }
    };
    check(&apng(3, 3, true), Some(3));
    check(&apng(2, 2, true), Some(2));
    // An announcement does not decide alone.
    check(&apng(3, 1, true), Some(3));
    check(&apng(1, 7, true), Some(7));
    // Nothing is lost of a single frame.
    check(&apng(1, 1, true), None);
    // A picture for other programs, and another one.
    check(&apng(1, 1, false), Some(2));
    check(&apng(2, 2, false), Some(3));
    check(&png_with(&[], &[(b"acTL", &[0, 0, 0, 3, 0, 0, 0, 0])]), None);
}

/// A chunk of a RIFF file.
fn riff(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    let padding = &[0][..content.len() % 2];
    [&name[..], &length, content, padding].concat()
}

/// A WebP file of these chunks.
fn webp(flags: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    let canvas = riff(b"VP8X", &[flags, 0, 0, 0, 3, 0, 0, 2, 0, 0]);
    let content = [&b"WEBP"[..], &canvas, &chunks.concat()].concat();
    riff(b"RIFF", &content)
}

/// The coded pixels of a picture of 4 x 3, as a chunk.
fn lossless_chunk() -> Vec<u8> {
    written(&picture(4, 3), ContainerFormat::Webp)[12..].to_vec()
}

/// An animation of the same frame several times.
fn animated_webp(frames: usize) -> Vec<u8> {
    let frame = [&[0, 0, 0, 0, 0, 0, 3, 0, 0, 2, 0, 0, 100, 0, 0, 0][..], &lossless_chunk()];
    let mut chunks = vec![riff(b"ANIM", &[0; 6])];
    chunks.extend(vec![riff(b"ANMF", &frame.concat()); frames]);
    webp(0b0000_0010, &chunks)
}

#[test]
fn animated_webps_are_refused_by_header_and_decoder() {
    for frames in [2, 3] {
        let bytes = animated_webp(frames);
        let header = read_header(&bytes, "a.webp", &Limits::default()).expect_err("refused");
        let decoded = decode(&bytes, "a.webp", &Limits::default()).expect_err("refused");
        assert_eq!(header.to_string(), decoded.to_string());
        assert!(header.to_string().contains(&format!("has {frames} frames")), "{header}");
        assert!(matches!(header.kind, AssetErrorKind::SeveralFrames { .. }));
    }
    let single = decode(&animated_webp(1), "a.webp", &Limits::default()).expect_err("refused");
    assert_eq!(
        single.to_string(),
        "`a.webp` is a webp with an animation of one frame, which is not supported"
    );
}

/// EXIF with an orientation of 6 and an artist.
const EXIF: &[u8] = b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\
    \x3b\x01\x02\0\x03\0\0\0me\0\0\0\0\0\0";

#[test]
fn exif_is_read_from_every_container() {
    let jpeg = written(&picture(4, 3), ContainerFormat::Jpeg);
    let segment = [&[0xff, 0xe1, 0, EXIF.len() as u8 + 8][..], b"Exif\0\0", EXIF].concat();
    let files = [
        ("a.png", png_with(&[(b"eXIf", EXIF)], &[])),
        ("late.png", png_with(&[], &[(b"eXIf", EXIF)])),
        ("a.jpg", [&jpeg[..2], &segment, &jpeg[2..]].concat()),
        ("a.webp", webp(0b0000_1000, &[lossless_chunk(), riff(b"EXIF", EXIF)])),
        ("prefix.webp", webp(8, &[lossless_chunk(), riff(b"EXIF", &[b"Exif\0\0", EXIF].concat())])),
    ];
    for (name, bytes) in files {
        let header = header(&bytes, name);
        assert_eq!(header.orientation, Orientation::Clockwise, "{name}");
        assert_eq!(header.upright_size(), (header.height, header.width), "{name}");
        assert_eq!(traits(&bytes, name), [FileTrait::Orientation, FileTrait::Text], "{name}");
        let decoded = decode(&bytes, name, &Limits::default()).expect("it decodes");
        assert_eq!((decoded.width, decoded.height), (header.width, header.height), "{name}");
        assert_eq!(decoded.origin.orientation, Orientation::Clockwise, "{name}");
    }
}

/// The smallest lossy WebP that cwebp makes: one black pixel.
const LOSSY: &[u8] =
    b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a\x01\0\x01\0\x02\0\x34\
    \x25\xa4\0\x03\x70\0\xfe\xfb\x94\0\0";

#[test]
fn webps_are_lossy_or_not() {
    assert_eq!(traits(LOSSY, "a.webp"), [FileTrait::Lossy]);
    assert!(decode(LOSSY, "a.webp", &Limits::default()).is_ok());
    assert_eq!(traits(&written(&picture(4, 3), ContainerFormat::Webp), "a.webp"), []);
}

/// A BMP of 2 x 1 pixels: its palette or masks follow the header.
fn bmp(bits: u16, compression: u32, tables: &[u8], pixels: &[u8]) -> Vec<u8> {
    let offset = 14 + 40 + tables.len() as u32;
    let mut bytes = b"BM".to_vec();
    bytes.extend((offset + pixels.len() as u32).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(offset.to_le_bytes());
    bytes.extend(40_u32.to_le_bytes());
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(compression.to_le_bytes());
    bytes.extend((pixels.len() as u32).to_le_bytes());
    bytes.extend([0; 16]);
    bytes.extend(tables);
    bytes.extend(pixels);
    bytes
}

#[test]
fn every_kind_of_bmp_is_read() {
    let check = |row: &str, bytes: &[u8], rgb: [u8; 6], alpha: bool, expected: &[FileTrait]| {
        let decoded = decode(bytes, "a.bmp", &Limits::default())
            .unwrap_or_else(|error| panic!("{row}: {error}"));
        let rounded: Vec<u8> = decoded.rgb.iter().map(|level| level.round() as u8).collect();
        assert_eq!((&rounded[..], decoded.alpha.is_some()), (&rgb[..], alpha), "{row}");
        assert_eq!(traits(bytes, "a.bmp"), expected, "{row}");
        let header = header(bytes, "a.bmp");
        assert_eq!((header.color, header.alpha), (Color::Rgb, alpha), "{row}");
    };
    const FIELDS: u32 = 3;
    let masks =
        |masks: &[u32]| -> Vec<u8> { masks.iter().flat_map(|mask| mask.to_le_bytes()).collect() };
    let red_blue = [255, 0, 0, 0, 0, 255];
    let low = [FileTrait::LowDepth];
    let palette: Vec<u8> = [[0, 0, 255, 0], [255, 0, 0, 0]].concat();
    for (bits, count, pixel) in [(1, 2, 0b0100_0000), (4, 16, 0x01), (8, 256, 0)] {
        let mut table = palette.clone();
        table.resize(count * 4, 0);
        let pixels = [pixel, if bits == 8 { 1 } else { 0 }, 0, 0];
        let expected: &[FileTrait] = if bits < 8 {
            &[FileTrait::Palette, FileTrait::LowDepth]
        } else {
            &[FileTrait::Palette]
        };
        let row = format!("palette of {bits} bits");
        check(&row, &bmp(bits, 0, &table, &pixels), red_blue, false, expected);
    }
    let two = |first: u16, second: u16| [first.to_le_bytes(), second.to_le_bytes()].concat();
    check("555", &bmp(16, 0, &[], &two(0x7c00, 0x001f)), red_blue, false, &low);
    let table = masks(&[0x7c00, 0x03e0, 0x001f]);
    check("555 by masks", &bmp(16, FIELDS, &table, &two(0x7c00, 0x1f)), red_blue, false, &low);
    let table = masks(&[0xf800, 0x07e0, 0x001f]);
    check("565", &bmp(16, FIELDS, &table, &two(0xf800, 0x1f)), red_blue, false, &low);
    let table = masks(&[0x0f00, 0x00f0, 0x000f]);
    check("444", &bmp(16, FIELDS, &table, &two(0x0f00, 0x0f)), red_blue, false, &low);
    check("24", &bmp(24, 0, &[], &[0, 0, 255, 255, 0, 0, 0, 0]), red_blue, false, &[]);
    let four = |first: u32, second: u32| [first.to_le_bytes(), second.to_le_bytes()].concat();
    check("32", &bmp(32, 0, &[], &four(0x00ff_0000, 0xff)), red_blue, false, &[]);
    let table = masks(&[0xff, 0xff00, 0x00ff_0000]);
    check("32 as BGR", &bmp(32, FIELDS, &table, &four(0xff, 0x00ff_0000)), red_blue, false, &[]);
    let table = masks(&[0x3ff0_0000, 0x000f_fc00, 0x3ff]);
    let pixels = four(0x3ff0_0000, 0x3ff);
    check("10 of each", &bmp(32, FIELDS, &table, &pixels), red_blue, false, &[]);
}

#[test]
fn a_webp_has_no_profile_of_grey_pixels() {
    let mut grey = picture(16, 16);
    grey.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(90.0));
    grey.origin.color = Color::Gray;
    let profile = |space: &[u8; 4]| {
        let mut icc = vec![0; 128];
        icc[16..20].copy_from_slice(space);
        icc
    };
    for (format, kept) in [(ContainerFormat::Png, true), (ContainerFormat::Webp, false)] {
        grey.origin.icc = Some(profile(b"GRAY"));
        let name = format!("a.{format}");
        let read = decode(&written(&grey, format), &name, &Limits::default()).expect("it reads");
        assert_eq!(read.origin.icc.is_some(), kept, "{format}");
        // The decoder of WebP gives colours, which a grey profile does not describe anyway.
        let file = written(&grey, format);
        let holds = file.windows(4).any(|bytes| bytes == b"ICCP" || bytes == b"iCCP");
        assert_eq!(holds, kept, "{format}");
    }
}
