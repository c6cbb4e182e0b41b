//! Every kind of Photoshop document is read right, and comes back with the same samples.

use impasto_assets::{AlphaKind, Color, Depth, Limits, Origin, Picture, read_header, verify};
use impasto_types::{ContainerFormat, FileTrait};

use crate::fixtures::checks::{assert_near, read_named, written};
use crate::fixtures::psd::{
    BITMAP, CMYK, GRAY, INDEXED, Layer, Psd, RGB, every_kind, list, section,
};

fn read(bytes: &[u8], row: &str) -> Picture {
    verify(bytes, "a.psd", &Limits::default()).unwrap_or_else(|error| panic!("{row}: {error}"));
    read_named(bytes, "a.psd", row)
}

fn traits(bytes: &[u8]) -> Vec<FileTrait> {
    read_header(bytes, "a.psd", &Limits::default()).expect("a header").traits.iter().collect()
}

/// A stored sample from 0 to 1; of floats itself.
fn unit(value: u32, bits: u16) -> f32 {
    match bits {
        32 => f32::from_bits(value),
        _ => value as f32 / ((1_u64 << bits) - 1) as f32,
    }
}

fn colors(psd: &Psd) -> usize {
    match psd.mode {
        RGB => 3,
        CMYK => 4,
        _ => 1,
    }
}

/// Red, green and blue of a pixel whose stored colours are these, from 0 to 1.
fn rgb(psd: &Psd, stored: &[f32]) -> [f32; 3] {
    match (psd.mode, stored) {
        (BITMAP, [black]) => [1.0 - black; 3],
        (INDEXED, [index]) => {
            let index = (index * 255.0).round() as usize;
            [0, 256, 512].map(|at| f32::from(psd.colors[at + index]) / 255.0)
        }
        (CMYK, [cyan, magenta, yellow, black]) => [cyan * black, magenta * black, yellow * black],
        (RGB, [red, green, blue]) => [*red, *green, *blue],
        (_, [gray, ..]) => [*gray; 3],
        (_, []) => panic!("no colour"),
    }
}

/// Values with alpha that is 0, full and between, and colours that are blended with white; and the
/// colours before that, which are white where nothing is seen.
fn blended(psd: &Psd) -> (Vec<u32>, Vec<f32>) {
    let pixels = psd.width * psd.height;
    let mut values = psd.values(1);
    let mut straight: Vec<f32> = values.iter().map(|value| unit(*value, psd.bits)).collect();
    let (planes, alpha) = values.split_at_mut(colors(psd) * pixels);
    let full = if psd.bits == 32 { 1_f32.to_bits() } else { ((1_u64 << psd.bits) - 1) as u32 };
    for (at, value) in alpha[..pixels].iter_mut().enumerate() {
        match at % 3 {
            0 => *value = 0,
            1 => *value = full,
            _ if psd.bits == 32 => *value = 0.25_f32.to_bits(),
            _ => {}
        }
        for (plane, straight) in planes.chunks_exact_mut(pixels).zip(straight.chunks_mut(pixels)) {
            let color = straight[at];
            let alpha = unit(*value, psd.bits);
            straight[at] = if alpha > 0.0 { color } else { 1.0 };
            let mixed = color * alpha + 1.0 - alpha;
            plane[at] = match psd.bits {
                32 => mixed.to_bits(),
                _ => (mixed * full as f32).round() as u32,
            };
        }
    }
    (values, straight)
}

/// How far a colour from 0 to 1 may be off: half a sample is more where less is seen, and CMYK
/// multiplies two.
fn rounding(psd: &Psd, alpha: f32) -> f32 {
    let is_whole = psd.mode == INDEXED || alpha == 0.0 || alpha == 1.0;
    let factors = if psd.mode == CMYK { 2.0 } else { 1.0 };
    let sample = match psd.bits {
        32 => 4e-6,
        _ if is_whole => 0.0,
        bits => 0.51 / ((1_u64 << bits) - 1) as f32,
    };
    factors * sample / alpha.max(1e-5) + 1e-6
}

