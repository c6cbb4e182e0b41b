//! Painting without a farm: files' bytes in, a file's bytes out. The network has VGG-19's shape,
//! few channels and random weights.

use std::ops::ControlFlow;
use std::sync::Arc;

use impasto_assets::{Depth, Limits, Origin, Picture, decode, encode};
use impasto_engine::optimize::Engine;
use impasto_models::{Convolution, VggWeights};
use impasto_painter::{PaintError, Painted, Source, Sources, paint};
use impasto_types::{
    Action, AssetKind, BlobRef, ContainerFormat, FailureKind, Input, Method, Optimize, OutputSpec,
    Part, Profile, Recipe, StyleRef, error_text,
};

const PNG: OutputSpec = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };

/// More than any of these pictures takes.
const PLENTY: u64 = 1 << 30;

const CHANNELS: [usize; 14] = [3, 8, 8, 12, 12, 16, 16, 16, 16, 20, 20, 20, 20, 24];

/// Uniform in [-1, 1): a linear congruential generator is noise enough for weights.
fn noise(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

fn engine() -> Arc<Engine> {
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
    Arc::new(Engine::new(&weights, 2, None, Profile::Exact).expect("the weights fit together"))
}

/// A file with a noisy picture. With alpha, its left half is transparent.
fn file(name: &str, depth: Depth, alpha: bool) -> Source {
    let (width, height) = (24, 20);
    let mut noise = noise(7);
    let rgb = (0..width * height * 3).map(|_| 127.0 + 100.0 * noise()).collect();
    let alpha = alpha.then(|| {
        (0..width * height).map(|i| if i % width < width / 2 { 0.0 } else { 1.0 }).collect()
    });
    let origin = Origin { depth, ..Origin::synthetic(name, ContainerFormat::Png) };
    let bytes = encode(&Picture { width, height, rgb, alpha, origin }, PNG).expect("it encodes");
    Source { name: name.to_owned(), bytes }
}

fn sources() -> Sources {
    Sources {
        content: Some(file("wall.png", Depth::Sixteen, true)),
        styles: vec![file("style.png", Depth::Eight, false)],
        init: None,
    }
}

fn action(output: OutputSpec) -> Action {
    let blob = BlobRef::of(b"not looked at here");
    Action {
        method_version: Method::Optimize.version(),
        kind: AssetKind::picture(),
        recipe: Recipe::Optimize(Optimize {
            iterations: 3,
            coarse_iterations: 3,
            min_scale: 0,
            ..Optimize::painterly()
        }),
        inputs: vec![Input::blob(Part::Color, blob)],
        styles: vec![StyleRef { blob, weight: 1.0 }],
        models: vec![],
        outputs: vec![output],
    }
}

fn run(output: OutputSpec, sources: &Sources) -> Result<Painted, PaintError> {
    paint(&engine(), PLENTY, "wall.png", &action(output), sources, &mut |_| {
        ControlFlow::Continue(())
    })
}

#[test]
fn the_asset_keeps_its_size_its_alpha_and_its_depth() {
    let sources = sources();
    let painted = run(PNG, &sources).expect("it is painted");
    assert_eq!((painted.width, painted.height, painted.report.iterations), (24, 20, 3));
    assert!(
        painted.report.losses.expect("it has losses").total > 0.0
            && painted.report.device.starts_with("cpu ")
    );
    let (before, after) = (sources.content.expect("there is one"), painted.bytes.clone());
    let before = decode(&before.bytes, "wall.png", &Limits::default()).expect("it is an image");
    let after = decode(&after, "wall.png", &Limits::default()).expect("it is an image");
    assert_eq!((after.alpha, after.origin.depth), (before.alpha, Depth::Sixteen));
    assert_ne!(after.rgb, before.rgb, "it was painted");
}

#[test]
fn the_same_action_gives_the_same_bytes() {
    let (first, second) = (run(PNG, &sources()), run(PNG, &sources()));
    assert_eq!(first.expect("it is painted").bytes, second.expect("it is painted").bytes);
}

#[test]
fn an_observer_sees_every_step_and_can_end_it() {
    let mut seen = Vec::new();
    let canceled = paint(&engine(), PLENTY, "wall.png", &action(PNG), &sources(), &mut |step| {
        seen.push((step.iteration, step.iterations, step.scale));
        if step.iteration == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(canceled, Err(PaintError::Canceled { asset }) if asset == "wall.png"));
    assert_eq!(seen, [(1, 3, (24, 20)), (2, 3, (24, 20))]);
}

#[test]
fn the_file_at_fault_is_named() {
    let jpeg = OutputSpec { format: ContainerFormat::Jpeg, ..PNG };
    let with_content = |content: &[u8]| Sources {
        content: Some(Source { name: "wall.png".to_owned(), bytes: content.to_vec() }),
        ..sources()
    };
    let cut = sources().styles[0].bytes[..60].to_vec();
    let cut_style =
        Sources { styles: vec![Source { name: "style.png".to_owned(), bytes: cut }], ..sources() };
    for (output, sources, expected) in [
        (PNG, with_content(b""), "`wall.png` is empty"),
        (PNG, with_content(b"<html>"), "`wall.png`"),
        (PNG, cut_style, "`style.png`"),
        (
            PNG,
            Sources { content: None, ..sources() },
            "cannot paint `wall.png`: the recipe needs a content image",
        ),
        (
            PNG,
            Sources { styles: vec![], ..sources() },
            "`wall.png` was given 0 style images, but its action names 1",
        ),
        (jpeg, sources(), "`wall.png` has alpha, which jpg cannot hold"),
    ] {
        let error = run(output, &sources).expect_err(expected);
        assert!(error_text(&error).starts_with(expected), "{}", error_text(&error));
        assert_eq!(error.kind(), FailureKind::Input, "{expected}");
    }
}
