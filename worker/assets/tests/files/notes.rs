//! Text beside the pixels comes back in the same format, and what does not is named.

use impasto_assets::{Limits, Origin, Picture, decode, encode, read_header};
use impasto_types::{ContainerFormat, FileTrait, OutputSpec, Part};
use png::chunk::ChunkType;

use crate::fixtures::checks::{PIXELS, RGB, raster, values};
use crate::fixtures::tiff::{LONG, Layout, Page, SHORT, file as tiff};

const TEXT: &[FileTrait] = &[FileTrait::Text];
const RIGHTS: &[FileTrait] = &[FileTrait::Rights];
const CREDENTIALS: &[FileTrait] = &[FileTrait::Credentials];
const XMP: &[u8] = b"<x:xmpmeta><x tiff:Orientation=\"6\" dc:rights=\"me\"/></x:xmpmeta>";
/// EXIF with a description, an artist, and an image width, which is not kept.
const EXIF: &[u8] = b"II*\0\x08\0\0\0\x03\0\0\x01\x03\0\x01\0\0\0\x02\0\0\0\
    \x0e\x01\x02\0\x03\0\0\0a!\0\0\x3b\x01\x02\0\x05\0\0\0\x32\0\0\0\0\0\0\0mine\0";
/// The same without the width.
const KEPT_EXIF: &[u8] = b"II*\0\x08\0\0\0\x02\0\x0e\x01\x02\0\x03\0\0\0a!\0\0\
    \x3b\x01\x02\0\x05\0\0\0\x26\0\0\0\0\0\0\0mine\0\0";

fn written(picture: &Picture, format: ContainerFormat) -> Vec<u8> {
    encode(picture, OutputSpec { part: Part::Color, format, quality: 90 }).expect("it encodes")
}

