//! Arrays: DDS and KTX2 files of several layers, which are one picture.

use impasto_assets::{Limits, Wrap, decode, encode, read_header, read_model, verify};
use impasto_types::{ContainerFormat, OutputSpec, Part};
use proptest::prelude::*;

use crate::fixtures::array::{LAYERS, SIZE, every_kind};

fn spec(name: &str) -> OutputSpec {
    let format = ContainerFormat::from_extension(&name[2..]).expect("a format");
    OutputSpec { part: Part::Color, format, quality: 90 }
}

#[test]
fn layers_are_one_picture_and_come_back() {
    for (name, file, layers, is_exact) in every_kind() {
        let header = read_header(&file, name, &Limits::default()).expect(name);
        let sheet = header.sheet.expect("it has layers");
        assert_eq!((sheet.is_cube(), sheet.count(), sheet.part()), (false, layers, SIZE));
        assert_eq!((header.width, header.height), sheet.size());
        assert_eq!(header.largest, Some(SIZE.0));
        verify(&file, name, &Limits::default()).expect(name);
        let picture = decode(&file, name, &Limits::default()).expect(name);
        assert_eq!((picture.width, picture.height), sheet.size(), "{name}");
        let written = encode(&picture, spec(name)).expect(name);
        let again = decode(&written, name, &Limits::default()).expect(name);
        assert_eq!(again.origin.sheet, Some(sheet), "{name}");
        if is_exact {
            assert!(written == file, "{name}: byte for byte");
        }
        if name.ends_with("ktx2") || is_exact {
            assert_eq!(again.rgb, picture.rgb, "{name}");
        }
        let png = OutputSpec { format: ContainerFormat::Png, ..spec(name) };
        let error = encode(&picture, png).expect_err("it has layers").to_string();
        assert!(
            error.contains("is a cube map or an array, whose pictures stay in their format"),
            "{error}"
        );
    }
}

#[test]
fn layers_lie_in_rows_in_the_order_of_the_file() {
    let (name, file, ..) = every_kind().swap_remove(0);
    let picture = decode(&file, name, &Limits::default()).expect(name);
    // Three beside each other, with 8 pixels around each: 28 pixels to the next, 24 to the next
    // row.
    assert_eq!((picture.width, picture.height), (84, 48));
    let pixel = |x: usize, y: usize| &picture.rgb[3 * (y * picture.width as usize + x)..][..3];
    assert_eq!(pixel(0, 0), pixel(8, 8), "its borders go on around it");
    assert_eq!(pixel(27, 14), pixel(19, 14));
    assert_eq!(pixel(28, 14), pixel(36, 14));
    let layer_bytes = (file.len() - 148) / LAYERS as usize;
    for layer in 0..LAYERS as usize {
        let at = (layer / 3 * 24 + 8) * picture.width as usize + layer % 3 * 28 + 8;
        let stored = &file[148 + layer * layer_bytes..][..3];
        let found: Vec<u8> = picture.rgb[3 * at..][..3].iter().map(|level| *level as u8).collect();
        assert_eq!(found, stored, "{layer}");
    }
    // Sheets that do not meet, each of which may repeat.
    let model = read_model(&file, name, &Limits::default()).expect(name);
    assert_eq!((model.places.len(), model.triangles.len()), (LAYERS as usize, 2 * LAYERS as usize));
    let tiled = model.repeating([true, true]);
    assert!(tiled.places.iter().all(|place| place.wraps == [Wrap::Repeat; 2]));
}

#[test]
fn more_layers_than_the_file_has_are_no_memory() {
    for (name, file, layers, _) in every_kind() {
        let at = if name.ends_with("dds") { 140 } else { 32 };
        for count in [layers + 1, 2048, 2049, u32::MAX] {
            let mut bytes = file.clone();
            bytes[at..at + 4].copy_from_slice(&count.to_le_bytes());
            assert!(decode(&bytes, name, &Limits::default()).is_err(), "{name} {count}");
        }
        for length in (0..file.len()).step_by(29) {
            assert!(decode(&file[..length], name, &Limits::default()).is_err(), "{name} {length}");
        }
    }
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(
        kind in 0..8_usize,
        changes in prop::collection::vec((0..400_usize, any::<u8>()), 1..6),
    ) {
        let (name, mut file, ..) = every_kind().swap_remove(kind);
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
