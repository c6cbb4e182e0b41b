//! Every kind of TIFF is read right and comes back with all its samples.

use impasto_assets::{AlphaKind, Color, Depth, Limits, Origin, Picture, decode};
use impasto_types::{ContainerFormat, FileTrait};

use crate::fixtures::checks::{
    EXTRA_SAMPLES, GRAY, HEIGHT, PIXELS, RGB, SAMPLE_FORMAT, WIDTH, assert_near, level, raster,
    read, traits, values, written,
};
use crate::fixtures::tiff::{LONG, Layout, Raster, SHORT, file};

/// The tag `ExtraSamples` of a written file.
fn extra_samples(bytes: &[u8]) -> Vec<u16> {
    let mut decoder =
        tiff::decoder::Decoder::new(std::io::Cursor::new(bytes)).expect("it is a TIFF");
    let tag = decoder.find_tag_unsigned_vec(tiff::tags::Tag::ExtraSamples).expect("a list");
    tag.unwrap_or_default()
}

#[test]
fn every_sample_comes_back_however_it_is_stored() {
    // Colours, the extra samples as the file names them, which of them is alpha, and its kind.
    type Row<'a> = (u64, &'a [u64], Option<(usize, AlphaKind)>);
    let rows: [Row<'_>; 14] = [
        (GRAY, &[], None),
        (RGB, &[], None),
        (GRAY, &[0], Some((0, AlphaKind::Unspecified))),
        (GRAY, &[2], Some((0, AlphaKind::Straight))),
        (GRAY, &[2, 0], Some((0, AlphaKind::Straight))),
        (GRAY, &[0, 0, 0], Some((0, AlphaKind::Unspecified))),
        (RGB, &[0], Some((0, AlphaKind::Unspecified))),
        (RGB, &[2], Some((0, AlphaKind::Straight))),
        (RGB, &[0, 0], Some((0, AlphaKind::Unspecified))),
        (RGB, &[2, 0], Some((0, AlphaKind::Straight))),
        (RGB, &[0, 2], Some((1, AlphaKind::Straight))),
        (RGB, &[2, 2], Some((0, AlphaKind::Straight))),
        (RGB, &[0, 0, 0], Some((0, AlphaKind::Unspecified))),
        (RGB, &[0, 0, 2, 0, 0], Some((2, AlphaKind::Straight))),
    ];
    let mut variant = 0;
    for (photometric, extra, alpha) in rows {
        for bits in [8, 16, 32] {
            for (planar, tile) in [(false, None), (true, None), (false, Some(16)), (true, Some(16))]
            {
                variant += 1;
                let layout = Layout { big_endian: variant % 2 == 0, big: variant % 3 == 0 };
                let row = format!("{photometric} {extra:?} {bits} {planar} {tile:?} {layout:?}");
                let colors = if photometric == RGB { 3 } else { 1 };
                let samples = colors + extra.len();
                let values = values(samples * PIXELS, bits);
                let raster = Raster { planar, tile, ..raster(samples, bits) };
                let mut page = raster.page(&values, photometric, layout);
                if !extra.is_empty() {
                    page.set(EXTRA_SAMPLES, SHORT, extra);
                }
                if bits == 32 {
                    page.set(SAMPLE_FORMAT, SHORT, &vec![3; samples]);
                }
                let picture = read(&file(&[page], layout), &row);

                let plane = |sample: usize| {
                    let values = values.iter().skip(sample).step_by(samples);
                    values.map(|&value| level(value, bits)).collect::<Vec<f32>>()
                };
                let depth = match bits {
                    8 => Depth::Eight,
                    16 => Depth::Sixteen,
                    _ => Depth::Float,
                };
                assert_eq!(picture.origin.depth, depth, "{row}");
                for channel in 0..3 {
                    let found: Vec<f32> =
                        picture.rgb.iter().skip(channel).step_by(3).copied().collect();
                    assert_near(&found, &plane(channel.min(colors - 1)), 1e-4, &row);
                }
                let mut planes = picture.extra.iter();
                for at in 0..extra.len() {
                    let found = match (alpha, &picture.alpha) {
                        (Some((alpha_at, _)), Some(alpha)) if alpha_at == at => alpha,
                        _ => planes.next().expect("a plane for each sample"),
                    };
                    let found: Vec<f32> = found.iter().map(|value| value * 255.0).collect();
                    assert_near(&found, &plane(colors + at), 1e-4, &row);
                }
                assert!(planes.next().is_none(), "{row}");
                if let Some((_, kind)) = alpha {
                    assert_eq!(picture.origin.alpha_kind, kind, "{row}");
                }

                let bytes = written(&picture, ContainerFormat::Tiff);
                let codes: Vec<u64> = extra_samples(&bytes).into_iter().map(u64::from).collect();
                assert_eq!(codes, extra, "{row}");
                let again = read(&bytes, &row);
                // A float times 255 is rounded; everything else is exact.
                let most = if bits == 32 { 1e-4 } else { 0.0 };
                assert_near(&again.rgb, &picture.rgb, most, &row);
                assert_eq!((again.alpha, again.extra), (picture.alpha, picture.extra), "{row}");
            }
        }
    }
}