#[test]
fn every_kind_is_read_right_and_comes_back() {
    for psd in every_kind() {
        let row = format!("{psd:?}");
        let pixels = psd.width * psd.height;
        let is_clear = !psd.layers.is_empty();
        let (values, straight) = if is_clear && psd.mode != INDEXED {
            blended(&psd)
        } else {
            let values = psd.values(1);
            let units = values.iter().map(|value| unit(*value, psd.bits)).collect();
            (values, units)
        };
        let bytes = psd.file(&values);
        let picture = read(&bytes, &row);

        let plane = |channel: usize| {
            let stored = &values[channel * pixels..][..pixels];
            stored.iter().map(|value| unit(*value, psd.bits)).collect::<Vec<f32>>()
        };
        let alpha = is_clear.then(|| plane(colors(&psd)));
        assert_eq!(picture.alpha.is_some(), is_clear, "{row}");
        if let (Some(found), Some(expected)) = (&picture.alpha, &alpha) {
            assert_near(found, expected, 1e-6, &row);
        }
        for at in 0..pixels {
            let own: Vec<f32> =
                straight.chunks(pixels).take(colors(&psd)).map(|plane| plane[at]).collect();
            let expected = rgb(&psd, &own).map(|color| color * 255.0);
            let off = rounding(&psd, alpha.as_ref().map_or(1.0, |alpha| alpha[at]));
            assert_near(&picture.rgb[3 * at..][..3], &expected, 255.0 * off, &row);
        }
        let first_saved = colors(&psd) + usize::from(is_clear);
        assert_eq!(picture.extra.len(), psd.channels - first_saved, "{row}");
        for (at, found) in picture.extra.iter().enumerate() {
            assert_near(found, &plane(first_saved + at), 1e-6, &row);
        }

        let header = read_header(&bytes, "a.psd", &Limits::default()).expect("a header");
        assert_eq!(header.extra as usize, picture.extra.len(), "{row}");
        let depth = match psd.bits {
            16 => Depth::Sixteen,
            32 => Depth::Float,
            _ => Depth::Eight,
        };
        let color = if matches!(psd.mode, BITMAP | GRAY) { Color::Gray } else { Color::Rgb };
        assert_eq!((header.depth, header.color, header.layers), (depth, color, 0), "{row}");
        assert_eq!(picture.is_light(), psd.bits == 32, "{row}");
        assert_eq!(picture.origin.alpha_kind, AlphaKind::Straight);

        let result = written(&picture, ContainerFormat::Psd);
        assert_eq!(result[..14], result_head(&psd, &bytes)[..], "{row}");
        comes_back(&psd, &values, &picture, &result, &row);
    }
}

/// Signature, version and number of channels: those of the asset, without inks and palettes.
fn result_head(psd: &Psd, bytes: &[u8]) -> Vec<u8> {
    let mut head = bytes[..14].to_vec();
    head[13] = match psd.mode {
        CMYK => head[13] - 1,
        INDEXED => head[13] + 2,
        _ => head[13],
    };
    head
}

fn comes_back(psd: &Psd, values: &[u32], picture: &Picture, result: &[u8], row: &str) {
    let again = read(result, row);
    assert_eq!(again.alpha, picture.alpha, "{row}");
    assert_eq!(again.extra, picture.extra, "{row}");
    let bits = if psd.bits == 1 { 8 } else { psd.bits };
    let mode = match psd.mode {
        BITMAP | GRAY => GRAY,
        _ => RGB,
    };
    assert_eq!(result[22..26], [0, bits as u8, 0, mode as u8], "{row}");
    if psd.bits == 1 || matches!(psd.mode, INDEXED | CMYK) {
        return;
    }
    // A PSD has 16 bits for the length of a row, of which floats need more in wide pictures only.
    let at = sections(result)[2].1;
    assert_eq!(result[at..at + 2], psd.packing.to_be_bytes(), "{row}");
    if psd.bits == 32 {
        assert_near(&again.rgb, &picture.rgb, 1e-3, row);
    } else {
        assert!(psd.unpacked(&result[at + 2..]) == psd.before_packing(values), "{row}");
    }
}

/// Where sections begin and end: colours, resources, layers.
fn sections(bytes: &[u8]) -> [(usize, usize); 3] {
    let large = bytes[5] == 2;
    let mut at = 26;
    [4, 4, if large { 8 } else { 4 }].map(|length_bytes| {
        let length = bytes[at..at + length_bytes].iter();
        let length = length.fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let start = at + length_bytes;
        at = start + length;
        (start, at)
    })
}

