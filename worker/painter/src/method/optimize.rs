//! VGG optimisation, and texture synthesis, which is the same starting from noise.

use std::sync::Arc;

use impasto_engine::one_pass::Networks;
use impasto_engine::optimize::device::tensor::TensorDevice;
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{EngineError, Inputs, PROCESS_BYTES, Run};
use impasto_kernels::vgg::CONVOLUTIONS;
use impasto_models::{VggWeights, read_vgg19_up_to};
use impasto_types::{ModelName, Recipe};

use super::latest::Latest;
use super::{Job, Method, PrepareError, Prepared, Site, SiteDevice};
use crate::View;

/// Optimises pixels under VGG-19's losses.
#[derive(Debug, Default)]
pub(crate) struct OptimizeMethod {
    /// The weights that were last read for a GPU: each of its lanes prepares a network from them.
    weights: Latest<VggWeights>,
    /// What recipes begin with that say so, for all lanes of all devices.
    any_style: Latest<Networks>,
}

/// VGG-19 on a device, ready to optimise pixels.
#[derive(Debug)]
pub struct Optimizing {
    engine: Arc<Engine>,
}

impl Method for OptimizeMethod {
    fn prepare(&self, site: &Site<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        let weights = self.weights(site)?;
        let engine = match site.device {
            SiteDevice::Cpu(level) => {
                Engine::new(&weights, site.threads, Some(level), site.profile)
            }
            SiteDevice::Card(card) => TensorDevice::new(&weights, card.clone(), site.profile)
                .and_then(|device| Engine::with_device(Box::new(device), site.threads)),
        };
        let engine = engine.map_err(|error| PrepareError::engine(ModelName::Vgg19, error))?;
        let begins = site.models.iter().find(|model| model.name == ModelName::Arbitrary);
        let engine = match begins {
            None => engine,
            Some(model) => {
                let networks = self.any_style.of(model.blob.digest, || site.any_style())?;
                engine.beginning_with(networks)
            }
        };
        Ok(Arc::new(Optimizing::on(Arc::new(engine))))
    }
}

impl OptimizeMethod {
    /// VGG-19's weights. The CPU needs them once, a GPU once per lane.
    fn weights(&self, site: &Site<'_>) -> Result<Arc<VggWeights>, PrepareError> {
        let model = site.model(ModelName::Vgg19)?;
        // No layer that a recipe names is deeper.
        let read = || site.parse(model, |bytes| read_vgg19_up_to(bytes, CONVOLUTIONS));
        match site.device {
            SiteDevice::Cpu(_) => read().map(Arc::new),
            SiteDevice::Card(_) => self.weights.of(model.blob.digest, read),
        }
    }
}

impl Optimizing {
    /// Uses an engine that the caller has prepared.
    pub fn on(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl Prepared for Optimizing {
    fn device(&self) -> String {
        self.engine.device()
    }

    fn bytes(&self) -> u64 {
        PROCESS_BYTES + self.engine.bytes()
    }

    fn begin(&self, job: Job<'_>) -> Result<Box<dyn Run>, EngineError> {
        let Job { recipe, view, styles, init, checkpoint, memory_bytes, .. } = job;
        let View { image, coverage, mask, joins, .. } = view;
        let (recipe, content, ground) = match recipe {
            Recipe::Optimize(recipe) => (recipe, image, None),
            Recipe::Synthesize(recipe) => (recipe, None, image),
            other => return Err(EngineError::Method(other.method())),
        };
        let inputs = Inputs { content, coverage, ground, styles, init, joins, mask };
        let (engine, recipe) = (self.engine.clone(), recipe.clone());
        let session = match checkpoint {
            None => Session::new(engine, recipe, inputs, memory_bytes),
            Some(saved) => Session::resume(engine, recipe, inputs, memory_bytes, &saved),
        };
        Ok(Box::new(session?))
    }
}
