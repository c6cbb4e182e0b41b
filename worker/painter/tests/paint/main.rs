//! Paints without a farm. The network has VGG-19's topology, few channels and random weights.

mod channels;
mod files;
mod memory;
mod support;

use std::ops::ControlFlow;

use impasto_assets::{Depth, Origin, Picture};
use impasto_painter::{Interrupt, Observer, PaintError, PaintStep, Source, Sources, Stop};
use impasto_types::{ContainerFormat, FailureKind, OutputSpec, Part, error_text};

use crate::support::*;

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

/// Interrupts the first step.
struct Impatient(Stop);

impl Observer for Impatient {
    fn began(&mut self, interrupt: Interrupt) {
        interrupt.ask();
    }

    fn step(&mut self, _: &PaintStep) -> ControlFlow<Stop> {
        panic!("no step comes to its end")
    }

    fn interrupted(&mut self) -> Stop {
        self.0
    }
}

#[test]
fn a_step_can_be_interrupted_and_repeated() {
    let mut sources = sources();
    let whole = run(PNG, &sources).expect("it is painted");
    let canceled = paint_with(PNG, &sources, &mut Impatient(Stop::Cancel));
    assert!(matches!(canceled, Err(PaintError::Canceled { .. })), "{canceled:?}");
    let stopped = paint_with(PNG, &sources, &mut Impatient(Stop::Save));
    let Err(PaintError::Stopped { checkpoint, .. }) = stopped else { panic!("{stopped:?}") };
    sources.checkpoint = Some(checkpoint);
    assert_eq!(run(PNG, &sources).expect("it goes on").files, whole.files);
}

/// Black in the left third, then grey, then white.
fn mask(width: u32) -> Source {
    let level = |x: u32| [0.0, 128.0, 255.0][(x * 3 / width) as usize];
    let rgb = (0..width * HEIGHT).flat_map(|i| [level(i % width); 3]).collect();
    let origin = Origin::synthetic("mask.png", ContainerFormat::Png);
    encoded(
        "mask.png",
        &Picture { width, height: HEIGHT, rgb, alpha: None, extra: Vec::new(), origin },
    )
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
    let canceled = paint_with(PNG, &sources(), &mut |step: &PaintStep| {
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
fn an_attempt_resumed_from_a_checkpoint_gives_the_same_bytes() {
    let whole = run(PNG, &sources()).expect("it is painted");
    let stopped = paint_with(PNG, &sources(), &mut |_: &PaintStep| ControlFlow::Break(Stop::Save))
        .expect_err("stopped");
    let PaintError::Stopped { checkpoint, .. } = stopped else { panic!("{stopped}") };
    let resumed = Sources { checkpoint: Some(checkpoint.clone()), ..sources() };
    let mut steps = 0;
    let painted = paint_with(PNG, &resumed, &mut |_: &PaintStep| {
        steps += 1;
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