fn read(bytes: &[u8], name: &str) -> Picture {
    decode(bytes, name, &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn traits(bytes: &[u8], name: &str) -> Vec<FileTrait> {
    let header = read_header(bytes, name, &Limits::default());
    header.unwrap_or_else(|error| panic!("{error}")).traits.iter().collect()
}

/// The file again, in the same format, and in others, where nothing of it may be.
fn again(bytes: &[u8], name: &str) -> Vec<u8> {
    let picture = read(bytes, name);
    let may_hold = |format: &ContainerFormat| picture.alpha.is_none() || format.holds_alpha();
    let others = ContainerFormat::pictures().filter(|format| *format != picture.origin.format);
    for format in others.filter(may_hold) {
        let mut plain = picture.clone();
        plain.origin = Origin { notes: Default::default(), aspect: None, ..plain.origin };
        assert_eq!(written(&picture, format), written(&plain, format), "{format}");
    }
    written(&picture, picture.origin.format)
}

fn plain(format: ContainerFormat) -> Picture {
    Picture {
        width: 2,
        height: 2,
        rgb: (0..12).map(|at| (at * 20) as f32).collect(),
        alpha: None,
        extra: Vec::new(),
        origin: Origin::synthetic("a", format),
    }
}

type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// A PNG of a kind of pixels, with chunks before and after them.
fn png_of(color: png::ColorType, before: &[Chunk<'_>], after: &[Chunk<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
    encoder.set_color(color);
    let mut writer = encoder.write_header().expect("a header");
    for (name, content) in before {
        writer.write_chunk(ChunkType(**name), content).expect("a chunk");
    }
    let samples: Vec<u8> = (0..4 * color.samples() as u8).collect();
    writer.write_image_data(&samples).expect("pixels");
    for (name, content) in after {
        writer.write_chunk(ChunkType(**name), content).expect("a chunk");
    }
    writer.finish().expect("an end");
    bytes
}

fn png_with(before: &[Chunk<'_>], after: &[Chunk<'_>]) -> Vec<u8> {
    png_of(png::ColorType::Rgb, before, after)
}

/// The chunks of a PNG but for its head, its pixels and its end.
fn chunks(png: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let (mut rest, mut chunks) = (&png[8..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let name = *after.first_chunk::<4>().expect("a name");
        if !matches!(&name, b"IHDR" | b"IDAT" | b"IEND") {
            chunks.push((name, after[4..4 + length].to_vec()));
        }
        rest = &after[4 + length + 4..];
    }
    chunks
}

#[test]
fn text_of_png_comes_back() {
    let title: Chunk<'_> = (b"tEXt", b"Title\0a");
    let comment: Chunk<'_> = (b"zTXt", b"Comment\0\0not even compressed");
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0", XMP].concat();
    let late: Chunk<'_> = (b"tEXt", b"Author\0me");
    let time: Chunk<'_> = (b"tIME", &[7, 230, 1, 1, 1, 1, 1]);
    let bytes = png_with(&[title, (b"iTXt", &xmp), time, title], &[comment, late]);
    assert_eq!(traits(&bytes, "a.png"), TEXT);
    let expected = [title, (b"iTXt", &xmp), title, comment, late];
    let expected = expected.map(|(name, content)| (*name, content.to_vec()));
    assert_eq!(chunks(&again(&bytes, "a.png")), expected);
    // Text whose checksum is wrong is damaged.
    let at = bytes.windows(9).position(|bytes| bytes == b"Author\0me").expect("it is there");
    let mut damaged = bytes.clone();
    damaged[at] = b'a';
    assert_eq!(chunks(&again(&damaged, "a.png")), expected[..4]);

    let exif = png_with(&[(b"eXIf", EXIF)], &[]);
    assert_eq!(traits(&exif, "a.png"), TEXT);
    assert_eq!(chunks(&again(&exif, "a.png")), [(*b"eXIf", KEPT_EXIF.to_vec())]);
    let credentials = png_with(&[(b"caBX", b"jumb c2pa")], &[]);
    assert_eq!(traits(&credentials, "a.png"), CREDENTIALS);
    assert_eq!(chunks(&again(&credentials, "a.png")), []);
    assert_eq!(traits(&png_with(&[time, (b"teST", b"me")], &[]), "a.png"), []);
}

/// A JPEG with segments after its start.
fn jpeg_with(segments: &[(u8, &[u8])]) -> Vec<u8> {
    let jpeg = written(&plain(ContainerFormat::Jpeg), ContainerFormat::Jpeg);
    let mut bytes = jpeg[..2].to_vec();
    for (marker, payload) in segments {
        bytes.extend([0xff, *marker]);
        bytes.extend((payload.len() as u16 + 2).to_be_bytes());
        bytes.extend(*payload);
    }
    [&bytes, &jpeg[2..]].concat()
}

/// The comments and the segments of programs but for JFIF.
fn segments(jpeg: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut found) = (&jpeg[2..], Vec::new());
    while let [0xff, marker @ 0xc0..=0xff, high, low, after @ ..] = rest {
        let (payload, next) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])) - 2);
        if matches!(marker, 0xe1..=0xef | 0xfe) {
            found.push((*marker, payload.to_vec()));
        }
        rest = if *marker == 0xda { &[] } else { next };
    }
    found
}

