//! Checks fast kernels: compares the gradient of a small picture with that of the scalar loops in
//! single precision.

use std::sync::Arc;

use impasto_engine::optimize::device::tensor::TensorDevice;
use impasto_engine::optimize::device::{Cpu, Pass, Tiling, VggDevice, View};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_engine::{EngineError, Image};
use impasto_kernels::{Edge, Layer, Level, Precision};
use impasto_types::Optimize;
use serde::Serialize;

use super::{BenchError, Stage, subject};

/// How far a gradient is from the scalar one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// The norm of the difference, divided by the norm of the scalar gradient.
    pub gradient_error: f64,
    pub tolerance: f64,
}

/// Not a multiple of any kernel's block, and quick with scalar loops.
const SIDE: u32 = 40;

/// Covers Winograd's rounding, and the few ReLUs that it flips.
const EXACT_TOLERANCE: f64 = 0.02;
/// Covers a mantissa of eight bits, and the ReLUs that its rounding flips.
const FAST_TOLERANCE: f64 = 0.1;
/// The same with random weights, which is a weaker check: judge kernels with trained ones. The
/// error of matrix units is 0.22 with random weights, and 0.064 with a trained VGG-19. Most of it
/// comes from rounding to bf16: in a separate implementation with seven sets of random weights,
/// rounding alone gave 0.13 to 0.19, and 0.005 once ReLUs and maxima were taken from single
/// precision. Most of that is pooling that chooses another maximum.
const UNTRAINED_FAST_TOLERANCE: f64 = 0.25;

pub(super) fn check(stage: &Stage<'_>) -> Result<Agreement, BenchError> {
    let cpu = Cpu::new(stage.weights, stage.level, stage.precision(), Arc::clone(&stage.pool))
        .map_err(failed)?;
    compare(stage, &mut |tiling| Box::new(cpu.pass(tiling)), cpu.label())
}

/// The same for a GPU.
pub(super) fn check_card(stage: &Stage<'_>, card: &TensorDevice) -> Result<Agreement, BenchError> {
    compare(stage, &mut |tiling| Box::new(card.pass(tiling)), card.label())
}

fn failed(source: EngineError) -> BenchError {
    BenchError::Engine { size: SIDE, source }
}

fn compare(
    stage: &Stage<'_>,
    pass: &mut dyn FnMut(Tiling) -> Box<dyn Pass>,
    device: String,
) -> Result<Agreement, BenchError> {
    let scalar = Cpu::new(stage.weights, Level::Scalar, Precision::Fp32, Arc::clone(&stage.pool))
        .map_err(failed)?;
    let expected = gradient(&mut |tiling| Box::new(scalar.pass(tiling))).map_err(failed)?;
    let found = gradient(pass).map_err(failed)?;
    let length = |values: &mut dyn Iterator<Item = f64>| {
        values.map(|value| value * value).sum::<f64>().sqrt()
    };
    let apart = length(&mut found.iter().zip(&expected).map(|(a, b)| f64::from(a - b)));
    let error = apart / length(&mut expected.iter().map(|value| f64::from(*value)));
    let tolerance = match (device.ends_with("bf16"), stage.trained) {
        (false, _) => EXACT_TOLERANCE,
        (true, true) => FAST_TOLERANCE,
        (true, false) => UNTRAINED_FAST_TOLERANCE,
    };
    // NaN compares false, so it is not within the tolerance.
    if error <= tolerance {
        Ok(Agreement { gradient_error: error, tolerance })
    } else {
        Err(BenchError::Disagrees { device, error, tolerance })
    }
}

/// The gradient of a style and content loss.
fn gradient(pass: &mut dyn FnMut(Tiling) -> Box<dyn Pass>) -> Result<Vec<f32>, EngineError> {
    let recipe: Optimize = Optimize::painterly();
    let view = View { edge_x: Edge::Wrap, edge_y: Edge::Wrap, ..View::of_style(&recipe) };
    let [content, style] = [1, 2].map(|seed| subject::picture(SIDE, seed));
    let side = SIDE as usize;
    let mut pass = pass(Tiling::whole(view, side, side));
    let statistics: Vec<_> = pass.moments(&style)?.iter().map(LayerStatistics::of).collect();
    debug_assert_eq!(statistics.len(), Layer::STYLE.len());
    let targets = StyleTarget::layers(&recipe, &[(statistics, 1.0)]);
    pass.hold_content(&content, &|sums| sums.weight(&recipe))?;
    let mut gradient = vec![0.0; side * side * 3];
    // Between content and style, so that neither loss is zero.
    let rgb = content
        .rgb
        .iter()
        .zip(&style.rgb)
        .map(|(content, style)| 0.7 * content + 0.3 * style)
        .collect();
    pass.evaluate(&Image { width: side, height: side, rgb }, &targets, &mut gradient)?;
    Ok(gradient)
}
