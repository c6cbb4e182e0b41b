//! Every kind of DDS is read right, and comes back as it came.

mod fixtures;

use fixtures::dds::{ALPHA, Dds, LUMINANCE, Name, RGB, Stored, every_kind, masks};
use impasto_assets::{
    AlphaKind, AssetErrorKind, Color, Depth, Limits, Origin, Picture, decode, encode, read_header,
    verify,
};
use impasto_types::{ContainerFormat, FileTrait, OutputSpec, Part};
use proptest::prelude::*;

fn read(bytes: &[u8], row: &str) -> Picture {
    let limits = Limits::default();
    let picture = decode(bytes, "a.dds", &limits).unwrap_or_else(|error| panic!("{row}: {error}"));
    let header =
        read_header(bytes, "a.dds", &limits).unwrap_or_else(|error| panic!("{row}: {error}"));
    let origin = &picture.origin;
    assert_eq!(
        (header.width, header.height, header.color, header.depth, header.alpha),
        (picture.width, picture.height, origin.color, origin.depth, picture.alpha.is_some()),
        "{row}"
    );
    verify(bytes, "a.dds", &limits).unwrap_or_else(|error| panic!("{row}: {error}"));
    picture
}

fn written(picture: &Picture, format: ContainerFormat) -> Vec<u8> {
    encode(picture, OutputSpec { part: Part::Color, format, quality: 90 }).expect("it encodes")
}

fn traits(bytes: &[u8]) -> Vec<FileTrait> {
    read_header(bytes, "a.dds", &Limits::default()).expect("a header").traits.iter().collect()
}

/// Where the pixels begin.
fn start(name: Name) -> usize {
    if matches!(name, Name::Dxgi(..)) { 148 } else { 128 }
}

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
        assert!(written(&picture, ContainerFormat::Dds) == dds.file(&expected), "{row}");
    }
}

