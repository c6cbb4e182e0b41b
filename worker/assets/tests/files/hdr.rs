//! Radiance files of every kind are read right, come back as they came, and are refused where they
//! are damaged, never with a panic.

use impasto_assets::{
    AssetErrorKind, Color, Depth, Limits, Orientation, Origin, Picture, decode, encode,
    read_header, verify,
};
use impasto_types::{ContainerFormat, FileTrait, OutputSpec, Part};
use proptest::prelude::*;

type Rgbe = [u8; 4];

const WIDTH: usize = 19;
const HEIGHT: usize = 6;

/// How a test's writer packs rows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rows {
    Flat,
    /// Repetitions of a pixel are counted.
    Pixels,
    Planes,
}

/// Colours whose largest number has eight bits, with runs, black and a row of one colour.
fn pixels(seed: u32) -> Vec<Rgbe> {
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (state >> 24) as u8
    };
    let mut pixels: Vec<Rgbe> = Vec::new();
    for at in 0..WIDTH * HEIGHT {
        let pixel = match at / WIDTH {
            2 => [200, 3, 4, 130],
            _ if at % 7 == 3 => [0; 4],
            _ if at % 3 == 1 => pixels[at - 1],
            _ => [byte() | 0x80, byte(), byte(), 120 + byte() % 16],
        };
        pixels.push(pixel);
    }
    pixels
}

fn file(lines: &str, size: &str, pixels: &[Rgbe], rows: Rows) -> Vec<u8> {
    let mut bytes = format!("{lines}\n{size}\n").into_bytes();
    for row in pixels.chunks(WIDTH) {
        match rows {
            Rows::Flat => bytes.extend(row.as_flattened()),
            Rows::Pixels => {
                for run in row.chunk_by(|one, other| one == other) {
                    bytes.extend(run[0]);
                    if run.len() > 1 {
                        bytes.extend([1, 1, 1, run.len() as u8 - 1]);
                    }
                }
            }
            Rows::Planes => {
                bytes.extend([2, 2, 0, row.len() as u8]);
                for plane in 0..4 {
                    let plane: Vec<u8> = row.iter().map(|pixel| pixel[plane]).collect();
                    for run in plane.chunk_by(|one, other| one == other) {
                        match run.len() {
                            1 => bytes.extend([1, run[0]]),
                            length => bytes.extend([128 + length as u8, run[0]]),
                        }
                    }
                }
            }
        }
    }
    bytes
}

const LINES: &str = "#?RADIANCE\n# made by hand\nEXPOSURE=  2.5\nFORMAT=32-bit_rle_rgbe\n\
    PRIMARIES=0.64 0.33 0.30 0.60 0.15 0.06 0.3127 0.329\nVIEW= -vtv -vh 40\n";
const SIZE: &str = "-Y 6 +X 19";

fn read(bytes: &[u8]) -> Picture {
    let limits = Limits::default();
    let picture = decode(bytes, "a.hdr", &limits).unwrap_or_else(|error| panic!("{error}"));
    let header = read_header(bytes, "a.hdr", &limits).expect("a header");
    let origin = &picture.origin;
    assert_eq!(
        (header.width, header.height, header.color, header.depth, header.alpha, header.orientation),
        (picture.width, picture.height, Color::Rgb, Depth::Float, false, origin.orientation)
    );
    verify(bytes, "a.hdr", &limits).expect("it is whole");
    picture
}

fn written(picture: &Picture) -> Vec<u8> {
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Hdr, quality: 90 };
    encode(picture, output).expect("it encodes")
}

