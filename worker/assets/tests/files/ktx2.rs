//! KTX2 files of every kind are read right, come back as they came, and are refused where they are
//! damaged, never with a panic.

use impasto_assets::{
    AlphaKind, AssetErrorKind, Color, Limits, Orientation, Origin, Picture, decode, look,
    read_header, verify,
};
use impasto_types::{ContainerFormat, Depth, FileTrait};
use ktx2::{Format, Reader, TransferFunction};
use proptest::prelude::*;

use crate::fixtures::checks::assert_near;
use crate::fixtures::dds::{Dds, Name, Stored};
use crate::fixtures::ktx2::{Ktx2, every_kind, formats, read, traits, written};

#[test]
fn texels_are_read_as_those_of_dds() {
    for (format, code, stored) in [
        (Format::R8_UNORM, 61, Stored::Pixels(1)),
        (Format::R8G8_UNORM, 49, Stored::Pixels(2)),
        (Format::R8G8B8A8_SRGB, 29, Stored::Pixels(4)),
        (Format::B8G8R8A8_UNORM, 87, Stored::Pixels(4)),
        (Format::R16_UNORM, 56, Stored::Pixels(2)),
        (Format::R16G16_UNORM, 35, Stored::Pixels(4)),
        (Format::R16G16B16A16_UNORM, 11, Stored::Pixels(8)),
        (Format::R16G16B16A16_SFLOAT, 10, Stored::Pixels(8)),
        (Format::R32G32B32A32_SFLOAT, 2, Stored::Pixels(16)),
        (Format::BC1_RGBA_UNORM_BLOCK, 71, Stored::Blocks(8)),
        (Format::BC2_UNORM_BLOCK, 74, Stored::Blocks(16)),
        (Format::BC3_SRGB_BLOCK, 78, Stored::Blocks(16)),
        (Format::BC4_UNORM_BLOCK, 80, Stored::Blocks(8)),
        (Format::BC5_UNORM_BLOCK, 83, Stored::Blocks(16)),
        (Format::BC6H_UFLOAT_BLOCK, 95, Stored::Blocks(16)),
        (Format::BC7_SRGB_BLOCK, 99, Stored::Blocks(16)),
    ] {
        let (Stored::Pixels(bytes) | Stored::Blocks(bytes)) = stored;
        for scheme in [0, 2, 3] {
            let ktx2 = Ktx2 { scheme, ..Ktx2::new(format, bytes) };
            let row = format!("{ktx2:?}");
            let texels = ktx2.noise(5);
            let dds = Dds::new(6, 5, Name::Dxgi(code, 1), stored).file(&texels[0]);
            let expected = crate::fixtures::dds::read(&dds, &row);
            let found = read(&ktx2.file(&texels), &row);
            assert_eq!(found.rgb, expected.rgb, "{row}");
            assert_eq!(found.alpha, expected.alpha, "{row}");
            let (found, expected) = (found.origin, expected.origin);
            assert_eq!((found.color, found.depth), (expected.color, expected.depth), "{row}");
        }
    }
    // Formats that DDS lacks: three words, and the other order of bytes.
    let words = Ktx2 { width: 1, height: 1, ..Ktx2::new(Format::R16G16B16_UNORM, 6) };
    let file = words.file(&[[0_u16, 257, 65_535].map(u16::to_le_bytes).as_flattened().to_vec()]);
    assert_eq!(read(&file, "three words").rgb, [0.0, 1.0, 255.0]);
    let bytes = Ktx2 { width: 1, height: 1, ..Ktx2::new(Format::B8G8R8_SRGB, 3) };
    assert_eq!(read(&bytes.file(&[vec![1, 2, 3]]), "three bytes").rgb, [3.0, 2.0, 1.0]);
    let float = Ktx2 { width: 1, height: 1, ..Ktx2::new(Format::R32G32_SFLOAT, 8) };
    let file = float.file(&[[2_f32, -0.5].map(f32::to_le_bytes).as_flattened().to_vec()]);
    assert_eq!(read(&file, "two floats").rgb, [510.0, -127.5, 0.0]);
}

