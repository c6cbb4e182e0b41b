//! One pass through a network for any style.

use std::sync::Arc;

use impasto_engine::one_pass::{Networks, Session};
use impasto_engine::{EngineError, Inputs, PROCESS_BYTES, Run};
use impasto_models::read_tensors;
use impasto_types::{ModelName, Recipe};

use super::latest::Latest;
use super::{Job, Method, PrepareError, Prepared, Site};
use crate::View;

/// Paints in one pass, on the CPU wherever it is asked to: the network is small.
#[derive(Debug, Default)]
pub(crate) struct ArbitraryMethod {
    networks: Latest<Networks>,
}

/// The networks, ready to paint.
#[derive(Debug)]
struct OnePass {
    networks: Arc<Networks>,
}

impl Method for ArbitraryMethod {
    fn prepare(&self, site: &Site<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        let model = site.model(ModelName::Arbitrary)?;
        let networks = self.networks.of(model.blob.digest, || {
            let tensors = site.parse(model, read_tensors)?;
            let networks = Networks::new(&tensors, site.threads, Some(site.cpu_level()));
            networks.map_err(|error| match error {
                error @ EngineError::Weights(_) => PrepareError::model(model.name, error),
                error => PrepareError::Engine(error),
            })
        })?;
        Ok(Arc::new(OnePass { networks }))
    }
}

impl Prepared for OnePass {
    fn device(&self) -> String {
        self.networks.device()
    }

    fn bytes(&self) -> u64 {
        PROCESS_BYTES + self.networks.bytes()
    }

    fn begin(&self, job: Job<'_>) -> Result<Box<dyn Run>, EngineError> {
        let Job { recipe, view, styles, init, memory_bytes, .. } = job;
        let Recipe::Arbitrary(recipe) = recipe else {
            return Err(EngineError::Method(recipe.method()));
        };
        let View { image: content, coverage, mask, joins, .. } = view;
        let inputs = Inputs { content, coverage, ground: None, styles, init, joins, mask };
        let (networks, recipe) = (self.networks.clone(), recipe.clone());
        let session = Session::any_style(networks, recipe, inputs, memory_bytes)?;
        Ok(Box::new(session))
    }
}
