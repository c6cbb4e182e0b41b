//! Painting inside a mask: a mask of ones is no mask, what lies outside stays the asset's own, its
//! edge is painted like its inside, and tiles give the answer of the whole.

mod network;

use std::sync::Arc;

use impasto_engine::optimize::device::{Cpu, Pass, Tiling, View};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{EngineError, Image, Inputs, Joins, Mask, Run, Step};
use impasto_kernels::{Edge, Level, Pool, Precision};
use impasto_types::{Init, Optimize, Optimizer, Padding, PreserveColor, Profile};

use self::network::{Noise, error, picture, soft_mask, weights};

const AMPLE: u64 = 4 << 30;

fn engine() -> Arc<Engine> {
    let engine = Engine::new(&weights(), 2, None, Profile::Exact);
    Arc::new(engine.expect("the weights fit together"))
}

fn paint(engine: &Arc<Engine>, recipe: &Optimize, mask: Option<Mask>) -> Image {
    let inputs = Inputs {
        content: Some(picture(48, 40, 1)),
        coverage: None,
        ground: None,
        styles: vec![(picture(40, 40, 2), 1.0).into()],
        init: None,
        joins: Joins::default(),
        mask,
    };
    let mut session =
        Session::new(engine.clone(), recipe.clone(), inputs, AMPLE).expect("it begins");
    while session.step().expect("it runs") != Step::Done {}
    session.picture().expect("it is there")
}

#[test]
fn a_texture_is_synthesised_into_its_ground() {
    let ground = picture(48, 40, 1);
    let left = (0..48 * 40).map(|at| f32::from(u8::from(at % 48 < 24))).collect();
    let recipe = Optimize { init: Init::Noise, ..recipes().remove(0) };
    let inputs = Inputs {
        content: None,
        coverage: None,
        ground: Some(ground.clone()),
        styles: vec![(picture(40, 40, 2), 1.0).into()],
        init: None,
        joins: Joins::default(),
        mask: Some(Mask::new(48, 40, left).expect("it can be used")),
    };
    let mut session = Session::new(engine(), recipe, inputs, AMPLE).expect("it begins");
    while session.step().expect("it runs") != Step::Done {}
    let painted = session.picture().expect("it is there");
    let same = |x: usize| {
        let at = |image: &Image, y: usize| image.rgb[3 * (y * 48 + x)..][..3].to_vec();
        (0..40).filter(|&y| at(&painted, y) == at(&ground, y)).count()
    };
    assert_eq!((24..48).map(same).sum::<usize>(), 24 * 40, "the ground stays outside");
    assert_eq!((0..24).map(same).sum::<usize>(), 0, "nothing of it is left inside");
}

/// Two scales, so that masks are reduced and blends are carried over.
fn recipes() -> Vec<Optimize> {
    let short = Optimize {
        iterations: 3,
        coarse_iterations: 3,
        min_scale: 24,
        tv_weight: 0.1,
        ..Optimize::painterly()
    };
    let exact = short.with(|common| common.profile = Profile::Exact);
    vec![
        exact.clone(),
        Optimize { optimizer: Optimizer::Adam, padding: Padding::Reflect, ..exact.clone() },
        exact.clone().with(|common| common.preserve_color = PreserveColor::Luminance),
        exact.clone().with(|common| common.preserve_color = PreserveColor::Statistics),
        exact.with(|common| common.palette = 0.7),
    ]
}

#[test]
fn a_mask_of_ones_changes_no_bit() {
    let engine = engine();
    for recipe in recipes() {
        let ones = Mask::new(48, 40, vec![1.0; 48 * 40]).expect("it can be used");
        let found = paint(&engine, &recipe, Some(ones));
        assert!(found == paint(&engine, &recipe, None), "{recipe:?}");
    }
}

#[test]
fn what_lies_outside_stays_the_asset_s_own() {
    let engine = engine();
    let own = picture(48, 40, 1);
    // A soft border between the painted left and the rest.
    let weights: Vec<f32> =
        (0..48 * 40).map(|pixel| ((28.0 - (pixel % 48) as f32) / 8.0).clamp(0.0, 1.0)).collect();
    for recipe in recipes() {
        let mask = Mask::new(48, 40, weights.clone()).expect("it can be used");
        let painted = paint(&engine, &recipe, Some(mask));
        let pixels = painted.rgb.chunks_exact(3).zip(own.rgb.chunks_exact(3));
        let mut moved = 0;
        for ((painted, own), weight) in pixels.zip(&weights) {
            if *weight == 0.0 {
                assert_eq!(painted, own, "{recipe:?}");
            } else {
                moved += usize::from(painted != own);
            }
        }
        assert!(moved > 1000, "{moved} pixels were painted: {recipe:?}");
    }
}

/// Soft waves and a little noise.
fn waves(side: usize, seed: u64) -> Image {
    let mut noise = Noise(seed);
    let value = |at: usize| {
        let (x, y) = ((at % side) as f32, (at / side) as f32);
        40.0 * (x / 9.0).sin() + 30.0 * (y / 7.0 + seed as f32).cos()
    };
    let rgb = (0..side * side).flat_map(|at| {
        [1.0, 0.8, 0.5].map(|strength| 120.0 + strength * value(at) + 8.0 * noise.next())
    });
    Image { width: side, height: side, rgb: rgb.collect() }
}