#[test]
fn what_is_not_packed_in_blocks_comes_back_byte_for_byte() {
    for (format, bytes) in formats().into_iter().filter(|(format, _)| format.value() < 131) {
        for scheme in [0, 2, 3] {
            let ktx2 = Ktx2 { scheme, ..Ktx2::new(format, bytes) };
            let row = format!("{ktx2:?}");
            let file = ktx2.file(&ktx2.noise(9));
            let picture = read(&file, &row);
            let again = written(&picture);
            if bytes.is_multiple_of(4) && (100..=109).contains(&format.value()) {
                // Within a last bit, since levels are 255 times as large.
                let back = read(&again, &row);
                let pairs = back.rgb.iter().zip(&picture.rgb);
                let near = |(a, b): (&f32, &f32)| (a - b).abs() <= b.abs() * 2.0 * f32::EPSILON;
                assert!(pairs.clone().all(near), "{row}");
            } else {
                assert!(again == file, "{row}");
            }
        }
    }
}

#[test]
fn every_kind_comes_back_with_its_levels_description_and_data() {
    for ktx2 in every_kind() {
        let row = format!("{ktx2:?}");
        let file = ktx2.file(&ktx2.noise(2));
        let mut picture = read(&file, &row);
        picture.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(90.0));
        if let Some(alpha) = &mut picture.alpha {
            alpha.fill(1.0);
        }
        let again = written(&picture);
        let (before, after) = (Reader::new(&file), Reader::new(&again));
        let (before, after) = (before.expect("a file"), after.expect("a second reader reads it"));
        assert_eq!(after.header().format, before.header().format, "{row}");
        assert_eq!(after.header().level_count, ktx2.levels, "{row}");
        assert_eq!(after.header().type_size, before.header().type_size, "{row}");
        let scheme = before.header().supercompression_scheme;
        assert_eq!(after.header().supercompression_scheme, scheme, "{row}");
        assert_eq!(after.dfd_blocks(), before.dfd_blocks(), "{row}");
        assert!(after.key_value_data().eq(before.key_value_data()), "{row}");
        for (at, level) in after.levels().enumerate() {
            let bytes = u64::from(ktx2.bytes_of(at as u32));
            assert_eq!(level.uncompressed_byte_length, bytes, "{row}");
        }
        let back = read(&again, &row);
        let expected: Vec<f32> = match (back.origin.color, picture.rgb.len()) {
            (Color::Rgb, _) if back.rgb[2] == 0.0 => {
                picture.rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], 0.0]).collect()
            }
            _ => picture.rgb,
        };
        assert_near(&back.rgb, &expected, 4.5, &row);
        let kept = [FileTrait::Mips, FileTrait::KtxData].map(|one| traits(&file).contains(&one));
        assert_eq!(
            kept,
            [FileTrait::Mips, FileTrait::KtxData].map(|it| traits(&again).contains(&it))
        );
    }
}

#[test]
fn levels_are_aligned_and_the_smallest_comes_first() {
    for (format, bytes, step) in [
        (Format::R8_UNORM, 1, 4),
        (Format::R8G8B8_SRGB, 3, 12),
        (Format::R16G16B16_UNORM, 6, 12),
        (Format::R16_UNORM, 2, 4),
        (Format::BC1_RGB_SRGB_BLOCK, 8, 8),
        (Format::R32G32B32A32_SFLOAT, 16, 16),
    ] {
        let ktx2 = Ktx2 { levels: 3, ..Ktx2::new(format, bytes) };
        let file = written(&read(&ktx2.file(&ktx2.noise(1)), "levels"));
        let offset = |level: usize| {
            let at = 80 + 24 * level;
            u64::from_le_bytes(*file[at..].first_chunk().expect("an entry"))
        };
        assert!((0..3).all(|level| offset(level) % step == 0), "{format:?}");
        assert!(offset(2) < offset(1) && offset(1) < offset(0), "{format:?}");
    }
    // All levels stay all at another size; one that is to be made by the loader stays so.
    let ktx2 = Ktx2 { levels: 3, ..Ktx2::new(Format::R8_UNORM, 1) };
    let mut picture = read(&ktx2.file(&ktx2.noise(1)), "all levels");
    (picture.width, picture.height, picture.rgb) = (16, 2, vec![9.0; 3 * 32]);
    let again = written(&picture);
    assert_eq!(Reader::new(&again).expect("it reads").levels().len(), 5);
    let ktx2 = Ktx2 { levels: 0, ..Ktx2::new(Format::R8_UNORM, 1) };
    let file = ktx2.file(&ktx2.noise(1));
    assert!(traits(&file).contains(&FileTrait::Mips));
    assert!(written(&read(&file, "no levels")) == file);
}

