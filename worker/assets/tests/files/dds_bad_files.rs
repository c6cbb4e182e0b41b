//! DDS files that are damaged, cut or of another kind give an error, never a panic.

use impasto_assets::{AssetErrorKind, Limits, decode, read_header, verify};
use impasto_types::ContainerFormat;
use proptest::prelude::*;

use crate::fixtures::dds::{Dds, LUMINANCE, Name, RGB, Stored, every_kind, read, written};

#[test]
fn what_is_not_supported_is_named() {
    let plain = Dds::new(4, 4, Name::Dxgi(98, 0), Stored::Blocks(16));
    let check = |dds: Dds, changes: &[(usize, u32)], expected: &str| {
        let mut bytes = dds.file(&vec![0; dds.all_bytes()]);
        for &(at, word) in changes {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let error = decode(&bytes, "a.dds", &Limits::default()).expect_err(expected).to_string();
        assert_eq!(error, format!("`a.dds` is {expected}"));
        let header = read_header(&bytes, "a.dds", &Limits::default()).expect_err(expected);
        assert_eq!(header.to_string(), error);
    };
    let no = |what: &str| format!("a dds with {what}, which is not supported");
    check(plain, &[(112, 0xfe00)], "truncated");
    check(plain, &[(112, 0x0600)], &no("a cube map of one face"));
    check(plain, &[(136, 4)], "truncated");
    check(plain, &[(136, 4), (140, 3)], &no("an array of 3 cube maps"));
    check(plain, &[(140, 5000)], &no("an array of 5000 pictures"));
    check(plain, &[(132, 4)], &no("a volume"));
    check(plain, &[(112, 0x20_0000)], &no("a volume"));
    check(plain, &[(132, 2)], &no("a texture of one dimension"));
    check(plain, &[(128, 96)], &no("BC6H_SF16 pixels"));
    check(plain, &[(128, 84)], &no("BC5_SNORM pixels"));
    check(plain, &[(128, 107)], &no("pixels of DXGI format 107"));
    check(plain, &[(28, 9)], "damaged");
    check(plain, &[(132, 9)], "damaged");
    check(plain, &[(4, 100)], "damaged");
    let letters = |name| Dds::new(4, 4, Name::FourCc(name, false), Stored::Blocks(8));
    check(letters(*b"BC5S"), &[], &no("`BC5S` pixels"));
    check(letters([111, 0, 0, 0]), &[], &no("pixels of Direct3D 9 format 111"));
    let masks =
        |flags, bytes, masks| Dds::new(4, 4, Name::Masks(flags, masks), Stored::Pixels(bytes));
    check(masks(0x20, 1, [0; 4]), &[], &no("a palette"));
    check(masks(0x200, 2, [0xff, 0, 0, 0]), &[], &no("YUV pixels"));
    check(masks(0x8_0000, 2, [0xff, 0xff00, 0, 0]), &[], &no("signed pixels"));
    check(masks(RGB, 2, [0xf0f0, 0x0f00, 0xf, 0]), &[], &no("the mask 0xf0f0 in 16-bit pixels"));
    check(masks(RGB, 2, [0xff00, 0xff00, 0xff, 0]), &[], &no("the mask 0xff00 in 16-bit pixels"));
    check(
        masks(LUMINANCE, 4, [0xff_ffff, 0, 0, 0]),
        &[],
        &no("the mask 0xffffff in 32-bit pixels"),
    );
    check(masks(RGB, 4, [0; 4]), &[], "damaged");
    check(masks(RGB, 4, [0xff; 4]), &[(88, 12)], &no("12-bit pixels"));
}

#[test]
fn a_file_that_ends_early_is_truncated_at_every_length() {
    for mut dds in every_kind(6, 5) {
        dds.mips = 3;
        let file = dds.noise(11);
        for length in 4..file.len() {
            let cut = &file[..length];
            let error = decode(cut, "a.dds", &Limits::default()).expect_err("it is cut");
            assert!(matches!(error.kind, AssetErrorKind::Truncated), "{dds:?} {length}: {error}");
            let error = verify(cut, "a.dds", &Limits::default()).expect_err("it is cut");
            assert!(matches!(error.kind, AssetErrorKind::Truncated), "{dds:?} {length}: {error}");
            let _ = read_header(cut, "a.dds", &Limits::default());
        }
        // What follows the pixels has no effect.
        let longer = [&file[..], b"end"].concat();
        assert_eq!(read(&longer, "longer").rgb, read(&file, "whole").rgb);
    }
}

#[test]
fn numbers_that_are_none_are_found() {
    for wrong in [f32::NAN, f32::INFINITY] {
        let pixels = [[0.5; 4], [0.5, wrong, 0.5, 0.5]].concat();
        let pixels: Vec<u8> = pixels.into_iter().flat_map(f32::to_le_bytes).collect();
        let file = Dds::new(2, 1, Name::Dxgi(2, 0), Stored::Pixels(16)).file(&pixels);
        for result in [
            decode(&file, "a.dds", &Limits::default()).map(drop),
            verify(&file, "a.dds", &Limits::default()),
        ] {
            let error = result.expect_err("it is no number");
            assert!(matches!(error.kind, AssetErrorKind::NotFinite { x: 1, y: 0 }), "{error}");
        }
    }
}

/// Small, so that a changed size cannot make a test slow.
const SMALL: Limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn changed_bytes_never_panic_and_what_is_read_can_be_written(
        kind in any::<prop::sample::Index>(),
        (width, height) in prop::sample::select(vec![(1, 1), (3, 5), (17, 9), (8, 8)]),
        mips in 1_u32..3,
        seed in any::<u32>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        in_head in any::<bool>(),
    ) {
        let kinds = every_kind(width, height);
        let dds = Dds { mips: if width > 1 { mips } else { 1 }, ..*kind.get(&kinds) };
        let mut bytes = dds.noise(seed);
        let range = if in_head { 148.min(bytes.len()) } else { bytes.len() };
        for (index, byte) in changes {
            bytes[index.index(range)] = byte;
        }
        let header = read_header(&bytes, "a", &SMALL);
        if let Ok(picture) = decode(&bytes, "a", &SMALL)
            && picture.origin.format == ContainerFormat::Dds
        {
            let header = header.expect("its header was read");
            let again = written(&picture);
            let result = read_header(&again, "a", &SMALL).expect("it has a header");
            prop_assert_eq!(result.picture(), header.picture());
            prop_assert_eq!(result.traits, header.traits);
            verify(&again, "a", &SMALL).expect("it is whole");
        }
    }
}
