//! Runs in which nothing pulls, or a number is not finite: the picture that was there stays.

mod network;

use std::sync::Arc;

use impasto_engine::PROCESS_BYTES;
use impasto_engine::optimize::device::{
    Canvas, Cpu, HostCanvas, Pass, Plan, Task, Terms, TiledPass, VggDevice, View, Work,
};
use impasto_engine::optimize::objective::{ContentSums, StyleTarget};
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{EngineError, Image, Inputs, Interrupt, Mask, Run, Step};
use impasto_kernels::{self as kernels, Layer, Level, Moments, Precision};
use impasto_types::{
    Common, Init, Optimize, Optimizer, Padding, Pooling, PreserveColor, Preset, Profile, Tileable,
};

use self::network::{picture, weights};

const AMPLE: u64 = 4 << 30;

const OPTIMIZERS: [Optimizer; 2] = [Optimizer::Lbfgs, Optimizer::Adam];
const PADDINGS: [Padding; 4] = [Padding::Zero, Padding::Replicate, Padding::Reflect, Padding::Ring];

fn engine(profile: Profile) -> Arc<Engine> {
    let engine = Engine::new(&weights(), 2, None, profile);
    Arc::new(engine.expect("the weights fit together"))
}

fn inputs(recipe: &Optimize, content: &Image, style: &Image) -> Inputs {
    Inputs {
        content: Some(content.clone()),
        coverage: None,
        ground: None,
        styles: vec![(style.clone(), 1.0).into()],
        init: None,
        joins: recipe.common.tileable.into(),
        mask: None,
    }
}

fn paint(engine: &Arc<Engine>, recipe: &Optimize, content: &Image, style: &Image) -> Image {
    let inputs = inputs(recipe, content, style);
    let mut session =
        Session::new(engine.clone(), recipe.clone(), inputs, AMPLE).expect("it begins");
    while session.step().expect("it runs") != Step::Done {}
    session.picture().expect("it is there")
}

fn short(preset: Preset) -> Optimize {
    Optimize { iterations: 3, coarse_iterations: 3, min_scale: 24, ..preset.optimize() }
}

