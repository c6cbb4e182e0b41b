//! Canvases under a budget: plans, tiles and masks.

use impasto_engine::optimize::device::tensor::TensorDevice;
use impasto_engine::optimize::device::{Canvas, Masked, Task, Tiling, VggDevice, View, Work};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_engine::{Frame, Interrupt};
use impasto_types::{Optimize, Optimizer, Padding, Tileable};

use super::network::{picture, soft_mask};
use super::passes::LOSS;
use super::{AMPLE, tensors};

/// A canvas of the plan that a budget gives.
fn canvas(
    tensors: &TensorDevice,
    recipe: &Optimize,
    tiling: Option<(usize, usize)>,
    masked: bool,
) -> Box<dyn Canvas> {
    let frame = Frame::new(&recipe.common.tileable.into(), recipe.padding, 464, 336);
    let work = Work { recipe, frame, content: true, masked };
    let mut plan = tensors.plan(&work, AMPLE).expect("it fits");
    if let Some(interior) = tiling {
        plan.tiling = Tiling::cut(work.view(), 464, 336, interior).expect("it can be cut");
    }
    let moments = tensors
        .moments(&picture(90, 70, 5), None, View::of_style(recipe), AMPLE, &Interrupt::default())
        .expect("it runs");
    let style =
        StyleTarget::layers(recipe, &[(moments.iter().map(LayerStatistics::of).collect(), 1.0)]);
    let content = Some(picture(464, 336, 6));
    tensors
        .canvas(Task {
            work,
            plan,
            picture: picture(464, 336, 7),
            content,
            masked: masked.then(|| Masked { mask: soft_mask(464, 336), own: picture(464, 336, 8) }),
            style,
            warmth: None,
            interrupt: Interrupt::default(),
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
        for masked in [false, true] {
            let canvas = |tiling| canvas(&tensors, &recipe, tiling, masked);
            let (mut whole, mut tiled) = (canvas(None), canvas(Some((256, 192))));
            let (expected, found) =
                (whole.step().expect("it runs").0, tiled.step().expect("it runs").0);
            assert!(
                (found.total() - expected.total()).abs() < LOSS * expected.total(),
                "masked {masked}: {found:?} {expected:?}"
            );
            let (expected, found) =
                (whole.picture().expect("it is there"), tiled.picture().expect("it is there"));
            // Adam's first step is a sign: where the gradient is next to nothing, rounding decides
            // it.
            let far =
                found.rgb.iter().zip(&expected.rgb).filter(|(a, b)| (*a - *b).abs() > 0.5).count();
            assert!(far * 100 < found.rgb.len(), "{far} of {} values", found.rgb.len());
        }
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
