//! Runs whose large scales are evaluated by fewer layers at full size.

mod network;

use std::sync::Arc;

use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{Image, Inputs, Mask, Run, Step};
use impasto_types::{Init, Optimize, Optimizer, Padding, Profile, Tileable};

use self::network::{picture, weights};

/// Memory enough for any of these pictures in one piece.
const AMPLE: u64 = 4 << 30;

fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(&weights(), 2, None, Profile::Exact).expect("the weights fit together"))
}

fn recipe(rules: &str) -> Optimize {
    let layers_by_scale = rules.parse().expect("they are rules");
    Optimize { layers_by_scale, iterations: 4, coarse_iterations: 4, ..Optimize::painterly() }
        .with(|common| common.profile = Profile::Exact)
}

fn inputs(recipe: &Optimize, (width, height): (usize, usize), masked: bool) -> Inputs {
    let weight = |at: usize| ((90.0 - (at % width) as f32) / 12.0).clamp(0.0, 1.0);
    let mask = Mask::new(width, height, (0..width * height).map(weight).collect());
    Inputs {
        content: Some(picture(width, height, 1)),
        coverage: None,
        ground: None,
        styles: vec![(picture(90, 120, 2), 1.0).into(), (picture(64, 70, 3), 0.5).into()],
        init: None,
        joins: recipe.common.tileable.into(),
        mask: masked.then(|| mask.expect("it can be used")),
    }
}

fn begun(engine: &Arc<Engine>, recipe: &Optimize, inputs: &Inputs, budget_bytes: u64) -> Session {
    Session::new(engine.clone(), recipe.clone(), inputs.clone(), budget_bytes).expect("it begins")
}

/// The least memory that is enough.
fn least_bytes(engine: &Arc<Engine>, recipe: &Optimize, inputs: &Inputs) -> u64 {
    match Session::new(engine.clone(), recipe.clone(), inputs.clone(), 1 << 20) {
        Err(impasto_engine::EngineError::Memory { least_bytes, .. }) => least_bytes,
        other => panic!("one MiB is too little: {other:?}"),
    }
}

/// The picture, and the share of the work that was done after each step.
fn finish(mut session: Session) -> (Image, Vec<f64>) {
    let mut shares = Vec::new();
    while let Step::Running(report) = session.step().expect("it runs") {
        shares.push(report.done);
    }
    (session.picture().expect("it is there"), shares)
}

#[test]
fn rules_for_larger_scales_change_nothing() {
    let engine = engine();
    let paint = |rules: &str| {
        let recipe = recipe(rules);
        finish(begun(&engine, &recipe, &inputs(&recipe, (150, 131), false), AMPLE))
    };
    let (whole, shares) = paint("");
    for rules in ["150:relu2_1:half", "0:relu5_1:none", "0:relu5_1:quarter"] {
        assert!(paint(rules) == (whole.clone(), shares.clone()), "{rules}");
    }
    assert!(paint("149:relu2_1:half").0 != whole);
}

#[test]
fn every_rule_paints_in_range_and_counts_its_work() {
    let engine = engine();
    for (rules, tileable, masked) in [
        ("100:relu3_1:half", Tileable::None, false),
        ("100:relu1_1:half", Tileable::Both, false),
        ("100:relu4_1:half", Tileable::X, true),
        ("100:relu2_1:none", Tileable::None, true),
        ("0:relu3_1:none,100:relu2_1:half", Tileable::None, false),
    ] {
        let recipe = recipe(rules).with(|common| common.tileable = tileable);
        let recipe = Optimize { min_scale: 64, plateau: 0.0, ..recipe };
        let inputs = inputs(&recipe, (150, 131), masked);
        let (painted, shares) = finish(begun(&engine, &recipe, &inputs, AMPLE));
        assert!(painted.rgb.iter().all(|value| (0.0..=255.0).contains(value)), "{rules}");
        assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{rules}: {shares:?}");
        assert!(shares.len() > 4 && shares.iter().all(|share| *share > 0.0), "{rules}");
    }
}