#[test]
fn samples_that_no_tag_names_are_alpha_if_there_is_one() {
    let check = |samples: usize, expected: AlphaKind, planes: usize| {
        let page = raster(samples, 8).page(&values(samples * PIXELS, 8), RGB, Layout::default());
        let picture = read(&file(&[page], Layout::default()), "no tag");
        assert_eq!((picture.origin.alpha_kind, picture.extra.len()), (expected, planes));
        assert!(picture.alpha.is_some());
    };
    check(4, AlphaKind::Straight, 0);
    check(5, AlphaKind::Unspecified, 1);
}

#[test]
fn a_sample_of_an_unknown_meaning_is_unspecified_in_a_result_too() {
    let page = raster(4, 8).page(&values(4 * PIXELS, 8), RGB, Layout::default());
    let bytes = file(&[page.with(EXTRA_SAMPLES, SHORT, &[3])], Layout::default());
    let picture = read(&bytes, "unknown");
    assert_eq!(picture.origin.alpha_kind, AlphaKind::Unspecified);
    let again = read(&written(&picture, ContainerFormat::Tiff), "a result");
    assert_eq!((again.alpha, again.extra), (picture.alpha, picture.extra));
}

#[test]
fn a_fourth_sample_of_unspecified_meaning_reaches_png() {
    let page = raster(4, 8).page(&values(4 * PIXELS, 8), RGB, Layout::default());
    let bytes = file(&[page.with(EXTRA_SAMPLES, SHORT, &[0])], Layout::default());
    let picture = read(&bytes, "unspecified");
    let png = written(&picture, ContainerFormat::Png);
    let again = decode(&png, "a.png", &Limits::default()).expect("it decodes");
    assert_eq!((again.rgb, again.alpha), (picture.rgb, picture.alpha));
}

#[test]
fn multiplied_colours_are_divided_and_multiplied_again() {
    for bits in [8, 16, 32] {
        let full = if bits == 32 { 1.0 } else { ((1_u64 << bits) - 1) as f32 };
        let stored = |value: f32| {
            if bits == 32 { u64::from(value.to_bits()) } else { (value * full).round() as u64 }
        };
        // Opaque, half, nearly nothing, nothing; and light that is added where nothing covers.
        let covering: [f32; 4] = [1.0, 0.5, 1.0 / 255.0, 0.0];
        for added in [0.0, 0.25] {
            let values: Vec<u64> = (0..PIXELS)
                .flat_map(|at| {
                    let alpha = covering[at % 4];
                    let color = if alpha == 0.0 { added } else { alpha * (at % 7) as f32 / 7.0 };
                    [color, color / 2.0, 0.0, alpha].map(stored)
                })
                .collect();
            let mut page = raster(4, bits).page(&values, RGB, Layout::default());
            page.set(EXTRA_SAMPLES, SHORT, &[1]);
            if bits == 32 {
                page.set(SAMPLE_FORMAT, SHORT, &[3; 4]);
            }
            let bytes = file(&[page], Layout::default());
            let row = format!("{bits} bits, {added} added");
            assert_eq!(traits(&bytes), [FileTrait::AssociatedAlpha], "{row}");
            let picture = read(&bytes, &row);
            assert!(picture.rgb.iter().all(|level| level.is_finite()), "{row}");
            assert!((picture.rgb[3] - 255.0 / 7.0).abs() < 1.0, "{row}: {}", picture.rgb[3]);

            let again = written(&picture, ContainerFormat::Tiff);
            assert_eq!(extra_samples(&again), [1], "{row}");
            let mut decoder =
                tiff::decoder::Decoder::new(std::io::Cursor::new(&again)).expect("a TIFF");
            match decoder.read_image().expect("pixels") {
                tiff::decoder::DecodingResult::U8(found) => {
                    assert!(found.iter().map(|&v| u64::from(v)).eq(values), "{row}");
                }
                tiff::decoder::DecodingResult::U16(found) => {
                    assert!(found.iter().map(|&v| u64::from(v)).eq(values), "{row}");
                }
                tiff::decoder::DecodingResult::F32(found) => {
                    let expected: Vec<f32> =
                        values.iter().map(|&value| f32::from_bits(value as u32)).collect();
                    assert_near(&found, &expected, 1e-6, &row);
                }
                other => panic!("{row}: {other:?}"),
            }
        }
    }
}