#[test]
fn colours_that_are_not_blended_with_white_stay_as_they_are() {
    let layers = section(&list(&[Layer::default()], true, false), 8, false);
    let psd = Psd { width: 3, height: 1, layers, ..Psd::new(RGB, 8, 4) };
    let check = |values: [u32; 12], rgb: [f32; 9]| {
        let bytes = psd.file(&values);
        let picture = read(&bytes, "three pixels");
        assert_near(&picture.rgb, &rgb, 1e-3, "three pixels");
        let result = written(&picture, ContainerFormat::Psd);
        let at = sections(&result)[2].1;
        assert_eq!(psd.unpacked(&result[at + 2..]), psd.before_packing(&values));
    };
    // A red that is half seen, on white: red, green and blue, then alpha.
    let blended = [255, 255, 10, 128, 255, 20, 128, 255, 30, 127, 0, 255];
    let half = 255.0 * 128.0 / 127.0;
    let rgb = [255.0, 255.0 - half + 255.0 * 1.0 / 127.0, 255.0 - half + 255.0 * 1.0 / 127.0];
    check(blended, [rgb[0], rgb[1], rgb[2], 255.0, 255.0, 255.0, 10.0, 20.0, 30.0]);
    // Black where nothing is seen.
    let straight = [255, 0, 10, 0, 0, 20, 0, 0, 30, 127, 0, 255];
    check(straight, [255.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 20.0, 30.0]);
}

#[test]
fn what_is_hardly_seen_stays_within_its_levels() {
    let list = list(&[Layer::default()], true, false);
    let check = |mode: u16, bits: u16, values: &[u32], expected: &[f32]| {
        let pixels = expected.len() / 3;
        let channels = values.len() / pixels;
        let layers = section(&list, bits, false);
        let psd = Psd { width: pixels, height: 1, layers, ..Psd::new(mode, bits, channels) };
        let row = format!("{mode} {bits} {values:?}");
        assert_near(&read(&psd.file(values), &row).rgb, expected, 0.01, &row);
    };
    // One level of alpha: white is 254 of 255, and 253 is what others round it to.
    check(GRAY, 8, &[253, 254, 255, 1, 1, 1], &[0., 0., 0., 0., 0., 0., 255., 255., 255.]);
    check(GRAY, 16, &[65_533, 65_535, 1, 1], &[0., 0., 0., 255., 255., 255.]);
    // Two samples less are no rounding: then colours are straight.
    check(GRAY, 8, &[252, 1], &[252., 252., 252.]);
    let straight = 65_532.0 / 257.0;
    check(GRAY, 16, &[65_532, 1], &[straight; 3]);
    // Two inks below nothing are no light together. White is 251.
    check(CMYK, 8, &[250, 250, 251, 250, 4], &[0., 0., 0.]);
    check(CMYK, 8, &[253, 251, 255, 255, 4], &[127.5, 0., 255.]);
    check(CMYK, 16, &[65_533, 65_535, 65_535, 65_535, 1], &[0., 255., 255.]);
}

#[test]
fn colours_are_compared_with_those_of_the_only_layer() {
    // Light colours, which might have white in them: the layer is the right half of the picture.
    let check = |merged: [u32; 2], layer: u8, expected: f32| {
        for packing in [0, 1, 2] {
            let psd = Psd { packing, width: 1, height: 1, ..Psd::new(GRAY, 8, 1) };
            let file = psd.file(&[u32::from(layer)]);
            let content = file[38..].to_vec();
            let layer = Layer {
                sides: [0, 1, 1, 2],
                channels: vec![(-1, vec![0, 0, 200]), (0, content)],
                ..Layer::default()
            };
            let layers = section(&list(&[layer], true, false), 8, false);
            let psd = Psd { width: 2, height: 1, layers, ..Psd::new(GRAY, 8, 2) };
            let [clear, half] = merged;
            let picture = read(&psd.file(&[clear, half, 0, 200]), "a layer");
            let row = format!("{merged:?} {packing}");
            assert_near(&picture.rgb[3..], &[expected; 3], 0.7, &row);
            let result = written(&picture, ContainerFormat::Psd);
            let at = sections(&result)[2].1;
            let psd = Psd { packing: 1, ..psd };
            assert_eq!(psd.unpacked(&result[at + 2..]), [clear as u8, half as u8, 0, 200], "{row}");
        }
    };
    check([255, 128], 128, 128.0);
    check([255, 155], 128, 128.0);
    // Neither: nearer to the colours with white, nearer to the layer's.
    check([255, 150], 128, 121.1);
    check([255, 130], 128, 130.0);
}