#[test]
fn what_is_not_packed_comes_back_bit_for_bit_by_every_name() {
    for mut dds in every_kind(13, 7) {
        let Stored::Pixels(_) = dds.stored else { continue };
        let row = format!("{dds:?}");
        let file = dds.noise(5);
        let picture = read(&file, &row);
        let again = written(&picture, ContainerFormat::Dds);
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
            let again = written(&picture, ContainerFormat::Dds);
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

/// A picture like a photograph: smooth, with some edges and a little grain.
fn photograph(origin: Origin, alpha: bool) -> Picture {
    let (width, height) = (97_u32, 66_u32);
    let noise = |at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as f32 / 64.0;
    let level = |at: u32, channel: u32| {
        let (x, y) = ((at % width) as f32, (at / width) as f32);
        let wave = (x / 17.0 + channel as f32).sin() + (y / 11.0 - 0.5 * channel as f32).cos();
        let edge = if x + 2.0 * y > 120.0 { 30.0 } else { 0.0 };
        (110.0 + 45.0 * wave + edge + noise(3 * at + channel)).round().clamp(0.0, 255.0)
    };
    let pixels = 0..width * height;
    Picture {
        width,
        height,
        rgb: pixels.clone().flat_map(|at| [0, 1, 2].map(|channel| level(at, channel))).collect(),
        alpha: alpha.then(|| pixels.map(|at| level(at, 7) / 255.0).collect()),
        extra: Vec::new(),
        origin,
    }
}

/// Decibels between two pictures, by the channels that a kind keeps.
fn psnr(a: &[f32], b: &[f32], channels: usize) -> f64 {
    let kept = |(at, _): &(usize, _)| at % 3 < channels;
    let squares = a.iter().zip(b).enumerate().filter(kept);
    let (sum, count) = squares.fold((0.0, 0.0), |(sum, count), (_, (a, b))| {
        let (a, b) = (f64::from(a.clamp(0.0, 255.0)), f64::from(b.clamp(0.0, 255.0)));
        (sum + (a - b) * (a - b), count + 1.0)
    });
    10.0 * (255.0 * 255.0 * count / f64::max(sum, 1e-9)).log10()
}

#[test]
fn blocks_keep_a_photograph() {
    let check = |name: Name, bytes: u32, alpha: bool, least: f64, least_alpha: f64| {
        let mut dds = Dds::new(4, 4, name, Stored::Blocks(bytes));
        dds.mips = 3;
        let row = format!("{name:?}");
        let asset = read(&dds.file(&vec![0; dds.all_bytes()]), &row);
        let mut picture = photograph(asset.origin, alpha);
        let channels = match name {
            Name::Dxgi(83, _) => 2,
            _ => 3,
        };
        if picture.origin.color == Color::Gray {
            picture.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(pixel[0]));
        }
        let bytes = written(&picture, ContainerFormat::Dds);
        let expected = Dds { width: picture.width, height: picture.height, mips: 7, ..dds };
        assert_eq!(bytes[..start(name)], expected.header(), "{row}");
        assert_eq!(bytes.len(), start(name) + expected.all_bytes(), "{row}");
        assert_eq!(written(&picture, ContainerFormat::Dds), bytes, "{row}");
        let again = read(&bytes, &row);
        let found = psnr(&picture.rgb, &again.rgb, channels);
        assert!(found > least, "{row}: {found:.1} dB");
        if let (Some(before), Some(after)) = (&picture.alpha, &again.alpha) {
            let [before, after] =
                [before, after].map(|plane| plane.iter().map(|a| a * 255.0).collect::<Vec<_>>());
            let found = psnr(&before, &after, 3);
            assert!(found > least_alpha, "{row}: {found:.1} dB of alpha");
        }
    };
    check(Name::FourCc(*b"DXT1", false), 8, false, 36.0, 0.0);
    check(Name::FourCc(*b"DXT3", false), 16, true, 36.0, 30.0);
    check(Name::FourCc(*b"DXT5", false), 16, true, 36.0, 40.0);
    check(Name::Dxgi(78, 1), 16, true, 36.0, 40.0);
    check(Name::FourCc(*b"ATI1", false), 8, false, 44.0, 0.0);
    check(Name::Dxgi(83, 3), 16, false, 44.0, 0.0);
    check(Name::Dxgi(95, 3), 16, false, 36.0, 0.0);
    check(Name::Dxgi(99, 3), 16, false, 42.0, 0.0);
    check(Name::Dxgi(98, 1), 16, true, 36.0, 38.0);
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
        let again = read(&written(&picture, ContainerFormat::Dds), &row);
        // Three bits, or a float of a block.
        let most = if row.contains("[224, 28, 3") { 37.0 } else { 9.0 };
        let has_color = !row.contains("[0, 0, 0, 255]") && !row.contains("Dxgi(65");
        let found = if has_color { (again.rgb[0] - 90.0).abs() } else { again.rgb[0] };
        assert!(found <= most, "{row}: {}", again.rgb[0]);
        assert_eq!(again.alpha.is_some(), picture.alpha.is_some(), "{row}");
    }
}

#[test]
fn alpha_is_there_if_the_header_or_a_pixel_says_so() {
    let opaque = [0x00, 0xf8, 0x1f, 0x00, 0xe4, 0xe4, 0xe4, 0xe4];
    let hole = [0x1f, 0x00, 0x00, 0xf8, 0xe4, 0xe4, 0xe4, 0xe4];
    let check = |name: Name, block: &[u8], alpha: bool| {
        let dds = Dds::new(4, 4, name, Stored::Blocks(block.len() as u32));
        let mut picture = read(&dds.file(block), &format!("{name:?}"));
        assert_eq!(picture.alpha.is_some(), alpha, "{name:?}");
        // A trace of alpha that blocks may lose does not change what the file has.
        if let Some(alpha) = &mut picture.alpha {
            alpha.fill(1.0);
            alpha[3] = 0.999;
        }
        let again = written(&picture, ContainerFormat::Dds);
        assert_eq!(read(&again, "again").alpha.is_some(), alpha, "{name:?}");
    };
    check(Name::FourCc(*b"DXT1", false), &opaque, false);
    check(Name::FourCc(*b"DXT1", true), &opaque, true);
    check(Name::FourCc(*b"DXT1", false), &hole, true);
    check(Name::Dxgi(71, 0), &opaque, false);
    check(Name::Dxgi(71, 1), &opaque, true);
    check(Name::Dxgi(71, 0), &hole, true);
    check(Name::Dxgi(71, 3), &hole, false);
    let bc7 = |alpha: u128| {
        (1_u128 << 6 | 100 << 7 | alpha << (7 + 42) | alpha << (7 + 49) | 3 << 63).to_le_bytes()
    };
    check(Name::Dxgi(98, 0), &bc7(127), false);
    check(Name::Dxgi(98, 0), &bc7(126), true);
    check(Name::Dxgi(98, 3), &bc7(9), false);
    check(Name::FourCc(*b"DXT5", false), &[[255; 8], opaque].concat(), true);
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
        let again = read(&written(&picture, ContainerFormat::Dds), "again");
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
        let again = written(&picture, ContainerFormat::Dds);
        assert_eq!(again[..128], bytes[..128], "{name:?}");
        let rgb = read(&again, "again").rgb;
        let off = rgb.iter().zip(expected.iter().cycle()).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) <= 1.0, "{name:?}: {:?}", &rgb[..3]);
    }
}

