//! Errors of painting.

use std::error::Error;

use impasto_assets::AssetError;
use impasto_engine::EngineError;
use impasto_engine::cards::Unavailable;
use impasto_engine::one_pass::NetworkError;
use impasto_models::ModelError;
use impasto_trainer::{CorpusError, StateError, TrainError};
use impasto_types::{AssetKind, ByteSize, FailureKind, Method, ModelName};

use crate::{AdapterError, PrepareError};

/// Why a painter cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the model store")]
    Models(#[from] ModelError),
    #[error("cannot paint on `{devices}`; --device cpu paints on the CPU")]
    Device { devices: String, source: Unavailable },
}

/// Why painting failed or stopped. The text names the asset, or the file that is at fault.
#[derive(Debug, thiserror::Error)]
pub enum PaintError {
    /// A file that cannot be used; the text names it.
    #[error(transparent)]
    File(#[from] AssetError),
    #[error("`{asset}` is not a usable asset of the kind `{}`", kind.as_str())]
    Adapter { asset: String, kind: AssetKind, source: Box<AdapterError> },
    #[error("`{asset}` is of the kind `{}`, which this painter cannot open", kind.as_str())]
    UnknownKind { asset: String, kind: AssetKind },
    #[error("`{asset}` asks for the method `{method}`, which this painter does not have")]
    UnknownMethod { asset: String, method: Method },
    #[error("`{asset}` was given {given} style images, but its action names {expected}")]
    StyleCount { asset: String, expected: usize, given: usize },
    #[error("the action of `{asset}` names no model {name}")]
    NoModel { asset: String, name: ModelName },
    #[error("the model {name} cannot be used")]
    Model { name: ModelName, source: Box<dyn Error + Send + Sync> },
    #[error("the action of `{asset}` has no input `model`")]
    NoNetwork { asset: String },
    #[error("{file} cannot be used as `model`")]
    Network { file: String, source: Box<NetworkError> },
    #[error("cannot train `{asset}`")]
    Training { asset: String, source: Box<TrainingError> },
    #[error("cannot paint `{asset}`")]
    Engine { asset: String, source: EngineError },
    #[error(
        "painting `{asset}` at {width} x {height} pixels takes at least {} of memory, but may take \
         no more than {}",
        ByteSize(*least_bytes),
        ByteSize(*given_bytes)
    )]
    Memory { asset: String, width: usize, height: usize, least_bytes: u64, given_bytes: u64 },
    #[error(
        "decoding `{name}`, {width} x {height} pixels, for `{asset}` takes at least {} of memory, \
         but may take no more than {}",
        ByteSize(*least_bytes),
        ByteSize(*given_bytes)
    )]
    Picture {
        asset: String,
        /// The file that does not fit beside what is held.
        name: String,
        width: u32,
        height: u32,
        least_bytes: u64,
        given_bytes: u64,
    },
    #[error(
        "the files of `{asset}` have {} in all, but painting it may take no more than {}",
        ByteSize(*least_bytes),
        ByteSize(*given_bytes)
    )]
    Files { asset: String, least_bytes: u64, given_bytes: u64 },
    #[error(
        "the GPU ran out of memory while painting `{asset}`, although the plan fits: other \
         programs use it too, so give a smaller --max-memory or use another GPU"
    )]
    CardMemory { asset: String, source: EngineError },
    #[error("no GPU has room for `{asset}`: other programs use its memory")]
    FullCard { asset: String, source: Unavailable },
    #[error("the GPU {device} has failed and cannot be opened again")]
    Card { device: String, source: Unavailable },
    #[error("IMPASTO_CPU_LEVEL cannot be used")]
    Level { source: impasto_kernels::UnknownLevel },
    #[error("painting `{asset}` was canceled")]
    Canceled { asset: String },
    /// Not a failure: another attempt can go on from the checkpoint, on this machine or another.
    #[error("painting `{asset}` was stopped")]
    Stopped { asset: String, checkpoint: Vec<u8> },
}

