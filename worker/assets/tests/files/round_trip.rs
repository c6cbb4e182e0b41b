//! Encoding and decoding keep everything that the format can hold.

use impasto_assets::{
    AssetErrorKind, Color, Density, Depth, Limits, Orientation, Origin, Picture, decode, encode,
    read_header,
};
use impasto_types::{ContainerFormat, FileTrait, OutputSpec, Part};

/// Odd sides, so that mistakes with row padding are found.
const WIDTH: u32 = 13;
const HEIGHT: u32 = 7;

fn picture(depth: Depth, color: Color, alpha: bool) -> Picture {
    let pixels = 0..WIDTH * HEIGHT;
    let level = |at: u32, channel: u32| match color {
        Color::Gray => (at * 2719 % 65_536) as f32 / 257.0,
        Color::Rgb => ((at * 2719 + channel * 9973) % 65_536) as f32 / 257.0,
    };
    Picture {
        width: WIDTH,
        height: HEIGHT,
        rgb: pixels.clone().flat_map(|at| [level(at, 0), level(at, 1), level(at, 2)]).collect(),
        alpha: alpha.then(|| pixels.map(|at| (at % 7) as f32 / 6.0).collect()),
        extra: Vec::new(),
        origin: Origin { color, depth, ..Origin::synthetic("test", ContainerFormat::Png) },
    }
}

fn profile(color: Color) -> Vec<u8> {
    let mut icc: Vec<u8> = (0..600).map(|i| (i * 31) as u8).collect();
    icc[16..20].copy_from_slice(match color {
        Color::Gray => b"GRAY",
        Color::Rgb => b"RGB ",
    });
    icc
}

fn spec(format: ContainerFormat) -> OutputSpec {
    OutputSpec { part: Part::Color, format, quality: 95 }
}

fn name(format: ContainerFormat) -> String {
    format!("test.{}", format.extension())
}

fn again(picture: &Picture, format: ContainerFormat) -> Picture {
    let bytes = encode(picture, spec(format)).unwrap_or_else(|error| panic!("{format}: {error}"));
    assert_eq!(
        encode(picture, spec(format)).expect("it encodes again"),
        bytes,
        "{format} is not deterministic"
    );
    let header = read_header(&bytes, &name(format), &Limits::default())
        .unwrap_or_else(|error| panic!("{format}: {error}"));
    let decoded = decode(&bytes, &name(format), &Limits::default())
        .unwrap_or_else(|error| panic!("{format}: {error}"));
    let origin = &decoded.origin;
    assert_eq!(
        (header.format, header.width, header.height, header.color, header.depth, header.alpha),
        (
            format,
            decoded.width,
            decoded.height,
            origin.color,
            origin.depth,
            decoded.alpha.is_some()
        )
    );
    decoded
}

/// The largest difference of two planes, in levels of 255.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn lossless_formats_keep_half_a_level() {
    // The depth of the picture, and that of the file.
    let check = |format, depth, written: Depth, colors: &[Color]| {
        let half_a_level = match written {
            Depth::Eight => 0.5,
            Depth::Sixteen => 0.5 / 257.0,
            Depth::Float => 0.0,
        } + 1e-4;
        for &color in colors {
            for alpha in [false, true] {
                for icc in [None, Some(profile(color))] {
                    let row =
                        format!("{format} {depth:?} {color:?} alpha {alpha} icc {}", icc.is_some());
                    let mut original = picture(depth, color, alpha);
                    original.origin.icc = icc;
                    let decoded = again(&original, format);
                    assert!(difference(&original.rgb, &decoded.rgb) <= half_a_level, "{row}");
                    assert_eq!(decoded.alpha.is_some(), alpha, "{row}");
                    if let (Some(before), Some(after)) = (&original.alpha, &decoded.alpha) {
                        assert!(difference(before, after) * 255.0 <= half_a_level, "{row}");
                    }
                    assert_eq!(decoded.origin.depth, written, "{row}");
                    let holds_profiles = !matches!(
                        format,
                        ContainerFormat::Tga | ContainerFormat::Bmp | ContainerFormat::Qoi
                    );
                    // A picture that became RGB has lost its grey profile.
                    if holds_profiles && decoded.origin.color == color {
                        assert_eq!(decoded.origin.icc, original.origin.icc, "{row}");
                    }
                }
            }
        }
    };
    let both = [Color::Gray, Color::Rgb];
    check(ContainerFormat::Png, Depth::Eight, Depth::Eight, &both);
    check(ContainerFormat::Png, Depth::Sixteen, Depth::Sixteen, &both);
    check(ContainerFormat::Png, Depth::Float, Depth::Sixteen, &both);
    check(ContainerFormat::Tiff, Depth::Eight, Depth::Eight, &both);
    check(ContainerFormat::Tiff, Depth::Sixteen, Depth::Sixteen, &both);
    check(ContainerFormat::Tiff, Depth::Float, Depth::Float, &[Color::Rgb]);
    check(ContainerFormat::Webp, Depth::Eight, Depth::Eight, &both);
    check(ContainerFormat::Webp, Depth::Sixteen, Depth::Eight, &both);
    check(ContainerFormat::Tga, Depth::Eight, Depth::Eight, &both);
    check(ContainerFormat::Tga, Depth::Sixteen, Depth::Eight, &both);
    check(ContainerFormat::Qoi, Depth::Eight, Depth::Eight, &both);
    check(ContainerFormat::Qoi, Depth::Sixteen, Depth::Eight, &both);
    check(ContainerFormat::Bmp, Depth::Eight, Depth::Eight, &both);
    check(ContainerFormat::Bmp, Depth::Float, Depth::Eight, &both);
}

