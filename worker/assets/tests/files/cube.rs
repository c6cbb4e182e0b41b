//! Cube maps: DDS and KTX2 files of six faces, which are one picture.

use impasto_assets::{Limits, decode, encode, read_header, read_model, verify};
use impasto_types::{ContainerFormat, OutputSpec, Part};
use proptest::prelude::*;

use crate::fixtures::cube::{SIDE, every_kind};

fn spec(name: &str) -> OutputSpec {
    let format = ContainerFormat::from_extension(&name[2..]).expect("a format");
    OutputSpec { part: Part::Color, format, quality: 90 }
}

#[test]
fn six_faces_are_one_picture_and_come_back() {
    for (name, file, is_exact) in every_kind() {
        let header = read_header(&file, name, &Limits::default()).expect(name);
        let (wide, high) = (3 * SIDE + 32, 2 * SIDE + 16);
        assert_eq!((header.width, header.height, header.largest), (wide, high, Some(SIDE)));
        verify(&file, name, &Limits::default()).expect(name);
        let picture = decode(&file, name, &Limits::default()).expect(name);
        assert_eq!((picture.width, picture.height), (wide, high), "{name}");
        assert_eq!(picture.alpha.is_some(), header.alpha, "{name}");
        let written = encode(&picture, spec(name)).expect(name);
        let again = decode(&written, name, &Limits::default()).expect(name);
        assert_eq!(written.len(), file.len().max(written.len() * usize::from(!is_exact)));
        if is_exact {
            assert!(written == file, "{name}: byte for byte");
        }
        if !name.ends_with("dds") || is_exact {
            assert_eq!(again.rgb, picture.rgb, "{name}");
        }
        let png = OutputSpec { format: ContainerFormat::Png, ..spec(name) };
        let error = encode(&picture, png).expect_err("it has faces").to_string();
        let expected = "is a cube map or an array, whose pictures stay in their format: it can be";
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn faces_lie_in_the_order_of_the_file() {
    let (name, file, _) = every_kind().swap_remove(0);
    let picture = decode(&file, name, &Limits::default()).expect(name);
    let face_bytes = (file.len() - 128) / 6;
    for face in 0..6 {
        let (x, y) = (face % 3 * 24, face / 3 * 24);
        let at = y * picture.width as usize + x;
        let stored = &file[128 + face * face_bytes..][..3];
        let expected = [stored[2], stored[1], stored[0]].map(f32::from);
        assert_eq!(picture.rgb[3 * at..][..3], expected, "{face}");
    }
    // The surface that they show is a cube.
    let model = read_model(&file, name, &Limits::default()).expect(name);
    assert_eq!((model.places.len(), model.triangles.len()), (6, 12));
}

#[test]
fn what_is_no_cube_map_of_six_square_faces_is_named() {
    let (name, file, _) = every_kind().swap_remove(0);
    let refused = |at: usize, word: u32| {
        let mut bytes = file.clone();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        read_header(&bytes, name, &Limits::default()).expect_err("it is refused").to_string()
    };
    assert!(refused(112, 0x7e00).contains("a cube map of five faces"));
    assert!(refused(112, 0x0600).contains("a cube map of one face"));
    assert_eq!(refused(12, 4), "`a.dds` is damaged");
    // Three faces beside each other would be wider than any picture.
    let mut wide = file.clone();
    for at in [12, 16] {
        wide[at..at + 4].copy_from_slice(&12_000_u32.to_le_bytes());
    }
    let error = read_header(&wide, name, &Limits::default()).expect_err("it is too large");
    assert!(error.to_string().contains("36032"), "{error}");
}

#[test]
fn a_file_that_ends_early_is_truncated() {
    for (name, file, _) in every_kind() {
        for length in (0..file.len()).step_by(29) {
            assert!(decode(&file[..length], name, &Limits::default()).is_err(), "{name} {length}");
            assert!(verify(&file[..length], name, &Limits::default()).is_err(), "{name} {length}");
        }
    }
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(
        kind in 0..8_usize,
        changes in prop::collection::vec((0..400_usize, any::<u8>()), 1..6),
    ) {
        let (name, mut file, _) = every_kind().swap_remove(kind);
        for (at, byte) in changes {
            if let Some(old) = file.get_mut(at) {
                *old = byte;
            }
        }
        if let Ok(picture) = decode(&file, name, &Limits::default()) {
            let _ = encode(&picture, spec(name));
        }
        let _ = read_model(&file, name, &Limits::default());
    }
}