#[test]
fn data_with_alpha_comes_back_as_it_was() {
    for depth in [Depth::Eight, Depth::Sixteen, Depth::Float] {
        let row = format!("{depth:?}");
        let origin =
            Origin { depth, is_data: true, ..Origin::synthetic("a_n", ContainerFormat::Tiff) };
        // Normals, whose blue is so light that white may be in it.
        let picture = Picture {
            width: 3,
            height: 2,
            rgb: [128.0, 128.0, 255.0].repeat(6),
            alpha: Some(vec![200.0 / 255.0; 6]),
            extra: vec![],
            origin,
        };
        let bytes = written(&picture, ContainerFormat::Psd);
        let again = read(&bytes, &row);
        assert_near(&again.rgb, &picture.rgb, 1e-3, &row);
        assert!(written(&again, ContainerFormat::Psd) == bytes, "{row}");
    }
}

#[test]
fn floats_of_any_size_are_read_by_all_or_by_none() {
    let list = list(&[Layer::default()], true, false);
    let layers = section(&list, 32, false);
    let psd = Psd { width: 1, height: 1, layers, ..Psd::new(GRAY, 32, 2) };
    for value in [0.0, 1.0, -1e38, 1.3e37, f32::MAX, f32::MIN] {
        for alpha in [0.0, 1e-45, 1e-38, 1e-7, 1e-5, 0.5, 1.0, 2.0, -3.0, f32::MAX, f32::MIN] {
            let row = format!("{value} {alpha}");
            let picture = read(&psd.file(&[f32::to_bits(value), f32::to_bits(alpha)]), &row);
            let again = read(&written(&picture, ContainerFormat::Psd), &row);
            assert_eq!(again.alpha, picture.alpha, "{row}");
        }
    }
}

#[test]
fn what_is_transparent_is_not_metered() {
    let layers = section(&list(&[Layer::default()], true, false), 32, false);
    let read = |psd: Psd, values: &[f32]| {
        let values: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
        read(&Psd { height: 1, ..psd }.file(&values), "light").to_display()
    };
    let dark = read(Psd { width: 1, ..Psd::new(GRAY, 32, 1) }, &[0.001]);
    let psd = Psd { width: 3, layers, ..Psd::new(GRAY, 32, 2) };
    let clear = read(psd, &[0.001, 1.0, 1.0, 1.0, 0.0, -0.5]);
    assert_eq!((&clear.rgb[..3], clear.origin.tone), (&dark.rgb[..], dark.origin.tone));
}

#[test]
fn a_channel_is_transparency_only_if_the_document_says_so() {
    let layer = Layer::default();
    let check = |bits: u16, layers: Vec<u8>, alpha: bool| {
        let psd = Psd { layers, ..Psd::new(GRAY, bits, 2) };
        let picture = read(&psd.noise(3), "grey and one more");
        assert_eq!((picture.alpha.is_some(), picture.extra.len()), (alpha, usize::from(!alpha)));
        let result = written(&picture, ContainerFormat::Psd);
        let header = read_header(&result, "a.psd", &Limits::default()).expect("a header");
        assert_eq!((header.alpha, header.extra), (alpha, u32::from(!alpha)));
        assert_eq!(traits(&result).contains(&FileTrait::ExtraSamples), !alpha);
    };
    for bits in [8, 16, 32] {
        check(bits, Vec::new(), false);
        check(bits, section(&[], bits, false), false);
        for transparency in [false, true] {
            let list = list(&[layer.clone(), layer.clone()], transparency, false);
            check(bits, section(&list, bits, false), transparency);
        }
    }
    // Without any layer.
    check(8, section(&list(&[], true, false), 8, false), false);
    let told = [&section(&[], 8, false)[..], b"8BIMMtrn\0\0\0\0"].concat();
    check(8, told, true);
}