/// The pixels of a file, whatever its rows, by a reader of its own.
fn stored(bytes: &[u8]) -> Vec<Rgbe> {
    let end = bytes.windows(2).position(|two| two == b"\n\n").expect("an empty line") + 2;
    let start = end + bytes[end..].iter().position(|byte| *byte == b'\n').expect("a size") + 1;
    let mut rest = bytes[start..].iter().copied();
    let mut pixels: Vec<Rgbe> = Vec::new();
    while let Some(first) = rest.next() {
        let mut next = || rest.next().expect("a byte");
        match [first, next(), next(), next()] {
            [2, 2, high, low] if high < 128 => {
                let length = usize::from(high) * 256 + usize::from(low);
                let mut row = vec![[0; 4]; length];
                for plane in 0..4 {
                    let mut values = Vec::new();
                    while values.len() < length {
                        match next() {
                            count @ 129.. => {
                                values.extend(vec![next(); usize::from(count) - 128]);
                            }
                            count => values.extend((0..count).map(|_| next())),
                        }
                    }
                    row.iter_mut().zip(values).for_each(|(pixel, value)| pixel[plane] = value);
                }
                pixels.extend(row);
            }
            [1, 1, 1, count] => {
                let last = *pixels.last().expect("a pixel");
                pixels.extend(vec![last; count.into()]);
            }
            pixel => pixels.push(pixel),
        }
    }
    pixels
}

#[test]
fn every_kind_is_read_right_and_comes_back_byte_for_byte() {
    for rows in [Rows::Flat, Rows::Pixels, Rows::Planes] {
        let pixels = pixels(7);
        let bytes = file(LINES, SIZE, &pixels, rows);
        let picture = read(&bytes);
        for (found, pixel) in picture.rgb.chunks_exact(3).zip(&pixels) {
            let unit = 2_f64.powi(i32::from(pixel[3]) - 136);
            for (level, number) in found.iter().zip(pixel) {
                assert_eq!(f64::from(*level), f64::from(*number) * unit * 255.0, "{pixel:?}");
            }
        }
        let again = written(&picture);
        let head = format!("{LINES}\n{SIZE}\n").into_bytes();
        assert!(again.starts_with(&head), "{rows:?}");
        assert_eq!(stored(&again), pixels, "{rows:?}");
        // The kind of rows comes back too; a shorter file would be of another kind.
        let is_flat = again.len() - head.len() == 4 * pixels.len();
        let begins_with_mark = again[head.len()..].starts_with(&[2, 2, 0, WIDTH as u8]);
        assert_eq!((is_flat, begins_with_mark), (rows == Rows::Flat, rows == Rows::Planes));
        assert_eq!(written(&read(&again)), again, "{rows:?}");
    }
}

#[test]
fn a_count_of_repetitions_has_several_digits() {
    let row = [9, 8, 7, 130, 1, 1, 1, 43, 1, 1, 1, 1, 200, 0, 0, 128];
    let picture = read(&[format!("{LINES}\n-Y 1 +X 301\n").as_bytes(), &row].concat());
    assert_eq!(picture.rgb[3 * 299..3 * 300], picture.rgb[..3]);
    let again = written(&picture);
    assert!(again.ends_with(&row));
    assert_eq!(read(&again).rgb, picture.rgb);
}

#[test]
fn exponents_that_are_larger_than_need_be_come_back() {
    for rows in [Rows::Flat, Rows::Planes] {
        let mut pixels = pixels(3);
        (pixels[0], pixels[1], pixels[5]) = ([5, 100, 0, 140], [0, 0, 0, 128], [1, 3, 64, 90]);
        let mut picture = read(&file(LINES, SIZE, &pixels, rows));
        assert_eq!(stored(&written(&picture)), pixels, "{rows:?}");
        // As levels, which is what is painted, too.
        let levels = picture.clone().to_display();
        assert!(levels.origin.tone.is_some());
        assert_eq!(stored(&written(&levels)), pixels, "{rows:?}");
        // A painted pixel gets the exponent that it needs, and the others keep theirs.
        picture.rgb[..3].copy_from_slice(&[255.0, 127.5, 0.0]);
        pixels[0] = [128, 64, 0, 129];
        assert_eq!(stored(&written(&picture)), pixels, "{rows:?}");
        // Cut to another size it has none of them.
        let cut = Picture { height: 1, rgb: picture.rgb[..3 * WIDTH].to_vec(), ..picture };
        assert_eq!(read(&written(&cut)).rgb, cut.rgb, "{rows:?}");
    }
    // What would be a mark in a flat row is written otherwise.
    let mut pixels = pixels(3);
    (pixels[WIDTH], pixels[WIDTH + 1]) = ([2, 2, 4, 140], [1, 1, 1, 139]);
    let mut planes = read(&file(LINES, SIZE, &pixels, Rows::Planes));
    assert_eq!(stored(&written(&planes)), pixels);
    let flat = read(&file(LINES, SIZE, &self::pixels(3), Rows::Flat));
    let own = planes.rgb.clone();
    planes.origin.hdr = flat.origin.hdr;
    assert_eq!(read(&written(&planes)).rgb, own);
}

