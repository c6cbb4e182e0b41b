//! EXR files that are damaged, cut or of another kind give an error, never a panic.

use exr::prelude::{Compression, SampleType};
use impasto_assets::{AssetErrorKind, Limits, decode, read_header, verify};
use impasto_types::ContainerFormat;
use proptest::prelude::*;

use crate::fixtures::exr::{Exr, HALF, SINGLE, all, every_kind, read, written};

/// Where the value of an attribute begins.
fn value_of(file: &[u8], name: &str) -> usize {
    let name = format!("{name}\0");
    let at = file.windows(name.len()).position(|it| it == name.as_bytes()).expect("it is there");
    let kind = at + name.len();
    let end = file[kind..].iter().position(|byte| *byte == 0).expect("an end");
    kind + end + 1 + 4
}

fn refused(bytes: &[u8], expected: &str) {
    let error = decode(bytes, "a.exr", &Limits::default()).expect_err(expected).to_string();
    assert_eq!(error, format!("`a.exr` is {expected}"));
    let header = read_header(bytes, "a.exr", &Limits::default()).expect_err(expected);
    assert_eq!(header.to_string(), error);
}

#[test]
fn what_is_not_supported_is_named() {
    let rgb = Exr::new(all(&["R", "G", "B"], HALF));
    let no = |what: &str| format!("a exr with {what}, which is not supported");
    let check = |exr: &Exr, at: usize, byte: u8, expected: &str| {
        let mut file = exr.file(1);
        file[at] = byte;
        refused(&file, expected);
    };
    let file = rgb.file(1);
    check(&rgb, 4, 1, &no("version 1 of the format"));
    check(&rgb, 5, 8, &no("deep pixels"));
    check(&rgb, 5, 16, &no("several parts"));
    check(&rgb, 6, 1, &no("the flags 0x10000"));
    check(&rgb, value_of(&file, "compression"), 10, &no("HTJ2K compression"));
    check(&rgb, value_of(&file, "compression"), 77, &no("compression 77"));
    check(&rgb, value_of(&file, "lineOrder"), 3, "damaged");
    // The first channel: its name, a zero, its type, four bytes, its sampling.
    let first = value_of(&file, "channels");
    check(&rgb, first + 2, 7, &no("samples of type 7"));
    check(&rgb, first + 2, 0, &no("32-bit integers in the channel `B`"));
    let sampled = no("the channel `B`, of which only every pixel in 2 x 1 is there");
    check(&rgb, first + 10, 2, &sampled);
    check(&rgb, first, b'Z', "damaged");
    check(&rgb, value_of(&file, "dataWindow") + 11, 0x80, "damaged");
    let tiled = Exr { tile: Some(16), ..rgb.clone() };
    let tile = value_of(&tiled.file(1), "tiles");
    check(&tiled, tile + 8, 1, &no("mips"));
    check(&tiled, tile + 8, 2, &no("rip maps"));
    check(&tiled, tile, 0, "damaged");
    let pairs = Exr::new(all(&["G", "R"], HALF));
    refused(&pairs.file(1), &no("the channels `G`, `R`, but no R, G and B"));
    let views = Exr::new(all(&["a.R", "a.G", "a.B", "b.R", "b.G", "b.B"], HALF));
    refused(&views.file(1), &no("colours in the layers `a`, `b`"));
}

#[test]
fn integers_beyond_single_precision_are_refused() {
    let channels = vec![("R", HALF), ("G", HALF), ("B", HALF), ("id", SampleType::U32)];
    let exr =
        Exr { width: 2, height: 1, compression: Compression::Uncompressed, ..Exr::new(channels) };
    let file = exr.file_of(|name| vec![if name == "id" { 1e6 } else { 0.5 }; 2]);
    // The fixture multiplies by 4096. That is a single; the next number is none.
    read(&file, "a large number");
    let mut odd = file.clone();
    let last = odd.len() - 4;
    odd[last] |= 1;
    let error = decode(&odd, "a.exr", &Limits::default()).expect_err("it is no single");
    assert_eq!(
        error.to_string(),
        "`a.exr` is a exr with the number 4096000001 in the channel `id`, which is not supported"
    );
}

#[test]
fn a_header_with_a_huge_size_is_refused() {
    let mut file = Exr::new(all(&["R", "G", "B"], HALF)).file(1);
    let window = value_of(&file, "dataWindow");
    for at in [window + 8, window + 12] {
        file[at..at + 4].copy_from_slice(&20_000_u32.to_le_bytes());
    }
    refused(
        &file,
        "20001 x 20001 pixels, more than the limit of 32768 a side and 268435456 in all",
    );
    for at in [window + 8, window + 12] {
        file[at..at + 4].copy_from_slice(&16_000_u32.to_le_bytes());
    }
    // Within the limits, but none of it is there, so nothing is allocated for it.
    let error = decode(&file, "a.exr", &Limits::default()).expect_err("it is short");
    assert!(matches!(error.kind, AssetErrorKind::Truncated), "{error}");
}

