//! Short runs, beside those of the CPU.

use std::sync::Arc;

use impasto_engine::optimize::device::VggDevice;
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{Image, Inputs, Mask, Run, Step};
use impasto_kernels::Level;
use impasto_types::{Optimize, Optimizer, Padding, Pooling, Profile, Tileable};

use super::network::Noise;
use super::{AMPLE, cpu, tensors, threads};

/// The CPU's engine, and those that are tested.
fn engines() -> (Arc<Engine>, Vec<Arc<Engine>>) {
    let engine = |device: Box<dyn VggDevice>| Arc::new(Engine::on(device, threads()));
    (
        engine(Box::new(cpu(Level::detect()))),
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
        coverage: None,
        ground: None,
        styles: vec![(asset(60, 64, 2), 1.0).into()],
        init: None,
        joins: recipe.common.tileable.into(),
        mask: None,
    }
}

/// The same inside a mask: the left is painted, the right is not, and the change between is soft.
fn masked(recipe: &Optimize) -> Inputs {
    let weight = |pixel: usize| ((44.0 - (pixel % 75) as f32) / 12.0).clamp(0.0, 1.0);
    let weights = (0..75 * 58).map(weight).collect();
    Inputs { mask: Some(Mask::new(75, 58, weights).expect("it can be used")), ..inputs(recipe) }
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

/// Recipes whose deep layers are evaluated on a reduced copy at the second scale.
fn shallow_recipes() -> Vec<Optimize> {
    let recipes =
        recipes().into_iter().zip(["relu3_1", "relu2_1", "relu1_1", "relu4_1", "relu4_2"]);
    let shallow = |(recipe, layer)| {
        let layers_by_scale = format!("100:{layer}:half").parse().expect("it is a rule");
        Optimize { layers_by_scale, min_scale: 64, ..recipe }
    };
    recipes.map(shallow).collect()
}

#[test]
fn reduced_copies_are_those_of_the_cpu() {
    let (cpu, engines) = engines();
    for (recipe, masked) in shallow_recipes().into_iter().zip([true, false].into_iter().cycle()) {
        let weight = |pixel: usize| ((80.0 - (pixel % 150) as f32) / 12.0).clamp(0.0, 1.0);
        let mask = Mask::new(150, 131, (0..150 * 131).map(weight).collect());
        let inputs = Inputs {
            content: Some(asset(150, 131, 1)),
            mask: masked.then(|| mask.expect("it can be used")),
            ..inputs(&recipe)
        };
        let paint = |engine: &Arc<Engine>| {
            let session = Session::new(engine.clone(), recipe.clone(), inputs.clone(), AMPLE);
            finish(session.expect("it begins"))
        };
        let expected = paint(&cpu);
        for engine in &engines {
            let (rms, most) = apart(&paint(engine), &expected);
            assert!(rms < 0.5, "{recipe:?}, masked {masked}: {rms} levels, {most} at most");
        }
    }
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
        for inputs in [inputs(&recipe), masked(&recipe)] {
            let paint = |engine: &Arc<Engine>| {
                let session = Session::new(engine.clone(), recipe.clone(), inputs.clone(), AMPLE);
                finish(session.expect("it begins"))
            };
            let expected = paint(&cpu);
            for engine in &engines {
                let painted = paint(engine);
                let (rms, most) = apart(&painted, &expected);
                let masked = inputs.mask.is_some();
                assert!(rms < 0.5, "{recipe:?}, masked {masked}: {rms} levels, {most} at most");
            }
        }
    }
}

#[test]
fn a_masked_run_moves_what_is_painted_and_nothing_else() {
    let (_, engines) = engines();
    for (recipe, engine) in
        recipes().iter().flat_map(|recipe| engines.iter().map(move |engine| (recipe, engine)))
    {
        let inputs = masked(recipe);
        let (own, mask) = (asset(75, 58, 1), inputs.mask.clone().expect("there is one"));
        let session = Session::new(engine.clone(), recipe.clone(), inputs, AMPLE);
        let painted = finish(session.expect("it begins"));
        let mut moved = 0;
        let pixels = painted.rgb.chunks_exact(3).zip(own.rgb.chunks_exact(3));
        for ((painted, own), weight) in pixels.zip(mask.weights()) {
            if *weight == 0.0 {
                assert_eq!(painted, own, "{recipe:?}");
            } else {
                moved += usize::from(painted != own);
            }
        }
        let inside = mask.weights().iter().filter(|weight| **weight > 0.0).count();
        assert!(2 * moved > inside, "{moved} of {inside} pixels were painted: {recipe:?}");
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

#[test]
fn a_picture_in_its_own_style_or_in_none_stays_as_it_is() {
    let (_, engines) = engines();
    let own = asset(75, 58, 1);
    for optimizer in [Optimizer::Lbfgs, Optimizer::Adam] {
        for (padding, pooling) in [
            (Padding::Zero, Pooling::Max),
            (Padding::Reflect, Pooling::Average),
            (Padding::Replicate, Pooling::Max),
        ] {
            let styled =
                Optimize { optimizer, padding, pooling, iterations: 3, ..Optimize::gatys() };
            let unstyled = Optimize { style_layers: [0.0; 5], ..styled.clone() };
            for (recipe, engine) in [styled, unstyled]
                .iter()
                .flat_map(|recipe| engines.iter().map(move |engine| (recipe, engine)))
            {
                let inputs = Inputs { styles: vec![(own.clone(), 1.0).into()], ..inputs(recipe) };
                let session = Session::new(engine.clone(), recipe.clone(), inputs, AMPLE);
                let painted = finish(session.expect("it begins"));
                assert!(painted == own, "{} {recipe:?}", engine.device());
            }
        }
    }
}
