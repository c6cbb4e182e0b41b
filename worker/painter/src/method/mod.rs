//! Painting methods: each prepares its networks on a device once, then begins a run for each view.

mod arbitrary;
mod feed_forward;
mod latest;
mod optimize;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use impasto_engine::cards::Handle;
use impasto_engine::one_pass::{NetworkError, Networks};
use impasto_engine::{EngineError, Image, Run, Style};
use impasto_kernels::Level;
use impasto_models::{ModelError, ModelFile, ModelStore, read_tensors};
use impasto_types::{Digest, ModelName, ModelRef, Profile, Recipe};

use crate::{Source, View};

pub(crate) use arbitrary::ArbitraryMethod;
pub(crate) use feed_forward::FeedForwardMethod;
pub(crate) use optimize::OptimizeMethod;
pub use optimize::Optimizing;

/// A painting method.
pub trait Method: fmt::Debug + Send + Sync {
    /// Prepares the networks, which all runs in one lane of a device share. The painter keeps them
    /// until the lane needs another method, model or precision.
    ///
    /// # Errors
    /// If a model is missing or unusable, or the device fails.
    fn prepare(&self, site: &Site<'_>) -> Result<Arc<dyn Prepared>, PrepareError>;
}

/// A method prepared on a device.
pub trait Prepared: fmt::Debug + Send + Sync {
    /// The device and its precision, such as `cpu avx512 fp32`.
    fn device(&self) -> String;

    /// The memory that the prepared networks take, in bytes.
    fn bytes(&self) -> u64 {
        0
    }

    /// Begins to paint a view. Where the mask is zero, the run's picture is the view itself.
    ///
    /// # Errors
    /// If the recipe or a picture cannot be used, or the memory is too small;
    /// [`EngineError::Checkpoint`] if the run cannot be resumed from its checkpoint here.
    fn begin(&self, job: Job<'_>) -> Result<Box<dyn Run>, EngineError>;
}

/// Where a method is prepared, and from which models.
#[derive(Debug)]
pub struct Site<'a> {
    pub device: SiteDevice<'a>,
    /// The number of threads for work on the CPU.
    pub threads: usize,
    pub profile: Profile,
    /// The models that the action names.
    pub models: &'a [ModelRef],
    /// The file of the asset's own network, and its digest.
    pub network: Option<(&'a Source, Digest)>,
    pub(crate) store: &'a ModelStore,
}

/// A lane's device.
#[derive(Debug, Clone, Copy)]
pub enum SiteDevice<'a> {
    /// The CPU, with these instructions at most.
    Cpu(Level),
    /// An opened GPU, with a stream of this lane's own.
    Card(&'a Handle),
}

/// One view to be painted.
#[derive(Debug)]
pub struct Job<'a> {
    pub recipe: &'a Recipe,
    pub view: View,
    pub styles: Vec<Style>,
    /// The style images as the action names them, in the order of `styles`.
    pub asked: &'a [AskedStyle<'a>],
    /// The picture to begin with, if there is one.
    pub init: Option<Image>,
    /// The checkpoint of a run with the same pictures, to resume from.
    pub checkpoint: Option<Vec<u8>>,
    /// The most memory in bytes that the process may hold while this view is painted.
    pub memory_bytes: u64,
}

/// A style image as an action names it.
#[derive(Debug, Clone, Copy)]
pub struct AskedStyle<'a> {
    /// Its file's name, for errors.
    pub name: &'a str,
    pub digest: Digest,
    pub weight: f32,
}

/// Why a method cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("the action names no model {0}")]
    NoModel(ModelName),
    #[error("the model {name} cannot be used")]
    Model { name: ModelName, source: Box<dyn Error + Send + Sync> },
    #[error("the recipe needs a network, but there is no input `model`")]
    NoNetwork,
    #[error("{file} cannot be used as `model`")]
    Network { file: String, source: NetworkError },
    #[error(transparent)]
    Engine(EngineError),
}

impl PrepareError {
    /// An error for a model that cannot be used.
    pub fn model(name: ModelName, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Model { name, source: Box::new(source) }
    }

    /// An error of an engine that was made of this model.
    pub(crate) fn engine(name: ModelName, error: EngineError) -> Self {
        match error {
            error @ EngineError::Weights(_) => Self::model(name, error),
            error => Self::Engine(error),
        }
    }

    /// An error for a network of the project's own that cannot be used.
    pub(crate) fn network(file: &Source, error: NetworkError) -> Self {
        match error {
            NetworkError::Engine(error) => Self::Engine(error),
            source => Self::Network { file: file.name.clone(), source },
        }
    }
}

impl Site<'_> {
    /// The instructions for work on the CPU, wherever the lane is.
    pub(crate) fn cpu_level(&self) -> Level {
        match self.device {
            SiteDevice::Cpu(level) => level,
            SiteDevice::Card(_) => Level::detect(),
        }
    }

    /// The lane's GPU, if it is one that has the kernels for networks of one pass.
    pub(crate) fn cuda(&self) -> Option<&Handle> {
        match self.device {
            SiteDevice::Card(card) if card.is_cuda() => Some(card),
            _ => None,
        }
    }

    /// The action's model of this name.
    ///
    /// # Errors
    /// If the action does not name it.
    pub fn model(&self, name: ModelName) -> Result<ModelRef, PrepareError> {
        let model = self.models.iter().find(|model| model.name == name);
        model.copied().ok_or(PrepareError::NoModel(name))
    }

    /// The model store's networks for any style.
    pub(crate) fn any_style(&self) -> Result<Networks, PrepareError> {
        let model = self.model(ModelName::Arbitrary)?;
        let tensors = self.parse(model, read_tensors)?;
        let networks = Networks::new(&tensors, self.threads, Some(self.cpu_level()));
        networks.map_err(|error| PrepareError::engine(model.name, error))
    }

    /// What `parse` makes of a model's file, which is checked against its digest meanwhile.
    ///
    /// # Errors
    /// If the model store does not have it, it cannot be read, or `parse` refuses it.
    pub fn parse<T>(
        &self,
        model: ModelRef,
        parse: impl FnOnce(&[u8]) -> Result<T, ModelError>,
    ) -> Result<T, PrepareError> {
        let parsed = self.file(model).and_then(|file| file.parse(parse));
        parsed.map_err(|error| PrepareError::model(model.name, error))
    }

    fn file(&self, model: ModelRef) -> Result<ModelFile, ModelError> {
        self.store.find_ref(&model)?.ok_or(ModelError::Missing { name: model.name })
    }
}