#[test]
fn the_edge_of_a_mask_is_painted_like_its_inside() {
    const SIDE: usize = 96;
    // How deep inside a circle.
    let depth = |at: usize| {
        let (x, y) = ((at % SIDE) as f32 - 47.5, (at / SIDE) as f32 - 47.5);
        30.0 - x.hypot(y)
    };
    let own = waves(SIDE, 1);
    let weights = (0..SIDE * SIDE).map(|at| if depth(at) > 0.0 { 1.0 } else { 0.0 }).collect();
    let inputs = Inputs {
        content: Some(own.clone()),
        coverage: None,
        ground: None,
        styles: vec![(waves(SIDE, 5), 1.0).into()],
        init: None,
        joins: Joins::default(),
        mask: Some(Mask::new(SIDE, SIDE, weights).expect("it can be used")),
    };
    let recipe =
        Optimize { iterations: 30, coarse_iterations: 30, min_scale: 48, ..Optimize::texture() };
    let mut session = Session::new(engine(), recipe, inputs, AMPLE).expect("it begins");
    while session.step().expect("it runs") != Step::Done {}
    let painted = session.picture().expect("it is there");
    let moved = |deep: std::ops::Range<f32>| {
        let pixels = (0..SIDE * SIDE).filter(|at| deep.contains(&depth(*at)));
        let squares = pixels.flat_map(|at| [0, 1, 2].map(|c| 3 * at + c));
        let squares = squares.map(|at| f64::from(painted.rgb[at] - own.rgb[at]).powi(2));
        let (sum, count) = squares.fold((0.0, 0), |(sum, count), square| (sum + square, count + 1));
        (sum / f64::from(count)).sqrt()
    };
    // 18 levels and 18; without a margin around the mask 29 and 18.
    let (edge, inside) = (moved(0.01..1.0), moved(8.0..16.0));
    assert!(inside > 5.0 && edge < 1.2 * inside, "{edge} levels at the edge, {inside} inside");
}

#[test]
fn a_mask_that_does_not_fit_is_refused() {
    let begin = |content: Option<Image>, mask: Mask| {
        let styles = vec![(picture(40, 40, 2), 1.0).into()];
        let joins = Joins::default();
        let inputs = Inputs {
            content,
            coverage: None,
            ground: None,
            styles,
            init: None,
            joins,
            mask: Some(mask),
        };
        let recipe = Optimize { init: impasto_types::Init::Noise, ..Optimize::texture() };
        let recipe = recipe.with(|common| common.size = Some(32));
        Session::new(engine(), recipe, inputs, AMPLE).expect_err("it is refused")
    };
    let mask = || Mask::new(8, 8, vec![1.0; 64]).expect("it can be used");
    let error = begin(Some(picture(48, 40, 1)), mask());
    assert!(
        matches!(error, EngineError::MaskSize { what: "asset", size: (48, 40), .. }),
        "{error}"
    );
    assert!(begin(None, mask()).to_string().contains("mask"));
}

#[test]
fn masked_tiles_give_the_answer_of_the_whole() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().map(Arc::new);
    let cpu = Cpu::new(&weights(), Level::detect(), Precision::Fp32, threads.expect("two threads"))
        .expect("the weights fit together");
    let recipe = Optimize { content_weight: 2.0, ..Optimize::painterly() };
    for (edge, width, height, interior) in
        [(Edge::Reflect, 397, 300, (192, 128)), (Edge::Wrap, 704, 64, (256, 64))]
    {
        let view = View::new(edge, edge, Pool::Max);
        let style = cpu.pass(Tiling::whole(view, 80, 72)).moments(&picture(80, 72, 5));
        let style = style.expect("it runs").iter().map(LayerStatistics::of).collect();
        let style = StyleTarget::layers(&recipe, &[(style, 1.0)]);
        let mask = soft_mask(width, height);
        let evaluate = |tiling| {
            let mut pass = cpu.pass(tiling);
            pass.hold_mask(mask.clone()).expect("it runs");
            let content = picture(width, height, 6);
            pass.hold_content(&content, &|sums| sums.weight(&recipe)).expect("it runs");
            let mut gradient = vec![f32::NAN; width * height * 3];
            let image = picture(width, height, 7);
            let terms = pass.evaluate(&image, &style, &mut gradient).expect("it runs");
            (terms, gradient)
        };
        let (expected, slope) = evaluate(Tiling::whole(view, width, height));
        let tiling = Tiling::cut(view, width, height, interior).expect("it can be cut");
        assert!(tiling.tiles.len() > 2);
        let (found, tiled) = evaluate(tiling);
        // As without a mask: see `tiling.rs`.
        assert!((found.style - expected.style).abs() < 1e-3 * expected.style, "{edge:?}");
        assert!((found.content - expected.content).abs() < 1e-6 * expected.content, "{edge:?}");
        let error = error(&tiled, &slope);
        assert!(error < 1e-3, "{edge:?}: {error}");
    }
}