#[test]
fn nothing_glows_where_a_transparent_hole_was_filled() {
    let mut page = raster(4, 8).page(&[0; 4 * PIXELS], RGB, Layout::default());
    page.set(EXTRA_SAMPLES, SHORT, &[1]);
    let mut picture = read(&file(&[page], Layout::default()), "empty");
    picture.rgb.fill(200.0);
    let again = read(&written(&picture, ContainerFormat::Tiff), "written");
    assert!(again.rgb.iter().all(|&level| level == 0.0));
}

#[test]
fn few_bits_palettes_and_inverted_grey_are_read() {
    for bits in [1, 2, 4, 8] {
        let values = values(PIXELS, bits);
        let most = (1_u64 << bits) - 1;
        for tile in [None, Some(16)] {
            let page = |photometric| {
                Raster { tile, ..raster(1, bits) }.page(&values, photometric, Layout::default())
            };
            let row = format!("{bits} bits, {tile:?}");
            let gray = |picture: Picture| picture.rgb.into_iter().step_by(3).collect::<Vec<f32>>();
            let levels: Vec<f32> = values.iter().map(|&value| level(value, bits)).collect();
            let inverted: Vec<f32> = levels.iter().map(|level| 255.0 - level).collect();
            assert_near(
                &gray(read(&file(&[page(1)], Layout::default()), &row)),
                &levels,
                0.0,
                &row,
            );
            let white_is_zero = file(&[page(0)], Layout::default());
            assert_near(&gray(read(&white_is_zero, &row)), &inverted, 0.0, &row);
            let low = if bits < 8 { vec![FileTrait::LowDepth] } else { vec![] };
            assert_eq!(traits(&white_is_zero), low, "{row}");

            // The second palette has 8 bits, as old programs write it.
            for scale in [256, 1] {
                let colors = most as usize + 1;
                let map: Vec<u64> =
                    (0..3 * colors).map(|at| (at as u64 * 7 % 255 + 1) * scale).collect();
                let page = page(3).with(320, SHORT, &map);
                let bytes = file(&[page], Layout { big_endian: true, big: false });
                // The samples of up to 8 bits are the same in both byte orders.
                let picture = read(&bytes, &row);
                assert_eq!(picture.origin.color, Color::Rgb, "{row}");
                let expected: Vec<f32> = values
                    .iter()
                    .flat_map(|&index| {
                        [0, 1, 2].map(|band| (map[band * colors + index as usize] / scale) as f32)
                    })
                    .collect();
                // A map of 1 to 255 in 16 bits is one of 8 bits.
                assert_near(&picture.rgb, &expected, 0.0, &row);
                assert_eq!(traits(&bytes), [FileTrait::Palette], "{row}");
            }
        }
    }
    let sixteen = raster(1, 16).page(&values(PIXELS, 16), 0, Layout::default());
    let picture = read(&file(&[sixteen], Layout::default()), "16 bits");
    let expected: Vec<f32> =
        values(PIXELS, 16).into_iter().flat_map(|value| [255.0 - level(value, 16); 3]).collect();
    assert_near(&picture.rgb, &expected, 1e-4, "16 bits");
}

