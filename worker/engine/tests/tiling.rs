//! A picture in tiles gives the answer of the whole: on a small network, in every way that a
//! picture can end.

mod network;

use std::sync::Arc;

use impasto_engine::Image;
use impasto_engine::optimize::device::{Cpu, Pass, TiledPass, Tiling, View};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_kernels::{Edge, Layer, Level, Pool, Precision};
use impasto_types::Optimize;

use self::network::{error, picture, weights};

fn cpu(threads: usize) -> Cpu {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    Cpu::new(&weights(), Level::detect(), Precision::Fp32, Arc::new(threads))
        .expect("the weights fit together")
}

/// Style and content loss of one picture, and its gradient.
fn evaluate(
    mut pass: TiledPass,
    recipe: &Optimize,
    style: &[(Layer, StyleTarget)],
    image: &Image,
) -> (f64, f64, Vec<f32>) {
    let content = picture(image.width, image.height, 6);
    pass.hold_content(&content, &|sums| sums.weight(recipe)).expect("it runs");
    let mut gradient = vec![f32::NAN; image.rgb.len()];
    let terms = pass.evaluate(image, style, &mut gradient).expect("it runs");
    (terms.style, terms.content, gradient)
}

/// Compares every way to cut a picture with the whole. The tolerance is the gradient's, relative,
/// root mean square.
fn check(view: View, width: usize, height: usize, tolerance: f64) {
    let cpu = cpu(2);
    let recipe = Optimize { content_weight: 2.0, ..Optimize::painterly() };
    let style_view = View { edge_x: Edge::Reflect, edge_y: Edge::Reflect, ..view };
    let moments =
        cpu.pass(Tiling::whole(style_view, 80, 72)).moments(&picture(80, 72, 5)).expect("it runs");
    let style =
        StyleTarget::layers(&recipe, &[(moments.iter().map(LayerStatistics::of).collect(), 1.0)]);
    let image = picture(width, height, 7);
    let whole = evaluate(cpu.pass(Tiling::whole(view, width, height)), &recipe, &style, &image);
    let mut cuts = 0;
    for candidate in Tiling::candidates(view, width, height).into_iter().skip(1).step_by(4).take(4)
    {
        let tiling =
            Tiling::cut(view, width, height, candidate.interior).expect("a candidate can be cut");
        let tiled = evaluate(cpu.pass(tiling), &recipe, &style, &image);
        let context = format!("{view:?} {width}x{height} in {:?}", candidate.interior);
        assert!(
            (tiled.0 - whole.0).abs() < ALIGNED * whole.0,
            "{context}: style {} {}",
            tiled.0,
            whole.0
        );
        assert!(
            (tiled.1 - whole.1).abs() < 1e-6 * whole.1,
            "{context}: content {} {}",
            tiled.1,
            whole.1
        );
        let error = error(&tiled.2, &whole.2);
        assert!(error < tolerance, "{context}: gradient {error}");
        cuts += 1;
    }
    assert!(cuts > 1, "{view:?} {width}x{height} can be cut");
}

/// Where every block lies as in the whole, features are the whole's to the last bit, and only the
/// moments differ: their single precision parts are other pixels, which moves them by 1e-6.
/// Pictures of noise have nearly the same moments, whose difference is what pulls, so the pull
/// moves by up to a hundred times that.
const ALIGNED: f64 = 1e-3;

/// Beyond a border that is no multiple of 64, blocks lie elsewhere, and a rounding may open a ReLU
/// or turn a maximum.
const SHIFTED: f64 = 2e-2;

#[test]
fn borders_that_end() {
    for (edge, pool) in
        [(Edge::Zero, Pool::Max), (Edge::Replicate, Pool::Average), (Edge::Reflect, Pool::Max)]
    {
        check(View::new(edge, edge, pool), 520, 450, ALIGNED);
        check(View::new(edge, edge, pool), 397, 611, ALIGNED);
    }
}

#[test]
fn borders_that_wrap() {
    for pool in [Pool::Max, Pool::Average] {
        check(View::new(Edge::Wrap, Edge::Wrap, pool), 640, 576, ALIGNED);
        check(View::new(Edge::Wrap, Edge::Reflect, pool), 704, 300, ALIGNED);
        check(View::new(Edge::Zero, Edge::Wrap, pool), 200, 640, ALIGNED);
        check(View::new(Edge::Wrap, Edge::Wrap, pool), 693, 651, SHIFTED);
    }
}

#[test]
fn tiles_on_one_thread_and_three_give_the_same_bits() {
    let view = View::new(Edge::Wrap, Edge::Reflect, Pool::Max);
    let recipe = Optimize::painterly();
    let image = picture(640, 300, 7);
    let on = |threads| {
        let cpu = cpu(threads);
        let moments = cpu
            .pass(Tiling::whole(view, 640, 300))
            .moments(&picture(640, 300, 5))
            .expect("it runs");
        let style = StyleTarget::layers(
            &recipe,
            &[(moments.iter().map(LayerStatistics::of).collect(), 1.0)],
        );
        let tiling = Tiling::cut(view, 640, 300, (256, 128)).expect("it can be cut");
        evaluate(cpu.pass(tiling), &recipe, &style, &image)
    };
    assert!(on(1) == on(3));
}
