//! Every kind of DDS is read right, and comes back as it came.

use impasto_assets::{AlphaKind, Color};
use impasto_types::FileTrait;

use crate::fixtures::dds::{
    ALPHA, Dds, LUMINANCE, Name, Stored, every_kind, masks, read, start, traits, written,
};

/// A pixel of masks by long division, as a second program would read it.
fn pixel(number: u32, [red, green, blue, alpha]: [u32; 4]) -> [f64; 4] {
    let part = |mask: u32| {
        let lowest = mask & mask.wrapping_neg();
        f64::from((number & mask) / lowest) / f64::from(mask / lowest)
    };
    let level = |mask: u32| if mask == 0 { 0.0 } else { 255.0 * part(mask) };
    let opacity = if alpha == 0 { 1.0 } else { part(alpha) };
    match (green, blue) {
        (0, 0) => [level(red), level(red), level(red), opacity],
        _ => [level(red), level(green), level(blue), opacity],
    }
}

#[test]
fn pixels_of_masks_are_read_right_and_come_back_bit_for_bit() {
    for (bytes, flags, masks) in masks() {
        let dds = Dds::new(13, 7, Name::Masks(flags, masks), Stored::Pixels(bytes));
        let row = format!("{dds:?}");
        let file = dds.noise(1);
        let picture = read(&file, &row);
        for (at, stored) in file[128..].chunks_exact(bytes as usize).enumerate() {
            let number = stored.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte));
            let expected = pixel(number, masks);
            let alpha = picture.alpha.as_ref().map_or(1.0, |alpha| alpha[at]);
            let rgb = &picture.rgb[3 * at..][..3];
            let found = [rgb[0], rgb[1], rgb[2], 255.0 * alpha].map(f64::from);
            let expected = [expected[0], expected[1], expected[2], 255.0 * expected[3]];
            let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f64::max) < 1e-3, "{row}: {found:?}, not {expected:?}");
        }
        assert_eq!(picture.alpha.is_some(), masks[3] != 0, "{row}");
        let is_gray = masks[1] == 0 && masks[2] == 0;
        assert_eq!(picture.origin.color == Color::Gray, is_gray, "{row}");
        // Bits without a meaning become ones.
        let all = masks.iter().fold(0, |all, mask| all | mask);
        let expected: Vec<u8> = file[128..]
            .chunks_exact(bytes as usize)
            .flat_map(|stored| {
                let unused = (!all).to_le_bytes();
                (0..bytes as usize).map(move |at| stored[at] | unused[at])
            })
            .collect();
        assert!(written(&picture) == dds.file(&expected), "{row}");
    }
}

#[test]
fn what_is_not_packed_comes_back_bit_for_bit_by_every_name() {
    for mut dds in every_kind(13, 7) {
        let Stored::Pixels(_) = dds.stored else { continue };
        let row = format!("{dds:?}");
        let file = dds.noise(5);
        let picture = read(&file, &row);
        let again = written(&picture);
        assert_eq!(again[..128], file[..128], "{row}");
        let has_unused =
            matches!(dds.name, Name::Dxgi(88 | 92 | 93, _)) || matches!(dds.name, Name::Masks(..));
        if matches!(dds.name, Name::Dxgi(2, _) | Name::FourCc([116, ..], _)) {
            // Within a last bit, since levels are 255 times as large.
            let singles = |bytes: &[u8]| -> Vec<f32> {
                let words = bytes[start(dds.name)..].chunks_exact(4);
                words.map(|word| f32::from_le_bytes(*word.first_chunk().expect("4"))).collect()
            };
            let mut pairs = singles(&file).into_iter().zip(singles(&again));
            assert!(pairs.all(|(a, b)| (a - b).abs() <= a.abs() * f32::EPSILON), "{row}");
        } else {
            assert!(has_unused || again == file, "{row}");
        }
        // The alpha modes of the longer header.
        let Name::Dxgi(code, _) = dds.name else { continue };
        for mode in 1..=4 {
            dds.name = Name::Dxgi(code, mode);
            let picture = read(&dds.noise(5), &row);
            let has_room =
                matches!(code, 2 | 10 | 11 | 24 | 27..=29 | 65 | 86 | 87 | 90 | 91 | 115);
            assert_eq!(picture.alpha.is_some(), has_room && mode != 3, "{row} {mode}");
            let again = written(&picture);
            let (kind, said) = match mode {
                // Of no alpha, whatever the header says comes back.
                _ if !has_room => (AlphaKind::Straight, mode),
                3 => (AlphaKind::Straight, 3),
                2 => (AlphaKind::Associated, 2),
                4 => (AlphaKind::Unspecified, 4),
                _ => (AlphaKind::Straight, 1),
            };
            assert_eq!((picture.origin.alpha_kind, again[144]), (kind, said as u8), "{row} {mode}");
        }
    }
}

