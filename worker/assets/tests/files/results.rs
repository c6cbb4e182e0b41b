//! Results: what a program makes of an asset is what its header promises, and what is cut short or
//! is no picture is found without decoding it to one.

use impasto_assets::{
    AssetErrorKind, BadResult, Color, Limits, Origin, Picture, check_result, decode, encode,
    read_header, result_header, verify,
};
use impasto_types::{
    Action, AssetKind, AssetShape, BlobRef, ContainerFormat, Depth, Input, Output, OutputSpec,
    Part, Preset, StyleRef,
};

const WIDTH: u32 = 33;
const HEIGHT: u32 = 20;

fn picture(format: ContainerFormat, depth: Depth, color: Color, alpha: bool) -> Picture {
    let pixels = (WIDTH * HEIGHT) as usize;
    let level = |at: usize| (at * 37 % 256) as f32;
    let rgb = match color {
        Color::Gray => (0..pixels).flat_map(|at| [level(at); 3]).collect(),
        Color::Rgb => (0..3 * pixels).map(level).collect(),
    };
    let alpha = alpha.then(|| (0..pixels).map(|at| level(at) / 255.0).collect());
    let origin = Origin { depth, color, ..Origin::synthetic("a", format) };
    Picture { width: WIDTH, height: HEIGHT, rgb, alpha, extra: Vec::new(), origin }
}

fn spec(format: ContainerFormat) -> OutputSpec {
    OutputSpec { part: Part::Color, format, quality: 90 }
}

fn file(picture: &Picture, format: ContainerFormat) -> Vec<u8> {
    encode(picture, spec(format)).unwrap_or_else(|error| panic!("{format}: {error}"))
}

/// The action that makes a file of `format` from an asset.
fn action(asset: &[u8], format: ContainerFormat) -> Action {
    let blob = BlobRef::of(asset);
    let recipe = Preset::Painterly.recipe();
    Action {
        method_version: recipe.method().version(),
        recipe,
        kind: AssetKind::picture(),
        inputs: vec![Input::blob(Part::Color, blob)],
        styles: vec![StyleRef::whole(blob, 1.0)],
        regions: None,
        texture: None,
        models: vec![],
        outputs: vec![spec(format)],
    }
}

fn check(asset: &[u8], format: ContainerFormat, result: &[u8]) -> Result<(), BadResult> {
    let output = Output::picture(BlobRef::of(result), WIDTH, HEIGHT);
    let header = result_header(asset, &output).expect("the asset is right");
    let shape = AssetShape {
        size: (header.width, header.height),
        alpha: header.alpha,
        depth: header.depth,
    };
    let expected = action(asset, format).expected(Some(shape));
    check_result(&result_header(result, &output)?, &output, &expected[0])
}

#[test]
fn what_is_written_of_any_asset_is_what_its_action_asks_for() {
    for from in ContainerFormat::pictures() {
        for depth in [Depth::Eight, Depth::Sixteen, Depth::Float] {
            for color in [Color::Gray, Color::Rgb] {
                for alpha in [false, true] {
                    if alpha && !from.holds_alpha() {
                        continue;
                    }
                    let asset = file(&picture(from, depth, color, alpha), from);
                    let opened = decode(&asset, "a", &Limits::default()).expect("it decodes");
                    for to in ContainerFormat::pictures() {
                        if alpha && !to.holds_alpha() {
                            continue;
                        }
                        let row = format!("{from} {depth:?} {color:?} alpha {alpha} to {to}");
                        let result = file(&opened, to);
                        let checked = check(&asset, to, &result);
                        assert!(checked.is_ok(), "{row}: {:?}", checked.err());
                        verify(&result, "a", &Limits::default())
                            .unwrap_or_else(|error| panic!("{row}: {error}"));
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_not_asked_for_is_refused_by_its_header() {
    let (png, tiff) = (ContainerFormat::Png, ContainerFormat::Tiff);
    let asset = file(&picture(tiff, Depth::Sixteen, Color::Rgb, true), tiff);
    let refused = |result: &[u8], reason: &str| {
        let error = check(&asset, png, result).expect_err(reason).to_string();
        assert!(error.contains(reason), "{error} / {reason}");
    };
    refused(b"text", "`the color output` is not an image");
    refused(b"", "is empty");
    refused(&asset, "is a tiff file, but its action asks for png");
    refused(&file(&picture(png, Depth::Eight, Color::Rgb, true), png), "8 bits a sample");
    refused(&file(&picture(png, Depth::Sixteen, Color::Rgb, false), png), "without alpha");
    let mut small = picture(png, Depth::Sixteen, Color::Rgb, true);
    small.height -= 1;
    small.rgb.truncate((3 * WIDTH * small.height) as usize);
    small.alpha.iter_mut().for_each(|alpha| alpha.truncate((WIDTH * small.height) as usize));
    refused(&file(&small, png), "33 x 19 pixels, but its action makes 33 x 20");
}

#[test]
fn files_that_end_early_are_found_in_every_format() {
    for format in ContainerFormat::pictures() {
        let whole = file(&picture(format, Depth::Eight, Color::Rgb, false), format);
        verify(&whole, "a", &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
        for length in [0, 20, whole.len() / 2, whole.len() * 9 / 10] {
            let error = verify(&whole[..length], "a", &Limits::default())
                .expect_err(&format!("{format}, {length} of {}", whole.len()));
            assert!(decode(&whole[..length], "a", &Limits::default()).is_err(), "{error}");
        }
    }
}

#[test]
fn an_end_of_a_png_with_content_is_damage_to_all() {
    let png = ContainerFormat::Png;
    let mut bytes = file(&picture(png, Depth::Eight, Color::Rgb, false), png);
    let end = bytes.len() - 12;
    bytes[end + 3] = 1;
    bytes.insert(end + 8, 0);
    for refused in [
        read_header(&bytes, "a", &Limits::default()).map(drop),
        decode(&bytes, "a", &Limits::default()).map(drop),
        verify(&bytes, "a", &Limits::default()),
    ] {
        assert_eq!(refused.expect_err("it is refused").to_string(), "`a` is damaged");
    }
}

#[test]
fn numbers_that_are_none_are_found() {
    let tiff = ContainerFormat::Tiff;
    let mut bytes = file(&picture(tiff, Depth::Float, Color::Rgb, false), tiff);
    verify(&bytes, "a", &Limits::default()).expect("they are numbers");
    // Uncompressed, so that a sample can be changed.
    let mut raw = Vec::new();
    let mut encoder =
        tiff::encoder::TiffEncoder::new(std::io::Cursor::new(&mut raw)).expect("it begins");
    let mut samples = vec![0.5_f32; 4 * 4 * 3];
    samples[3 * (2 * 4 + 1) + 2] = f32::NAN;
    encoder
        .write_image::<tiff::encoder::colortype::RGB32Float>(4, 4, &samples)
        .expect("it is written");
    bytes = raw;
    let error = verify(&bytes, "a", &Limits::default()).expect_err("one is not a number");
    assert!(matches!(error.kind, AssetErrorKind::NotFinite { x: 1, y: 2 }), "{error}");
}
