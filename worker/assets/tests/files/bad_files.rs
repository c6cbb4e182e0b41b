//! Damaged or misleading files give an error that names the file, never a panic, and no allocation
//! by a size that the file states. Those of models are in `glb_bad_files.rs`.

use impasto_assets::{
    AssetErrorKind, Color, Depth, Limits, Origin, Picture, decode, encode, header_of_path,
    read_header,
};
use impasto_types::{ContainerFormat, OutputSpec, Part};
use proptest::prelude::*;

use crate::fixtures::tga::{Packets, Palette, Tga};
use crate::fixtures::tiff::{LONG, Layout, Raster, SHORT, file};

fn sample(format: ContainerFormat) -> Vec<u8> {
    sample_of(24, 17, format)
}

fn sample_of(width: u32, height: u32, format: ContainerFormat) -> Vec<u8> {
    let count = width as usize * height as usize;
    let alpha = format.holds_alpha();
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
fn errors_say_that_a_picture_is_truncated() {
    for format in ContainerFormat::pictures() {
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
    for format in ContainerFormat::pictures() {
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

#[test]
fn a_tiff_cannot_have_memory_by_its_word() {
    let raster = Raster { width: 2, height: 1, samples: 4, bits: 32, planar: false, tile: None };
    let page = raster.page(&[0; 8], 2, Layout::default()).with(339, SHORT, &[3; 4]);
    for compression in [1, 5, 8, 32_773] {
        let boast = page
            .clone()
            .with(256, LONG, &[16_384])
            .with(257, LONG, &[16_384])
            .with(278, LONG, &[16_384])
            .with(259, SHORT, &[compression]);
        let error = decode(&file(&[boast], Layout::default()), "a.tif", &Limits::default())
            .expect_err("the file is short");
        assert_eq!(error.to_string(), "`a.tif` is truncated");
    }
    let error = |page| {
        decode(&file(&[page], Layout::default()), "a.tif", &Limits::default())
            .expect_err("it is refused")
            .to_string()
    };
    let many = page.clone().with(256, LONG, &[16_384]).with(257, LONG, &[16_384]);
    assert_eq!(
        error(many.with(277, SHORT, &[5])),
        "`a.tif` is a tiff with 5 samples in each of 16384 x 16384 pixels, which is not supported"
    );
    let tiled = Raster { tile: Some(16), ..raster }.page(&[0; 8], 2, Layout::default());
    let tiled = tiled.with(339, SHORT, &[3; 4]).with(322, LONG, &[1 << 30]);
    assert_eq!(error(tiled), "`a.tif` is damaged");
}

/// Files that take other ways through the readers than those of [`sample`].
fn rare_kinds() -> Vec<(&'static str, Vec<u8>)> {
    let raster = Raster { width: 21, height: 9, samples: 1, bits: 8, planar: false, tile: None };
    let values = |count: usize, bits: u32| -> Vec<u64> {
        (0..21 * 9 * count as u64).map(|at| at * 7919 % (1 << bits)).collect()
    };
    let tiff = |raster: Raster, photometric, layout: Layout| {
        raster.page(&values(raster.samples, raster.bits.min(30) as u32), photometric, layout)
    };
    let plain = Layout::default();
    let reversed = Layout { big_endian: true, big: false };
    let wide = Layout { big_endian: false, big: true };
    let tiles = Raster { samples: 5, bits: 16, planar: true, tile: Some(16), ..raster };
    let palette = tiff(Raster { bits: 4, ..raster }, 3, wide).with(320, SHORT, &[40_000; 48]);
    let floats = tiff(Raster { samples: 4, bits: 32, ..raster }, 2, plain)
        .with(338, SHORT, &[1])
        .with(339, SHORT, &[3; 4]);
    let pages = [
        tiff(raster, 1, plain).with(254, LONG, &[1]).with(330, LONG, &[8, 9]),
        tiff(Raster { samples: 4, ..raster }, 5, plain),
    ];
    let jpeg = tiff(Raster { samples: 3, ..raster }, 6, plain)
        .with(259, SHORT, &[7])
        .with(278, SHORT, &[9])
        .with_chunks(vec![sample_of(21, 9, ContainerFormat::Jpeg)]);
    let mut mapped = Tga::new(21, 9, 1, 8, 0);
    mapped.palette = Some(Palette { colors: (0..256).collect(), first: 0, bits: 32 });
    mapped.packets = Packets::Across;
    let mut areas = Tga::new(21, 9, 2, 32, 8);
    (areas.attributes_type, areas.developer) = (Some(4), Some(vec![1, 2, 3]));
    areas.id = vec![5; 20];
    let pixels: Vec<u32> = values(1, 8).into_iter().map(|value| value as u32).collect();
    vec![
        ("a.tif", file(&[tiff(tiles, 2, reversed)], reversed)),
        ("a.tif", file(&[palette], wide)),
        ("a.tif", file(&[floats], plain)),
        ("a.tif", file(&pages, plain)),
        ("a.tif", file(&[jpeg], plain)),
        ("a.tga", mapped.file(&pixels)),
        ("a.tga", areas.file(&pixels)),
    ]
}

#[test]
fn rare_kinds_are_sound() {
    for (index, (name, bytes)) in rare_kinds().iter().enumerate() {
        decode(bytes, name, &Limits::default()).unwrap_or_else(|error| panic!("{index}: {error}"));
    }
}

/// Small, so that a flipped bit in a header cannot make a test slow.
const SMALL: Limits = Limits { max_side: 4096, max_pixels: 1 << 18, max_file_bytes: 1 << 20 };

/// Every format but that of models.
fn picture_formats() -> impl Strategy<Value = ContainerFormat> {
    prop::sample::select(ContainerFormat::pictures().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn flipped_bits_of_pictures_never_panic(
        format in picture_formats(),
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
    fn flipped_bits_in_rare_kinds_never_panic(
        (name, bytes) in prop::sample::select(rare_kinds()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        at_end in any::<bool>(),
        cut in 0_usize..8,
    ) {
        let mut bytes = bytes;
        // The directories of these files, or their areas, are at their ends.
        let start = if at_end { bytes.len().saturating_sub(300) } else { 0 };
        for (index, byte) in flips {
            let at = start + index.index(bytes.len() - start);
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - bytes.len() * cut.saturating_sub(5) / 16);
        let _ = read_header(&bytes, name, &SMALL);
        let _ = decode(&bytes, name, &SMALL);
    }

    #[test]
    fn random_bytes_as_pictures_never_panic(
        format in picture_formats(),
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
    include_bytes!("../jpeg/2x2-1x1-1x1/apart-row.jpg"),
    include_bytes!("../jpeg/1x1-2x1-2x1/baseline.jpg"),
    include_bytes!("../jpeg/1x1-2x2-2x2/progressive-apart-block.jpg"),
    include_bytes!("../jpeg/ycck-420/partly.jpg"),
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
