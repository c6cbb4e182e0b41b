//! Runs from end to end on a network of VGG-19's shape with random weights: what they promise
//! whatever the weights are.

use std::sync::Arc;

use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{EngineError, Image, Inputs, Joins, Mask, Run, Step, Style};
use impasto_models::{Convolution, VggWeights};
use impasto_types::{Optimize, Optimizer, PreserveColor, Preset, Profile, Tileable};

/// Memory enough for any of these pictures in one piece.
const AMPLE: u64 = 4 << 30;

const CHANNELS: [usize; 14] = [3, 8, 8, 12, 12, 16, 16, 16, 16, 20, 20, 20, 20, 24];

fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

fn engine(threads: usize) -> Arc<Engine> {
    let mut noise = noise(3);
    let convolutions = CHANNELS
        .windows(2)
        .map(|pair| Convolution {
            name: "conv".to_owned(),
            in_channels: pair[0],
            out_channels: pair[1],
            weights: (0..pair[0] * pair[1] * 9)
                .map(|_| noise() * 1.7 * (2.0 / (9.0 * pair[0] as f32)).sqrt())
                .collect(),
            bias: vec![0.5; pair[1]],
        })
        .collect();
    Arc::new(
        Engine::new(&VggWeights { convolutions }, threads, None, Profile::Exact)
            .expect("the weights fit together"),
    )
}

fn picture(width: usize, height: usize, seed: u64) -> Image {
    let mut noise = noise(seed);
    let rgb = (0..width * height)
        .flat_map(|i| {
            let (x, y) = ((i % width) as f32, (i / width) as f32);
            let wave = (x / 5.0).sin() * 50.0 + (y / 7.0).cos() * 40.0;
            [
                128.0 + wave + 10.0 * noise(),
                120.0 - wave + 10.0 * noise(),
                100.0 + 0.5 * wave + 10.0 * noise(),
            ]
        })
        .collect();
    Image { width, height, rgb }
}

fn inputs() -> Inputs {
    Inputs {
        content: Some(picture(48, 40, 1)),
        coverage: None,
        ground: None,
        styles: vec![(picture(40, 40, 2), 1.0).into(), (picture(30, 50, 4), 0.5).into()],
        init: None,
        joins: Joins::default(),
        mask: None,
    }
}

/// The same for an asset that repeats as the recipe says.
fn inputs_of(recipe: &Optimize) -> Inputs {
    Inputs { joins: recipe.common.tileable.into(), ..inputs() }
}

fn short(preset: Preset) -> Optimize {
    Optimize { iterations: 4, coarse_iterations: 5, min_scale: 24, ..preset.optimize() }
}

fn finish(mut session: Session) -> Image {
    while session.step().expect("it runs") != Step::Done {}
    session.picture().expect("it is there")
}

#[test]
fn one_thread_and_three_paint_the_same_bits() {
    let gatys = Optimize { min_scale: 0, ..short(Preset::Gatys) };
    for recipe in [short(Preset::Painterly), short(Preset::Texture), gatys] {
        let on = |threads| {
            finish(
                Session::new(engine(threads), recipe.clone(), inputs(), AMPLE).expect("it begins"),
            )
        };
        assert!(on(1) == on(3), "{recipe:?}");
    }
}

#[test]
fn an_asset_keeps_its_values_in_a_style_of_any_other() {
    let engine = engine(2);
    let mean = |image: &Image| {
        let light = |p: &[f32]| 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2];
        image.rgb.chunks_exact(3).map(light).sum::<f32>() / image.pixels() as f32
    };
    let mut inputs = inputs();
    for Style { image, .. } in &mut inputs.styles {
        image.rgb.iter_mut().for_each(|value| *value = 90.0 + 0.6 * *value);
    }
    let asset = Image { rgb: vec![60.0; 48 * 40 * 3], ..picture(48, 40, 1) };
    inputs.content = Some(asset.clone());
    let painted = |values: f32, optimizer: Optimizer| {
        let recipe = Optimize { values, optimizer, ..short(Preset::Texture) };
        let session = Session::new(engine.clone(), recipe, inputs.clone(), AMPLE);
        finish(session.expect("it begins"))
    };
    for optimizer in [Optimizer::Adam, Optimizer::Lbfgs] {
        let off = |values: f32| (mean(&painted(values, optimizer)) - mean(&asset)).abs();
        let (left, half, held) = (off(0.0), off(0.5), off(1.0));
        assert!(left > 50.0 && held < 1.0 && held < half && half < left, "{left} {half} {held}");
    }
}

