//! What can go wrong in a run.

use impasto_types::{ByteSize, FailureKind, Method, RecipeError};

use crate::joins::JoinsError;

/// Why a session could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the recipe is out of range")]
    Recipe(#[from] RecipeError),
    #[error("a recipe of method {0} was given to another method")]
    Method(Method),
    #[error("the recipe needs {0}, but it was not given")]
    MissingInput(&'static str),
    #[error("the {what} has {width} x {height} pixels; a side has to be from 1 to {max}")]
    Size { what: &'static str, width: usize, height: usize, max: u32 },
    #[error("the {what} of {width} x {height} pixels has {values} values instead of three a pixel")]
    Values { what: &'static str, width: usize, height: usize, values: usize },
    #[error(transparent)]
    Unlearned(#[from] Unlearned),
    #[error("the weights of the styles add up to {0}; they have to be finite and above zero")]
    StyleWeights(f32),
    #[error(
        "no loss was finite up to iteration {iteration} ({width} x {height}); lower style_weight \
         or learning_rate"
    )]
    NotFinite { iteration: u32, width: u32, height: u32 },
    #[error("the network's weights do not fit together: {0}")]
    Weights(String),
    #[error("could not start {threads} threads")]
    Threads { threads: usize, source: rayon::ThreadPoolBuildError },
    #[error("painting {width} x {height} pixels takes at least {}, and there are {}",
        ByteSize(*least_bytes), ByteSize(*budget_bytes))]
    Memory { width: usize, height: usize, least_bytes: u64, budget_bytes: u64 },
    #[error(transparent)]
    Joins(#[from] JoinsError),
    #[error("the mask of {width} x {height} pixels has {values} weights instead of one a pixel")]
    MaskValues { width: usize, height: usize, values: usize },
    #[error("the mask has {width} x {height} pixels, and the {what} {} x {}", size.0, size.1)]
    MaskSize { width: usize, height: usize, what: &'static str, size: (usize, usize) },
    #[error("a weight of the mask is {weight}, but has to be from 0 to 1")]
    MaskWeight { weight: f32 },
    #[error("the mask covers no pixel")]
    EmptyMask,
    #[error("of its {width} x {height} pixels, no part without holes is large enough to fill from")]
    NothingToFillFrom { width: usize, height: usize },
    #[error("the run has ended: one of its steps failed")]
    Ended,
    #[error("the step was interrupted")]
    Interrupted,
    #[error("the checkpoint is unusable: {0}")]
    Checkpoint(&'static str),
    #[error("{device} failed")]
    Device { device: String, source: Box<candle_core::Error> },
    #[error("the memory of {device} is full")]
    DeviceMemory { device: String, source: Box<candle_core::Error> },
}

/// The style images that a recipe asks for are not those that a network has learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the network has not learned {asked}; it has learned {}", learned.join(", "))]
pub struct Unlearned {
    /// What it was asked for.
    pub asked: String,
    /// The names of its styles.
    pub learned: Vec<String>,
}

impl EngineError {
    /// Whether another attempt, or another machine, could do better.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Recipe(_)
            | Self::Method(_)
            | Self::MissingInput(_)
            | Self::Size { .. }
            | Self::Values { .. }
            | Self::MaskValues { .. }
            | Self::MaskSize { .. }
            | Self::MaskWeight { .. }
            | Self::EmptyMask
            | Self::NothingToFillFrom { .. }
            | Self::Joins(_)
            | Self::StyleWeights(_)
            | Self::Unlearned(_)
            | Self::NotFinite { .. } => FailureKind::Input,
            Self::Memory { .. } | Self::DeviceMemory { .. } => FailureKind::Shortage,
            Self::Weights(_)
            | Self::Threads { .. }
            | Self::Ended
            | Self::Interrupted
            | Self::Checkpoint(_)
            | Self::Device { .. } => FailureKind::Transient,
        }
    }
}