#[test]
fn a_chunk_cannot_have_memory_by_its_word() {
    let exr =
        Exr { compression: Compression::DWAA(None), ..Exr::new(all(&["R", "G", "B", "A"], HALF)) };
    let file = exr.file(1);
    // A chunk starts with its version and, after its lengths, says how it is packed.
    let version = [2, 0, 0, 0, 0, 0, 0, 0];
    let table = file.windows(8).rposition(|eight| eight == version).expect("a chunk");
    for claim in 1..10 {
        let mut boast = file.clone();
        boast[table + 8 * claim..][..8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let error = decode(&boast, "a.exr", &Limits::default()).expect_err("it boasts");
        assert_eq!(error.to_string(), "`a.exr` is damaged", "{claim}");
    }
}

#[test]
fn a_file_that_ends_early_is_truncated_at_every_length() {
    for mut exr in every_kind() {
        (exr.width, exr.height) = (9, 17);
        let file = exr.file(11);
        for length in 4..file.len() {
            let cut = &file[..length];
            for result in [
                decode(cut, "a.exr", &Limits::default()).map(drop),
                verify(cut, "a.exr", &Limits::default()),
            ] {
                let error = result.expect_err("it is cut");
                assert!(
                    matches!(error.kind, AssetErrorKind::Truncated),
                    "{exr:?} {length}: {error}"
                );
            }
            let _ = read_header(cut, "a.exr", &Limits::default());
        }
        let longer = [&file[..], b"end"].concat();
        assert_eq!(read(&longer, "longer").rgb, read(&file, "whole").rgb);
    }
}

#[test]
fn a_table_of_zeros_is_truncated() {
    let exr = Exr { compression: Compression::ZIP1, ..Exr::new(all(&["Y"], HALF)) };
    let mut file = exr.file(1);
    // The offset of the first chunk is that of the table's end.
    let begins = |at: &usize| {
        let end = (at + 8 * exr.height as usize) as u64;
        file[*at..at + 8] == end.to_le_bytes()
    };
    let table = (0..file.len() - 8).find(begins).expect("a table");
    file[table..table + 8].fill(0);
    let error = decode(&file, "a.exr", &Limits::default()).expect_err("a chunk is missing");
    assert!(matches!(error.kind, AssetErrorKind::Truncated), "{error}");
}

#[test]
fn numbers_that_are_none_are_found() {
    for sample in [HALF, SINGLE] {
        for wrong in [f32::NAN, f32::INFINITY] {
            for place in ["R", "A"] {
                let channels = all(&["R", "G", "B", "A"], sample);
                let exr = Exr { width: 2, height: 3, ..Exr::new(channels) };
                let file = exr.file_of(|name| {
                    let mut plane = vec![0.5; 6];
                    if name == place {
                        plane[3] = wrong;
                    }
                    plane
                });
                for result in [
                    decode(&file, "a.exr", &Limits::default()).map(drop),
                    verify(&file, "a.exr", &Limits::default()),
                ] {
                    let error = result.expect_err("it is no number");
                    let found = matches!(error.kind, AssetErrorKind::NotFinite { x: 1, y: 1 });
                    assert!(found, "{error}");
                }
            }
        }
    }
}

/// Small, so that a changed size cannot make a test slow.
const SMALL: Limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };

/// With those whose compression loses something.
fn kinds() -> Vec<Exr> {
    let lossy =
        [Compression::B44, Compression::B44A, Compression::DWAA(None), Compression::DWAB(None)];
    let lossy = lossy.into_iter().flat_map(|compression| {
        let exr = Exr { compression, ..Exr::new(all(&["R", "G", "B", "A", "Z"], HALF)) };
        let floats = Exr { channels: all(&["R", "G", "B"], SINGLE), ..exr.clone() };
        [Exr { tile: Some(8), ..exr.clone() }, exr, floats]
    });
    every_kind().into_iter().chain(lossy).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn changed_bytes_never_panic_and_what_is_read_can_be_written(
        kind in any::<prop::sample::Index>(),
        (width, height) in prop::sample::select(vec![(1, 1), (3, 5), (17, 9), (8, 40)]),
        seed in any::<u32>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        in_head in any::<bool>(),
    ) {
        let kinds = kinds();
        let exr = Exr { width, height, ..kind.get(&kinds).clone() };
        let mut bytes = exr.file(seed);
        let range = if in_head { 600.min(bytes.len()) } else { bytes.len() };
        for (index, byte) in changes {
            bytes[index.index(range)] = byte;
        }
        let header = read_header(&bytes, "a", &SMALL);
        let _ = verify(&bytes, "a", &SMALL);
        if let Ok(picture) = decode(&bytes, "a", &SMALL)
            && picture.origin.format == ContainerFormat::Exr
        {
            let header = header.expect("its header was read");
            let again = written(&picture);
            let result = read_header(&again, "a", &SMALL).expect("it has a header");
            prop_assert_eq!(result.picture(), header.picture());
            prop_assert_eq!(result.extra, header.extra);
            verify(&again, "a", &SMALL).expect("it is whole");
        }
    }
}
