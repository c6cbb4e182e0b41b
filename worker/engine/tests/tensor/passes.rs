//! Passes: losses, gradients and moments, whole, in tiles and inside masks.

use std::sync::Arc;

use impasto_engine::optimize::device::tensor::TensorDevice;
use impasto_engine::optimize::device::{Cpu, Pass, Tiling, VggDevice, View};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_engine::{Image, Interrupt};
use impasto_kernels::{Edge, Layer, Level, Mask, Moments, Pool};
use impasto_types::{LossNorm, Optimize};

use super::network::{error, picture, soft_mask};
use super::{AMPLE, cpu, device_name, tensors};

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
        Self { width, height, view: View::new(edge_x, edge_y, pool), recipe, mask: None }
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
        let most = if device_name() == "cpu" { GRADIENT } else { CARD_GRADIENT };
        assert!(error < most, "{context}: gradient {error}");
    }
}

/// Relative. Sums in another order change losses by 1.3e-4 at most; on cards, convolutions may
/// round at 1e-4 of a layer's size, and thirteen layers add up to less than this.
pub(crate) const LOSS: f64 = 1e-3;

/// Of the gradient, relative, root mean square, where both sides take plain sums. It is 1e-6 to
/// 2e-5, and 3e-4 in the case whose style loss is off by 1.3e-4.
const GRADIENT: f64 = 1e-3;

/// The same on a card, whose convolutions round otherwise. Where a rounding opens a ReLU or turns
/// the maximum of a pooling window, the gradient takes another way: 1e-2 of it in a small picture.
const CARD_GRADIENT: f64 = 2e-2;

/// The kernels that passes are compared with: the plain loops. Winograd's rounding changes the
/// gradient by 3e-6 in most of these pictures, but in that of 64 x 48 pixels it turns the maximum
/// of a pooling window, and with it 0.03 of the gradient.
fn reference() -> Cpu {
    cpu(Level::Scalar)
}

#[test]
fn the_pass_is_that_of_the_kernels_at_every_edge_pool_and_size() {
    let (cpu, devices) = (reference(), tensors());
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
    let view = View::new(Edge::Reflect, Edge::Replicate, Pool::Max);
    let image = picture(75, 58, 9);
    let weights = soft_mask(75, 58).at(Layer::Relu1_1).to_vec();
    let weights = impasto_engine::Mask::new(75, 58, weights).expect("it can be used");
    for weights in [None, Some(&weights)] {
        check_moments(&image, weights, view);
    }
}

fn check_moments(image: &Image, weights: Option<&impasto_engine::Mask>, view: View) {
    let expected =
        reference().moments(image, weights, view, AMPLE, &Interrupt::default()).expect("it runs");
    let near = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < LOSS * b.abs().max(1.0))
    };
    for tensors in tensors() {
        let found =
            tensors.moments(image, weights, view, AMPLE, &Interrupt::default()).expect("it runs");
        for (Moments { weight, sum, products, .. }, expected) in found.iter().zip(&expected) {
            assert!((weight - expected.weight).abs() < 1e-9 * expected.weight);
            assert!(near(sum, &expected.sum) && near(products, &expected.products));
        }
        assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn tiles_and_seams_give_the_answer_of_the_whole() {
    let (cpu, devices) = (reference(), tensors());
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
    let (cpu, devices) = (reference(), tensors());
    for (width, height, edge_x, edge_y, pool, norm) in [
        (64, 48, Edge::Zero, Edge::Reflect, Pool::Max, LossNorm::Absolute),
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