#[test]
fn text_of_jpeg_comes_back() {
    let comment = (0xfe, &b"by hand"[..]);
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", XMP].concat();
    let iptc = (0xed, &b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x07\x1c\x02\x50\0\x02me\0"[..]);
    let exif = [b"Exif\0\0", EXIF].concat();
    let other = (0xe2, &b"MPF\0"[..]);
    let bytes = jpeg_with(&[iptc, (0xe1, &exif), comment, other, (0xe1, &xmp), comment]);
    assert_eq!(traits(&bytes, "a.jpg"), TEXT);
    let expected: Vec<(u8, Vec<u8>)> =
        [(0xe1, &[b"Exif\0\0", KEPT_EXIF].concat()[..]), comment, (0xe1, &xmp), comment, iptc]
            .map(|(marker, payload)| (marker, payload.to_vec()))
            .to_vec();
    let result = again(&bytes, "a.jpg");
    assert_eq!(segments(&result), expected);
    assert!(result.starts_with(b"\xff\xd8\xff\xe0"), "JFIF comes first");
    assert_eq!(segments(&again(&result, "a.jpg")), expected);

    let long = [7; 65_533];
    assert_eq!(segments(&again(&jpeg_with(&[(0xfe, &long)]), "a.jpg")), [(0xfe, long.to_vec())]);
    let more_xmp = [
        &b"http://ns.adobe.com/xmp/extension/\0"[..],
        &[b'0'; 32],
        &[0, 0, 0, 4, 0, 0, 0, 0],
        b"<x/>",
    ]
    .concat();
    for (segment, expected) in [
        ((0xe1, &more_xmp[..]), RIGHTS),
        ((0xed, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\0\0\0"), RIGHTS),
        ((0xed, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\0"), &[]),
        ((0xeb, b"JP\0\x01\0\0\0\x01\0\0\0\x20jumb c2pa"), CREDENTIALS),
        ((0xeb, b"JP\0\x01\0\0\0\x01\0\0\0\x20jumb"), &[]),
    ] {
        let bytes = jpeg_with(&[segment]);
        assert_eq!(traits(&bytes, "a.jpg"), expected, "{segment:?}");
        assert_eq!(segments(&again(&bytes, "a.jpg")), [], "{segment:?}");
    }
}

/// A WebP of 2 x 2 pixels with chunks after them.
fn webp_with(flags: u8, after: &[Chunk<'_>]) -> Vec<u8> {
    let simple = written(&plain(ContainerFormat::Webp), ContainerFormat::Webp);
    let mut chunks = chunk(b"VP8X", &[flags, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
    chunks.extend(&simple[12..]);
    chunks.extend(after.iter().flat_map(|(name, content)| chunk(name, content)));
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    [name, &length[..], content, &[0][..content.len() % 2]].concat()
}

#[test]
fn text_of_webp_comes_back() {
    assert_eq!(XMP.len() % 2, 1);
    let xmp: Chunk<'_> = (b"XMP ", XMP);
    let bytes = webp_with(0b0100, &[xmp]);
    assert_eq!(traits(&bytes, "a.webp"), TEXT);
    assert_eq!(again(&bytes, "a.webp"), bytes);
    let both = webp_with(0b1100, &[(b"EXIF", EXIF), xmp]);
    assert_eq!(traits(&both, "a.webp"), TEXT);
    let expected = webp_with(0b1100, &[(b"EXIF", KEPT_EXIF), xmp]);
    assert_eq!(again(&both, "a.webp"), expected);
    let mut clear = read(&bytes, "a.webp");
    clear.alpha = Some(vec![0.0, 0.5, 1.0, 1.0]);
    let clear = written(&clear, ContainerFormat::Webp);
    assert_eq!(clear[20], 0b1_0100);
    assert_eq!(again(&clear, "a.webp"), clear);
    assert_eq!(traits(&webp_with(0, &[(b"C2PA", b"jumb")]), "a.webp"), CREDENTIALS);
}

/// A TIFF of one page with these tags.
fn tiff_with(layout: Layout, tags: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let page = raster(3, 8).page(&values(3 * PIXELS, 8), RGB, layout);
    let page = tags.iter().fold(page, |page: Page, (tag, kind, value)| {
        let values: Vec<u64> = value.iter().map(|&byte| byte.into()).collect();
        page.with(*tag, *kind, &values)
    });
    tiff(&[page], layout)
}

/// A tag's type, count and bytes in a little-endian file of 32-bit offsets.
fn tag(file: &[u8], wanted: u16) -> Option<(u16, u32, Vec<u8>)> {
    let short = |at: usize| u16::from_le_bytes([file[at], file[at + 1]]);
    let long = |at: usize| u32::from_le_bytes(*file[at..].first_chunk().expect("it is there"));
    let at = long(4) as usize;
    let mut entries = (0..usize::from(short(at))).map(|index| at + 2 + 12 * index);
    let entry = entries.find(|entry| short(*entry) == wanted)?;
    let (kind, count) = (short(entry + 2), long(entry + 4));
    let length = count as usize * [0, 1, 1, 2, 4, 8, 1, 1][usize::from(kind)];
    let at = if length > 4 { long(entry + 8) as usize } else { entry + 8 };
    Some((kind, count, file[at..at + length].to_vec()))
}

#[test]
fn text_of_tiff_comes_back() {
    let kept: [(u16, u16, &[u8]); 8] = [
        (269, 2, b"a.tif\0"),
        (270, 2, b"a picture\0"),
        (305, 2, b"Pro\0"),
        (306, 2, b"2026:01:02 03:04:05\0"),
        (315, 2, b"Ann\0Bob\0"),
        (316, 2, b"a host\0"),
        (700, 1, XMP),
        (33_723, 7, b"\x1c\x02\x50\0\x02me"),
    ];
    for (big_endian, big) in [(false, false), (true, false), (false, true), (true, true)] {
        let bytes = tiff_with(Layout { big_endian, big }, &kept);
        assert_eq!(traits(&bytes, "a.tif"), TEXT);
        let result = again(&bytes, "a.tif");
        for (number, kind, value) in kept {
            let expected = Some((kind, value.len() as u32, value.to_vec()));
            assert_eq!(tag(&result, number), expected, "{number}");
        }
        assert_eq!(read(&result, "a.tif").origin, read(&bytes, "a.tif").origin);
        // IPTC as numbers of 32 bits is meant as the bytes in the file.
        let page = raster(3, 8).page(&values(3 * PIXELS, 8), RGB, Layout { big_endian, big });
        let page = page.with(33_723, LONG, &[0x0102_0304, 0x0506_0708]);
        let result = again(&tiff(&[page], Layout { big_endian, big }), "a.tif");
        let numbers = [0x0102_0304_u32, 0x0506_0708];
        let number = |number: u32| match big_endian {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        };
        let expected = numbers.map(number).concat();
        assert_eq!(tag(&result, 33_723), Some((7, 8, expected)));
    }
    for (tags, expected) in [
        (&[(315, 2, &b"\0\0"[..])][..], &[][..]),
        (&[(52_545, 7, b"jumb")], CREDENTIALS),
        (&[(34_377, 7, b"8BIM\x04\x04\0\0\0\0\0\0")], RIGHTS),
        (&[(34_377, 7, b"8BIM\x03\xed\0\0\0\0\0\0")], &[]),
        (&[(34_377, 7, b"8BIM\x04\x04\0\0\0\0\0\0"), (33_723, 7, b"me")], TEXT),
        (&[(315, 99, b"me")], RIGHTS),
    ] {
        let bytes = tiff_with(Layout::default(), tags);
        assert_eq!(traits(&bytes, "a.tif"), expected, "{tags:?}");
        again(&bytes, "a.tif");
    }
}

#[test]
fn exif_of_a_tiff_is_named_if_it_has_text() {
    let check = |tag: u16, expected: &[FileTrait]| {
        let page = raster(3, 8).page(&values(3 * PIXELS, 8), RGB, Layout::default());
        let bytes = tiff(&[page.clone().with(34_665, LONG, &[0])], Layout::default());
        // A directory with one entry after the file.
        let at = bytes.len() as u64;
        let mut bytes = tiff(&[page.with(34_665, LONG, &[at])], Layout::default());
        bytes.extend([1, 0]);
        bytes.extend(tag.to_le_bytes());
        bytes.extend([7, 0, 4, 0, 0, 0, b't', b'e', b'x', b't', 0, 0, 0, 0]);
        assert_eq!(traits(&bytes, "a.tif"), expected);
    };
    check(0x9286, RIGHTS);
    check(0x829a, &[]);
}

/// Cut at any place, and with bytes that lie, a file is read or refused, and what is read is
/// written.
#[test]
fn damage_at_any_place_is_survived() {
    let exif = [b"Exif\0\0", EXIF].concat();
    let iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x02me";
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", XMP].concat();
    let tags: [(u16, u16, &[u8]); 3] = [(270, 2, b"a picture\0"), (700, 1, XMP), (34_665, 1, b"a")];
    let files = [
        ("a.png", png_with(&[(b"eXIf", EXIF), (b"tEXt", b"a\0b")], &[])),
        ("a.jpg", jpeg_with(&[(0xe1, &exif), (0xed, iptc), (0xe1, &xmp), (0xfe, b"me")])),
        ("a.webp", webp_with(0b1100, &[(b"EXIF", EXIF), (b"XMP ", XMP)])),
        ("a.tif", tiff_with(Layout::default(), &tags)),
    ];
    let limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };
    let see = |bytes: &[u8], name: &str| {
        let _ = read_header(bytes, name, &limits);
        if let Ok(picture) = decode(bytes, name, &limits) {
            written(&picture, picture.origin.format);
        }
    };
    for (name, bytes) in &files {
        for length in 0..bytes.len() {
            see(&bytes[..length], name);
        }
        for at in 0..bytes.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = byte;
                see(&bytes, name);
            }
        }
    }
}

#[test]
fn the_shape_of_pixels_comes_back_without_a_unit() {
    let png = |x: u32, y: u32, unit: u8| {
        let content = [&x.to_be_bytes()[..], &y.to_be_bytes(), &[unit]].concat();
        png_with(&[(b"pHYs", &content)], &[])
    };
    let jpeg = |x: u16, y: u16| {
        let mut bytes = jpeg_with(&[]);
        assert_eq!(&bytes[6..10], b"JFIF");
        bytes[13..18].copy_from_slice(&[&[0][..], &x.to_be_bytes(), &y.to_be_bytes()].concat());
        bytes
    };
    let tiff = |x: u8, unit: u64| {
        let page = raster(3, 8).page(&values(3 * PIXELS, 8), RGB, Layout::default());
        let page = page.with(296, SHORT, &[unit]);
        // A fraction is eight bytes for the fixture, and its type and count are mended then.
        let page = page.with(282, 1, &[x.into(), 0, 0, 0, 1, 0, 0, 0]);
        let page = page.with(283, 1, &[1, 0, 0, 0, 1, 0, 0, 0]);
        let mut bytes = tiff(&[page], Layout::default());
        for tag in [282_u16, 283] {
            let entry = [&tag.to_le_bytes()[..], &[1, 0, 8, 0, 0, 0]].concat();
            let at = bytes.windows(8).position(|bytes| bytes == entry).expect("it is there");
            bytes[at + 2..at + 8].copy_from_slice(&[5, 0, 1, 0, 0, 0]);
        }
        bytes
    };
    let check = |name: &str, bytes: &[u8], aspect: Option<(f64, f64)>, expected: &[FileTrait]| {
        assert_eq!(traits(bytes, name), expected, "{name}");
        let origin = read(bytes, name).origin;
        assert_eq!(origin.aspect.map(|aspect| (aspect.x, aspect.y)), aspect, "{name}");
        let result = read(&again(bytes, name), name).origin;
        assert_eq!((result.aspect, result.density), (origin.aspect, origin.density), "{name}");
    };
    let named = [FileTrait::PixelAspect];
    check("a.png", &png(2, 1, 0), Some((2.0, 1.0)), &named);
    check("a.png", &png(1, 1, 0), Some((1.0, 1.0)), &[]);
    check("a.png", &png(0, 1, 0), None, &[]);
    check("a.png", &png(2000, 1000, 1), None, &[FileTrait::Density]);
    check("a.png", &png(2, 1, 7), None, &[]);
    check("a.jpg", &jpeg(2, 1), Some((2.0, 1.0)), &named);
    check("a.jpg", &jpeg(72, 72), Some((72.0, 72.0)), &[]);
    check("a.jpg", &jpeg(1, 1), None, &[]);
    check("a.tif", &tiff(2, 1), Some((2.0, 1.0)), &named);
    check("a.tif", &tiff(1, 1), None, &[]);
    // Turned upright, its sides are swapped.
    let mut turned = read(&png(2, 1, 0), "a.png");
    turned.origin.orientation = impasto_assets::Orientation::Clockwise;
    let upright = turned.upright().origin.aspect;
    assert_eq!(upright.map(|aspect| (aspect.x, aspect.y)), Some((1.0, 2.0)));
}
