//! Styles with transparency: a cut-out paints like its opaque part.

mod network;

use std::sync::Arc;

use impasto_engine::optimize::device::{Cpu, VggDevice, View};
use impasto_engine::optimize::objective::LayerStatistics;
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{EngineError, Image, Inputs, Interrupt, Joins, Mask, Run, Step, Style};
use impasto_kernels::{Level, Precision};
use impasto_types::{Init, Optimize, PreserveColor, Preset, Profile};

use self::network::{error, picture, weights};

const AMPLE: u64 = 4 << 30;

/// What an eraser leaves under alpha 0, around 40 x 30 pixels of a style.
const ERASED: [f32; 3] = [255.0, 0.0, 255.0];

fn engine(profile: Profile) -> Arc<Engine> {
    let engine = Engine::new(&weights(), 2, None, profile);
    Arc::new(engine.expect("the weights fit together"))
}

fn mask(width: usize, height: usize, weight: impl FnMut(usize) -> f32) -> Mask {
    Mask::new(width, height, (0..width * height).map(weight).collect()).expect("it can be used")
}

/// The crop, and a larger picture of which nothing else is there.
fn swatch() -> (Style, Style) {
    let crop = picture(40, 30, 2);
    let (width, height) = (70, 57);
    let inside = |at: usize| (13..53).contains(&(at % width)) && (9..39).contains(&(at / width));
    let rgb = (0..width * height).flat_map(|at| {
        if inside(at) {
            let (x, y) = (at % width - 13, at / width - 9);
            [0, 1, 2].map(|c| crop.rgb[(y * 40 + x) * 3 + c])
        } else {
            ERASED
        }
    });
    let image = Image { width, height, rgb: rgb.collect() };
    let weights = mask(width, height, |at| if inside(at) { 1.0 } else { 0.0 });
    let cut_out = Style { image, weights: Some(weights), share: 1.0 };
    ((crop, 1.0).into(), cut_out)
}

fn paint(engine: &Arc<Engine>, recipe: &Optimize, style: Style) -> Image {
    let inputs = Inputs {
        content: Some(picture(48, 40, 1)),
        coverage: None,
        ground: None,
        styles: vec![style],
        init: None,
        joins: Joins::default(),
        mask: None,
    };
    let mut session =
        Session::new(engine.clone(), recipe.clone(), inputs, AMPLE).expect("it begins");
    while session.step().expect("it runs") != Step::Done {}
    session.picture().expect("it is there")
}

#[test]
fn a_cut_out_swatch_paints_like_its_opaque_crop() {
    for profile in [Profile::Exact, Profile::Fast] {
        let engine = engine(profile);
        for preset in Preset::ALL {
            let short = Optimize {
                iterations: 2,
                coarse_iterations: 2,
                min_scale: 24,
                ..preset.optimize()
            };
            let colored = |preserve| short.clone().with(|common| common.preserve_color = preserve);
            let recipes = [
                colored(PreserveColor::None),
                colored(PreserveColor::Statistics),
                colored(PreserveColor::Luminance),
                Optimize { init: Init::Noise, ..short.clone() },
            ];
            for recipe in recipes {
                let (crop, cut_out) = swatch();
                assert!(
                    paint(&engine, &recipe, crop) == paint(&engine, &recipe, cut_out),
                    "{preset:?} {recipe:?}"
                );
            }
        }
    }
}

#[test]
fn weights_of_one_are_none() {
    let engine = engine(Profile::Exact);
    let recipe = Optimize { iterations: 2, min_scale: 0, ..Optimize::painterly() };
    let whole = Style::from((picture(40, 30, 2), 1.0));
    let weighted = Style { weights: Some(mask(40, 30, |_| 1.0)), ..whole.clone() };
    assert!(paint(&engine, &recipe, whole) == paint(&engine, &recipe, weighted));
}

/// The lower half is erased: what is left has the statistics of a picture that is all of its
/// colour, but for what receptive fields see across the border.
#[test]
fn statistics_are_those_of_the_pixels_that_count() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().map(Arc::new);
    let threads = threads.expect("two threads");
    let view = View::of_style(&Optimize::painterly());
    let flat = |color: [f32; 3]| Image::filled(64, 64, color);
    let mut half = flat([60.0, 120.0, 200.0]);
    half.rgb[64 * 32 * 3..].chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&ERASED));
    let upper = mask(64, 64, |at| if at < 64 * 32 { 1.0 } else { 0.0 });
    for (level, precision) in [
        (Level::Scalar, Precision::Fp32),
        (Level::detect(), Precision::Fp32),
        (Level::detect(), Precision::Bf16),
    ] {
        let cpu = Cpu::new(&weights(), level, precision, threads.clone()).expect("it fits");
        let gram = |image: &Image, weights: Option<&Mask>| {
            let moments =
                cpu.moments(image, weights, view, AMPLE, &Interrupt::default()).expect("it runs");
            LayerStatistics::of(&moments[0]).gram
        };
        let expected = gram(&flat([60.0, 120.0, 200.0]), None);
        let (found, unweighted) = (gram(&half, Some(&upper)), gram(&half, None));
        // One row of 32 sees the other colour, in which features are several times as large.
        let (weighted, all) = (error(&found, &expected), error(&unweighted, &expected));
        assert!(
            weighted < 0.3 && all > 10.0 * weighted,
            "{level:?} {precision:?}: {weighted} {all}"
        );
    }
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let style = Style { weights: Some(mask(8, 8, |_| 1.0)), ..(picture(40, 30, 2), 1.0).into() };
    let inputs = Inputs {
        content: Some(picture(48, 40, 1)),
        coverage: None,
        ground: None,
        styles: vec![style],
        init: None,
        joins: Joins::default(),
        mask: None,
    };
    let error = Session::new(engine(Profile::Exact), Optimize::painterly(), inputs, AMPLE)
        .expect_err("it is refused");
    assert!(
        matches!(error, EngineError::MaskSize { what: "style image", size: (40, 30), .. }),
        "{error}"
    );
}

/// Opaque black beside white that is hardly there: a smaller picture stays black.
#[test]
fn a_content_counts_by_its_coverage_where_it_is_resized() {
    let white = |at: usize| !(at % 64).is_multiple_of(2);
    let rgb = (0..64 * 64).flat_map(|at| [if white(at) { 255.0 } else { 0.0 }; 3]).collect();
    let content = Image { width: 64, height: 64, rgb };
    let coverage = mask(64, 64, |at| if white(at) { 10.0 / 255.0 } else { 1.0 });
    let recipe = Optimize { style_weight: 0.0, iterations: 1, ..Optimize::gatys() };
    let recipe = recipe.with(|common| common.size = Some(32));
    let first = |coverage| {
        let inputs = Inputs {
            content: Some(content.clone()),
            coverage,
            ground: None,
            styles: vec![(picture(40, 30, 2), 1.0).into()],
            init: None,
            joins: Joins::repeating(true, true),
            mask: None,
        };
        let session = Session::new(engine(Profile::Exact), recipe.clone(), inputs, AMPLE);
        session.expect("it begins").picture().expect("it is there").rgb
    };
    let near = |found: Vec<f32>, level: f32| found.iter().all(|v| (v - level).abs() < 0.01);
    assert!(near(first(Some(coverage)), 2550.0 / 265.0));
    assert!(near(first(None), 127.5));
}
