//! Tiny pictures, a tiny network, and runs of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use impasto_assets::{Depth, Limits, Origin, Picture, decode, encode};
use impasto_engine::optimize::Engine;
use impasto_models::{Convolution, VggWeights};
use impasto_painter::{
    Observer, Optimizing, PaintError, PaintStep, Painted, Registry, Source, Sources, Tools, paint,
};
use impasto_types::{
    Action, AssetKind, Common, ContainerFormat, Optimize, Optimizer, OutputSpec, Part, Profile,
    Recipe,
};
pub(crate) const PNG: OutputSpec =
    OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };

/// More than any of these pictures needs.
pub(crate) const PLENTY: u64 = 1 << 30;

pub(crate) const CHANNELS: [usize; 14] = [3, 8, 8, 12, 12, 16, 16, 16, 16, 20, 20, 20, 20, 24];

pub(crate) const WIDTH: u32 = 24;
pub(crate) const HEIGHT: u32 = 20;

/// Uniform in [-1, 1), from a linear congruential generator: good enough for weights.
pub(crate) fn noise(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

pub(crate) fn method() -> Optimizing {
    let mut noise = noise(3);
    let convolution = |pair: &[usize]| Convolution {
        name: "conv".to_owned(),
        in_channels: pair[0],
        out_channels: pair[1],
        weights: (0..pair[0] * pair[1] * 9)
            .map(|_| noise() * 0.8 / (pair[0] as f32).sqrt())
            .collect(),
        bias: vec![0.5; pair[1]],
    };
    let weights = VggWeights { convolutions: CHANNELS.windows(2).map(convolution).collect() };
    let engine = Engine::new(&weights, 2, None, Profile::Exact).expect("the weights fit together");
    Optimizing::on(Arc::new(engine))
}

pub(crate) fn encoded(name: &str, picture: &Picture) -> Source {
    Source { name: name.to_owned(), bytes: encode(picture, PNG).expect("it encodes") }
}

/// A file with a noisy picture. With alpha, its left half is transparent.
pub(crate) fn file(name: &str, depth: Depth, alpha: bool) -> Source {
    let (width, height) = (WIDTH, HEIGHT);
    let mut noise = noise(7);
    let rgb = (0..width * height * 3).map(|_| 127.0 + 100.0 * noise()).collect();
    let alpha = alpha.then(|| {
        (0..width * height).map(|i| if i % width < width / 2 { 0.0 } else { 1.0 }).collect()
    });
    let origin = Origin { depth, ..Origin::synthetic(name, ContainerFormat::Png) };
    encoded(name, &Picture { width, height, rgb, alpha, extra: Vec::new(), origin })
}

pub(crate) fn sources() -> Sources {
    Sources {
        files: [(Part::Color, file("wall.png", Depth::Sixteen, true))].into(),
        styles: vec![file("style.png", Depth::Eight, false)],
        checkpoint: None,
    }
}

pub(crate) fn action(output: OutputSpec, sources: &Sources) -> Action {
    let recipe = Recipe::Optimize(Optimize {
        iterations: 3,
        coarse_iterations: 3,
        min_scale: 0,
        ..Optimize::painterly()
    });
    // One weight per style of the action, however many `sources` has.
    sources.action(AssetKind::picture(), recipe, &[1.0], vec![], vec![output])
}

pub(crate) fn paint_with(
    output: OutputSpec,
    sources: &Sources,
    observer: &mut dyn Observer,
) -> Result<Painted, PaintError> {
    let (registry, method) = (Registry::default(), method());
    let adapter = registry.adapter(&AssetKind::picture()).expect("it is there");
    let tools = Tools { adapter, method: &method, memory_bytes: PLENTY, refuses_cuts: false };
    let full = self::sources();
    let named = Sources { files: sources.files.clone(), ..full };
    paint(tools, "wall.png", &action(output, &named), sources, observer)
}

pub(crate) fn run(output: OutputSpec, sources: &Sources) -> Result<Painted, PaintError> {
    paint_with(output, sources, &mut |_: &PaintStep| ControlFlow::Continue(()))
}

pub(crate) fn picture(bytes: &[u8]) -> Picture {
    decode(bytes, "wall.png", &Limits::default()).expect("it is an image")
}

/// What changes nothing: one small step, towards nothing.
pub(crate) fn idle(size: Option<u32>) -> Recipe {
    let preset = Optimize::gatys();
    Recipe::Optimize(Optimize {
        common: Common { size, ..preset.common },
        iterations: 1,
        style_weight: 0.0,
        optimizer: Optimizer::Adam,
        learning_rate: 1e-4,
        ..preset
    })
}

pub(crate) fn run_recipe(recipe: Recipe, output: OutputSpec, sources: &Sources) -> Painted {
    run_kind(AssetKind::picture(), recipe, output, sources)
}

pub(crate) fn run_kind(
    kind: AssetKind,
    recipe: Recipe,
    output: OutputSpec,
    sources: &Sources,
) -> Painted {
    let (registry, method) = (Registry::default(), method());
    let adapter = registry.adapter(&kind).expect("it is there");
    let tools = Tools { adapter, method: &method, memory_bytes: PLENTY, refuses_cuts: false };
    let action = sources.action(kind, recipe, &[1.0], vec![], vec![output]);
    paint(tools, "wall.png", &action, sources, &mut |_: &PaintStep| ControlFlow::Continue(()))
        .expect("it is painted")
}