#[test]
fn jpeg_keeps_what_it_can() {
    for color in [Color::Gray, Color::Rgb] {
        let mut original = picture(Depth::Sixteen, color, false);
        for (at, pixel) in original.rgb.chunks_exact_mut(3).enumerate() {
            pixel.fill(at as f32 * 2.0);
        }
        original.origin.icc = Some(profile(color));
        let decoded = again(&original, ContainerFormat::Jpeg);
        assert!(difference(&original.rgb, &decoded.rgb) < 6.0, "{color:?}");
        assert_eq!((decoded.origin.color, &decoded.origin.icc), (color, &original.origin.icc));
    }
}

#[test]
fn jpeg_refuses_alpha_and_names_formats_that_hold_it() {
    let error = encode(&picture(Depth::Eight, Color::Rgb, true), spec(ContainerFormat::Jpeg))
        .expect_err("jpeg has no alpha");
    assert_eq!(
        error.to_string(),
        format!(
            "`test` has alpha, which jpg cannot hold; choose {}",
            ContainerFormat::list(
                ContainerFormat::pictures().filter(|format| format.holds_alpha()),
                "or"
            )
        )
    );
}

#[test]
fn sixteen_bits_come_back_bit_for_bit() {
    let mut original = picture(Depth::Sixteen, Color::Gray, false);
    (original.width, original.height) = (256, 256);
    original.rgb = (0..=u16::MAX).flat_map(|level| [f32::from(level) / 257.0; 3]).collect();
    for format in [ContainerFormat::Png, ContainerFormat::Tiff, ContainerFormat::Psd] {
        assert_eq!(again(&original, format).rgb, original.rgb, "{format}");
    }
}

#[test]
fn floats_beyond_the_range_survive_in_tiff() {
    let mut original = picture(Depth::Float, Color::Rgb, false);
    original.rgb[0] = 255.0 * 4.0;
    original.rgb[1] = -25.5;
    let decoded = again(&original, ContainerFormat::Tiff);
    assert!(difference(&original.rgb, &decoded.rgb) < 1e-3);
    let clamped = again(&original, ContainerFormat::Png);
    assert_eq!((clamped.rgb[0], clamped.rgb[1]), (255.0, 0.0));
}

#[test]
fn a_grey_asset_painted_in_colour_becomes_rgb() {
    let mut painted = picture(Depth::Eight, Color::Gray, true);
    painted.origin.icc = Some(profile(Color::Gray));
    painted.rgb[0] += 100.0;
    let decoded = again(&painted, ContainerFormat::Png);
    assert_eq!(
        (decoded.origin.color, decoded.origin.icc, decoded.alpha.is_some()),
        (Color::Rgb, None, true)
    );
}

#[test]
fn the_pixel_density_is_kept() {
    let mut original = picture(Depth::Eight, Color::Rgb, false);
    original.origin.density = Some(Density::from_dpi(300.0, 150.0));
    for format in [
        ContainerFormat::Png,
        ContainerFormat::Jpeg,
        ContainerFormat::Tiff,
        ContainerFormat::Bmp,
        ContainerFormat::Psd,
    ] {
        let (x, y) = again(&original, format)
            .origin
            .density
            .unwrap_or_else(|| panic!("{format} lost it"))
            .dpi();
        assert!((x - 300.0).abs() < 0.05 && (y - 150.0).abs() < 0.05, "{format}: {x} {y}");
    }
    original.origin.density = None;
    for format in ContainerFormat::pictures() {
        assert_eq!(again(&original, format).origin.density, None, "{format}");
    }
}

