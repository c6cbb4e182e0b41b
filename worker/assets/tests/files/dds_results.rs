//! What becomes of a picture in a DDS file: its blocks, its alpha and its mips.

use impasto_assets::{AlphaKind, Color, Depth, Origin, Picture, look};
use impasto_types::{ContainerFormat, FileTrait};

use crate::fixtures::dds::{
    ALPHA, Dds, Name, RGB, Stored, every_kind, read, start, traits, written,
};

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
        let bytes = written(&picture);
        let expected = Dds { width: picture.width, height: picture.height, mips: 7, ..dds };
        assert_eq!(bytes[..start(name)], expected.header(), "{row}");
        assert_eq!(bytes.len(), start(name) + expected.all_bytes(), "{row}");
        assert_eq!(written(&picture), bytes, "{row}");
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
        let again = written(&picture);
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
        let again = written(&picture);
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
        let bytes = written(&photograph(origin, alpha.is_some()));
        let name = Name::Dxgi(code, mode.into());
        let stored = match code {
            99 => Stored::Blocks(16),
            11 => Stored::Pixels(8),
            _ => Stored::Pixels(16),
        };
        let dds = Dds { mips: 7, ..Dds::new(97, 66, name, stored) };
        assert_eq!(bytes[..148], dds.header(), "{depth:?}, alpha {alpha:?}");
        assert_eq!(bytes.len(), 148 + dds.all_bytes());
        assert!(traits(&bytes).contains(&FileTrait::Mips));
    };
    check(Depth::Eight, None, 99, 3);
    check(Depth::Eight, Some(AlphaKind::Straight), 99, 1);
    check(Depth::Eight, Some(AlphaKind::Associated), 99, 2);
    check(Depth::Eight, Some(AlphaKind::Unspecified), 99, 4);
    check(Depth::Sixteen, None, 11, 3);
    check(Depth::Float, Some(AlphaKind::Straight), 2, 1);
}

/// A mip of a file, as a picture of its own.
fn mip(bytes: &[u8], dds: &Dds, mip: u32) -> Picture {
    let before: u32 = (0..mip).map(|mip| dds.bytes_of(mip)).sum();
    let at = start(dds.name) + before as usize;
    let (width, height) = ((dds.width >> mip).max(1), (dds.height >> mip).max(1));
    let one = Dds { width, height, mips: 1, ..*dds };
    read(&one.file(&bytes[at..at + one.all_bytes()]), &format!("{dds:?}, mip {mip}"))
}

#[test]
fn odd_sizes_are_packed_down_to_a_pixel() {
    for (width, height, mips) in [(1, 1, 1), (3, 5, 3), (17, 9, 5), (1, 40, 6)] {
        for dds in every_kind(width, height) {
            let Stored::Blocks(_) = dds.stored else { continue };
            let dds = Dds { mips, ..dds };
            let row = format!("{dds:?}");
            let mut picture = read(&dds.noise(1), &row);
            // A grey that 5 and 6 bits have, and nearly 8.
            picture.rgb.fill(132.0);
            if let Some(alpha) = &mut picture.alpha {
                alpha.fill(1.0);
            }
            let bytes = written(&picture);
            for level in 0..mips {
                let again = mip(&bytes, &dds, level);
                let channels = if again.rgb[2] == 0.0 { 2 } else { 3 };
                for pixel in again.rgb.chunks_exact(3) {
                    let off = pixel[..channels].iter().map(|level| (level - 132.0).abs());
                    assert!(off.fold(0.0, f32::max) <= 2.0, "{row}, {level}: {pixel:?}");
                }
                let alpha = again.alpha.unwrap_or_default();
                assert!(alpha.iter().all(|&alpha| alpha == 1.0), "{row}, {level}");
            }
        }
    }
}

#[test]
fn a_cut_out_keeps_its_coverage_and_gets_no_fringe_in_blocks() {
    let wave = |at: u32| {
        let (x, y) = ((at % 128) as f32, (at / 128) as f32);
        (0.37 * x).sin() + (0.29 * y).sin() + (0.21 * (x + 1.7 * y)).sin()
    };
    let holes: Vec<bool> = (0..128 * 128).map(|at| wave(at) < 0.3).collect();
    for (name, block_bytes) in [
        (Name::FourCc(*b"DXT1", true), 8),
        (Name::FourCc(*b"DXT5", false), 16),
        (Name::Dxgi(99, 1), 16),
    ] {
        let dds = Dds { mips: 6, ..Dds::new(128, 128, name, Stored::Blocks(block_bytes)) };
        let mut picture = read(&dds.noise(1), "leaves");
        picture.alpha = Some(holes.iter().map(|hole| if *hole { 0.0 } else { 1.0 }).collect());
        // Green leaves on transparent black.
        let colors =
            holes.iter().flat_map(|hole| if *hole { [0.0; 3] } else { [40.0, 180.0, 40.0] });
        picture.rgb = colors.collect();
        let bytes = written(&picture);
        let coverage = |picture: &Picture| {
            let alpha = picture.alpha.as_ref().expect("alpha");
            let covered = alpha.iter().filter(|alpha| **alpha >= 0.5).count();
            covered as f32 / alpha.len() as f32
        };
        let expected = coverage(&picture);
        for level in 0..5 {
            let again = mip(&bytes, &dds, level);
            let found = coverage(&again);
            assert!((found - expected).abs() < 0.06, "{name:?}, {level}: {found}, not {expected}");
            let alpha = again.alpha.as_ref().expect("alpha");
            let seen = again.rgb.chunks_exact(3).zip(alpha).filter(|(_, alpha)| **alpha >= 0.5);
            let darkest = seen.map(|(pixel, _)| pixel[1]).fold(255.0, f32::min);
            assert!(darkest > 160.0, "{name:?}, {level}: {darkest}");
        }
    }
}

#[test]
fn two_channels_of_vectors_are_a_normal_map() {
    let dds = Dds::new(64, 64, Name::FourCc(*b"ATI2", false), Stored::Blocks(16));
    let mut map = read(&dds.noise(1), "vectors");
    assert!(!look(&map).normal_map);
    for (at, pixel) in map.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((at % 64) as f32 / 9.0, (at / 64) as f32 / 7.0);
        pixel.copy_from_slice(&[128.0 + 60.0 * x.sin(), 128.0 + 50.0 * y.cos(), 0.0]);
    }
    assert!(look(&read(&written(&map), "vectors")).normal_map);
    map.origin.dds = None;
    assert!(!look(&map).normal_map);
}