#[test]
fn without_a_style_the_input_comes_back() {
    let engine = engine(Profile::Fast);
    let (content, style) = (picture(53, 40, 1), picture(40, 44, 2));
    for preset in Preset::ALL {
        for optimizer in OPTIMIZERS {
            for (padding, tileable) in
                PADDINGS.into_iter().zip([Tileable::None, Tileable::X, Tileable::Both, Tileable::Y])
            {
                for preserve in
                    [PreserveColor::None, PreserveColor::Statistics, PreserveColor::Luminance]
                {
                    let recipe = Optimize { optimizer, padding, ..short(preset) }.with(|common| {
                        (common.tileable, common.preserve_color) = (tileable, preserve);
                        common.palette = 0.5;
                    });
                    for recipe in [
                        Optimize { style_weight: 0.0, ..recipe.clone() },
                        Optimize { style_layers: [0.0; 5], ..recipe.clone() },
                        Optimize { style_weight: 0.0, content_weight: 0.0, ..recipe.clone() },
                    ] {
                        let painted = paint(&engine, &recipe, &content, &style);
                        assert!(painted == content, "{recipe:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn without_a_style_a_picture_is_still_smoothed_and_drawn_to_the_content() {
    let engine = engine(Profile::Exact);
    let (content, style) = (picture(48, 40, 1), picture(40, 44, 2));
    for optimizer in OPTIMIZERS {
        let recipe = Optimize { optimizer, style_weight: 0.0, ..short(Preset::Painterly) };
        let smooth = Optimize { tv_weight: 10.0, ..recipe.clone() };
        let from_noise = Optimize { init: Init::Noise, ..recipe };
        for recipe in [smooth, from_noise] {
            let painted = paint(&engine, &recipe, &content, &style);
            assert!(painted != content, "{recipe:?}");
            assert!(painted.rgb.iter().all(|value| (0.0..=255.0).contains(value)));
        }
    }
}

#[test]
fn a_picture_in_its_own_style_stays_as_it_is() {
    for profile in [Profile::Exact, Profile::Fast] {
        let engine = engine(profile);
        // The last is painted at three scales: coarse ones must not blur it.
        for (width, height, min_scale) in
            [(48, 48, 0), (45, 61, 0), (16, 17, 0), (94, 94, 0), (94, 94, 24)]
        {
            let content = picture(width, height, 1);
            for optimizer in OPTIMIZERS {
                for pooling in [Pooling::Max, Pooling::Average] {
                    for padding in [Padding::Zero, Padding::Replicate, Padding::Reflect] {
                        let recipe = Optimize {
                            optimizer,
                            pooling,
                            padding,
                            min_scale,
                            iterations: 3,
                            ..Optimize::gatys()
                        };
                        let painted = paint(&engine, &recipe, &content, &content);
                        assert!(painted == content, "{width} x {height} {recipe:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_flat_picture_in_its_own_style_stays_flat() {
    let engine = engine(Profile::Exact);
    for color in [[128.0; 3], [0.0; 3], [255.0; 3], [200.0, 30.0, 90.0]] {
        for preset in Preset::ALL {
            for (optimizer, (width, height)) in
                OPTIMIZERS.into_iter().flat_map(|o| [(o, (64, 48)), (o, (33, 50))])
            {
                let flat = Image::filled(width, height, color);
                let recipe = Optimize { optimizer, ..short(preset) };
                let painted = paint(&engine, &recipe, &flat, &flat);
                let apart = painted.rgb.iter().zip(&flat.rgb).map(|(a, b)| (a - b).abs());
                let apart = apart.fold(0.0, f32::max);
                assert!(apart < 0.01, "{color:?} {preset:?} {optimizer:?} {width}: {apart}");
            }
        }
    }
}

#[test]
fn extreme_pictures_give_finite_ones() {
    let engine = engine(Profile::Fast);
    let mut white = Image::filled(40, 30, [0.0; 3]);
    white.rgb[3 * 500..3 * 501].fill(255.0);
    let noise = picture(40, 44, 2);
    let cases = [
        (picture(16, 17, 1), noise.clone()),
        (picture(17, 300, 1), noise.clone()),
        (picture(1, 1, 1), noise.clone()),
        (picture(3, 50, 1), noise.clone()),
        (Image::filled(40, 30, [128.0; 3]), noise.clone()),
        (noise.clone(), Image::filled(1, 1, [0.0; 3])),
        (Image::filled(40, 30, [0.0; 3]), white.clone()),
        (white, noise),
    ];
    for (content, style) in &cases {
        for preset in Preset::ALL {
            for tileable in [Tileable::None, Tileable::Both] {
                let recipe = short(preset).with(|common| common.tileable = tileable);
                let painted = paint(&engine, &recipe, content, style);
                assert_eq!((painted.width, painted.height), (content.width, content.height));
                assert!(painted.rgb.iter().all(|value| (0.0..=255.0).contains(value)));
            }
        }
    }
}

/// What becomes of an evaluation.
#[derive(Debug, Clone, Copy)]
enum Fault {
    NoGradient,
    NoLoss,
    BrokenGradient,
}

/// The processor, whose evaluations from the first of some on fail in one way.
#[derive(Debug)]
struct Faulty {
    cpu: Cpu,
    fault: Fault,
    from: usize,
}

#[derive(Debug)]
struct FaultyPass {
    pass: TiledPass,
    fault: Fault,
    left: usize,
}

impl VggDevice for Faulty {
    fn label(&self) -> String {
        self.cpu.label()
    }

    fn bytes(&self) -> u64 {
        self.cpu.bytes()
    }

    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError> {
        self.cpu.plan(work, budget_bytes)
    }

    fn moments(
        &self,
        image: &Image,
        weights: Option<&Mask>,
        view: View,
        budget_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Moments>, EngineError> {
        self.cpu.moments(image, weights, view, budget_bytes, interrupt)
    }

    fn least_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64 {
        self.cpu.least_moments(size, weighted, view)
    }

    fn uncut_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64 {
        self.cpu.uncut_moments(size, weighted, view)
    }

    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError> {
        let pass = self.cpu.pass(task.plan.tiling.clone());
        let pass = FaultyPass { pass, fault: self.fault, left: self.from };
        Ok(Box::new(HostCanvas::new(Box::new(pass), None, task)?))
    }
}

impl Pass for FaultyPass {
    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError> {
        self.pass.moments(image)
    }

    fn hold_mask(&mut self, mask: Arc<kernels::Mask>) -> Result<(), EngineError> {
        self.pass.hold_mask(mask)
    }

    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&ContentSums) -> f64,
    ) -> Result<(), EngineError> {
        self.pass.hold_content(content, weigh)
    }

    fn evaluate(
        &mut self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> Result<Terms, EngineError> {
        let mut terms = self.pass.evaluate(image, style, gradient)?;
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Ok(terms);
        }
        match self.fault {
            Fault::NoGradient => gradient.fill(0.0),
            Fault::NoLoss => terms.style = f64::NAN,
            Fault::BrokenGradient => gradient[7] = f32::INFINITY,
        }
        Ok(terms)
    }
}

fn faulty(fault: Fault, from: usize) -> Arc<Engine> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().map(Arc::new);
    let threads = threads.expect("two threads");
    let cpu = Cpu::new(&weights(), Level::detect(), Precision::Fp32, threads.clone());
    let cpu = cpu.expect("the weights fit together");
    Arc::new(Engine::on(Box::new(Faulty { cpu, fault, from }), threads))
}

/// A recipe of one scale.
fn single(optimizer: Optimizer, iterations: u32) -> Optimize {
    Optimize { optimizer, iterations, min_scale: 0, plateau: 0.0, ..Optimize::painterly() }
}

#[test]
fn a_gradient_that_ends_in_mid_run_ends_the_moves() {
    let (content, style) = (picture(48, 40, 1), picture(40, 44, 2));
    for from in [0, 1, 4] {
        let engine = faulty(Fault::NoGradient, from);
        let after =
            |iterations| paint(&engine, &single(Optimizer::Lbfgs, iterations), &content, &style);
        // What the steps came to that had a gradient.
        assert!(after(from as u32 + 5) == after(from as u32 + 1), "{from}");
        // Adam rolls on a little.
        let painted = paint(&engine, &single(Optimizer::Adam, 9), &content, &style);
        assert!(painted.rgb.iter().all(|value| (0.0..=255.0).contains(value)));
    }
}

#[test]
fn a_number_that_is_not_finite_keeps_the_picture_before_it() {
    let (content, style) = (picture(48, 40, 1), picture(40, 44, 2));
    for optimizer in OPTIMIZERS {
        for (fault, kept) in [(Fault::NoLoss, 3), (Fault::BrokenGradient, 4)] {
            let engine = faulty(fault, 4);
            let recipe = single(optimizer, 20);
            let mut session =
                Session::new(engine, recipe.clone(), inputs(&recipe, &content, &style), AMPLE)
                    .expect("it begins");
            let mut steps = 0;
            while let Step::Running(report) = session.step().expect("it runs") {
                assert!(report.losses.is_none_or(|losses| losses.total.is_finite()));
                steps += 1;
            }
            assert_eq!(steps, 5, "{fault:?}");
            let warning = session.warning().expect("it says so");
            assert!(warning.contains("iteration 5") && warning.contains("48 x 40"), "{warning}");
            let found = session.picture().expect("it is there");
            assert!(found.rgb.iter().all(|value| (0.0..=255.0).contains(value)));
            if optimizer == Optimizer::Lbfgs {
                let before = paint(&faulty(fault, 99), &single(optimizer, kept), &content, &style);
                assert!(found == before, "{fault:?}: the last picture whose loss is known");
            }
        }
    }
}

#[test]
fn coarse_scales_are_kept_where_a_fine_one_fails_and_nothing_where_the_first_step_does() {
    let (content, style) = (picture(48, 40, 1), picture(40, 44, 2));
    let begin = |recipe: &Optimize| {
        Session::new(
            faulty(Fault::NoLoss, if recipe.min_scale == 0 { 0 } else { 3 }),
            recipe.clone(),
            inputs(recipe, &content, &style),
            AMPLE,
        )
        .expect("it begins")
    };
    let mut session = begin(&single(Optimizer::Lbfgs, 5));
    assert!(matches!(session.step(), Err(EngineError::NotFinite { iteration: 1, .. })));
    assert!(matches!(session.step(), Err(EngineError::Ended)));
    // Each scale fails at its fourth step.
    let mut session = begin(&Optimize { iterations: 8, ..short(Preset::Painterly) });
    while session.step().expect("it runs") != Step::Done {}
    let painted = session.picture().expect("it is there");
    assert_eq!((painted.width, painted.height), (48, 40));
    assert!(painted != content && session.warning().is_some());
}

#[test]
fn an_interrupted_run_stands_where_its_last_step_ended() {
    let (content, style) = (picture(48, 40, 1), picture(40, 44, 2));
    let engine = engine(Profile::Exact);
    for optimizer in OPTIMIZERS {
        let recipe = Optimize { optimizer, ..short(Preset::Painterly) };
        let inputs = || inputs(&recipe, &content, &style);
        let whole = paint(&engine, &recipe, &content, &style);
        // Before the first step, within a scale, and where the next one is about to begin.
        for steps in [0, 2, 3, 4] {
            let mut session =
                Session::new(engine.clone(), recipe.clone(), inputs(), AMPLE).expect("it begins");
            for _ in 0..steps {
                session.step().expect("it runs");
            }
            session.interrupt().ask();
            assert!(matches!(session.step(), Err(EngineError::Interrupted)));
            let checkpoint = session.checkpoint().expect("it is there");
            let mut resumed =
                Session::resume(engine.clone(), recipe.clone(), inputs(), AMPLE, &checkpoint)
                    .expect("it goes on");
            while resumed.step().expect("it runs") != Step::Done {}
            assert!(resumed.picture().expect("it is there") == whole, "{optimizer:?} {steps}");
        }
    }
}

#[test]
fn the_least_memory_that_is_named_is_enough() {
    let (content, style) = (picture(70, 60, 1), picture(90, 44, 2));
    let engine = engine(Profile::Exact);
    for optimizer in OPTIMIZERS {
        for preset in Preset::ALL {
            let recipe = Optimize { optimizer, ..short(preset) };
            let begin = |budget| {
                Session::new(
                    engine.clone(),
                    recipe.clone(),
                    inputs(&recipe, &content, &style),
                    budget,
                )
            };
            let least = |budget| match begin(budget) {
                Err(EngineError::Memory { least_bytes, .. }) => least_bytes,
                other => panic!("{budget} bytes are too little: {other:?}"),
            };
            let named = least(1);
            for budget in [1 << 20, 64 << 20, named - 1] {
                assert_eq!(least(budget), named, "{preset:?} {optimizer:?} in {budget}");
            }
            let mut session = begin(named).expect("it is enough");
            while session.step().expect("it is enough to the end") != Step::Done {}
        }
    }
}

#[test]
fn preparing_a_large_style_counts() {
    let (content, style) = (picture(70, 60, 1), Image::filled(2400, 2400, [90.0; 3]));
    let engine = engine(Profile::Fast);
    let least = |recipe: &Optimize| {
        let inputs = inputs(recipe, &content, &style);
        match Session::new(engine.clone(), recipe.clone(), inputs, 1) {
            Err(EngineError::Memory { least_bytes, .. }) => least_bytes,
            other => panic!("a byte is too little: {other:?}"),
        }
    };
    let plain = Optimize { values: 0.0, evenness: 0.0, ..short(Preset::Texture) };
    let held = Optimize { values: 0.5, ..plain.clone() };
    let common = Common { preserve_color: PreserveColor::Statistics, ..plain.common.clone() };
    let matched = Optimize { common, ..plain.clone() };
    // Beside the style itself, a curve's parameter for each pixel, or another picture.
    let pixels = 2400 * 2400;
    assert!(least(&plain) < PROCESS_BYTES + 16 * pixels);
    assert!(least(&held) > PROCESS_BYTES + 16 * pixels);
    assert!(least(&matched) > PROCESS_BYTES + 24 * pixels);
}
