//! Photoshop documents that are damaged, cut or of kinds that are not read.

use impasto_assets::{
    AssetError, AssetErrorKind, Limits, Origin, Picture, decode, encode, read_header, verify,
};
use impasto_types::{ContainerFormat, OutputSpec, Part};
use proptest::prelude::*;

use crate::fixtures::psd::{GRAY, INDEXED, Layer, Psd, RGB, every_kind, list, resource, section};

fn error(bytes: &[u8]) -> String {
    let limits = Limits::default();
    let error = decode(bytes, "a.psd", &limits).map(drop).expect_err("it is refused").to_string();
    let also = verify(bytes, "a.psd", &limits).expect_err("it is refused").to_string();
    assert_eq!(error, also);
    error
}

#[test]
fn what_is_damaged_or_not_supported_is_named() {
    let check = |changes: &[(usize, u8)], expected: &str| {
        let mut bytes = Psd::new(RGB, 8, 3).noise(1);
        for (at, value) in changes {
            bytes[*at] = *value;
        }
        let found = error(&bytes);
        assert_eq!(found, format!("`a.psd` is {expected}"));
        let header = read_header(&bytes, "a.psd", &Limits::default()).expect_err(expected);
        assert_eq!(header.to_string(), found);
    };
    let not_supported = |changes: &[(usize, u8)], what: &str| {
        check(changes, &format!("a psd with {what}, which is not supported"));
    };
    not_supported(&[(5, 3)], "the version 3");
    not_supported(&[(13, 57)], "57 channels");
    not_supported(&[(23, 1)], "RGB of 1 bits");
    not_supported(&[(23, 12)], "RGB of 12 bits");
    not_supported(&[(25, 0)], "bitmaps of 8 bits");
    not_supported(&[(23, 32), (25, 4)], "CMYK colours of 32 bits");
    not_supported(&[(23, 16), (25, 2)], "palette indices of 16 bits");
    not_supported(&[(25, 7)], "channels without colours of their own (multichannel)");
    not_supported(&[(25, 8)], "duotone inks");
    not_supported(&[(25, 9)], "CIE L*a*b* colours");
    not_supported(&[(25, 5)], "colours of the unknown mode 5");
    not_supported(&[(39, 4)], "the unknown compression 4");
    not_supported(
        &[(20, 117), (21, 49)],
        "30001 x 6 pixels, where only a large document (psb) has more than 30000 a side",
    );
    check(&[(17, 0)], "13 x 0 pixels: there is nothing to paint");
    check(
        &[(18, 1)],
        "16777229 x 6 pixels, more than the limit of 32768 a side and 268435456 in all",
    );
    check(&[(13, 2)], "damaged");
    // Indices without colours.
    check(&[(25, 2)], "damaged");
}

#[test]
fn parts_that_contradict_each_other_are_damage() {
    let check = |psd: Psd| assert_eq!(error(&psd.noise(1)), "`a.psd` is damaged");
    let psd = Psd::new(RGB, 8, 3);
    check(Psd { resources: b"8BIM\x03\xed\0\0\0\0\xff\xff12".to_vec(), ..psd.clone() });
    check(Psd { resources: b"no resource".to_vec(), ..psd.clone() });
    check(Psd { layers: vec![0, 0, 0, 9, 0, 1], ..psd.clone() });
    // A layer is missing.
    let short = list(&[Layer::default()], false, false);
    for length in 3..60 {
        check(Psd { layers: section(&short[..length], 8, false), ..psd.clone() });
    }
    let mut signed = list(&[Layer::default()], false, false);
    let at = signed.windows(4).position(|key| key == b"8BIM").expect("a blend");
    signed[at] = b'9';
    check(Psd { layers: section(&signed, 8, false), ..psd });
}

