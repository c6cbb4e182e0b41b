//! Paints without a farm. The network has VGG-19's topology, few channels and random weights.

use std::ops::ControlFlow;
use std::sync::Arc;

use impasto_assets::{Depth, Limits, Origin, Picture, decode, encode};
use impasto_engine::optimize::Engine;
use impasto_models::{Convolution, VggWeights};
use impasto_painter::{
    Optimizing, PaintError, Painted, Registry, Source, Sources, Stop, Tools, paint,
};
use impasto_types::{
    Action, AssetKind, ContainerFormat, FailureKind, Optimize, OutputSpec, Part, Profile, Recipe,
    error_text,
};

const PNG: OutputSpec = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };

/// More than any of these pictures needs.
const PLENTY: u64 = 1 << 30;

const CHANNELS: [usize; 14] = [3, 8, 8, 12, 12, 16, 16, 16, 16, 20, 20, 20, 20, 24];

const WIDTH: u32 = 24;
const HEIGHT: u32 = 20;

/// Uniform in [-1, 1), from a linear congruential generator: good enough for weights.
fn noise(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

fn method() -> Optimizing {
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

fn encoded(name: &str, picture: &Picture) -> Source {
    Source { name: name.to_owned(), bytes: encode(picture, PNG).expect("it encodes") }
}

/// A file with a noisy picture. With alpha, its left half is transparent.
fn file(name: &str, depth: Depth, alpha: bool) -> Source {
    let (width, height) = (WIDTH, HEIGHT);
    let mut noise = noise(7);
    let rgb = (0..width * height * 3).map(|_| 127.0 + 100.0 * noise()).collect();
    let alpha = alpha.then(|| {
        (0..width * height).map(|i| if i % width < width / 2 { 0.0 } else { 1.0 }).collect()
    });
    let origin = Origin { depth, ..Origin::synthetic(name, ContainerFormat::Png) };
    encoded(name, &Picture { width, height, rgb, alpha, origin })
}

fn sources() -> Sources {
    Sources {
        files: [(Part::Color, file("wall.png", Depth::Sixteen, true))].into(),
        styles: vec![file("style.png", Depth::Eight, false)],
        checkpoint: None,
    }
}

fn action(output: OutputSpec, sources: &Sources) -> Action {
    let recipe = Recipe::Optimize(Optimize {
        iterations: 3,
        coarse_iterations: 3,
        min_scale: 0,
        ..Optimize::painterly()
    });
    // One weight per style of the action, however many `sources` has.
    sources.action(recipe, &[1.0], vec![], vec![output])
}

fn paint_with(
    output: OutputSpec,
    sources: &Sources,
    observer: &mut impasto_painter::Observer<'_>,
) -> Result<Painted, PaintError> {
    let (registry, method) = (Registry::default(), method());
    let adapter = registry.adapter(&AssetKind::picture()).expect("it is there");
    let tools = Tools { adapter, method: &method, memory_bytes: PLENTY };
    let full = self::sources();
    let named = Sources { files: sources.files.clone(), ..full };
    paint(tools, "wall.png", &action(output, &named), sources, observer)
}

fn run(output: OutputSpec, sources: &Sources) -> Result<Painted, PaintError> {
    paint_with(output, sources, &mut |_| ControlFlow::Continue(()))
}

fn picture(bytes: &[u8]) -> Picture {
    decode(bytes, "wall.png", &Limits::default()).expect("it is an image")
}

#[test]
fn the_asset_keeps_its_size_its_alpha_and_its_depth() {
    let sources = sources();
    let painted = run(PNG, &sources).expect("it is painted");
    let [file] = &painted.files[..] else { panic!("one file was asked for") };
    assert_eq!((file.part, file.width, file.height), (Part::Color, WIDTH, HEIGHT));
    assert_eq!(painted.report.iterations, 3);
    assert!(painted.report.losses.expect("there is a loss").total > 0.0);
    assert!(painted.report.device.starts_with("cpu "), "{}", painted.report.device);
    let (before, after) = (picture(&sources.files[&Part::Color].bytes), picture(&file.bytes));
    assert_eq!((&after.alpha, after.origin.depth), (&before.alpha, Depth::Sixteen));
    assert_ne!(after.rgb, before.rgb, "it was painted");
}

/// Black in the left third, then grey, then white.
fn mask(width: u32) -> Source {
    let level = |x: u32| [0.0, 128.0, 255.0][(x * 3 / width) as usize];
    let rgb = (0..width * HEIGHT).flat_map(|i| [level(i % width); 3]).collect();
    let origin = Origin::synthetic("mask.png", ContainerFormat::Png);
    encoded("mask.png", &Picture { width, height: HEIGHT, rgb, alpha: None, origin })
}

#[test]
fn pixels_of_weight_zero_do_not_change() {
    // At its own size, and at half of the asset's.
    for width in [WIDTH, WIDTH / 2] {
        let mut sources = sources();
        sources.files.insert(Part::Mask, mask(width));
        let painted = run(PNG, &sources).expect("it is painted");
        let before = picture(&sources.files[&Part::Color].bytes);
        let after = picture(&painted.files[0].bytes);
        let changed = |x: u32| {
            (0..HEIGHT).any(|y| {
                let at = (y * WIDTH + x) as usize * 3;
                before.rgb[at..at + 3] != after.rgb[at..at + 3]
            })
        };
        // A resized mask has soft edges.
        let soft = if width == WIDTH { 0 } else { 3 };
        assert!((0..WIDTH / 3 - soft).all(|x| !changed(x)), "black stays, mask {width}");
        assert!((WIDTH / 3 + soft..WIDTH).all(changed), "the rest is painted, mask {width}");
        assert_eq!(before.alpha, after.alpha);
    }
}

#[test]
fn a_mask_needs_a_picture() {
    let mut sources = sources();
    sources.files = [(Part::Mask, mask(WIDTH))].into();
    let error = run(PNG, &sources).expect_err("there is nothing to paint on");
    let text = error_text(&error);
    assert!(text.contains("`wall.png`") && text.contains("`color`"), "{text}");
    assert_eq!(error.kind(), FailureKind::Input);
}

#[test]
fn the_same_action_gives_the_same_bytes() {
    let (first, second) = (run(PNG, &sources()), run(PNG, &sources()));
    assert_eq!(first.expect("it is painted").files, second.expect("it is painted").files);
}

#[test]
fn an_observer_sees_every_step_and_can_end_painting() {
    let mut seen = Vec::new();
    let canceled = paint_with(PNG, &sources(), &mut |step| {
        let Some(step) = step else { return ControlFlow::Continue(()) };
        let report = step.report;
        seen.push((report.iteration, report.iterations, report.scale, step.done));
        if report.iteration == 2 {
            ControlFlow::Break(Stop::Cancel)
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(canceled, Err(PaintError::Canceled { asset }) if asset == "wall.png"));
    let size = (WIDTH, HEIGHT);
    assert_eq!(seen, [(1, 3, size, 1.0 / 3.0), (2, 3, size, 2.0 / 3.0)]);
}

#[test]
fn a_step_is_left_when_the_observer_ends_painting_during_it() {
    // Steps so long that the observer is asked within the first one, here or on a faster machine.
    let large = Sources {
        files: [(Part::Color, file("wall.png", Depth::Eight, true))].into(),
        ..sources()
    };
    let mut asked = 0;
    let canceled = paint_with(PNG, &large, &mut |step| {
        asked += 1;
        if step.is_none() { ControlFlow::Break(Stop::Cancel) } else { ControlFlow::Continue(()) }
    });
    match canceled {
        Err(PaintError::Canceled { .. }) => {}
        // It was done before it was asked.
        other => assert_eq!((other.expect("it is painted").report.iterations, asked), (3, 3)),
    }
}

#[test]
fn an_attempt_resumed_from_a_checkpoint_gives_the_same_bytes() {
    let whole = run(PNG, &sources()).expect("it is painted");
    let stopped = paint_with(PNG, &sources(), &mut |step| match step {
        Some(_) => ControlFlow::Break(Stop::Save),
        None => ControlFlow::Continue(()),
    })
    .expect_err("stopped");
    let PaintError::Stopped { checkpoint, .. } = stopped else { panic!("{stopped}") };
    let resumed = Sources { checkpoint: Some(checkpoint.clone()), ..sources() };
    let mut steps = 0;
    let painted = paint_with(PNG, &resumed, &mut |step| {
        steps += usize::from(step.is_some());
        ControlFlow::Continue(())
    });
    assert_eq!((painted.expect("it is painted").files, steps), (whole.files.clone(), 2));

    // After a damaged checkpoint, painting starts from the beginning.
    let damaged = checkpoint[..checkpoint.len() / 2].to_vec();
    let damaged = Sources { checkpoint: Some(damaged), ..sources() };
    assert_eq!(run(PNG, &damaged).expect("it is painted").files, whole.files);
}

#[test]
fn errors_name_the_file_at_fault() {
    let jpeg = OutputSpec { format: ContainerFormat::Jpeg, ..PNG };
    let with_content = |content: &[u8]| {
        let source = Source { name: "wall.png".to_owned(), bytes: content.to_vec() };
        Sources { files: [(Part::Color, source)].into(), ..sources() }
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
            Sources { files: [].into(), ..sources() },
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