#[test]
fn half_floats_come_back() {
    let halves = [0x3c00_u64, 0x3800, 0, 0xb800, 0x4400, 0x3555, 0x7bff, 1, 0xfbff, 2, 3, 0x3c01];
    let expected = [1.0, 0.5, 0.0, -0.5, 4.0, 0.333_251_95_f32, 65_504.0, 5.960_464_5e-8];
    for (samples, photometric, extra) in
        [(3, RGB, &[][..]), (1, GRAY, &[]), (4, RGB, &[2]), (2, GRAY, &[0]), (6, RGB, &[2, 0, 0])]
    {
        let raster = Raster { width: 12 / samples, height: 1, ..raster(samples, 16) };
        let mut page = raster.page(&halves, photometric, Layout::default());
        page.set(SAMPLE_FORMAT, SHORT, &vec![3; samples]);
        if !extra.is_empty() {
            page.set(EXTRA_SAMPLES, SHORT, extra);
        }
        let bytes = file(&[page], Layout::default());
        let picture = read(&bytes, "halves");
        assert_eq!(picture.origin.depth, Depth::Float);
        if samples == 3 {
            let levels = expected.map(|value| value * 255.0);
            assert_near(&picture.rgb[..8], &levels, 1e-4, "halves");
        }
        let again = written(&picture, ContainerFormat::Tiff);
        assert_eq!(read(&again, "halves"), picture, "{samples} samples");
        assert_eq!(traits(&again), traits(&bytes), "{samples} samples");
    }
}

#[test]
fn cmyk_and_ycbcr_become_rgb() {
    for (bits, extra) in [(8, 0), (16, 0), (8, 1), (16, 2)] {
        for planar in [false, true] {
            let samples = 4 + extra;
            let values = values(samples * PIXELS, bits);
            let mut page =
                Raster { planar, ..raster(samples, bits) }.page(&values, 5, Layout::default());
            if extra > 0 {
                page.set(EXTRA_SAMPLES, SHORT, &[&[2][..], &[0, 0][..extra - 1]].concat());
            }
            let bytes = file(&[page], Layout::default());
            let row = format!("{bits} bits, {extra} extra, planar {planar}");
            let picture = read(&bytes, &row);
            let expected: Vec<f32> = values
                .chunks_exact(samples)
                .flat_map(|inks| {
                    let light = |ink: usize| 1.0 - level(inks[ink], bits) / 255.0;
                    [0, 1, 2].map(|ink| 255.0 * light(ink) * light(3))
                })
                .collect();
            assert_near(&picture.rgb, &expected, 1e-3, &row);
            assert_eq!(picture.alpha.is_some(), extra > 0, "{row}");
            assert_eq!(traits(&bytes)[0], FileTrait::Cmyk, "{row}");
        }
    }

    // Red, grey and blue by the matrix of JPEG.
    let codes = [76, 85, 255, 128, 128, 128, 29, 255, 107];
    let raster = Raster { width: 3, height: 1, ..raster(3, 8) };
    let page = raster.page(&codes, 6, Layout::default()).with(530, SHORT, &[1, 1]);
    let picture = read(&file(&[page], Layout::default()), "YCbCr");
    let expected = [255.0, 0.0, 0.0, 128.0, 128.0, 128.0, 0.0, 0.0, 255.0];
    assert_near(&picture.rgb, &expected, 1.0, "YCbCr");
}

