//! The parameters that training begins with.

use impasto_kernels::networks::FeedForwardLayout;

use crate::chance::Chance;

/// The scale of what a residual block adds at first: a deep sum of equal parts is hard to move.
const RESIDUAL_GAMMA: f32 = 0.3;

/// Weights whose outputs vary as their inputs do (He, Zhang, Ren and Sun, "Delving Deep into
/// Rectifiers", 2015), and normalisations that leave them as they are.
pub(crate) fn parameters(layout: &FeedForwardLayout, seed: u64, purpose: u64) -> Vec<f32> {
    let mut chance = Chance::of(seed, purpose, 0);
    let mut parameters = vec![0.0; layout.parameters()];
    for tensor in layout.tensors() {
        let values = &mut parameters[tensor.range];
        if tensor.name.ends_with(".weight") {
            let inputs: usize = tensor.shape[1..].iter().product();
            let deviation = (2.0 / inputs as f32).sqrt();
            values.iter_mut().for_each(|value| *value = deviation * chance.normal());
        } else if tensor.name.ends_with(".gamma") {
            let is_sum = tensor.name.starts_with("residual.") && tensor.name.ends_with(".1.gamma");
            values.fill(if is_sum { RESIDUAL_GAMMA } else { 1.0 });
        }
    }
    parameters
}
