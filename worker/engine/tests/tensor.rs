//! The device on tensors against the kernels: passes on a small network, in every way that a
//! picture can end, and short runs; put together from candle's operations and from kernels for
//! CUDA. On the device that `IMPASTO_TEST_DEVICE` names, such as `cuda:0`, else on the CPU, for
//! which the kernels for CUDA are compiled too.

mod network;

use std::sync::Arc;

use impasto_engine::cards::{self, Handle};
use impasto_engine::optimize::device::tensor::{Kernels, TensorDevice};
use impasto_engine::optimize::device::{Canvas, Cpu, Pass, Task, Tiling, VggDevice, View, Work};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{Frame, Image, Inputs, Run, Step};
use impasto_kernels::{Edge, Layer, Level, Mask, Moments, Pool, Precision};
use impasto_types::{LossNorm, Optimize, Optimizer, Padding, Pooling, Profile, Tileable};

use self::network::{Noise, error, picture, soft_mask, weights};

/// Memory enough for any of these pictures in one piece.
const AMPLE: u64 = 8 << 30;

fn threads() -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads"))
}

fn cpu() -> Cpu {
    Cpu::new(&weights(), Level::detect(), Precision::Fp32, threads())
        .expect("the weights fit together")
}

/// What is tested: one device for each way to put a pass together that it can take.
fn tensors() -> Vec<TensorDevice> {
    let name = std::env::var("IMPASTO_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let (kind, index) = name.split_once(':').unwrap_or((&name, "0"));
    let index = index.parse().expect("a number follows the colon of IMPASTO_TEST_DEVICE");
    let open = || match kind {
        "cpu" => Handle::Cpu,
        "cuda" => cards::cuda(index).expect("the card of IMPASTO_TEST_DEVICE is there"),
        "metal" => cards::metal(index).expect("the card of IMPASTO_TEST_DEVICE is there"),
        other => panic!("IMPASTO_TEST_DEVICE names no device: {other}"),
    };
    let kernels: &[_] =
        if kind == "metal" { &[Kernels::Composed] } else { &[Kernels::Composed, Kernels::Fused] };
    let with = |&kernels| {
        TensorDevice::with_kernels(&weights(), open(), Profile::Exact, kernels)
            .expect("the weights fit together")
    };
    kernels.iter().map(with).collect()
}

/// A picture's size, how it is seen, and what for.
struct Case {
    width: usize,
    height: usize,
    view: View,
    recipe: Optimize,
    mask: Option<Arc<Mask>>,
}

impl Case {
    fn new(
        width: usize,
        height: usize,
        edge_x: Edge,
        edge_y: Edge,
        pool: Pool,
        loss_norm: LossNorm,
    ) -> Self {
        let recipe =
            Optimize { loss_norm, stats_weight: 0.5, content_weight: 2.0, ..Optimize::painterly() };
        Self { width, height, view: View { edge_x, edge_y, pool }, recipe, mask: None }
    }

    /// A style picture's targets, as the CPU measures them.
    fn style(&self, cpu: &Cpu) -> Vec<(Layer, StyleTarget)> {
        let view = View { edge_x: Edge::Reflect, edge_y: Edge::Reflect, ..self.view };
        let moments =
            cpu.pass(Tiling::whole(view, 80, 72)).moments(&picture(80, 72, 5)).expect("it runs");
        StyleTarget::layers(
            &self.recipe,
            &[(moments.iter().map(LayerStatistics::of).collect(), 1.0)],
        )
    }

    /// Style and content loss, and the gradient.
    fn evaluate(
        &self,
        mut pass: impl Pass,
        style: &[(Layer, StyleTarget)],
    ) -> (f64, f64, Vec<f32>) {
        if let Some(mask) = &self.mask {
            pass.hold_mask(mask.clone()).expect("it runs");
        }
        let content = picture(self.width, self.height, 6);
        pass.hold_content(&content, &|sums| sums.weight(&self.recipe)).expect("it runs");
        let image = picture(self.width, self.height, 7);
        let mut gradient = vec![f32::NAN; image.rgb.len()];
        let terms = pass.evaluate(&image, style, &mut gradient).expect("it runs");
        (terms.style, terms.content, gradient)
    }

    /// Compares the pass on tensors, cut so, with the kernels on the whole.
    fn check(&self, cpu: &Cpu, tensors: &TensorDevice, tiling: Tiling) {
        let style = self.style(cpu);
        let expected =
            self.evaluate(cpu.pass(Tiling::whole(self.view, self.width, self.height)), &style);
        let Self { width, height, view, recipe, .. } = self;
        let context = format!("{width}x{height} {view:?} {recipe:?} in {:?}", tiling.interior);
        let found = self.evaluate(tensors.pass(tiling), &style);
        assert!(
            (found.0 - expected.0).abs() < LOSS * expected.0,
            "{context}: style {} {}",
            found.0,
            expected.0
        );
        assert!(
            (found.1 - expected.1).abs() < LOSS * expected.1,
            "{context}: content {} {}",
            found.1,
            expected.1
        );
        let error = error(&found.2, &expected.2);
        assert!(error < GRADIENT, "{context}: gradient {error}");
    }
}

/// Convolutions on the CPU round at about 1e-4 of a layer's size; thirteen layers add up to less
/// than 1e-3.
const LOSS: f64 = 1e-3;

/// Of the gradient, relative, root mean square. It is 1e-5, but for pictures where a rounding opens
/// a ReLU or turns a maximum: there, 1e-2.
const GRADIENT: f64 = 2e-2;

#[test]
fn the_pass_is_that_of_the_kernels_at_every_edge_pool_and_size() {
    let (cpu, devices) = (cpu(), tensors());
    let edges = [Edge::Zero, Edge::Replicate, Edge::Reflect, Edge::Wrap];
    let norms = [LossNorm::Absolute, LossNorm::Relative, LossNorm::Variance];
    for (index, edge_x) in edges.into_iter().enumerate() {
        for (other, edge_y) in edges.into_iter().enumerate() {
            let pool = if (index + other) % 2 == 0 { Pool::Max } else { Pool::Average };
            let (width, height) = [(64, 48), (53, 70), (39, 61), (80, 33)][(index + 2 * other) % 4];
            let case = Case::new(width, height, edge_x, edge_y, pool, norms[(index + other) % 3]);
            devices.iter().for_each(|tensors| {
                case.check(&cpu, tensors, Tiling::whole(case.view, width, height))
            });
        }
    }
}

#[test]
fn moments_are_those_of_the_kernels() {
    let view = View { edge_x: Edge::Reflect, edge_y: Edge::Replicate, pool: Pool::Max };
    let image = picture(75, 58, 9);
    let expected = cpu().moments(&image, view, AMPLE).expect("it runs");
    let near = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < LOSS * b.abs().max(1.0))
    };
    for tensors in tensors() {
        let found = tensors.moments(&image, view, AMPLE).expect("it runs");
        for (Moments { weight, sum, products, .. }, expected) in found.iter().zip(&expected) {
            assert_eq!(*weight, expected.weight);
            assert!(near(sum, &expected.sum) && near(products, &expected.products));
        }
        assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn tiles_and_seams_give_the_answer_of_the_whole() {
    let (cpu, devices) = (cpu(), tensors());
    for (width, height, edge_x, edge_y, pool) in [
        (397, 300, Edge::Zero, Edge::Reflect, Pool::Max),
        (651, 70, Edge::Wrap, Edge::Wrap, Pool::Max),
        (61, 693, Edge::Replicate, Edge::Wrap, Pool::Average),
    ] {
        let case = Case::new(width, height, edge_x, edge_y, pool, LossNorm::Variance);
        let candidates = Tiling::candidates(case.view, width, height);
        let cut = candidates
            .iter()
            .map(|candidate| candidate.interior)
            .find(|&interior| interior != (width, height));
        let tiling = Tiling::cut(case.view, width, height, cut.expect("it can be cut"))
            .expect("a candidate can be cut");
        devices.iter().for_each(|tensors| case.check(&cpu, tensors, tiling.clone()));
    }
}

#[test]
fn masks_count_as_they_do_in_the_kernels() {
    let (cpu, devices) = (cpu(), tensors());
    for (width, height, edge_x, edge_y, pool, norm) in [
        (61, 47, Edge::Zero, Edge::Reflect, Pool::Max, LossNorm::Absolute),
        (53, 70, Edge::Wrap, Edge::Wrap, Pool::Average, LossNorm::Relative),
        (39, 61, Edge::Replicate, Edge::Wrap, Pool::Max, LossNorm::Variance),
    ] {
        let mut case = Case::new(width, height, edge_x, edge_y, pool, norm);
        case.mask = Some(soft_mask(width, height));
        for tensors in &devices {
            case.check(&cpu, tensors, Tiling::whole(case.view, width, height));
        }
    }
    let mut case = Case::new(651, 70, Edge::Wrap, Edge::Wrap, Pool::Max, LossNorm::Variance);
    case.mask = Some(soft_mask(651, 70));
    let tiling = Tiling::cut(case.view, 651, 70, (256, 70)).expect("it can be cut");
    devices.iter().for_each(|tensors| case.check(&cpu, tensors, tiling.clone()));
}

/// The CPU's engine, and those that are tested.
fn engines() -> (Arc<Engine>, Vec<Arc<Engine>>) {
    let engine = |device: Box<dyn VggDevice>| Arc::new(Engine::on(device, threads()));
    (
        engine(Box::new(cpu())),
        tensors().into_iter().map(|tensors| engine(Box::new(tensors))).collect(),
    )
}

fn asset(width: usize, height: usize, seed: u64) -> Image {
    let mut noise = Noise(seed);
    let rgb = (0..width * height)
        .flat_map(|i| {
            let (x, y) = ((i % width) as f32, (i / width) as f32);
            let wave = (x / 5.0).sin() * 50.0 + (y / 7.0).cos() * 40.0;
            [
                128.0 + wave + 10.0 * noise.next(),
                120.0 - wave + 10.0 * noise.next(),
                100.0 + 0.5 * wave + 10.0 * noise.next(),
            ]
        })
        .collect();
    Image { width, height, rgb }
}

fn inputs(recipe: &Optimize) -> Inputs {
    Inputs {
        content: Some(asset(75, 58, 1)),
        styles: vec![(asset(60, 64, 2), 1.0)],
        init: None,
        joins: recipe.common.tileable.into(),
        mask: None,
    }
}

/// Two scales, so that what an optimiser remembers is carried over.
fn recipes() -> Vec<Optimize> {
    let short = Optimize {
        iterations: 4,
        coarse_iterations: 4,
        min_scale: 32,
        tv_weight: 0.1,
        ..Optimize::painterly()
    }
    .with(|common| common.profile = Profile::Exact);
    let recipe = |optimizer, tileable, padding, pooling| {
        Optimize { optimizer, padding, pooling, ..short.clone() }
            .with(|common| common.tileable = tileable)
    };
    vec![
        recipe(Optimizer::Adam, Tileable::Both, Padding::Reflect, Pooling::Average),
        recipe(Optimizer::Adam, Tileable::None, Padding::Ring, Pooling::Max),
        recipe(Optimizer::Lbfgs, Tileable::X, Padding::Replicate, Pooling::Average),
        recipe(Optimizer::Lbfgs, Tileable::None, Padding::Ring, Pooling::Max),
        recipe(Optimizer::Lbfgs, Tileable::Both, Padding::Zero, Pooling::Average)
            .with(|common| common.profile = Profile::Fast),
    ]
}

fn finish(mut session: Session) -> Image {
    while session.step().expect("it runs") != Step::Done {}
    session.picture().expect("it is there")
}

/// Levels between two pictures, root mean square and at most.
fn apart(a: &Image, b: &Image) -> (f32, f32) {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let differences = || a.rgb.iter().zip(&b.rgb).map(|(a, b)| (a - b).abs());
    let square =
        differences().map(|difference| difference * difference).sum::<f32>() / a.rgb.len() as f32;
    (square.sqrt(), differences().fold(0.0, f32::max))
}

#[test]
fn sessions_paint_what_the_cpu_paints() {
    let (cpu, engines) = engines();
    for recipe in recipes() {
        let paint = |engine: &Arc<Engine>| {
            finish(
                Session::new(engine.clone(), recipe.clone(), inputs(&recipe), AMPLE)
                    .expect("it begins"),
            )
        };
        let expected = paint(&cpu);
        for engine in &engines {
            let (rms, most) = apart(&paint(engine), &expected);
            assert!(rms < 0.5, "{recipe:?}: {rms} levels, {most} at most");
        }
    }
}

#[test]
fn a_resumed_run_paints_the_same_bits_and_one_from_the_cpu_goes_on() {
    let (cpu, engines) = engines();
    for (recipe, tensors) in
        recipes().iter().flat_map(|recipe| engines.iter().map(move |engine| (recipe, engine)))
    {
        let begin = |engine: &Arc<Engine>| {
            Session::new(engine.clone(), recipe.clone(), inputs(recipe), AMPLE).expect("it begins")
        };
        let whole = finish(begin(tensors));
        for stop in [0, 3, 6] {
            for engine in [tensors, &cpu] {
                let mut session = begin(engine);
                for _ in 0..stop {
                    session.step().expect("it runs");
                }
                let checkpoint = session.checkpoint().expect("it is there");
                let resumed = Session::resume(
                    tensors.clone(),
                    recipe.clone(),
                    inputs(recipe),
                    AMPLE,
                    &checkpoint,
                )
                .expect("it goes on");
                let (rms, most) = apart(&finish(resumed), &whole);
                let same = Arc::ptr_eq(engine, tensors);
                assert!(
                    if same { most == 0.0 } else { rms < 0.5 },
                    "{recipe:?} stopped after {stop}: {rms} levels, {most} at most"
                );
            }
        }
    }
}

/// A canvas of the plan that a budget gives.
fn canvas(
    tensors: &TensorDevice,
    recipe: &Optimize,
    tiling: Option<(usize, usize)>,
) -> Box<dyn Canvas> {
    let frame = Frame::new(&recipe.common.tileable.into(), recipe.padding, 460, 330);
    let work = Work { recipe, frame, content: true, masked: false };
    let mut plan = tensors.plan(&work, AMPLE).expect("it fits");
    if let Some(interior) = tiling {
        plan.tiling = Tiling::cut(work.view(), 460, 330, interior).expect("it can be cut");
    }
    let moments =
        tensors.moments(&picture(90, 70, 5), View::of_style(recipe), AMPLE).expect("it runs");
    let style =
        StyleTarget::layers(recipe, &[(moments.iter().map(LayerStatistics::of).collect(), 1.0)]);
    let content = Some(picture(460, 330, 6));
    tensors
        .canvas(Task {
            work,
            plan,
            picture: picture(460, 330, 7),
            content,
            masked: None,
            style,
            warmth: None,
        })
        .expect("it begins")
}

#[test]
fn a_canvas_in_tiles_steps_like_one_in_a_piece() {
    for tensors in tensors() {
        let recipe = Optimize {
            optimizer: Optimizer::Adam,
            padding: Padding::Reflect,
            ..Optimize::painterly()
        }
        .with(|common| common.tileable = Tileable::None);
        let (mut whole, mut tiled) =
            (canvas(&tensors, &recipe, None), canvas(&tensors, &recipe, Some((256, 192))));
        let (expected, found) = (whole.step().expect("it runs"), tiled.step().expect("it runs"));
        assert!(
            (found.total() - expected.total()).abs() < LOSS * expected.total(),
            "{found:?} {expected:?}"
        );
        let (expected, found) =
            (whole.picture().expect("it is there"), tiled.picture().expect("it is there"));
        // Adam's first step is a sign: where the gradient is next to nothing, rounding decides it.
        let far =
            found.rgb.iter().zip(&expected.rgb).filter(|(a, b)| (*a - *b).abs() > 0.5).count();
        assert!(far * 100 < found.rgb.len(), "{far} of {} values", found.rgb.len());
    }
}

#[test]
fn a_budget_too_small_is_refused_and_a_tight_one_cuts() {
    for tensors in tensors() {
        let recipe = Optimize {
            optimizer: Optimizer::Adam,
            padding: Padding::Reflect,
            ..Optimize::painterly()
        }
        .with(|common| common.tileable = Tileable::None);
        let frame = Frame::new(&recipe.common.tileable.into(), recipe.padding, 2000, 1500);
        let work = Work { recipe: &recipe, frame, content: true, masked: false };
        let whole = tensors.plan(&work, u64::MAX).expect("it fits");
        assert!(whole.tiling.is_whole());
        let cut = tensors.plan(&work, whole.bytes / 2).expect("it fits in tiles");
        assert!(!cut.tiling.is_whole() && cut.bytes <= whole.bytes / 2, "{cut}");
        assert!(tensors.plan(&work, 1 << 20).is_err());
    }
}

#[test]
fn a_card_that_is_not_there_is_named() {
    let said = cards::cuda(999).expect_err("there is none").to_string();
    assert!(said.contains("CUDA"), "{said}");
}