#[test]
fn grey_whose_masks_lie_outside_is_read_as_pillow_writes_it() {
    let masks = [0xff00_0000, 0xff00_0000, 0xff00_0000, 0];
    let gray = Dds::new(2, 1, Name::Masks(LUMINANCE, masks), Stored::Pixels(1));
    assert_eq!(read(&gray.file(&[10, 200]), "grey").rgb, [10.0, 10.0, 10.0, 200.0, 200.0, 200.0]);
    let faded = Name::Masks(LUMINANCE | ALPHA, [0xff, 0xff, 0xff, 0xff00_0000]);
    let faded = Dds::new(1, 1, faded, Stored::Pixels(2)).file(&[10, 51]);
    let picture = read(&faded, "grey with alpha");
    assert_eq!((picture.rgb, picture.alpha), (vec![10.0; 3], Some(vec![0.2])));
}

/// Four texels of a row of each kind of block, and alpha in the last place.
#[test]
fn blocks_are_read_as_direct3d_describes_them() {
    let check = |name: Name, bytes: &[u8], texels: &[(usize, [f32; 4])]| {
        let dds = Dds::new(4, 4, name, Stored::Blocks(bytes.len() as u32));
        let row = format!("{name:?}");
        let picture = read(&dds.file(bytes), &row);
        for (at, expected) in texels {
            let rgb = &picture.rgb[3 * at..][..3];
            let alpha = picture.alpha.as_ref().map_or(255.0, |alpha| 255.0 * alpha[*at]);
            let found = [rgb[0], rgb[1], rgb[2], alpha];
            let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) <= 1.0, "{row}, {at}: {found:?}, not {expected:?}");
        }
    };
    let (red, blue) = ([255.0, 0.0, 0.0, 255.0], [0.0, 0.0, 255.0, 255.0]);
    let (more_red, more_blue) = ([170.0, 0.0, 85.0, 255.0], [85.0, 0.0, 170.0, 255.0]);
    // Red and blue of 5:6:5, and the indices 0 to 3 in each row.
    let colors = [0x00, 0xf8, 0x1f, 0x00, 0xe4, 0xe4, 0xe4, 0xe4];
    let four = [(0, red), (1, blue), (2, more_red), (15, more_blue)];
    check(Name::FourCc(*b"DXT1", false), &colors, &four);
    check(Name::Dxgi(72, 0), &colors, &four);
    // The other order: one mixture and a hole.
    let hole = [0x1f, 0x00, 0x00, 0xf8, 0xe4, 0xe4, 0xe4, 0xe4];
    let three = [(0, blue), (1, red), (2, [127.5, 0.0, 127.5, 255.0]), (3, [0.0; 4])];
    check(Name::FourCc(*b"DXT1", false), &hole, &three);
    check(Name::Dxgi(71, 1), &hole, &three);
    let with = |alpha: [u8; 8], colors: [u8; 8]| [alpha, colors].concat();
    let faded = |texel: [f32; 4], alpha: f32| [texel[0], texel[1], texel[2], alpha];
    let sharp = with([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe], colors);
    let steps = [(0, faded(red, 0.0)), (1, faded(blue, 17.0)), (15, faded(more_blue, 255.0))];
    check(Name::FourCc(*b"DXT3", false), &sharp, &steps);
    check(Name::Dxgi(74, 0), &sharp, &steps);
    // 210 and 0, and the indices 0 to 7: six mixtures of 30 each.
    let smooth = [210, 0, 0x88, 0xc6, 0xfa, 0x88, 0xc6, 0xfa];
    let fading = [(0, faded(red, 210.0)), (1, faded(blue, 0.0)), (2, faded(more_red, 180.0))];
    check(Name::FourCc(*b"DXT5", false), &with(smooth, colors), &fading);
    check(Name::Dxgi(77, 0), &with(smooth, colors), &fading);
    check(Name::FourCc(*b"ATI1", false), &smooth, &[(7, [30.0, 30.0, 30.0, 255.0])]);
    check(Name::Dxgi(80, 0), &smooth, &[(3, [150.0, 150.0, 150.0, 255.0])]);
    let two = with(smooth, [0, 210, 0x88, 0xc6, 0xfa, 0x88, 0xc6, 0xfa]);
    // With the lower end first there are four mixtures, then black and white.
    let pairs = [(0, [210.0, 0.0, 0.0, 255.0]), (1, [0.0, 210.0, 0.0, 255.0])];
    check(Name::FourCc(*b"ATI2", false), &two, &pairs);
    check(Name::Dxgi(83, 0), &two, &[(7, [30.0, 255.0, 0.0, 255.0])]);
    // Mode 6 of BC7: ends of (127, 0, 64, 127) with a last bit, all indices 0.
    let ends = 1_u128 << 6 | 127 << 7 | 64 << (7 + 28) | 127 << (7 + 42) | 3 << (7 + 56);
    check(Name::Dxgi(98, 0), &ends.to_le_bytes(), &[(5, [255.0, 1.0, 129.0, 255.0])]);
    // Mode 11 of BC6H: both ends are 495 of 1023 in red, which is 1.0.
    let ends = 3_u128 | 495 << 5 | 495 << 35;
    check(Name::Dxgi(95, 0), &ends.to_le_bytes(), &[(9, [255.0, 0.0, 0.0, 255.0])]);
}