#[test]
fn a_larger_scale_begins_with_the_detail_of_the_asset() {
    let engine = engine(2);
    let asset = picture(48, 40, 1);
    let off = |detail: f32| {
        // Steps too short to see: what is left is what scales begin with.
        let recipe = Optimize { detail, learning_rate: 1e-4, ..short(Preset::Painterly) };
        let recipe = recipe.with(|common| common.palette = 0.0);
        let painted =
            finish(Session::new(engine.clone(), recipe, inputs(), AMPLE).expect("it begins"));
        let pairs = painted.rgb.iter().zip(&asset.rgb);
        pairs.map(|(painted, asset)| (painted - asset).abs()).sum::<f32>() / asset.rgb.len() as f32
    };
    let (none, half, all) = (off(0.0), off(0.5), off(1.0));
    assert!(none > 1.0 && all < 0.1, "{none} {half} {all}");
    assert!((half / none - 0.5).abs() < 0.05, "{none} {half} {all}");
}

#[test]
fn a_resumed_run_paints_the_same_bits() {
    for optimizer in [Optimizer::Adam, Optimizer::Lbfgs] {
        let recipe = Optimize { optimizer, ..short(Preset::Texture) }
            .with(|common| common.tileable = Tileable::X);
        let engine = engine(2);
        let begin = || {
            Session::new(engine.clone(), recipe.clone(), inputs_of(&recipe), AMPLE)
                .expect("it begins")
        };
        let whole = finish(begin());
        let steps: u32 = recipe.scales(48, 40).iter().map(|scale| scale.iterations).sum();
        for stop in [0, 3, 5, 7, steps - 1] {
            let mut session = begin();
            for _ in 0..stop {
                session.step().expect("it runs");
            }
            let checkpoint = session.checkpoint().expect("it is there");
            let inputs = inputs_of(&recipe);
            let resumed =
                Session::resume(engine.clone(), recipe.clone(), inputs, AMPLE, &checkpoint)
                    .expect("it goes on");
            assert!(finish(resumed) == whole, "{optimizer:?} stopped after {stop}");
        }
    }
}

#[test]
fn a_resumed_texture_is_the_same_with_its_pattern_and_on_a_ground() {
    let recipe = Optimize {
        init: impasto_types::Init::Noise,
        pattern: 0.5,
        scale_factor: 1.4,
        ..short(Preset::Painterly)
    };
    let recipe = recipe.with(|common| common.size = Some(48));
    let left = (0..48 * 40).map(|at| f32::from(u8::from(at % 48 < 24))).collect();
    let mask = Some(Mask::new(48, 40, left).expect("it can be used"));
    let one = || vec![(picture(40, 30, 2), 1.0).into()];
    let alone = Inputs { content: None, styles: one(), ..inputs() };
    let ground = Some(picture(48, 40, 7));
    let on_ground = Inputs { ground, mask, ..alone.clone() };
    for inputs in [alone, on_ground] {
        let begun = || Session::new(engine(1), recipe.clone(), inputs.clone(), AMPLE);
        let whole = finish(begun().expect("it begins"));
        let mut session = begun().expect("it begins");
        while session.step().expect("it runs") != Step::Done {
            let checkpoint = session.checkpoint().expect("it is there");
            if checkpoint.is_empty() {
                // It has ended.
                continue;
            }
            let resumed =
                Session::resume(engine(3), recipe.clone(), inputs.clone(), AMPLE, &checkpoint);
            session = resumed.expect("it resumes");
        }
        assert!(session.picture().expect("it is there") == whole);
    }
}