#[test]
fn jpeg_in_tiff_is_read_as_jpeg_is() {
    for color in [Color::Gray, Color::Rgb] {
        // Smooth, so that the ways to enlarge colours of lower resolution agree.
        let levels = |at: usize| [at % WIDTH * 12, at / WIDTH * 30, 90].map(|level| level as f32);
        let rgb =
            (0..PIXELS).map(levels).map(|rgb| if color == Color::Gray { [rgb[0]; 3] } else { rgb });
        let picture = Picture {
            width: WIDTH as u32,
            height: HEIGHT as u32,
            rgb: rgb.collect::<Vec<_>>().into_flattened(),
            alpha: None,
            extra: Vec::new(),
            origin: Origin { color, ..Origin::synthetic("a", ContainerFormat::Jpeg) },
        };
        let stream = written(&picture, ContainerFormat::Jpeg);
        let expected = decode(&stream, "a.jpg", &Limits::default()).expect("it decodes").rgb;
        let (samples, photometric) = if color == Color::Gray { (1, GRAY) } else { (3, 6) };
        let page = raster(samples, 8)
            .page(&vec![0; samples * PIXELS], photometric, Layout::default())
            .with(259, SHORT, &[7])
            .with(278, SHORT, &[HEIGHT as u64]);
        let bytes = file(&[page.clone().with_chunks(vec![stream.clone()])], Layout::default());
        assert_near(&read(&bytes, "JPEG").rgb, &expected, 2.0, "JPEG");
        assert_eq!(traits(&bytes)[0], FileTrait::Lossy);

        // The stream is larger than its strip: it could ask for any memory.
        let small = page.with(256, LONG, &[4]).with_chunks(vec![stream]);
        let error = decode(&file(&[small], Layout::default()), "a.tif", &Limits::default());
        assert_eq!(error.expect_err("it does not fit").to_string(), "`a.tif` is damaged");
    }
}

#[test]
fn compression_and_predictors_keep_a_fourth_sample() {
    use tiff::encoder::colortype::{RGBA8, RGBA16};
    use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder};
    use tiff::tags::{ExtraSamples, Tag};
    let bytes: Vec<u8> = values(4 * PIXELS, 8).into_iter().map(|value| value as u8).collect();
    let words: Vec<u16> = values(4 * PIXELS, 16).into_iter().map(|value| value as u16).collect();
    for (name, compression) in [
        ("LZW", Compression::Lzw),
        ("Deflate", Compression::Deflate(DeflateLevel::Fast)),
        ("PackBits", Compression::Packbits),
    ] {
        for predictor in [Predictor::None, Predictor::Horizontal] {
            if name == "PackBits" && predictor == Predictor::Horizontal {
                // It has no predictor.
                continue;
            }
            let mut files = [const { Vec::new() }; 2];
            macro_rules! write {
                ($file:expr, $color:ty, $samples:expr) => {{
                    let mut file = std::io::Cursor::new(Vec::new());
                    let mut encoder = TiffEncoder::new(&mut file)
                        .expect("a file")
                        .with_compression(compression)
                        .with_predictor(predictor);
                    let size = (WIDTH as u32, HEIGHT as u32);
                    let mut image = encoder.new_image::<$color>(size.0, size.1).expect("an image");
                    let unspecified = &[ExtraSamples::Unspecified.to_u16()][..];
                    image.encoder().write_tag(Tag::ExtraSamples, unspecified).expect("a tag");
                    image.write_data($samples).expect("pixels");
                    $file = file.into_inner();
                }};
            }
            write!(files[0], RGBA8, &bytes[..]);
            write!(files[1], RGBA16, &words[..]);
            let stored: [Vec<f32>; 2] = [
                bytes.iter().map(|&value| f32::from(value)).collect(),
                words.iter().map(|&value| f32::from(value) / 257.0).collect(),
            ];
            for (file, stored) in files.iter().zip(stored) {
                let row = format!("{name} {predictor:?}");
                let picture = read(file, &row);
                let alpha = picture.alpha.as_ref().expect("alpha");
                let pixels = picture.rgb.chunks_exact(3).zip(alpha);
                let found: Vec<f32> = pixels
                    .flat_map(|(rgb, alpha)| [rgb[0], rgb[1], rgb[2], alpha * 255.0])
                    .collect();
                assert_near(&found, &stored, 1e-4, &row);
            }
        }
    }
    // A predictor belongs to a compression; without one, other programs ignore it.
    let page = raster(3, 8).page(&values(3 * PIXELS, 8), RGB, Layout::default());
    let plain = read(&file(std::slice::from_ref(&page), Layout::default()), "plain");
    let predicted = file(&[page.with(317, SHORT, &[2])], Layout::default());
    assert_eq!(read(&predicted, "predicted").rgb, plain.rgb);
}