#[test]
fn what_follows_blocks_of_layers_is_named() {
    let check = |more: &[u8], large: bool, expected: &str| {
        let layers = [&section(&[], 8, large)[..], more].concat();
        let bytes = Psd { large, layers, ..Psd::new(GRAY, 8, 2) }.noise(3);
        match expected {
            "" => {
                let picture = decode(&bytes, "a.psd", &Limits::default()).expect("it reads");
                assert!(picture.alpha.is_some(), "{more:?}");
            }
            expected => assert_eq!(
                error(&bytes),
                format!("`a.psd` is a psd with {expected} of its layers, which is not supported")
            ),
        }
    };
    let clear = |large: bool| [&b"8BIMMtrn"[..], &[0; 8][..if large { 8 } else { 4 }]].concat();
    let long = |key: &str, bytes: u64| {
        let content = vec![7; bytes as usize];
        [b"8BIM", key.as_bytes(), &bytes.to_be_bytes()[..], &content].concat()
    };
    for large in [false, true] {
        check(&clear(large), large, "");
        // Padding, which may be missing or too much.
        check(&[&clear(large)[..], &[0; 40]].concat(), large, "");
        let odd =
            |padding: &[u8]| [&b"8BIMTxt2\0\0\0\x05text."[..], padding, &clear(large)].concat();
        [&[][..], &[0], &[0; 3]].iter().for_each(|padding| check(&odd(padding), large, ""));
        let other = [&clear(large)[..], b"8BIMTxt2\0\0\0\0what is it, then?"].concat();
        check(&other, large, "something unknown after the block `Txt2`");
        check(&[1; 20], large, "something unknown where blocks begin");
    }
    // Known and unknown keys of long lengths, and those that are short against expectation.
    for key in ["lnk3", "lnkE", "FELS", "pths", "extd", "extn", "artd", "lnk2", "????"] {
        check(&[long(key, 0), clear(true)].concat(), true, "");
        check(&[long(key, 24), clear(true)].concat(), true, "");
        let short = [b"8BIM", key.as_bytes(), b"\0\0\0\x04text"].concat();
        check(&[short, clear(true)].concat(), true, "");
    }
    check(
        &[long("????", 24), clear(false)].concat(),
        false,
        "something unknown after the block `????`",
    );
}

#[test]
fn rows_that_do_not_fit_are_damage() {
    let psd = Psd { width: 4, height: 1, ..Psd::new(GRAY, 8, 1) };
    let check = |row: &[u8], expected: &str| {
        let whole = psd.file(&[0; 4]);
        let head = &whole[..40];
        let bytes = [head, &(row.len() as u16).to_be_bytes(), row].concat();
        match expected {
            "" => drop(decode(&bytes, "a.psd", &Limits::default()).expect("it fits")),
            expected => assert_eq!(error(&bytes), format!("`a.psd` is {expected}")),
        }
    };
    check(&[3, 1, 2, 3, 4], "");
    check(&[253, 7], "");
    check(&[128, 1, 1, 2, 128, 255, 3, 128], "");
    check(&[4, 1, 2, 3, 4, 5], "damaged");
    check(&[252, 7], "damaged");
    check(&[2, 1, 2, 3], "damaged");
    check(&[3, 1, 2, 3], "damaged");
    check(&[253], "damaged");
    check(&[], "damaged");
    let zip = Psd { packing: 2, ..psd.clone() };
    let mut bytes = zip.file(&[0; 4]);
    bytes[40] = 0;
    assert_eq!(error(&bytes), "`a.psd` is damaged");
}

#[test]
fn a_document_that_stores_no_merged_image_is_refused_with_what_to_do() {
    let version = |real: u8| {
        let content = [&[0, 0, 0, 1, real][..], &[0; 12]].concat();
        resource(1057, "", &content)
    };
    let layers = section(&list(&[Layer::default(), Layer::default()], false, false), 8, false);
    let document = |real, layers: &[u8]| {
        let psd = Psd { resources: version(real), layers: layers.to_vec(), ..Psd::new(RGB, 8, 3) };
        psd.noise(1)
    };
    assert_eq!(
        error(&document(0, &layers)),
        "`a.psd` is a psd with layers and no merged image (save it again with `Maximize \
         Compatibility`), which is not supported"
    );
    for (real, layers) in [(1, &layers[..]), (0, &[]), (1, &[])] {
        decode(&document(real, layers), "a.psd", &Limits::default()).expect("it has a picture");
    }
    // Two that say it, of which one ends before it does.
    for short in 0..5 {
        let short = resource(1057, "", &[0, 0, 0, 1, 0][..short]);
        for resources in [[version(0), short.clone()].concat(), [short, version(0)].concat()] {
            let psd = Psd { resources, ..Psd::new(RGB, 8, 3) };
            let picture = decode(&psd.noise(1), "a.psd", &Limits::default()).expect("a picture");
            let output =
                OutputSpec { part: Part::Color, format: ContainerFormat::Psd, quality: 90 };
            let again = encode(&picture, output).expect("it can be written");
            verify(&again, "a.psd", &Limits::default()).expect("it is whole");
        }
    }
}