/// Why a network cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    #[error(transparent)]
    Run(#[from] TrainError),
    #[error(transparent)]
    Pictures(#[from] CorpusError),
    #[error("the state that the part before this one left")]
    State(#[source] StateError),
    #[error("the network cannot be written")]
    Network(#[from] NetworkError),
    #[error("cannot start {threads} threads")]
    Threads { threads: usize, source: rayon::ThreadPoolBuildError },
}

impl PaintError {
    /// From an error of the engine; `memory_bytes` is what the asset was given, and `held_bytes`
    /// what was held of it beside the engine, which may be more.
    pub(crate) fn of_engine(
        asset: &str,
        memory_bytes: u64,
        held_bytes: u64,
        error: EngineError,
    ) -> Self {
        let asset = asset.to_owned();
        match error {
            // The engine counts what is left for the picture; users know what they gave.
            EngineError::Memory { width, height, least_bytes, budget_bytes } => {
                let beside = memory_bytes.max(held_bytes).saturating_sub(budget_bytes);
                let least_bytes = beside.saturating_add(least_bytes);
                Self::Memory { asset, width, height, least_bytes, given_bytes: memory_bytes }
            }
            source @ EngineError::DeviceMemory { .. } => Self::CardMemory { asset, source },
            source => Self::Engine { asset, source },
        }
    }

    /// From an adapter's error. An error of a file names the file, not the asset.
    pub(crate) fn of_adapter(asset: &str, kind: &AssetKind, error: AdapterError) -> Self {
        match error {
            AdapterError::File(error) => Self::File(error),
            source => {
                let (asset, source) = (asset.to_owned(), Box::new(source));
                Self::Adapter { asset, kind: kind.clone(), source }
            }
        }
    }

    /// From an error of preparing a method; `memory_bytes` is what the asset was given.
    pub(crate) fn of_method(asset: &str, memory_bytes: u64, error: PrepareError) -> Self {
        match error {
            PrepareError::NoModel(name) => Self::NoModel { asset: asset.to_owned(), name },
            PrepareError::Model { name, source } => Self::Model { name, source },
            PrepareError::NoNetwork => Self::NoNetwork { asset: asset.to_owned() },
            PrepareError::Network { file, source } => {
                Self::Network { file, source: Box::new(source) }
            }
            PrepareError::Engine(error) => Self::of_engine(asset, memory_bytes, 0, error),
        }
    }

    /// Whether it lacks memory that it was not given: more may help.
    pub fn lacks_memory(&self) -> bool {
        matches!(self, Self::Memory { .. } | Self::Picture { .. } | Self::Files { .. })
    }

    /// The kind of failure, which decides about retries.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::File(_)
            | Self::Adapter { .. }
            | Self::StyleCount { .. }
            | Self::NoModel { .. }
            | Self::NoNetwork { .. }
            | Self::Network { .. }
            | Self::Training { .. } => FailureKind::Input,
            Self::Engine { source, .. } => source.kind(),
            Self::Memory { .. }
            | Self::Picture { .. }
            | Self::Files { .. }
            | Self::CardMemory { .. }
            | Self::FullCard { .. } => FailureKind::Shortage,
            // Another worker may have what this one lacks.
            Self::UnknownKind { .. }
            | Self::UnknownMethod { .. }
            | Self::Model { .. }
            | Self::Card { .. }
            | Self::Level { .. }
            | Self::Canceled { .. }
            | Self::Stopped { .. } => FailureKind::Transient,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use impasto_types::error_text;

    use super::*;

    #[test]
    fn a_full_gpu_is_a_shortage_with_advice() {
        let full = || EngineError::DeviceMemory {
            device: "cuda:0".to_owned(),
            source: Box::new(io::Error::other("no more").into()),
        };
        let error = PaintError::of_engine("wall.png", 7, 0, full());
        assert_eq!(error.kind(), FailureKind::Shortage);
        let text = error_text(&error);
        for part in ["`wall.png`", "--max-memory", "another GPU", "cuda:0"] {
            assert!(text.contains(part), "{text}");
        }
        let broken = EngineError::Device {
            device: "cuda:0".to_owned(),
            source: Box::new(io::Error::other("an illegal address").into()),
        };
        assert_eq!(PaintError::of_engine("wall.png", 7, 0, broken).kind(), FailureKind::Transient);
    }

    #[test]
    fn a_memory_error_names_the_memory_that_was_given() {
        // The engine gets what is left, and nothing where the rest is more than all.
        for (given, held, budget_bytes, expected) in
            [(1000, 600, 400, 1100), (1000, 0, 400, 1100), (1000, 1700, 0, 2200)]
        {
            let error =
                EngineError::Memory { width: 64, height: 32, least_bytes: 500, budget_bytes };
            let PaintError::Memory { least_bytes, given_bytes, .. } =
                PaintError::of_engine("wall.png", given, held, error)
            else {
                panic!("a shortage")
            };
            assert_eq!((least_bytes, given_bytes), (expected, given));
        }
    }
}
