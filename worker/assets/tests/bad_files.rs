//! Damaged or misleading files give an error that names the file, never a panic, and no allocation
//! by a size that the file states.

use impasto_assets::{
    AssetErrorKind, Color, Depth, Limits, Origin, Picture, decode, encode, header_of_path,
    read_header,
};
use impasto_types::{ContainerFormat, OutputSpec, Part};
use proptest::prelude::*;

fn sample(format: ContainerFormat) -> Vec<u8> {
    let (width, height) = (24, 17);
    let count = width as usize * height as usize;
    let alpha = format != ContainerFormat::Jpeg;
    let picture = Picture {
        width,
        height,
        rgb: (0..count * 3).map(|i| (i * 7919 % 256) as f32).collect(),
        alpha: alpha.then(|| (0..count).map(|i| (i % 3) as f32 / 2.0).collect()),
        extra: Vec::new(),
        origin: Origin {
            depth: Depth::Sixteen,
            color: Color::Rgb,
            ..Origin::synthetic("sample", format)
        },
    };
    encode(&picture, OutputSpec { part: Part::Color, format, quality: 90 })
        .unwrap_or_else(|error| panic!("{format}: {error}"))
}

fn name(format: ContainerFormat) -> String {
    format!("wall.{}", format.extension())
}

#[test]
fn errors_say_that_a_file_is_truncated() {
    for format in ContainerFormat::ALL {
        let bytes = sample(format);
        for sixteenths in 0..16 {
            let cut = &bytes[..bytes.len() * sixteenths / 16];
            let error = decode(cut, &name(format), &Limits::default())
                .expect_err("a part of the file is missing")
                .to_string();
            assert!(
                error.starts_with(&format!("`{}` ", name(format))) && !error.contains('\n'),
                "{error}"
            );
            if sixteenths >= 8 {
                assert_eq!(error, format!("`{}` is truncated", name(format)));
            }
        }
    }
}

/// A PNG whose header says 60000 x 60000, and which has hardly any data.
fn boast() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 60_000, 60_000);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_chunk(png::chunk::IDAT, &[0; 16]).expect("a chunk");
    drop(writer);
    bytes
}

#[test]
fn a_header_with_a_huge_size_is_refused() {
    let expected = "`sky.png` is 60000 x 60000 pixels, more than the limit of 32768 a side and \
        268435456 in all";
    let limits = Limits::default();
    assert_eq!(
        read_header(&boast(), "sky.png", &limits).expect_err("too large").to_string(),
        expected
    );
    assert_eq!(decode(&boast(), "sky.png", &limits).expect_err("too large").to_string(), expected);
    let short = Limits { max_file_bytes: 10, ..limits };
    assert!(matches!(
        decode(&boast(), "sky.png", &short).expect_err("too long").kind,
        AssetErrorKind::FileTooLarge { max: 10, .. }
    ));
}

#[test]
fn a_wrong_extension_is_refused_by_header_and_decoder() {
    let jpeg = sample(ContainerFormat::Jpeg);
    let expected = "`wall.png` holds jpg data, but its name says png: rename it or convert it";
    assert_eq!(
        read_header(&jpeg, "wall.png", &Limits::default())
            .expect_err("the name is wrong")
            .to_string(),
        expected
    );
    assert_eq!(
        decode(&jpeg, "wall.png", &Limits::default()).expect_err("the name is wrong").to_string(),
        expected
    );
    for format in ContainerFormat::ALL {
        decode(&sample(format), "style 1", &Limits::default())
            .unwrap_or_else(|error| panic!("{format} without a name: {error}"));
    }
}

#[test]
fn an_error_names_a_missing_path() {
    let error = header_of_path("no/such/wall.png".as_ref(), &Limits::default())
        .expect_err("it is not there");
    assert!(error.to_string().ends_with("wall.png` cannot be read"), "{error}");
    assert!(matches!(error.kind, AssetErrorKind::Read(_)));
}

/// Small, so that a flipped bit in a header cannot make a test slow.
const SMALL: Limits = Limits { max_side: 4096, max_pixels: 1 << 18, max_file_bytes: 1 << 20 };

fn formats() -> impl Strategy<Value = ContainerFormat> {
    prop::sample::select(ContainerFormat::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn flipped_bits_never_panic(
        format in formats(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..8), 1..6),
        in_head in any::<bool>(),
    ) {
        let mut bytes = sample(format);
        let range = if in_head { bytes.len().min(160) } else { bytes.len() };
        for (index, bit) in flips {
            bytes[index.index(range)] ^= 1_u8 << bit;
        }
        let _ = read_header(&bytes, &name(format), &SMALL);
        let _ = decode(&bytes, &name(format), &SMALL);
    }

    #[test]
    fn random_bytes_never_panic(
        format in formats(),
        magic in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let head = if magic { sample(format)[..12].to_vec() } else { vec![] };
        let bytes = [head, noise].concat();
        let _ = read_header(&bytes, &name(format), &SMALL);
        let _ = decode(&bytes, &name(format), &SMALL);
    }
}

/// Files that the second decoder of JPEG reads, and progressive ones.
const JPEGS: [&[u8]; 4] = [
    include_bytes!("jpeg/2x2-1x1-1x1/apart-row.jpg"),
    include_bytes!("jpeg/1x1-2x1-2x1/baseline.jpg"),
    include_bytes!("jpeg/1x1-2x2-2x2/progressive-apart-block.jpg"),
    include_bytes!("jpeg/ycck-420/partly.jpg"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn flipped_bits_of_unusual_jpegs_never_panic(
        file in prop::sample::select(JPEGS.to_vec()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..8), 1..4),
        kept in 0.2_f64..1.4,
    ) {
        let mut bytes = file.to_vec();
        for (index, bit) in flips {
            bytes[index.index(file.len())] ^= 1_u8 << bit;
        }
        bytes.truncate((file.len() as f64 * kept) as usize);
        bytes.extend([0xff, 0xd9]);
        let _ = read_header(&bytes, "a.jpg", &SMALL);
        let _ = decode(&bytes, "a.jpg", &SMALL);
    }
}
