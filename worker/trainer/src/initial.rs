//! The parameters that training begins with.

use impasto_kernels::networks::{DecoderLayout, FeedForwardLayout, TensorLayout};

use crate::chance::Chance;

/// The scale of what a residual block adds at first: a deep sum of equal parts is hard to move.
const RESIDUAL_GAMMA: f32 = 0.3;

/// Weights whose outputs vary as their inputs do (He, Zhang, Ren and Sun, "Delving Deep into
/// Rectifiers", 2015), and normalisations that leave them as they are.
pub(crate) fn parameters(layout: &FeedForwardLayout, seed: u64, purpose: u64) -> Vec<f32> {
    let mut parameters = weights(&layout.tensors(), layout.parameters(), seed, purpose);
    for tensor in layout.tensors() {
        let values = &mut parameters[tensor.range];
        if tensor.name.ends_with(".gamma") {
            let is_sum = tensor.name.starts_with("residual.") && tensor.name.ends_with(".1.gamma");
            values.fill(if is_sum { RESIDUAL_GAMMA } else { 1.0 });
        }
    }
    parameters
}

/// How much a new decoder adds to colours, beside what it could: it begins with what it is given.
const ADDED: f32 = 0.1;

/// The same of a decoder, without biases.
pub(crate) fn decoder(layout: &DecoderLayout, seed: u64, purpose: u64) -> Vec<f32> {
    let tensors = layout.tensors();
    let mut parameters = weights(&tensors, layout.parameters(), seed, purpose);
    for tensor in tensors.into_iter().filter(|tensor| tensor.name == "colors.weight") {
        parameters[tensor.range].iter_mut().for_each(|value| *value *= ADDED);
    }
    parameters
}

/// The weights among so many parameters; all others are zero.
fn weights(tensors: &[TensorLayout], parameters: usize, seed: u64, purpose: u64) -> Vec<f32> {
    let mut chance = Chance::of(seed, purpose, 0);
    let mut values = vec![0.0; parameters];
    for tensor in tensors.iter().filter(|tensor| tensor.name.ends_with(".weight")) {
        let inputs: usize = tensor.shape[1..].iter().product();
        let deviation = (2.0 / inputs as f32).sqrt();
        let own = &mut values[tensor.range.clone()];
        own.iter_mut().for_each(|value| *value = deviation * chance.normal());
    }
    values
}
