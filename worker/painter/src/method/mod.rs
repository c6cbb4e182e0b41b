//! Ways to paint: each prepares its networks on a device once, then begins a run for each view.

mod optimize;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use impasto_engine::cards::Handle;
use impasto_engine::{EngineError, Image, Run};
use impasto_kernels::Level;
use impasto_models::{ModelError, ModelStore};
use impasto_types::{ModelName, ModelRef, Profile, Recipe};

use crate::View;

pub(crate) use optimize::OptimizeMethod;
pub use optimize::Optimizing;

/// A way to paint.
pub trait Method: fmt::Debug + Send + Sync {
    /// Prepares what all runs in one lane of a device share: its networks. The painter keeps it
    /// until another method, model or precision is wanted there.
    ///
    /// # Errors
    /// Where a model is missing or unusable, or the device fails.
    fn prepare(&self, site: &Site<'_>) -> Result<Arc<dyn Prepared>, PrepareError>;
}

/// A method on a device.
pub trait Prepared: fmt::Debug + Send + Sync {
    /// The device and its precision, such as `cpu avx512 fp32`.
    fn device(&self) -> String;

    /// Begins to paint a view. The run's picture is the view itself where its mask is zero.
    ///
    /// # Errors
    /// Where the recipe or a picture cannot be used, or the memory is too small;
    /// [`EngineError::Checkpoint`] where a run cannot go on from its checkpoint here.
    fn begin(&self, job: Job<'_>) -> Result<Box<dyn Run>, EngineError>;
}

/// Where a method is prepared, and what it is prepared from.
#[derive(Debug)]
pub struct Site<'a> {
    pub device: SiteDevice<'a>,
    /// For work on the processor.
    pub threads: usize,
    pub profile: Profile,
    /// The models that the action names.
    pub models: &'a [ModelRef],
    pub(crate) store: &'a ModelStore,
}

/// A lane's device.
#[derive(Debug, Clone, Copy)]
pub enum SiteDevice<'a> {
    /// The processor, with these instructions at most.
    Cpu(Level),
    /// An opened card, with a stream of this lane's own.
    Card(&'a Handle),
}

/// One view to be painted.
#[derive(Debug)]
pub struct Job<'a> {
    pub recipe: &'a Recipe,
    pub view: View,
    /// Each with its share among several.
    pub styles: Vec<(Image, f32)>,
    /// The picture to begin with, where there is one.
    pub init: Option<Image>,
    /// What a run with the same pictures left of itself, to go on from.
    pub checkpoint: Option<Vec<u8>>,
    /// The most memory that the process may hold while this view is painted.
    pub memory_bytes: u64,
}

/// Why a method cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("the action names no model {0}")]
    NoModel(ModelName),
    #[error("the model {name} cannot be used")]
    Model { name: ModelName, source: Box<dyn Error + Send + Sync> },
    #[error(transparent)]
    Engine(EngineError),
}

impl PrepareError {
    /// A model that cannot be used, and why.
    pub fn model(name: ModelName, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Model { name, source: Box::new(source) }
    }
}

impl Site<'_> {
    /// The model of this name among those that the action names.
    ///
    /// # Errors
    /// Where the action does not name it.
    pub fn model(&self, name: ModelName) -> Result<ModelRef, PrepareError> {
        let model = self.models.iter().find(|model| model.name == name);
        model.copied().ok_or(PrepareError::NoModel(name))
    }

    /// The bytes of a model's file, checked against its digest.
    ///
    /// # Errors
    /// Where the model store does not have it, or it cannot be read.
    pub fn read(&self, model: ModelRef) -> Result<Vec<u8>, PrepareError> {
        let name = model.name;
        let found = self.store.find_ref(&model);
        found
            .and_then(|file| file.ok_or(ModelError::Missing { name }))
            .and_then(|file| file.read())
            .map_err(|error| PrepareError::model(name, error))
    }
}
