//! What a result of a Photoshop document has of what the document says beside its pixels.

use impasto_assets::{Color, Density, Depth, Limits, Origin, Picture, decode, read_header};
use impasto_types::{ContainerFormat, Crop, FileTrait};

use crate::fixtures::checks::written;
use crate::fixtures::psd::{
    CMYK, GRAY, INDEXED, Layer, Psd, RGB, list, measured, resource, section,
};

fn read(bytes: &[u8]) -> Picture {
    decode(bytes, "a.psd", &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn header(bytes: &[u8]) -> impasto_assets::Header {
    read_header(bytes, "a.psd", &Limits::default()).expect("a header")
}

/// The resources of a file, each with all its bytes.
fn resources(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let number =
        |at: usize| bytes[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let mut at = 30 + number(26);
    let end = at + 4 + number(at);
    at += 4;
    let mut found = Vec::new();
    while at < end {
        let name = (1 + usize::from(bytes[at + 6])).next_multiple_of(2);
        let length = number(at + 6 + name).next_multiple_of(2);
        let next = at + 6 + name + 4 + length;
        found.push((u16::from_be_bytes([bytes[at + 4], bytes[at + 5]]), bytes[at..next].to_vec()));
        at = next;
    }
    found
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    let mut numbers: Vec<u16> = resources(bytes).into_iter().map(|(id, _)| id).collect();
    numbers.sort_unstable();
    numbers
}

const RESOLUTION: [u8; 16] = [1, 44, 0, 0, 0, 2, 0, 2, 0, 150, 128, 0, 0, 2, 0, 1];

#[test]
fn resources_that_stay_true_come_back_byte_for_byte() {
    let profile = [&[0; 16][..], b"RGB ", &[9; 40]].concat();
    let kept = [
        resource(1005, "", &RESOLUTION),
        resource(1008, "", b"\x05Title"),
        resource(1028, "", b"\x1c\x02\x50\0\x02me"),
        resource(1034, "", &[1]),
        resource(1035, "", b"https://example.org"),
        resource(1060, "", b"<rdf:RDF dc:creator='A'/>"),
        resource(1061, "", &[3; 16]),
        resource(1039, "", &profile),
        resource(1006, "", b"\x05Alpha"),
        resource(1011, "", &[0; 9]),
        resource(1032, "", &[&[0; 15][..], &[1], &[0, 0, 1, 0, 1]].concat()),
        resource(1053, "", &[0, 0, 0, 7]),
        resource(1057, "", &[&[0, 0, 0, 1, 1][..], &[0; 12]].concat()),
        resource(1064, "", &[&[0, 0, 0, 1][..], &1.5_f64.to_be_bytes()].concat()),
        resource(2000, "Path 1", &[5; 26]),
    ];
    let dropped = [
        resource(1033, "", &[7; 30]),
        resource(1036, "", &[7; 30]),
        resource(1024, "", &[0, 1]),
        resource(1026, "", &[0, 0]),
        resource(1050, "", &[8; 20]),
        resource(1065, "", &[8; 20]),
        resource(4001, "plug-in", &[8; 20]),
    ];
    let all = [&dropped[..3], &kept, &dropped[3..]].concat().concat();
    let psd = Psd { resources: all, ..Psd::new(RGB, 8, 4) };
    let bytes = psd.noise(1);
    let picture = read(&bytes);
    assert_eq!(picture.origin.density, Some(Density::from_dpi(300.0, 150.5)));
    let result = written(&picture, ContainerFormat::Psd);
    let found = resources(&result);
    assert_eq!(found.len(), kept.len(), "{:?}", numbers(&result));
    for own in &kept {
        assert!(found.iter().any(|(_, bytes)| bytes == own), "{:?}", &own[4..6]);
    }
    let traits: Vec<FileTrait> = header(&bytes).traits.iter().collect();
    let expected = [
        FileTrait::Icc,
        FileTrait::Density,
        FileTrait::ExtraSamples,
        FileTrait::Text,
        FileTrait::PixelAspect,
        FileTrait::PsdPaths,
    ];
    assert_eq!(traits, expected);
    // A result says the same of itself.
    assert_eq!(header(&result).traits, header(&bytes).traits);
    // In another format there are none.
    let png = written(&picture, ContainerFormat::Png);
    assert!(!png.windows(4).any(|four| four == b"8BIM"));
}

#[test]
fn resources_go_where_they_are_not_true_any_more() {
    let names = [resource(1006, "", b"\x05Alpha"), resource(1032, "", &[0; 16])].concat();
    let psd = Psd { resources: names, width: 20, height: 18, ..Psd::new(RGB, 8, 4) };
    let picture = read(&psd.noise(1));
    let check = |picture: &Picture, expected: &[u16]| {
        assert_eq!(numbers(&written(picture, ContainerFormat::Psd)), expected);
    };
    check(&picture, &[1006, 1032]);
    let cropped = picture.clone().cropped(Crop { left: 1, top: 0, right: 0, bottom: 0 });
    check(&cropped.expect("it fits"), &[1006]);
    check(&Picture { extra: Vec::new(), ..picture.clone() }, &[1032]);
    // Channels have names, without which programs take the first for transparency.
    let two = vec![picture.extra[0].clone(); 2];
    check(&Picture { extra: two, ..picture.clone() }, &[1006, 1032, 1045, 1053]);
    let origin = Origin::synthetic("a", ContainerFormat::Tiff);
    let from_tiff = Picture { origin, ..picture };
    let result = written(&from_tiff, ContainerFormat::Psd);
    let found: Vec<Vec<u8>> = resources(&result).into_iter().map(|(_, bytes)| bytes).collect();
    let expected = [
        resource(1006, "", b"\x07Alpha 1"),
        resource(1045, "", b"\0\0\0\x08\0A\0l\0p\0h\0a\0 \x001\0\0"),
        resource(1053, "", &[0, 0, 0, 1]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_density_and_text_are_written_for_the_result() {
    let exif = b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\
        \x82\x98\0\x02\0\0\0\x03me\0\0\0\0\0\0";
    let all = [resource(1005, "", &RESOLUTION), resource(1058, "", exif)].concat();
    let psd = Psd { resources: all, ..Psd::new(GRAY, 16, 1) };
    let mut picture = read(&psd.noise(1));
    // Photoshop shows a document as it is.
    assert_eq!(picture.origin.orientation, impasto_assets::Orientation::Normal);
    let result = written(&picture, ContainerFormat::Psd);
    assert_eq!(numbers(&result), [1005, 1058]);
    assert!(result.windows(3).any(|three| three == b"me\0"));
    assert_eq!(header(&result).traits, header(&psd.noise(1)).traits);
    picture.origin.density = Some(Density::from_dpi(72.0, 144.0));
    let other = read(&written(&picture, ContainerFormat::Psd)).origin.density.expect("a density");
    assert!((other.dpi().0 - 72.0).abs() < 1e-4 && (other.dpi().1 - 144.0).abs() < 1e-4);
    picture.origin.density = None;
    assert_eq!(numbers(&written(&picture, ContainerFormat::Psd)), [1058]);
}

#[test]
fn a_profile_comes_back_if_it_is_of_the_result() {
    let check = |mode: u16, channels: usize, space: &[u8; 4], kept: bool| {
        let profile = [&[0; 16][..], space, &[9; 40]].concat();
        let resources = resource(1039, "", &profile);
        let bytes = Psd { resources, ..Psd::new(mode, 8, channels) }.noise(1);
        let picture = read(&bytes);
        assert_eq!(picture.origin.icc.is_some(), kept, "{mode}");
        assert_eq!(header(&bytes).traits.contains(FileTrait::Icc), kept);
        let expected: &[u16] = if kept { &[1039] } else { &[] };
        assert_eq!(numbers(&written(&picture, ContainerFormat::Psd)), expected, "{mode}");
    };
    check(RGB, 3, b"RGB ", true);
    check(INDEXED, 1, b"RGB ", true);
    check(GRAY, 1, b"GRAY", true);
    check(GRAY, 1, b"RGB ", false);
    // The inks become RGB.
    check(CMYK, 4, b"CMYK", false);
}

#[test]
fn content_credentials_are_not_kept_and_said_to_be_there() {
    let resources = resource(4002, "", b"\0\0\0\x20jumb....c2pa");
    let bytes = Psd { resources, ..Psd::new(RGB, 8, 3) }.noise(1);
    let traits: Vec<FileTrait> = header(&bytes).traits.iter().collect();
    assert_eq!(traits, [FileTrait::Credentials]);
    assert!(numbers(&written(&read(&bytes), ContainerFormat::Psd)).is_empty());
}

#[test]
fn layers_are_counted_unless_they_are_the_picture() {
    let plain = Layer::default;
    let with = |key: &[u8; 4], content: &[u8]| {
        let blocks = [plain().blocks, vec![(*key, content.to_vec())]].concat();
        Layer { blocks, ..plain() }
    };
    let opens = || with(b"lsct", &[0, 0, 0, 1]);
    let ends = || with(b"lsct", &[0, 0, 0, 3]);
    let check_both = |layers: &[Layer], opaque: u32, clear: u32| {
        for (bits, large) in [(8, false), (8, true), (16, false), (32, true)] {
            for (transparency, expected) in [(false, opaque), (true, clear)] {
                let layers = section(&list(layers, transparency, large), bits, large);
                let psd = Psd { large, layers, ..Psd::new(RGB, bits, 4) };
                let bytes = psd.noise(1);
                assert_eq!(header(&bytes).layers, expected, "{bits} {large} {transparency}");
                let result = written(&read(&bytes), ContainerFormat::Psd);
                assert_eq!(header(&result).layers, 0);
            }
        }
    };
    let check = |layers: &[Layer], expected| check_both(layers, expected, expected);
    check(&[], 0);
    // What a layer leaves open goes if the merged image has no transparency.
    check_both(&[plain()], 1, 0);
    check_both(&[Layer { sides: [0, 0, 6, 12], ..plain() }], 1, 0);
    check_both(&[with(b"lsct", &[0, 0, 0, 0])], 1, 0);
    check_both(&[Layer { ranges: Vec::new(), ..plain() }], 1, 0);
    let many = |count: usize| [0, 0, 255, 255].repeat(count);
    check_both(&[Layer { ranges: many(2 * 57), ..plain() }], 1, 0);
    check(&[Layer { ranges: many(2 * 66), ..plain() }], 1);
    check(&[Layer { ranges: vec![0, 0, 255, 255, 0], ..plain() }], 1);
    let blocks = |count: usize| vec![(*b"lyid", Vec::new()); count];
    check_both(&[Layer { blocks: blocks(999), ..plain() }], 1, 0);
    check(&[Layer { blocks: blocks(1001), ..plain() }], 1);
    check_both(&[with(b"luni", &[0; 600])], 1, 0);
    check(&[plain(), plain()], 2);
    check(&[ends(), plain(), plain(), plain(), opens()], 3);
    check(&[ends(), opens()], 1);
    check(&[Layer { opacity: 254, ..plain() }], 1);
    check(&[Layer { blend: *b"mul ", ..plain() }], 1);
    check(&[Layer { flags: 2, ..plain() }], 1);
    check(&[Layer { clipping: 1, ..plain() }], 1);
    check(&[Layer { mask: vec![0; 20], ..plain() }], 1);
    check(&[Layer { ranges: [0, 0, 255, 255, 0, 9, 255, 255].to_vec(), ..plain() }], 1);
    check(&[Layer { sides: [-1, 0, 6, 13], ..plain() }], 1);
    check(&[Layer { sides: [0, 0, 6, 14], ..plain() }], 1);
    check(&[Layer { sides: [0, 0, 6, 13], ..plain() }], 0);
    check(&[with(b"TySh", b"text")], 1);
}

#[test]
fn a_layer_with_what_is_not_understood_is_more_than_the_picture() {
    let lost = |list: &[u8], large: bool| {
        let psd = Psd { large, layers: section(list, 8, large), ..Psd::new(RGB, 8, 4) };
        header(&psd.noise(1)).layers
    };
    let own = list(&[Layer::default()], true, false);
    assert_eq!(lost(&own, false), 0);
    let key = own.windows(4).position(|key| key == b"lyid").expect("a block");
    // Its length, its key and its signature.
    for (at, byte) in [(key + 4, 99), (key, b'x'), (key - 4, b'x')] {
        let mut other = own.clone();
        other[at] = byte;
        assert_eq!(lost(&other, false), 1, "{at}");
    }
    // A length of eight bytes, which its signature tells: the second half of it is content here.
    let blocks = vec![(*b"lyvr", vec![0, 0, 0, 4, 0, 0, 0, 9])];
    let mut long = list(&[Layer { blocks, ..Layer::default() }], true, true);
    let at = long.windows(4).position(|key| key == b"lyvr").expect("a block");
    assert_eq!(lost(&long, true), 0);
    long[at - 4..at].copy_from_slice(b"8B64");
    assert_eq!(lost(&long, true), 1, "it is too long");
    long[at + 4..at + 8].fill(0);
    assert_eq!(lost(&long, true), 0);
}

#[test]
fn a_transparent_result_has_one_layer_with_straight_colours() {
    for (depth, large) in [(Depth::Eight, false), (Depth::Sixteen, false), (Depth::Eight, true)] {
        let sample = if depth == Depth::Eight { 1 } else { 2 };
        let psd = if large {
            let list = list(&[Layer::default()], true, true);
            let psd = Psd { large, layers: section(&list, 8, true), ..Psd::new(RGB, 8, 4) };
            read(&psd.file(&vec![255; psd.samples()])).origin.psd
        } else {
            None
        };
        let picture = Picture {
            width: 2,
            height: 1,
            rgb: vec![10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
            alpha: Some(vec![0.0, 0.6]),
            extra: Vec::new(),
            origin: Origin {
                depth,
                color: Color::Rgb,
                psd,
                ..Origin::synthetic(
                    "a",
                    if large { ContainerFormat::Psd } else { ContainerFormat::Png },
                )
            },
        };
        let bytes = written(&picture, ContainerFormat::Psd);
        assert_eq!(header(&bytes).layers, 0);
        // Each channel is one row: not run lengths of so few.
        let row = |levels: [u8; 2]| -> Vec<u8> {
            levels.iter().flat_map(|level| vec![*level; sample]).collect()
        };
        for levels in [[0, 153], [10, 40], [20, 50], [30, 60]] {
            let row = row(levels);
            let head = [0, 1].into_iter().chain(if large { vec![0, 0] } else { vec![] });
            let length = [0, row.len() as u8 + 1, row.len() as u8 - 1];
            let channel: Vec<u8> = head.chain(length).chain(row).collect();
            assert!(bytes.windows(channel.len()).any(|part| part == channel), "{channel:?}");
        }
        // The merged image is on white.
        let merged = [&row([255, 126])[..], &row([255, 132]), &row([255, 138])];
        for plane in merged {
            if depth == Depth::Eight {
                assert!(bytes.windows(plane.len()).any(|part| part == plane), "{plane:?}");
            }
        }
    }
}

#[test]
fn the_name_of_the_only_layer_comes_back() {
    let layer = Layer { name: "Leaf", ..Layer::default() };
    let layers = section(&list(&[layer], true, false), 8, false);
    let bytes = Psd { layers, ..Psd::new(RGB, 8, 4) }.noise(1);
    let result = written(&read(&bytes), ContainerFormat::Psd);
    let name = [&b"\x04Leaf\0\0\0"[..], b"8BIMluni", &measured(b"\0\0\0\x04\0L\0e\0a\0f", false)];
    assert!(result.windows(32).any(|part| part == name.concat()), "{result:?}");
}

#[test]
fn colours_that_somebody_knows_to_be_multiplied_stay_so() {
    let layers = section(&list(&[Layer::default()], true, false), 8, false);
    let psd = Psd { width: 2, height: 1, layers, packing: 0, ..Psd::new(RGB, 8, 4) };
    let values = [100, 9, 50, 0, 0, 0, 128, 255];
    let picture = read(&psd.file(&values)).unmultiplied();
    assert!((picture.rgb[0] - 199.2).abs() < 0.1, "{:?}", picture.rgb);
    let result = written(&picture, ContainerFormat::Psd);
    assert_eq!(result[result.len() - 8..], values.map(|value| value as u8));
    // The layer's are straight.
    for channel in [[0, 0, 199, 9], [0, 0, 100, 0]] {
        assert!(result.windows(4).any(|part| part == channel), "{channel:?}");
    }
    // Mostly opaque, so that there might be white in it.
    let values = [240, 255, 100, 9, 245, 0, 250, 255];
    let picture = read(&psd.file(&values));
    assert!((picture.rgb[2] - 244.8).abs() < 0.1, "{:?}", picture.rgb);
    let picture = picture.unmultiplied();
    assert!((picture.rgb[0] - 244.8).abs() < 0.1, "{:?}", picture.rgb);
    let result = written(&picture, ContainerFormat::Psd);
    assert_eq!(result[result.len() - 8..], values.map(|value| value as u8));
}