#[test]
fn a_pixel_that_is_not_a_number_is_an_error() {
    let mut broken = picture(Depth::Eight, Color::Rgb, false);
    broken.rgb[(WIDTH as usize * 2 + 5) * 3 + 1] = f32::NAN;
    let error = encode(&broken, spec(ContainerFormat::Png)).expect_err("it is refused");
    assert!(matches!(error.kind, AssetErrorKind::NotFinite { x: 5, y: 2 }), "{error}");
    broken.rgb.pop();
    let error = encode(&broken, spec(ContainerFormat::Png)).expect_err("it is refused");
    assert!(matches!(error.kind, AssetErrorKind::WrongLength { .. }), "{error}");
}

#[test]
fn a_side_too_long_for_the_format_is_an_error() {
    let long = Picture {
        width: 16_384,
        height: 1,
        rgb: vec![0.0; 16_384 * 3],
        ..picture(Depth::Eight, Color::Rgb, false)
    };
    let error = encode(&long, spec(ContainerFormat::Webp)).expect_err("it is refused").to_string();
    assert!(
        error.starts_with(
            "`test` would be 16384 x 1 pixels, but webp holds at most 16383 a side; choose"
        ),
        "{error}"
    );
}

#[test]
fn png_s_gamma_and_palettes_are_understood() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(vec![10, 20, 30, 40, 50, 60]);
    encoder.set_trns(vec![0, 255]);
    encoder.set_source_gamma(png::ScaledFloat::new(1.0));
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[0, 1]).expect("pixels");
    writer.finish().expect("an end");
    let decoded = decode(&bytes, "palette.png", &Limits::default()).expect("it decodes");
    assert_eq!(
        (&decoded.rgb[..], decoded.alpha.as_deref()),
        (&[10.0, 20.0, 30.0, 40.0, 50.0, 60.0][..], Some(&[0.0, 1.0][..]))
    );

    let written = encode(&decoded, spec(ContainerFormat::Png)).expect("it encodes");
    let reader = png::Decoder::new(std::io::Cursor::new(&written)).read_info().expect("a header");
    assert_eq!(reader.info().gama_chunk, Some(png::ScaledFloat::new(1.0)));
    assert_eq!(reader.info().srgb, None);
}

#[test]
fn tiff_s_other_kinds_of_alpha_are_understood() {
    use tiff::encoder::{TiffEncoder, colortype::RGB8};
    use tiff::tags::ExtraSamples;
    let write = |extra: ExtraSamples| {
        let mut file = std::io::Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).expect("a file");
        let mut image = encoder.new_image::<RGB8>(2, 1).expect("an image");
        image.extra_samples(&[extra]).expect("a fourth sample");
        image.write_data(&[10, 20, 30, 51, 40, 50, 60, 255]).expect("pixels");
        file.into_inner()
    };
    let multiplied = decode(&write(ExtraSamples::AssociatedAlpha), "a.tif", &Limits::default())
        .expect("it decodes");
    assert!(
        difference(&multiplied.rgb, &[50.0, 100.0, 150.0, 40.0, 50.0, 60.0]) < 1e-3,
        "{:?}",
        multiplied.rgb
    );
    let unrelated =
        decode(&write(ExtraSamples::Unspecified), "a.tif", &Limits::default()).expect("it decodes");
    assert_eq!(unrelated.rgb, [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    assert_eq!(unrelated.alpha.as_deref(), Some(&[51.0 / 255.0, 1.0][..]));
}

#[test]
fn the_stored_grid_and_its_orientation_come_back() {
    let formats =
        [ContainerFormat::Png, ContainerFormat::Jpeg, ContainerFormat::Webp, ContainerFormat::Tga];
    for orientation in Orientation::ALL {
        let mut original = picture(Depth::Eight, Color::Rgb, false);
        // Dark on the left, bright on the right.
        for (at, pixel) in original.rgb.chunks_exact_mut(3).enumerate() {
            pixel.fill((at % WIDTH as usize) as f32 * 19.0);
        }
        original.origin.orientation = orientation;
        for format in formats {
            let row = format!("{format} {orientation:?}");
            let decoded = again(&original, format);
            assert_eq!((decoded.width, decoded.height), (WIDTH, HEIGHT), "{row}");
            assert!(difference(&original.rgb, &decoded.rgb) < 6.0, "{row}");
            let kept = FileTrait::Orientation.is_kept_by(format);
            let expected = if kept { orientation } else { Orientation::Normal };
            assert_eq!(decoded.origin.orientation, expected, "{row}");
            let bytes = encode(&original, spec(format)).expect("it encodes");
            let header = read_header(&bytes, &name(format), &Limits::default()).expect("a header");
            let upright = decoded.upright();
            assert_eq!(header.upright_size(), (upright.width, upright.height), "{row}");
            assert_eq!(
                header.traits.contains(FileTrait::Orientation),
                expected != Orientation::Normal,
                "{row}"
            );
        }
    }
}
