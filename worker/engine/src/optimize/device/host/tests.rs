//! A canvas whose deep layers are evaluated on a reduced copy: its gradient, and its tiles.

use impasto_kernels::Level;
use impasto_types::{LossNorm, Padding, Pooling, Tileable};

use super::*;
use crate::noise::Noise;
use crate::optimize::device::{Cpu, Plan, Tiling, VggDevice, View};
use crate::optimize::objective::LayerStatistics;
use crate::{Interrupt, Joins, tiny};

fn cpu() -> Cpu {
    let weights = tiny::weights(21, &[3, 4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 8, 10]);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    Cpu::new(&weights, Level::Scalar, Precision::Fp32, Arc::new(threads))
        .expect("the weights fit together")
}

/// Soft waves under noise: after a reduction there is still something to see.
fn picture(width: usize, height: usize, seed: u64) -> Image {
    let mut noise = Noise::new(seed);
    let level = |at: usize| {
        let (x, y) = ((at % width) as f32, (at / width) as f32);
        128.0 + 50.0 * (x / 9.0 + seed as f32).sin() + 40.0 * (y / 13.0).cos()
    };
    let rgb = (0..width * height).flat_map(|at| [level(at), 200.0 - level(at), 0.6 * level(at)]);
    Image { width, height, rgb: rgb.map(|level| level + 12.0 * noise.normal()).collect() }
}

fn recipe(rules: &str) -> Optimize {
    let layers_by_scale = rules.parse().expect("they are rules");
    Optimize {
        layers_by_scale,
        content_weight: 2.0,
        tv_weight: 0.5,
        padding: Padding::Reflect,
        pooling: Pooling::Average,
        ..Optimize::painterly()
    }
}