#[test]
fn millions_of_empty_resources_take_no_more_memory_than_in_the_file() {
    let resources = resource(1011, "", &[]).repeat(64 << 20 >> 4);
    let bytes = Psd { resources, ..Psd::new(RGB, 8, 3) }.noise(1);
    let picture = decode(&bytes, "a.psd", &Limits::default()).expect("it is a picture");
    assert!(picture.origin.bytes() <= 64 << 20, "{}", picture.origin.bytes());
}

#[test]
fn a_float_that_is_no_number_is_named() {
    let psd = Psd { width: 3, height: 2, ..Psd::new(RGB, 32, 4) };
    let mut values = psd.values(1);
    values[6 + 4] = f32::NAN.to_bits();
    assert_eq!(error(&psd.file(&values)), "`a.psd` has a pixel that is not a number, at (1, 1)");
    // A channel beside the picture may have any numbers.
    let mut values = psd.values(1);
    values[18] = f32::INFINITY.to_bits();
    decode(&psd.file(&values), "a.psd", &Limits::default()).expect("it is a picture");
}

#[test]
fn a_document_that_ends_early_is_truncated_at_every_length() {
    for psd in every_kind().into_iter().filter(|psd| psd.channels % 2 == 0 || psd.bits < 16) {
        let psd = Psd { resources: resource(1005, "", &[0; 16]), width: 3, height: 2, ..psd };
        let bytes = psd.noise(2);
        for length in 4..bytes.len() {
            for result in [
                decode(&bytes[..length], "a.psd", &Limits::default()).map(drop),
                verify(&bytes[..length], "a.psd", &Limits::default()),
            ] {
                let error = result.expect_err("it is cut");
                assert!(matches!(error.kind, AssetErrorKind::Truncated), "{length}: {error}");
            }
        }
    }
}

#[test]
fn a_document_cannot_have_memory_by_its_word() {
    for packing in 0..4 {
        let mut bytes = Psd { packing, ..Psd::new(RGB, 16, 3) }.noise(1);
        for at in [14, 18] {
            bytes[at..at + 4].copy_from_slice(&16_384_u32.to_be_bytes());
        }
        assert_eq!(error(&bytes), "`a.psd` is truncated", "{packing}");
    }
    // Rows of a table that is there, and which are too short.
    let psd = Psd { width: 30_000, height: 40, ..Psd::new(GRAY, 8, 1) };
    let head = &psd.file(&vec![0; psd.samples()])[..40];
    let bytes = [head, &[0, 1].repeat(40), &[128; 40]].concat();
    assert_eq!(error(&bytes), "`a.psd` is damaged");
    // Before the section of resources is read.
    let bytes = [&head[..30], &(65_u32 << 20).to_be_bytes(), &vec![0; 65 << 20]].concat();
    assert_eq!(
        error(&bytes),
        "`a.psd` is a psd with 68157440 bytes of image resources, which is not supported"
    );
}