#[test]
fn rows_of_every_orientation_are_stored_as_they_came() {
    for (size, expected) in [
        ("-Y 6 +X 19", Orientation::Normal),
        ("-Y 6 -X 19", Orientation::Mirrored),
        ("+Y 6 -X 19", Orientation::Half),
        ("+Y 6 +X 19", Orientation::Flipped),
        ("+X 6 -Y 19", Orientation::Transposed),
        ("-X 6 -Y 19", Orientation::Clockwise),
        ("-X 6 +Y 19", Orientation::Transversed),
        ("+X 6 +Y 19", Orientation::CounterClockwise),
    ] {
        let bytes = file(LINES, size, &pixels(1), Rows::Planes);
        let picture = read(&bytes);
        assert_eq!(picture.origin.orientation, expected, "{size}");
        assert_eq!((picture.width, picture.height), (19, 6), "{size}");
        assert_eq!(written(&picture), written(&read(&written(&picture))), "{size}");
        assert_eq!(stored(&written(&picture)), pixels(1), "{size}");
        let header = read_header(&bytes, "a.hdr", &Limits::default()).expect("a header");
        let is_turned = expected != Orientation::Normal;
        assert_eq!(header.traits.contains(FileTrait::Orientation), is_turned, "{size}");
    }
    // Columns from left to right, each from its top: the second pixel is below the first.
    let bytes = file(LINES, "+X 6 -Y 19", &pixels(1), Rows::Flat);
    let picture = read(&bytes);
    let upright = picture.clone().upright();
    assert_eq!((upright.width, upright.height), (6, 19));
    assert_eq!(upright.rgb[3 * 6..][..3], picture.rgb[3..6]);
    // Upwards, from the left: the first pixel is in the last row.
    let picture = read(&file(LINES, "+X 6 +Y 19", &pixels(1), Rows::Flat));
    assert_eq!(picture.clone().upright().rgb[3 * 6 * 18..][..3], picture.rgb[..3]);
}

#[test]
fn other_pictures_become_rgbe() {
    let colors = [255.0, 127.5, 0.0, -10.0, 1e6, 3.0];
    let picture = |width: u32, height: u32| Picture {
        width,
        height,
        rgb: colors.iter().copied().cycle().take(3 * (width * height) as usize).collect(),
        alpha: None,
        extra: Vec::new(),
        // Numbers that are no colours stay as they are.
        origin: Origin {
            depth: Depth::Float,
            is_data: true,
            ..Origin::synthetic("a", ContainerFormat::Tiff)
        },
    };
    for (width, height) in [(1, 1), (7, 3), (8, 3), (300, 2), (32_767, 1), (32_768, 1)] {
        let original = picture(width, height);
        let bytes = written(&original);
        assert!(bytes.starts_with(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y "));
        let back = read(&bytes);
        assert_eq!((back.width, back.height), (width, height));
        for (found, wanted) in back.rgb.chunks_exact(3).zip(original.rgb.chunks_exact(3)) {
            let most = wanted.iter().fold(0.0_f32, |most, level| most.max(*level));
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted.max(0.0)).abs() <= most / 256.0, "{found} {wanted}");
            }
        }
    }
}

fn refused(bytes: &[u8], expected: &str) {
    let error = decode(bytes, "a.hdr", &Limits::default()).expect_err(expected).to_string();
    assert_eq!(error, format!("`a.hdr` is {expected}"));
}

