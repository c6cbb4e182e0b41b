//! QOI files are read right, come back as they came, and are refused where they are damaged.

use impasto_assets::{AssetErrorKind, Limits, Picture, decode, encode, read_header, verify};
use impasto_types::{ContainerFormat, OutputSpec, Part};
use proptest::prelude::*;

/// Pixels of the six kinds that there are, byte by byte: 11 of them, in 11 x 1.
fn by_hand(channels: u8, space: u8) -> Vec<u8> {
    let mut bytes = b"qoif\0\0\0\x0b\0\0\0\x01".to_vec();
    bytes.extend([channels, space]);
    // Red, green and blue.
    bytes.extend([0xfe, 10, 20, 30]);
    // Differences of -2 to 1: 11, 18, 29.
    bytes.push(0x40 | 3 << 4 | 1);
    // Green by 5, red by 5 + 1, blue by 5 - 2: 17, 23, 32.
    bytes.extend([0x80 | (5 + 32), 9 << 4 | 6]);
    // Three more of them.
    bytes.push(0xc0 | 2);
    // The first one again, by its place in the table.
    let place = (10_u32 * 3 + 20 * 5 + 30 * 7 + 255 * 11) % 64;
    bytes.push(place as u8);
    if channels == 4 {
        bytes.extend([0xff, 1, 2, 3, 51]);
    } else {
        bytes.extend([0xfe, 1, 2, 3]);
    }
    bytes.push(0xc0 | 2);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    bytes
}

fn expected() -> Vec<f32> {
    let pixels: [[u8; 3]; 11] = [
        [10, 20, 30],
        [11, 18, 29],
        [17, 23, 32],
        [17, 23, 32],
        [17, 23, 32],
        [17, 23, 32],
        [10, 20, 30],
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
    ];
    pixels.as_flattened().iter().map(|level| f32::from(*level)).collect()
}

fn read(bytes: &[u8]) -> Picture {
    let limits = Limits::default();
    let picture = decode(bytes, "a.qoi", &limits).unwrap_or_else(|error| panic!("{error}"));
    let header = read_header(bytes, "a.qoi", &limits).expect("a header");
    assert_eq!(
        (header.width, header.height, header.color, header.depth, header.alpha),
        (
            picture.width,
            picture.height,
            picture.origin.color,
            picture.origin.depth,
            picture.alpha.is_some()
        )
    );
    verify(bytes, "a.qoi", &limits).expect("it is whole");
    picture
}

fn written(picture: &Picture) -> Vec<u8> {
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Qoi, quality: 90 };
    encode(picture, output).expect("it encodes")
}

#[test]
fn every_kind_is_read_right_and_comes_back_byte_for_byte() {
    for channels in [3, 4] {
        for space in [0, 1] {
            let bytes = by_hand(channels, space);
            let picture = read(&bytes);
            assert_eq!(picture.rgb, expected());
            let alpha = [vec![1.0; 7], vec![0.2; 4]].concat();
            assert_eq!(picture.alpha, (channels == 4).then_some(alpha));
            assert_eq!(picture.origin.is_linear, space == 1);
            assert!(written(&picture) == bytes, "{channels} {space}");
        }
    }
}

#[test]
fn what_is_damaged_or_not_supported_is_named() {
    let check = |at: usize, value: u8, expected: &str| {
        let mut bytes = by_hand(4, 0);
        bytes[at] = value;
        let error = decode(&bytes, "a.qoi", &Limits::default()).expect_err(expected).to_string();
        assert_eq!(error, format!("`a.qoi` is {expected}"));
    };
    check(12, 5, "a qoi with 5 channels, which is not supported");
    check(13, 7, "a qoi with the colour space 7, which is not supported");
    check(7, 0, "0 x 1 pixels: there is nothing to paint");
    check(4, 1, "16777227 x 1 pixels, more than the limit of 32768 a side and 268435456 in all");
    // The end is no end.
    check(by_hand(4, 0).len() - 1, 9, "damaged");
    // Within the limits, but not there, so nothing is allocated for it.
    check(10, 100, "truncated");
}

#[test]
fn a_file_that_ends_early_is_truncated_at_every_length() {
    let bytes = by_hand(4, 0);
    for length in 4..bytes.len() {
        for result in [
            decode(&bytes[..length], "a.qoi", &Limits::default()).map(drop),
            verify(&bytes[..length], "a.qoi", &Limits::default()),
        ] {
            let error = result.expect_err("it is cut");
            assert!(matches!(error.kind, AssetErrorKind::Truncated), "{length}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn changed_bytes_never_panic_and_what_is_read_comes_back(
        channels in 3_u8..=4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
    ) {
        let mut bytes = by_hand(channels, 0);
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };
        let header = read_header(&bytes, "a.qoi", &limits);
        if let Ok(picture) = decode(&bytes, "a.qoi", &limits) {
            let again = written(&picture);
            let result = read_header(&again, "a.qoi", &limits).expect("it has a header");
            prop_assert_eq!(result, header.expect("its header was read"));
            prop_assert_eq!(decode(&again, "a.qoi", &limits).expect("it reads").rgb, picture.rgb);
        }
    }
}