#[test]
fn orientation_swizzle_and_opacity_are_understood() {
    let rgba = || Ktx2::new(Format::R8G8B8A8_SRGB, 4);
    for (way, expected) in [
        ("rd", Orientation::Normal),
        ("ru", Orientation::Flipped),
        ("ld", Orientation::Mirrored),
        ("lu", Orientation::Half),
    ] {
        let ktx2 = Ktx2 { entries: vec![("KTXorientation", way)], ..rgba() };
        let file = ktx2.file(&ktx2.noise(1));
        let picture = read(&file, way);
        assert_eq!(picture.origin.orientation, expected, "{way}");
        assert!(written(&picture) == file, "{way}");
        let upright = written(&picture.clone().upright());
        assert_eq!(read(&upright, way).rgb, picture.upright().rgb, "{way}");
    }
    let opaque = Ktx2 { entries: vec![("KTXswizzle", "rgb1")], ..rgba() };
    let picture = read(&opaque.file(&opaque.noise(1)), "opaque");
    assert_eq!(picture.alpha, None);
    assert_eq!(read(&written(&picture), "opaque").alpha, None);
    let pair = Ktx2 {
        width: 1,
        height: 1,
        entries: vec![("KTXswizzle", "rrrg")],
        ..Ktx2::new(Format::R8G8_UNORM, 2)
    };
    let file = pair.file(&[vec![10, 51]]);
    let picture = read(&file, "grey with alpha");
    assert_eq!((&picture.rgb[..], picture.alpha.as_deref()), (&[10.0; 3][..], Some(&[0.2][..])));
    assert!(written(&picture) == file);
    let multiplied = Ktx2 { width: 1, height: 1, multiplied: true, ..rgba() };
    let file = multiplied.file(&[vec![51, 102, 0, 102]]);
    let picture = read(&file, "multiplied");
    assert_near(&picture.rgb, &[127.5, 255.0, 0.0], 1e-3, "multiplied");
    assert_eq!(picture.origin.alpha_kind, AlphaKind::Associated);
    assert!(written(&picture) == file);
}

#[test]
fn other_pictures_become_textures() {
    let picture = |depth: Depth, alpha: bool| Picture {
        width: 9,
        height: 6,
        rgb: (0..3 * 54).map(|at| (at * 37 % 256) as f32).collect(),
        alpha: alpha.then(|| (0..54).map(|at| at as f32 / 53.0).collect()),
        extra: Vec::new(),
        origin: Origin { depth, ..Origin::synthetic("a", ContainerFormat::Png) },
    };
    for (depth, format) in [
        (Depth::Eight, Format::BC7_SRGB_BLOCK),
        (Depth::Sixteen, Format::R16G16B16A16_UNORM),
        (Depth::Float, Format::R32G32B32A32_SFLOAT),
    ] {
        for alpha in [false, true] {
            let original = picture(depth, alpha);
            let file = written(&original);
            let reader = Reader::new(&file).expect("a second reader reads it");
            assert_eq!(reader.header().format, Some(format));
            assert_eq!(reader.transfer_function(), Some(TransferFunction::SRGB));
            assert_eq!((reader.levels().len(), reader.writer()), (4, Some("Impasto\0")));
            let back = read(&file, "another format");
            assert_eq!(back.alpha.is_some(), alpha);
            assert_eq!(back.origin.depth, depth);
            assert!(!back.origin.is_scene_linear(), "its levels are encoded");
            if depth != Depth::Eight {
                assert_near(&back.rgb, &original.rgb, 1e-2, "it is stored as it is");
            }
        }
    }
    let mut normals = picture(Depth::Eight, false);
    normals.origin.is_data = true;
    let file = written(&normals);
    let reader = Reader::new(&file).expect("it reads");
    assert_eq!(reader.header().format, Some(Format::BC7_UNORM_BLOCK));
    // Light stays light.
    let mut light = picture(Depth::Float, false);
    light.origin.format = ContainerFormat::Exr;
    light.rgb[0] = 4000.0;
    let shown = light.clone().to_display();
    let back = read(&written(&shown), "light");
    assert!(back.origin.is_scene_linear());
    assert_near(&back.rgb, &light.rgb, 0.1, "light");
}