#[test]
fn what_a_document_cannot_hold_is_named() {
    let write = |picture: &Picture| {
        let output = OutputSpec { part: Part::Color, format: ContainerFormat::Psd, quality: 90 };
        encode(picture, output)
    };
    let wide = |width: u32, origin: Origin| Picture {
        width,
        height: 1,
        rgb: vec![7.0; 3 * width as usize],
        alpha: None,
        extra: Vec::new(),
        origin,
    };
    let origin_of = |large: bool| {
        let psd = Psd { large, ..Psd::new(RGB, 8, 3) };
        decode(&psd.noise(1), "a", &Limits::default()).expect("it reads").origin
    };
    let png = Origin::synthetic("a", ContainerFormat::Png);
    for origin in [png.clone(), origin_of(false)] {
        write(&wide(30_000, origin.clone())).expect("it fits");
        let error = write(&wide(30_001, origin)).expect_err("it is too wide").to_string();
        assert!(
            error.starts_with(
                "`a` would be 30001 x 1 pixels, but psd holds at most 30000 a side; choose"
            ),
            "{error}"
        );
    }
    let large = write(&wide(30_001, origin_of(true))).expect("a large one has room");
    assert_eq!(read_header(&large, "a.psb", &Limits::default()).expect("a header").width, 30_001);
    let many = Picture { extra: vec![vec![0.5]; 54], ..wide(1, png) };
    let error = write(&many).expect_err("there are too many");
    assert_eq!(
        impasto_types::error_text(&error),
        "`a` cannot be written as psd: it has 57 channels; there are at most 56"
    );
}

/// Documents that take other ways through the reader.
fn rare_kinds() -> Vec<Vec<u8>> {
    let resources = [
        resource(1005, "", &[0, 72, 0, 0, 0, 1, 0, 1, 0, 72, 0, 0, 0, 1, 0, 1]),
        resource(1058, "", b"MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        resource(1060, "", b"<rdf:RDF tiff:Orientation=\"6\"/>"),
        resource(1047, "index", &[0, 9]),
    ];
    let layers = [
        Layer { blocks: vec![(*b"lsct", vec![0, 0, 0, 3])], ..Layer::default() },
        Layer { name: "a layer of any name", ..Layer::default() },
    ];
    let mut kinds: Vec<Vec<u8>> = every_kind().iter().step_by(7).map(|psd| psd.noise(3)).collect();
    for bits in [8, 16] {
        for large in [false, true] {
            let layers = section(&list(&layers, true, large), bits, large);
            let resources = resources.concat();
            kinds.push(Psd { large, layers, resources, ..Psd::new(RGB, bits, 5) }.noise(4));
        }
    }
    kinds.push(Psd { resources: resources.concat(), ..Psd::new(INDEXED, 8, 1) }.noise(4));
    // Floats that may have white in them.
    for large in [false, true] {
        let layers = section(&list(&layers[1..], true, large), 32, large);
        let psd = Psd { large, packing: 0, layers, ..Psd::new(GRAY, 32, 2) };
        let values = psd.values(5);
        let values: Vec<u32> =
            values.iter().map(|value| f32::from_bits(*value).max(1.0).to_bits()).collect();
        kinds.push(psd.file(&values));
    }
    kinds
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn changed_bytes_never_panic_and_what_is_read_comes_back(
        kind in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
    ) {
        let kinds = rare_kinds();
        let mut bytes = kinds[kind.index(kinds.len())].clone();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };
        let header = read_header(&bytes, "a.psd", &limits);
        let whole = verify(&bytes, "a.psd", &limits);
        let decoded = decode(&bytes, "a.psd", &limits);
        let told = |error: Option<&AssetError>| error.map(ToString::to_string);
        prop_assert_eq!(told(whole.as_ref().err()), told(decoded.as_ref().err()));
        if let Ok(picture) = decoded {
            let header = header.expect("its header was read");
            let said = (header.width, header.height, header.alpha, header.extra as usize);
            let alpha = picture.alpha.is_some();
            prop_assert_eq!(said, (picture.width, picture.height, alpha, picture.extra.len()));
            let (part, format) = (Part::Color, ContainerFormat::Psd);
            let output = OutputSpec { part, format, quality: 90 };
            let again = encode(&picture, output).expect("it can be written");
            let again = decode(&again, "a.psd", &limits).expect("it reads");
            prop_assert_eq!(again.alpha, picture.alpha);
            prop_assert_eq!(again.extra.len(), picture.extra.len());
        }
    }
}