#[test]
fn an_index_may_be_transparent() {
    let resources = crate::fixtures::psd::resource(1047, "", &[0, 7]);
    let psd = Psd { resources, width: 3, height: 1, ..Psd::new(INDEXED, 8, 1) };
    let bytes = psd.file(&[6, 7, 8]);
    let picture = read(&bytes, "indexed");
    assert_eq!(picture.alpha.as_deref(), Some(&[1.0, 0.0, 1.0][..]));
    assert_eq!(traits(&bytes), [FileTrait::Palette]);
    let again = read(&written(&picture, ContainerFormat::Psd), "indexed");
    assert_eq!((again.alpha, again.rgb[..3].to_vec()), (picture.alpha, picture.rgb[..3].to_vec()));
    // An index of no colour is none.
    let resources = crate::fixtures::psd::resource(1047, "", &[1, 0]);
    assert!(read(&Psd { resources, ..psd }.noise(0), "indexed").alpha.is_none());
}

#[test]
fn other_pictures_become_documents() {
    let depths = [(Depth::Eight, 0.5), (Depth::Sixteen, 0.5 / 257.0), (Depth::Float, 1e-4)];
    for (depth, half_a_level) in depths {
        for color in [Color::Gray, Color::Rgb] {
            for (clear, saved) in [(false, 0), (true, 0), (true, 2), (false, 1)] {
                let row = format!("{depth:?} {color:?} {clear} {saved}");
                let count = 9 * 5;
                let level = |at: usize| (at * 37 % 256) as f32;
                let rgb = match color {
                    Color::Gray => (0..count).flat_map(|at| [level(at); 3]).collect(),
                    Color::Rgb => (0..3 * count).map(level).collect(),
                };
                let opacity = |at: usize| [1.0, 0.0, 0.004, 0.1, 0.5, 0.996][at % 6];
                let alpha = clear.then(|| (0..count).map(opacity).collect());
                let extra = vec![(0..count).map(|at| level(at) / 255.0).collect(); saved];
                // Floats that are light in both.
                let format = match depth {
                    Depth::Float => ContainerFormat::Exr,
                    _ => ContainerFormat::Tiff,
                };
                let origin = Origin { depth, color, ..Origin::synthetic("a", format) };
                let picture = Picture { width: 9, height: 5, rgb, alpha, extra, origin };
                let again = read(&written(&picture, ContainerFormat::Psd), &row);
                for at in 0..count {
                    let (found, own) = (&again.rgb[3 * at..][..3], &picture.rgb[3 * at..][..3]);
                    match again.alpha.as_ref().map_or(1.0, |alpha| alpha[at]) {
                        // White is all that is stored.
                        0.0 => assert_near(found, &[255.0; 3], 1e-3, &row),
                        // Of what is hardly to be seen, few levels are told.
                        alpha => assert_near(found, own, half_a_level / alpha + 5e-3, &row),
                    }
                }
                assert_eq!(again.extra.len(), saved, "{row}");
                assert_eq!((again.origin.color, again.origin.depth), (color, depth), "{row}");
                assert_eq!(again.alpha.is_some(), clear, "{row}");
            }
        }
    }
}

#[test]
fn floats_are_light_in_a_document() {
    let light = |format, numbers: f32| {
        let origin = Origin { depth: Depth::Float, ..Origin::synthetic("a", format) };
        let rgb = vec![numbers * 255.0; 12];
        let picture = Picture { width: 2, height: 2, rgb, alpha: None, extra: vec![], origin };
        read(&written(&picture.to_display(), ContainerFormat::Psd), "light")
    };
    for (format, number, expected) in [
        (ContainerFormat::Exr, 4.0, 4.0),
        (ContainerFormat::Psd, 4.0, 4.0),
        // Levels of a display: 188 of 255 is half of the light.
        (ContainerFormat::Tiff, 188.0 / 255.0, 0.503),
    ] {
        let picture = light(format, number);
        assert!(picture.is_light());
        let found = picture.rgb[0] / 255.0;
        assert!((found - expected).abs() < 1e-3, "{format}: {found}");
    }
}