#[test]
fn a_small_region_has_the_light_of_its_style_on_any_ground() {
    let recipe = Optimize { init: impasto_types::Init::Noise, ..short(Preset::Painterly) };
    let corner = |at: usize| at % 48 < 10 && at / 48 < 10;
    let weights = (0..48 * 40).map(|at| f32::from(u8::from(corner(at)))).collect();
    let mask = Mask::new(48, 40, weights).expect("it can be used");
    for ground in [5.0, 250.0] {
        let inputs = Inputs {
            content: None,
            ground: Some(Image::filled(48, 40, [ground; 3])),
            mask: Some(mask.clone()),
            styles: vec![(picture(40, 40, 2), 1.0).into()],
            ..inputs()
        };
        let expected = picture(40, 40, 2).rgb.iter().sum::<f32>() / (3.0 * 1600.0);
        let session = Session::new(engine(1), recipe.clone(), inputs, AMPLE);
        let painted = finish(session.expect("it begins"));
        let region = painted.rgb.chunks_exact(3).enumerate().filter(|(at, _)| corner(*at));
        let found = region.map(|(_, pixel)| pixel.iter().sum::<f32>()).sum::<f32>() / 300.0;
        assert!((found - expected).abs() < 30.0, "{found} on {ground}, not {expected}");
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let engine = engine(1);
    let checkpoint = Session::new(engine.clone(), short(Preset::Painterly), inputs(), AMPLE)
        .expect("it begins")
        .checkpoint()
        .expect("it is there");
    let other = short(Preset::Painterly).with(|common| common.seed = 5);
    assert!(matches!(
        Session::resume(engine, other, inputs(), AMPLE, &checkpoint),
        Err(EngineError::Checkpoint(_))
    ));
}

#[test]
fn a_checkpoint_under_another_budget_is_refused() {
    let engine = engine(2);
    let recipe = Optimize { min_scale: 0, ..short(Preset::Gatys) };
    let wide = || Inputs { content: Some(picture(500, 420, 1)), ..inputs() };
    let begun = |budget_bytes| {
        let mut session =
            Session::new(engine.clone(), recipe.clone(), wide(), budget_bytes).ok()?;
        session.step().ok()?;
        Some(session)
    };
    let tight_bytes = (64_u64..400)
        .map(|mib| mib << 20)
        .find(|&bytes| begun(bytes).is_some())
        .expect("some budget is enough");
    let checkpoint = begun(tight_bytes).expect("it fits").checkpoint().expect("it is there");
    let resume = |budget_bytes| {
        Session::resume(engine.clone(), recipe.clone(), wide(), budget_bytes, &checkpoint)
    };
    let error = resume(AMPLE).expect_err("the plan is another").to_string();
    assert!(error.contains("memory budget"), "{error}");
    assert!(resume(tight_bytes).is_ok());
}

#[test]
fn every_option_paints_in_range_and_in_the_asset_s_size() {
    let engine = engine(2);
    for preserve_color in [PreserveColor::None, PreserveColor::Statistics, PreserveColor::Luminance]
    {
        for (preset, size) in
            [(Preset::Painterly, None), (Preset::Texture, Some(37)), (Preset::Gatys, Some(50))]
        {
            for tileable in [Tileable::None, Tileable::X, Tileable::Both] {
                let recipe = Optimize { tv_weight: 0.1, ..short(preset) }.with(|common| {
                    common.preserve_color = preserve_color;
                    common.size = size;
                    common.tileable = tileable;
                });
                let expected = recipe.common.output_size(48, 40);
                let inputs = inputs_of(&recipe);
                let painted =
                    finish(Session::new(engine.clone(), recipe, inputs, AMPLE).expect("it begins"));
                assert_eq!((painted.width as u32, painted.height as u32), expected);
                assert!(painted.rgb.iter().all(|value| (0.0..=255.0).contains(value)));
            }
        }
    }
}

#[test]
fn a_texture_needs_no_content() {
    let recipe = Optimize { init: impasto_types::Init::Noise, ..short(Preset::Texture) }
        .with(|common| common.size = Some(40));
    let alone = Inputs { content: None, ..inputs() };
    let painted = finish(Session::new(engine(1), recipe, alone, AMPLE).expect("it begins"));
    assert_eq!((painted.width, painted.height), (40, 40));
}

#[test]
fn a_texture_has_the_shape_of_its_ground_and_none_of_its_colours() {
    let recipe = Optimize { init: impasto_types::Init::Noise, ..short(Preset::Texture) };
    let on = |level: f32| Inputs {
        content: None,
        ground: Some(Image::filled(48, 24, [level; 3])),
        ..inputs()
    };
    let paint = |level| {
        let session = Session::new(engine(1), recipe.clone(), on(level), AMPLE);
        finish(session.expect("it begins"))
    };
    let painted = paint(10.0);
    assert_eq!((painted.width, painted.height), (48, 24));
    assert_eq!(painted, paint(200.0));
}

#[test]
fn the_loss_falls() {
    let mut session = Session::new(
        engine(2),
        Optimize { min_scale: 0, iterations: 30, ..Optimize::gatys() },
        inputs(),
        AMPLE,
    )
    .expect("it begins");
    let mut losses = Vec::new();
    while let Step::Running(report) = session.step().expect("it runs") {
        losses.push(report.losses.expect("it minimises a loss").total);
    }
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn bad_inputs_are_named() {
    let engine = engine(1);
    let begin = |recipe: Optimize, inputs: Inputs| {
        Session::new(engine.clone(), recipe, inputs, AMPLE).expect_err("it is refused").to_string()
    };
    assert!(
        begin(Optimize { style_scale: -1.0, ..short(Preset::Texture) }, inputs())
            .contains("recipe")
    );
    assert!(
        begin(short(Preset::Texture), Inputs { content: None, ..inputs() })
            .contains("content image")
    );
    assert!(
        begin(short(Preset::Texture), Inputs { styles: vec![], ..inputs() })
            .contains("style image")
    );
    assert!(
        begin(
            short(Preset::Texture),
            Inputs { styles: vec![(picture(9, 9, 1), 0.0).into()], ..inputs() }
        )
        .contains("add up to 0")
    );
    assert!(
        begin(Optimize { init: impasto_types::Init::Image, ..short(Preset::Texture) }, inputs())
            .contains("begin with")
    );
}

#[test]
fn the_share_of_the_work_counts_pixels_and_ends_at_one() {
    for plateau in [0.0, 0.9] {
        let recipe =
            Optimize { iterations: 15, coarse_iterations: 15, plateau, ..short(Preset::Painterly) };
        let steps: u32 = recipe.scales(48, 40).iter().map(|scale| scale.iterations).sum();
        let mut session = Session::new(engine(2), recipe, inputs(), AMPLE).expect("it begins");
        let mut shares = vec![0.0];
        while let Step::Running(step) = session.step().expect("it runs") {
            shares.push(step.done);
        }
        assert!(shares.windows(2).all(|pair| pair[0] < pair[1]), "{shares:?}");
        assert_eq!(shares.last(), Some(&1.0), "what a plateau left out is not waited for");
        assert_eq!(shares.len() as u32 > steps, plateau == 0.0, "a plateau ends scales early");
        // A step at the coarsest scale is less than one of so many, at the finest more.
        let even = 1.0 / (shares.len() - 1) as f64;
        assert!(shares[1] < even && 1.0 - shares[shares.len() - 2] > even, "{shares:?}");
    }
}