#[test]
fn what_is_not_supported_or_damaged_is_named() {
    let check = |lines: &str, size: &str, expected: &str| {
        let bytes = file(lines, size, &pixels(1), Rows::Flat);
        refused(&bytes, expected);
        let header = read_header(&bytes, "a.hdr", &Limits::default()).expect_err(expected);
        assert_eq!(header.to_string(), format!("`a.hdr` is {expected}"));
    };
    let format = |name: &str| format!("#?RGBE\nFORMAT={name}\n");
    check(&format("32-bit_rle_xyze"), SIZE, "a hdr with XYZE pixels, which is not supported");
    check(
        &format("double"),
        SIZE,
        "a hdr with pixels of the format `double`, which is not supported",
    );
    check(LINES, "-Y 6 +Y 19", "damaged");
    check(LINES, "-Y six +X 19", "damaged");
    check(LINES, "-Y 0 +X 19", "19 x 0 pixels: there is nothing to paint");
    check(
        LINES,
        "-Y 6 +X 99999",
        "99999 x 6 pixels, more than the limit of 32768 a side and 268435456 in all",
    );
    let long = format!("#?RADIANCE\n#{}\n", "a".repeat(1 << 20));
    check(&long, SIZE, "a hdr with a header of more than 1048576 bytes, which is not supported");
    // A name without a format is read as RGBE.
    read(&file("#?RGBE\n", SIZE, &pixels(1), Rows::Flat));
    let row = |bytes: &[u8], expected: &str| {
        let head = format!("{LINES}\n-Y 1 +X 19\n").into_bytes();
        refused(&[&head, bytes].concat(), expected);
    };
    row(&[2, 2, 0, 18], "damaged");
    row(&[2, 2, 0, 19, 0], "damaged");
    row(&[2, 2, 0, 19, 148, 7], "damaged");
    row(&[1, 1, 1, 3], "damaged");
    row(&[9, 9, 9, 128, 1, 1, 1, 19], "damaged");
    row(&[9, 9, 9, 128, 1, 1, 1, 0, 1, 1, 1, 255], "damaged");
    row(&[2, 2, 0, 19, 147, 7, 1], "truncated");
    let error = decode(
        &file(LINES, SIZE, &vec![[255, 255, 255, 255]; WIDTH * HEIGHT], Rows::Flat),
        "a.hdr",
        &Limits::default(),
    );
    let error = error.expect_err("it is more than a single holds");
    assert!(matches!(error.kind, AssetErrorKind::NotFinite { x: 0, y: 0 }), "{error}");
}

#[test]
fn a_file_that_ends_early_is_truncated_at_every_length() {
    for rows in [Rows::Flat, Rows::Pixels, Rows::Planes] {
        let bytes = file(LINES, SIZE, &pixels(5), rows);
        for length in 10..bytes.len() {
            let cut = &bytes[..length];
            for result in [
                decode(cut, "a.hdr", &Limits::default()).map(drop),
                verify(cut, "a.hdr", &Limits::default()),
            ] {
                let error = result.expect_err("it is cut");
                assert!(matches!(error.kind, AssetErrorKind::Truncated), "{rows:?} {length}");
            }
            let _ = read_header(cut, "a.hdr", &Limits::default());
        }
        assert_eq!(read(&[&bytes[..], b"end"].concat()).rgb, read(&bytes).rgb);
    }
    // A size without pixels takes no memory.
    let boast = file(LINES, "-Y 16384 +X 16384", &pixels(5), Rows::Flat);
    let error = decode(&boast, "a.hdr", &Limits::default()).expect_err("it is short");
    assert!(matches!(error.kind, AssetErrorKind::Truncated), "{error}");
}

/// Small, so that a changed size cannot make a test slow.
const SMALL: Limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn changed_bytes_never_panic_and_what_is_read_comes_back(
        rows in prop::sample::select(vec![Rows::Flat, Rows::Pixels, Rows::Planes]),
        seed in any::<u32>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
    ) {
        let mut bytes = file(LINES, SIZE, &pixels(seed), rows);
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let header = read_header(&bytes, "a", &SMALL);
        let whole = verify(&bytes, "a", &SMALL);
        if let Ok(picture) = decode(&bytes, "a", &SMALL)
            && picture.origin.format == ContainerFormat::Hdr
        {
            whole.expect("it is whole");
            let again = written(&picture);
            let result = read_header(&again, "a", &SMALL).expect("it has a header");
            prop_assert_eq!(result, header.expect("its header was read"));
            prop_assert_eq!(decode(&again, "a", &SMALL).expect("it reads").rgb, picture.rgb);
        }
    }
}