#[test]
fn a_texture_from_noise_needs_no_content() {
    let recipe = Optimize { init: Init::Noise, content_weight: 0.0, ..recipe("100:relu2_1:half") }
        .with(|common| common.size = Some(150));
    let alone = Inputs { content: None, ..inputs(&recipe, (150, 150), false) };
    let (painted, _) = finish(begun(&engine(), &recipe, &alone, AMPLE));
    assert_eq!((painted.width, painted.height), (150, 150));
}

#[test]
fn a_resumed_run_paints_the_same_bits() {
    let engine = engine();
    for optimizer in [Optimizer::Adam, Optimizer::Lbfgs] {
        let recipe = Optimize { optimizer, min_scale: 64, ..recipe("100:relu3_1:half") };
        let inputs = inputs(&recipe, (150, 131), false);
        let (whole, _) = finish(begun(&engine, &recipe, &inputs, AMPLE));
        for stop in [3, 5, 7] {
            let mut session = begun(&engine, &recipe, &inputs, AMPLE);
            (0..stop).for_each(|_| _ = session.step().expect("it runs"));
            let checkpoint = session.checkpoint().expect("it is there");
            let resumed =
                Session::resume(engine.clone(), recipe.clone(), inputs.clone(), AMPLE, &checkpoint);
            assert!(finish(resumed.expect("it goes on")).0 == whole, "{optimizer:?} after {stop}");
        }
    }
}

#[test]
fn tiles_paint_what_the_whole_paints() {
    let engine = engine();
    let recipe = Optimize {
        iterations: 2,
        min_scale: 0,
        padding: Padding::Reflect,
        optimizer: Optimizer::Adam,
        ..recipe("100:relu3_1:half")
    };
    let inputs = inputs(&recipe, (400, 300), false);
    let least_bytes = least_bytes(&engine, &recipe, &inputs);
    let mut tiled = begun(&engine, &recipe, &inputs, least_bytes);
    tiled.step().expect("it runs");
    let (_, plan) = tiled.plans().last().expect("it has begun").clone();
    assert!(!plan.tiling.is_whole(), "{plan}");
    let (tiled, _) = finish(tiled);
    let (whole, _) = finish(begun(&engine, &recipe, &inputs, AMPLE));
    let far = tiled.rgb.iter().zip(&whole.rgb).filter(|(a, b)| (*a - *b).abs() > 0.5).count();
    // Adam's first step is a sign: where the gradient is next to nothing, rounding decides it.
    assert!(far * 100 < tiled.rgb.len(), "{far} of {} values; {plan}", tiled.rgb.len());
}

#[test]
fn from_the_budget_that_cuts_nothing_on_the_bits_are_the_same() {
    let engine = engine();
    for optimizer in [Optimizer::Adam, Optimizer::Lbfgs] {
        let recipe = Optimize {
            optimizer,
            iterations: 1,
            coarse_iterations: 1,
            min_scale: 100,
            padding: Padding::Reflect,
            ..recipe("100:relu3_1:half")
        };
        let inputs = inputs(&recipe, (400, 300), false);
        let paint = |budget_bytes: u64| {
            let mut session = begun(&engine, &recipe, &inputs, budget_bytes);
            while session.step().expect("it runs") != Step::Done {}
            let plans: Vec<_> = session.plans().iter().map(|(_, plan)| plan.clone()).collect();
            (plans, session.picture().expect("it is done"))
        };
        let uncut_bytes = begun(&engine, &recipe, &inputs, AMPLE).uncut_bytes();
        let least_bytes = least_bytes(&engine, &recipe, &inputs);
        assert!((least_bytes + 1..AMPLE).contains(&uncut_bytes), "{least_bytes} {uncut_bytes}");
        let (plans, picture) = paint(AMPLE);
        let (same_plans, same_picture) = paint(uncut_bytes);
        assert!(same_plans == plans && same_picture == picture, "{optimizer:?}");
        assert_ne!(paint(least_bytes).0, plans, "{optimizer:?}");
    }
}
