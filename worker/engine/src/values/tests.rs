use impasto_types::Padding;

use super::*;
use crate::Joins;
use crate::noise::Noise;

const BOTH: (bool, bool) = (true, true);

fn painted((width, height): (usize, usize), pixel: impl Fn(f32, f32) -> [f32; 3]) -> Image {
    let place = |at: usize, len: usize| (at as f32 + 0.5) / len as f32;
    let rgb = (0..width * height)
        .flat_map(|at| pixel(place(at % width, width), place(at / width, height)))
        .collect();
    Image { width, height, rgb }
}

/// An asset with slow light and dark, around grey.
fn asset(size: (usize, usize)) -> Image {
    let turn = std::f32::consts::TAU;
    painted(size, |x, y| [110.0 + 20.0 * (turn * (2.0 * x + y)).sin(); 3])
}

/// A picture of strokes, with blots in another place than the asset's, around another grey.
fn strokes(size: (usize, usize), seed: u64) -> Image {
    let mut noise = Noise::new(seed);
    let mut picture = painted(size, |x, y| {
        let blot = 60.0 * (std::f32::consts::TAU * (x - 2.0 * y)).cos();
        [120.0 + blot, 170.0 + blot, 150.0 - blot]
    });
    picture.rgb.iter_mut().for_each(|value| *value += 25.0 * noise.normal());
    picture.clamp();
    picture
}

fn low(picture: &Image, waves: Waves) -> LowPass {
    let seen = Seen { picture, under: None };
    LowPass::of((picture.width, picture.height), waves, |at| seen.luminance(at))
}

fn deviation(image: &Image) -> f64 {
    light_moments(Measured { image, mask: None }).1.sqrt()
}

fn held(asset: &Image, wraps: (bool, bool), share: f32, evenness: f32) -> Values {
    Values::of(Measured { image: asset, mask: None }, wraps, share, evenness)
}

fn corrected(values: &Values, picture: &Image) -> Image {
    let mut corrected = picture.clone();
    values.correction(Seen { picture, under: None }).apply(&mut corrected);
    corrected
}

/// The largest difference of two pictures' low luminance.
fn far(found: &LowPass, expected: &LowPass) -> f32 {
    let missing = found.with(expected, |_, a, b| a - b).plane((48, 48));
    missing.iter().map(|v| v.abs()).fold(0.0, f32::max)
}

#[test]
fn a_picture_gets_the_assets_values_by_the_share_in_any_size() {
    for (wraps, size) in [(BOTH, (64, 48)), (BOTH, (51, 37)), ((false, true), (40, 61))] {
        let asset = asset((60, 60));
        let picture = strokes(size, 1);
        for share in [0.5, 1.0] {
            let values = held(&asset, wraps, share, 0.0);
            let before = low(&picture, values.waves);
            let goal =
                before.with(&values.light, |_, own, asset| own + f64::from(share) * (asset - own));
            assert!(far(&before, &goal) > 0.1);
            let after = low(&corrected(&values, &picture), values.waves);
            assert!(far(&after, &goal) < 1.0 / 255.0, "{size:?} {share}");
        }
    }
}

#[test]
fn nothing_is_asked_and_nothing_is_changed() {
    let picture = strokes((40, 40), 1);
    let mut values = held(&asset((40, 40)), BOTH, 0.0, 0.0);
    let mut content = asset((40, 40));
    values.settle(&mut content);
    assert!(content == asset((40, 40)));
    assert!(corrected(&values, &picture) == picture);
    // Nor where the values are the asset's already.
    let own = held(&picture, BOTH, 1.0, 0.0);
    assert!(corrected(&own, &picture) == picture);
}

#[test]
fn a_flat_asset_leaves_strokes_alone_without_blots() {
    let values = held(&Image::filled(32, 32, [200.0; 3]), BOTH, 1.0, 0.0);
    let picture = strokes((64, 64), 3);
    let painted = corrected(&values, &picture);
    let after = low(&painted, values.waves);
    assert!((after.mean() * 255.0 - 200.0).abs() < 0.5 && after.variance().sqrt() < 2e-3);
    assert!(deviation(&painted) > 0.03);
}

#[test]
fn holes_stay_black_and_lights_white() {
    let grate = painted((64, 64), |x, y| {
        let cell = |at: f32| (at * 16.0) as usize % 2;
        [[0.0; 3], [70.0, 90.0, 160.0], [255.0; 3]][cell(x) + cell(y)]
    });
    let values = held(&Image::filled(8, 8, [150.0; 3]), BOTH, 1.0, 0.0);
    let painted = corrected(&values, &grate);
    assert!(painted != grate);
    for (pixel, own) in painted.rgb.chunks_exact(3).zip(grate.rgb.chunks_exact(3)) {
        if own[0] == 0.0 || own[0] == 255.0 {
            assert_eq!(pixel, own);
        }
    }
}