#[test]
fn mips_are_as_many_as_there_were_and_fit_the_size() {
    let name = Name::Masks(RGB | ALPHA, [0xff_0000, 0xff00, 0xff, 0xff00_0000]);
    for (width, height, mips, resized, expected) in [
        (17, 9, 1, (17, 9), 1),
        (17, 9, 3, (17, 9), 3),
        (17, 9, 5, (17, 9), 5),
        (17, 9, 5, (64, 40), 7),
        (17, 9, 3, (64, 40), 3),
        (17, 9, 4, (3, 5), 3),
        (1, 1, 1, (4, 4), 1),
    ] {
        let dds = Dds { mips, ..Dds::new(width, height, name, Stored::Pixels(4)) };
        let bytes = dds.noise(9);
        assert_eq!(traits(&bytes).contains(&FileTrait::Mips), mips > 1);
        let mut picture = read(&bytes, "mips");
        (picture.width, picture.height) = resized;
        let pixels = picture.pixels();
        picture.rgb = [10.0, 100.0, 200.0].repeat(pixels);
        picture.alpha = Some(vec![1.0; pixels]);
        let again = written(&picture, ContainerFormat::Dds);
        let dds = Dds { width: resized.0, height: resized.1, mips: expected, ..dds };
        let flat = [200, 100, 10, 255].repeat(dds.all_bytes() / 4);
        assert!(again == dds.file(&flat), "{width} x {height}, {mips} mips to {resized:?}");
    }
}

#[test]
fn another_picture_becomes_bc7_or_keeps_its_bits() {
    let check = |depth, alpha: Option<AlphaKind>, code: u32, mode: u8| {
        let origin = Origin {
            depth,
            alpha_kind: alpha.unwrap_or_default(),
            ..Origin::synthetic("a", ContainerFormat::Png)
        };
        let bytes = written(&photograph(origin, alpha.is_some()), ContainerFormat::Dds);
        let name = Name::Dxgi(code, mode.into());
        let stored = match code {
            99 => Stored::Blocks(16),
            11 => Stored::Pixels(8),
            _ => Stored::Pixels(16),
        };
        let dds = Dds { mips: 7, ..Dds::new(97, 66, name, stored) };
        assert_eq!(bytes[..148], dds.header(), "{depth:?}, alpha {alpha:?}");
        assert_eq!(bytes.len(), 148 + dds.all_bytes());
        assert_eq!(traits(&bytes).contains(&FileTrait::Mips), true);
    };
    check(Depth::Eight, None, 99, 3);
    check(Depth::Eight, Some(AlphaKind::Straight), 99, 1);
    check(Depth::Eight, Some(AlphaKind::Associated), 99, 2);
    check(Depth::Eight, Some(AlphaKind::Unspecified), 99, 4);
    check(Depth::Sixteen, None, 11, 3);
    check(Depth::Float, Some(AlphaKind::Straight), 2, 1);
}

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
    check(plain, &[(112, 0xfe00)], &no("a cube map of six faces"));
    check(plain, &[(112, 0x0600)], &no("a cube map of one face"));
    check(plain, &[(136, 4)], &no("a cube map of six faces"));
    check(plain, &[(136, 4), (140, 3)], &no("an array of 3 cube maps"));
    check(plain, &[(140, 12)], &no("an array of 12 pictures"));
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
            let again = written(&picture, ContainerFormat::Dds);
            let result = read_header(&again, "a", &SMALL).expect("it has a header");
            prop_assert_eq!(result.picture(), header.picture());
            prop_assert_eq!(result.traits, header.traits);
            verify(&again, "a", &SMALL).expect("it is whole");
        }
    }
}