#[test]
fn a_block_of_one_colour_is_near_in_every_format() {
    for dds in every_kind(5, 5) {
        let row = format!("{dds:?}");
        let mut picture = read(&dds.noise(3), &row);
        picture.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&[90.0; 3]));
        if let Some(alpha) = &mut picture.alpha {
            alpha.fill(1.0);
        }
        let again = read(&written(&picture), &row);
        // Three bits, or a float of a block.
        let most = if row.contains("[224, 28, 3") { 37.0 } else { 9.0 };
        let has_color = !row.contains("[0, 0, 0, 255]") && !row.contains("Dxgi(65");
        let found = if has_color { (again.rgb[0] - 90.0).abs() } else { again.rgb[0] };
        assert!(found <= most, "{row}: {}", again.rgb[0]);
        assert_eq!(again.alpha.is_some(), picture.alpha.is_some(), "{row}");
    }
}

#[test]
fn multiplied_colours_are_divided_and_multiplied_again() {
    // Half opaque; red is half as bright as it will be. Alpha of 0 keeps what is added.
    let colors = [0x00, 0x78, 0x00, 0x78, 0, 0, 0, 0];
    let half = [[0x88; 8], colors].concat();
    for (name, stored) in
        [(*b"DXT2", &half), (*b"DXT4", &[[136, 136, 0, 0, 0, 0, 0, 0], colors].concat())]
    {
        let dds = Dds::new(4, 4, Name::FourCc(name, false), Stored::Blocks(16));
        let bytes = dds.file(stored);
        assert_eq!(traits(&bytes), [FileTrait::AssociatedAlpha]);
        let picture = read(&bytes, "multiplied");
        assert_eq!(picture.origin.alpha_kind, AlphaKind::Associated);
        // 123 of 255, divided by 136 of 255.
        assert!((picture.rgb[0] - 230.6).abs() < 1.0, "{}", picture.rgb[0]);
        let again = read(&written(&picture), "again");
        assert!((again.rgb[0] - picture.rgb[0]).abs() < 4.0, "{}", again.rgb[0]);
    }
}

#[test]
fn one_or_two_channels_stay_so_whatever_is_painted() {
    for (name, stored, expected) in [
        (Name::FourCc(*b"ATI1", false), Stored::Blocks(8), [100.0; 3]),
        (Name::Dxgi(61, 0), Stored::Pixels(1), [100.0; 3]),
        (Name::Masks(LUMINANCE, [0xff, 0, 0, 0]), Stored::Pixels(1), [100.0; 3]),
        (Name::Dxgi(83, 0), Stored::Blocks(16), [54.0, 120.0, 0.0]),
        (Name::Dxgi(49, 0), Stored::Pixels(2), [54.0, 120.0, 0.0]),
    ] {
        let dds = Dds::new(8, 8, name, stored);
        let bytes = dds.noise(7);
        assert_eq!(traits(&bytes), [FileTrait::FewChannels], "{name:?}");
        let mut picture = read(&bytes, "few");
        picture.rgb.chunks_exact_mut(3).for_each(|p| p.copy_from_slice(&[54.0, 120.0, 38.0]));
        let again = written(&picture);
        assert_eq!(again[..128], bytes[..128], "{name:?}");
        let rgb = read(&again, "again").rgb;
        let off = rgb.iter().zip(expected.iter().cycle()).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) <= 1.0, "{name:?}: {:?}", &rgb[..3]);
    }
}