/// A canvas of a picture of this size, whose plan may be changed.
fn canvas(
    recipe: &Optimize,
    (width, height): (u32, u32),
    masked: bool,
    change: impl FnOnce(&Work<'_>, &mut Plan),
) -> HostCanvas {
    let cpu = cpu();
    let frame = Frame::new(&Joins::from(recipe.common.tileable), recipe.padding, width, height);
    let (width, height) = (frame.width(), frame.height());
    let work = Work { recipe, frame, content: true, masked };
    let mut plan = cpu.plan(&work, u64::MAX).expect("it fits");
    change(&work, &mut plan);
    let view = View::of_style(recipe);
    let moments = cpu.moments(&picture(96, 80, 5), None, view, u64::MAX, &Interrupt::default());
    let statistics = moments.expect("it runs").iter().map(LayerStatistics::of).collect();
    let weights: Vec<f32> = (0..width * height)
        .map(|at| (0.5 + ((at % width) as f32 / 23.0).sin() + 0.4).clamp(0.0, 1.0))
        .collect();
    let task = Task {
        work,
        picture: picture(width, height, 7),
        content: Some(picture(width, height, 6)),
        masked: masked.then(|| Masked {
            mask: Arc::new(Mask::new(width, height, &weights)),
            own: picture(width, height, 8),
        }),
        style: StyleTarget::layers(recipe, &[(statistics, 1.0)]),
        warmth: None,
        interrupt: Interrupt::default(),
        plan: plan.clone(),
    };
    let pass = Box::new(cpu.pass(plan.tiling));
    let copy = plan.copy.map(|tiling| Box::new(pass.beside(tiling)) as Box<dyn Pass>);
    HostCanvas::new(pass, copy, task).expect("it begins")
}

#[test]
fn finite_differences_confirm_the_gradient_of_both_looks() {
    let across = |recipe: Optimize| recipe.with(|common| common.tileable = Tileable::X);
    for (recipe, size, masked) in [
        (recipe("0:relu2_1:half"), (145, 131), false),
        (recipe("0:relu1_1:half"), (145, 131), true),
        // What repeats is unrolled at full size.
        (across(recipe("0:relu3_1:half")), (133, 150), false),
        (across(recipe("0:relu4_1:half")), (133, 150), true),
        (Optimize { padding: Padding::Ring, ..recipe("0:relu3_1:quarter") }, (250, 243), false),
        (recipe("0:relu4_2:half"), (128, 130), false),
        // Nothing at full size.
        (
            Optimize { style_layers: [0.0, 0.0, 0.0, 1.0, 1.0], ..recipe("0:relu2_1:half") },
            (145, 131),
            false,
        ),
    ] {
        let mut canvas = canvas(&recipe, size, masked, |work, plan| {
            assert!(work.copy().is_some() && plan.copy.is_some(), "{work:?}");
        });
        let terms = canvas.evaluate().expect("it runs");
        assert!(terms.content > 0.0 && terms.style > 0.0 && terms.total_variation > 0.0);
        let slope = canvas.gradient.clone();
        let norm = slope.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        let image = canvas.picture.clone();
        // Along the gradient itself the loss changes most, so rounding matters least.
        let mut moved = |distance: f64| {
            let pixels = image.rgb.iter().zip(&slope);
            let moved =
                pixels.map(|(&x, &g)| (f64::from(x) + distance * f64::from(g) / norm) as f32);
            canvas.picture.rgb = moved.collect();
            canvas.evaluate().expect("it runs").total()
        };
        let distance = 2.0;
        let finite = (moved(distance) - moved(-distance)) / (2.0 * distance);
        assert!(
            (finite - norm).abs() < 2e-2 * norm,
            "{:?} {size:?} masked {masked}: {finite} along a gradient of length {norm}",
            recipe.layers_by_scale
        );
    }
}

#[test]
fn tiles_of_both_looks_give_the_answer_of_the_whole() {
    let wrapped = |recipe: Optimize| recipe.with(|common| common.tileable = Tileable::Both);
    for (recipe, masked, copy) in [
        (recipe("0:relu3_1:half"), false, (128, 128)),
        (recipe("0:relu1_1:half"), true, (64, 192)),
        // A copy that wraps and is shorter than its halo is not cut.
        (wrapped(recipe("0:relu2_1:half")), false, (192, 160)),
    ] {
        let size = (384, 320);
        let mut whole = canvas(&recipe, size, masked, |_, plan| assert!(plan.tiling.is_whole()));
        let mut tiled = canvas(&recipe, size, masked, |work, plan| {
            plan.tiling = Tiling::cut(work.view(), 384, 320, (128, 96)).expect("it can be cut");
            let look = work.copy().expect("there is one");
            assert_eq!(look.size, (192, 160));
            plan.copy = Some(Tiling::cut(look.view, 192, 160, copy).expect("it can be cut"));
        });
        let (expected, found) = (whole.evaluate(), tiled.evaluate());
        let (expected, found) = (expected.expect("it runs"), found.expect("it runs"));
        // As in `tests/tiling.rs`: only the order of sums is another.
        assert!((found.style - expected.style).abs() < 1e-3 * expected.style);
        assert!((found.content - expected.content).abs() < 1e-6 * expected.content);
        let squares = |values: &mut dyn Iterator<Item = f32>| {
            values.map(|value| f64::from(value).powi(2)).sum::<f64>()
        };
        let (a, b) = (&tiled.gradient, &whole.gradient);
        let error =
            squares(&mut a.iter().zip(b).map(|(a, b)| a - b)) / squares(&mut b.iter().copied());
        assert!(error.sqrt() < 1e-3, "{:?}: {}", recipe.layers_by_scale, error.sqrt());
    }
}

#[test]
fn layers_that_are_nowhere_are_layers_of_no_weight() {
    // These constants do not depend on what other layers weigh.
    let loss_norm = LossNorm::Absolute;
    let short = Optimize { loss_norm, ..recipe("0:relu3_1:none") };
    let zeros = Optimize {
        style_layers: [1.0, 1.0, 1.0, 0.0, 0.0],
        content_weight: 0.0,
        ..Optimize { loss_norm, ..recipe("") }
    };
    let evaluate = |recipe: &Optimize| {
        let mut canvas = canvas(recipe, (145, 131), false, |_, _| ());
        if recipe.content_weight == 0.0 || !recipe.layers_by_scale.0.is_empty() {
            // A session gives no content where none is measured.
            canvas.content = None;
        }
        (canvas.evaluate().expect("it runs"), canvas.gradient)
    };
    assert!(evaluate(&short) == evaluate(&zeros));
}