#[test]
fn two_channels_of_vectors_are_a_normal_map() {
    let ktx2 = Ktx2 { width: 64, height: 64, ..Ktx2::new(Format::R8G8_UNORM, 2) };
    let wave = |at: u32| {
        let (x, y) = ((at % 64) as f32, (at / 64) as f32);
        [0.4 * (x / 5.0).sin(), 0.4 * (y / 7.0).cos()].map(|n| ((n + 1.0) * 127.5) as u8)
    };
    let texels = (0..64 * 64).flat_map(wave).collect();
    assert!(look(&read(&ktx2.file(&[texels]), "normals")).normal_map);
}

#[test]
fn what_is_not_supported_is_named() {
    let plain = Ktx2::new(Format::R8G8B8A8_UNORM, 4);
    let check = |ktx2: &Ktx2, changes: &[(usize, u32)], expected: &str| {
        let mut bytes = ktx2.file(&ktx2.noise(1));
        for &(at, word) in changes {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let error = decode(&bytes, "a.ktx2", &Limits::default()).expect_err(expected).to_string();
        assert_eq!(error, format!("`a.ktx2` is {expected}"));
        let header = read_header(&bytes, "a.ktx2", &Limits::default()).expect_err(expected);
        assert_eq!(header.to_string(), error);
    };
    let no = |what: &str| format!("a ktx2 with {what}, which is not supported");
    check(&plain, &[(24, 0)], &no("a texture of one dimension"));
    check(&plain, &[(28, 1)], &no("a volume"));
    check(&plain, &[(32, 5000)], &no("an array of 5000 pictures"));
    check(&plain, &[(32, 5)], "damaged");
    check(&plain, &[(36, 6)], "damaged");
    check(&plain, &[(36, 6), (32, 2)], &no("an array of 2 cube maps"));
    check(&plain, &[(36, 3)], "damaged");
    check(&plain, &[(44, 1)], &no("BasisLZ compression"));
    check(&plain, &[(44, 9)], &no("compression 9"));
    let model = |ktx2: &Ktx2, number: u32| {
        let bytes = ktx2.file(&ktx2.noise(1));
        let at = 80 + 24 + 12;
        let word = u32::from_le_bytes(*bytes[at..].first_chunk().expect("a block"));
        (at, word & !0xff | number)
    };
    check(&plain, &[(12, 0), model(&plain, 166)], &no("UASTC pixels"));
    check(&plain, &[(12, 0), model(&plain, 163)], &no("ETC1S pixels"));
    check(&plain, &[(12, 157)], &no("ASTC_4x4_UNORM_BLOCK pixels"));
    check(&plain, &[(12, 152)], &no("ETC2_R8G8B8A8_SRGB_BLOCK pixels"));
    check(&plain, &[(12, 38)], &no("R8G8B8A8_SNORM pixels"));
    check(&plain, &[(12, 144)], &no("BC6H_SFLOAT_BLOCK pixels"));
    check(&plain, &[(12, 999_999)], &no("pixels of Vulkan's format 999999"));
    check(&plain, &[(40, 9)], "damaged");
    check(&plain, &[(80 + 16, 7)], "damaged");
    check(&plain, &[(80 + 24, 3), (52, 3)], "damaged");
    check(&plain, &[(20, 0)], "0 x 5 pixels: there is nothing to paint");
    check(
        &plain,
        &[(20, 70_000)],
        "70000 x 5 pixels, more than the limit of 32768 a side and 268435456 in all",
    );
    let with = |entry| Ktx2 { entries: vec![entry], ..plain.clone() };
    check(&with(("KTXswizzle", "bgra")), &[], &no("the swizzle `bgra`"));
    check(&with(("KTXorientation", "rx")), &[], &no("the orientation `rx`"));
}

#[test]
fn what_is_packed_cannot_have_memory_by_its_word() {
    for scheme in [2, 3] {
        let ktx2 = Ktx2 { scheme, ..Ktx2::new(Format::R8_UNORM, 1) };
        // More zeros than the level has texels, and fewer.
        for size in [1 << 20, 29] {
            let mut file = ktx2.file(&[vec![0; size]]);
            file[80 + 16..80 + 24].copy_from_slice(&30_u64.to_le_bytes());
            let error = decode(&file, "a.ktx2", &Limits::default()).expect_err("another size");
            assert_eq!(error.to_string(), "`a.ktx2` is damaged", "{scheme} {size}");
        }
    }
}

#[test]
fn a_file_that_ends_early_is_truncated_at_every_length() {
    for ktx2 in every_kind() {
        let file = ktx2.file(&ktx2.noise(3));
        for length in (12..file.len()).step_by(if ktx2.levels > 1 { 1 } else { 7 }) {
            let cut = &file[..length];
            for result in [
                decode(cut, "a.ktx2", &Limits::default()).map(drop),
                verify(cut, "a.ktx2", &Limits::default()),
            ] {
                let error = result.expect_err("it is cut");
                let is_truncated = matches!(error.kind, AssetErrorKind::Truncated);
                assert!(is_truncated, "{ktx2:?} {length}: {error}");
            }
        }
    }
}

#[test]
fn numbers_that_are_none_are_found() {
    let ktx2 = Ktx2 { width: 2, height: 1, ..Ktx2::new(Format::R32G32B32_SFLOAT, 12) };
    let texels = [0.5, 0.5, 0.5, 0.5, f32::NAN, 0.5].map(f32::to_le_bytes);
    let file = ktx2.file(&[texels.as_flattened().to_vec()]);
    for result in [
        decode(&file, "a.ktx2", &Limits::default()).map(drop),
        verify(&file, "a.ktx2", &Limits::default()),
    ] {
        let error = result.expect_err("it is no number");
        assert!(matches!(error.kind, AssetErrorKind::NotFinite { x: 1, y: 0 }), "{error}");
    }
}

/// Small, so that a changed size cannot make a test slow.
const SMALL: Limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn changed_bytes_never_panic_and_what_is_read_can_be_written(
        kind in any::<prop::sample::Index>(),
        seed in any::<u32>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        in_head in any::<bool>(),
    ) {
        let kinds = every_kind();
        let ktx2 = kind.get(&kinds);
        let mut bytes = ktx2.file(&ktx2.noise(seed));
        let range = if in_head { 300.min(bytes.len()) } else { bytes.len() };
        for (index, byte) in changes {
            bytes[index.index(range)] = byte;
        }
        let header = read_header(&bytes, "a", &SMALL);
        let _ = verify(&bytes, "a", &SMALL);
        if let Ok(picture) = decode(&bytes, "a", &SMALL)
            && picture.origin.format == ContainerFormat::Ktx2
        {
            let header = header.expect("its header was read");
            let again = written(&picture);
            let result = read_header(&again, "a", &SMALL).expect("it has a header");
            prop_assert_eq!(result.picture(), header.picture());
            verify(&again, "a", &SMALL).expect("it is whole");
        }
    }
}
