//! Why training fails.

use impasto_engine::EngineError;
use impasto_kernels::networks::{FeedForwardError, LayoutError, PaintError};
use impasto_types::RecipeError;

/// Why a run stops.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("the settings are out of range")]
    Settings(#[from] RecipeError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("the loss is {loss} at step {step}; a lower learning rate may help")]
    Diverged { step: u32, loss: f64 },
    #[error("the style images cannot be measured")]
    Measure(#[source] EngineError),
    #[error("the loss cannot be computed")]
    Loss(#[source] EngineError),
    #[error("the network cannot be prepared")]
    Network(#[source] FeedForwardError),
    #[error("the network cannot paint")]
    Paint(#[source] PaintError),
    #[error("no style was chosen")]
    NoStyle,
    #[error("cannot start {threads} threads")]
    Threads { threads: usize, source: rayon::ThreadPoolBuildError },
}