#[test]
fn a_style_gets_the_assets_mean_and_spread() {
    let style = strokes((70, 50), 5);
    let toned = |values: &Values, style: &Image| {
        let mut style = Style::from((style.clone(), 1.0));
        values.tone(&mut style, 1.0);
        style.image
    };
    let flat = held(&Image::filled(64, 64, [60.0; 3]), BOTH, 1.0, 0.0);
    let after = low(&toned(&flat, &style), flat.style_waves((70, 50), 1.0));
    assert!((after.mean() * 255.0 - 60.0).abs() < 0.5 && after.variance().sqrt() < 2e-3);
    // The contrast of fine detail is raised to the asset's, and never lowered.
    let mut noise = Noise::new(8);
    let mut harsh = Image::filled(64, 64, [128.0; 3]);
    harsh.rgb.chunks_exact_mut(3).for_each(|pixel| {
        let light = if noise.normal() > 0.0 { 30.0 } else { 220.0 };
        pixel.fill(light);
    });
    let fine = painted((64, 64), |x, _| [if (x * 32.0).fract() < 0.5 { 110.0 } else { 150.0 }; 3]);
    let raised = toned(&held(&harsh, BOTH, 1.0, 0.0), &fine);
    assert!((deviation(&raised) / deviation(&fine) - 2.0).abs() < 0.1);
    let kept = toned(&held(&fine, BOTH, 1.0, 0.0), &harsh);
    assert!((deviation(&kept) / deviation(&harsh) - 1.0).abs() < 0.1);
}

#[test]
fn a_lone_patch_of_colour_gives_way_and_common_ones_stay() {
    let blue = [60.0, 80.0, 160.0];
    let lone = painted((64, 64), |x, y| {
        let near = (x - 0.5).powi(2) + (y - 0.5).powi(2) < 0.006;
        if near { [190.0, 170.0, 60.0] } else { blue }
    });
    let common = painted((64, 64), |x, y| {
        let wave = (std::f32::consts::TAU * 2.0 * (x + y)).sin();
        [60.0 + 40.0 * wave, 80.0, 160.0 - 40.0 * wave]
    });
    let strength = |picture: &Image, at: usize| {
        let [red, _, blue] =
            chroma(Seen { picture, under: None }, (64, 64), Waves { cycles: (8, 8), wraps: BOTH })
                .map(|low| low.plane((64, 64)));
        (red[at] - blue[at]) - (red[0] - blue[0])
    };
    let centre = 32 * 64 + 32;
    let evened = |picture: &Image, evenness: f32| {
        let mut content = Image::filled(64, 64, [90.0; 3]);
        let mut values = held(&content, BOTH, 0.0, evenness);
        values.settle(&mut content);
        corrected(&values, picture)
    };
    let left = strength(&evened(&lone, 1.0), centre) / strength(&lone, centre);
    assert!(left < 0.45, "{left}");
    let half = strength(&evened(&lone, 0.5), centre) / strength(&lone, centre);
    assert!((0.5..0.8).contains(&half), "{half}");
    // A quarter of a wave along.
    let left = strength(&evened(&common, 1.0), 8) / strength(&common, 8);
    assert!(left > 0.6, "{left}");
    for (now, own) in evened(&lone, 1.0).rgb.chunks_exact(3).zip(lone.rgb.chunks_exact(3)) {
        assert!((luminance(now) - luminance(own)).abs() < 1e-4);
    }
}

#[test]
fn a_canvas_is_corrected_as_its_picture_is() {
    let values = held(&asset((45, 33)), (true, false), 1.0, 1.0);
    let picture = strokes((45, 33), 2);
    let expected = corrected(&values, &picture);
    for grid in [0, 1] {
        let joins = Joins::repeating(true, false);
        let frame = Frame::new(&joins, Padding::Ring, 45, 33).turned(grid);
        let mut canvas = frame.surround(picture.clone());
        values.correction(Seen { picture: &picture, under: None }).apply_on(frame, &mut canvas);
        assert!(canvas == frame.surround(expected.clone()));
    }
}

#[test]
fn what_lies_under_a_mask_counts_and_what_is_painted_moves() {
    let own = asset((48, 48));
    let values = held(&own, BOTH, 1.0, 0.0);
    let picture = strokes((48, 48), 4);
    let weights: Vec<f32> = (0..48 * 48).map(|at| [0.0, 0.5, 1.0, 1.0][at % 48 / 12]).collect();
    let see = |picture: &Image| {
        let seen = Seen { picture, under: Some((&weights, Ground::Picture(&own))) };
        LowPass::of((48, 48), values.waves, |at| seen.luminance(at))
    };
    let mut moved = picture.clone();
    let seen = Seen { picture: &picture, under: Some((&weights, Ground::Picture(&own))) };
    values.correction(seen).apply(&mut moved);
    // Nothing moves where nothing is painted, so the rest comes near, not there.
    let (before, after) = (far(&see(&picture), &values.light), far(&see(&moved), &values.light));
    assert!(after < 0.4 * before, "{before} {after}");
}

#[test]
fn a_colour_has_its_chroma_at_any_luminance_that_has_room_for_it() {
    for (own, light) in
        [([60.0, 80.0, 160.0], 0.5), ([60.0, 80.0, 160.0], 0.9), ([200.0, 30.0, 10.0], 0.05)]
    {
        let mut pixel: [f32; 3] = own;
        set_luminance(&mut pixel, light);
        assert!((luminance(&pixel) - light).abs() < 1e-5, "{pixel:?}");
        let order = |p: [f32; 3]| (p[0] < p[1], p[1] < p[2]);
        assert_eq!(order(pixel), order(own));
    }
    let mut pixel = [60.0, 80.0, 160.0];
    set_luminance(&mut pixel, 0.5);
    assert!((pixel[2] - pixel[0] - 100.0).abs() < 1e-3);
}
