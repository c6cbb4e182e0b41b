//! One pass through a network for any style.

use std::sync::Arc;

use impasto_engine::one_pass::{Networks, Restyler, Session};
use impasto_engine::{EngineError, Inputs, PROCESS_BYTES, Run};
use impasto_kernels::vgg::CONVOLUTIONS;
use impasto_models::read_vgg19_up_to;
use impasto_types::{ModelName, Recipe};

use super::latest::Latest;
use super::{Job, Method, PrepareError, Prepared, Site};
use crate::View;

/// Paints in one pass, on the CPU wherever it is asked to: the network is small.
#[derive(Debug, Default)]
pub(crate) struct ArbitraryMethod {
    prepared: Latest<OnePass>,
}

/// Networks, ready to paint.
#[derive(Debug)]
enum OnePass {
    /// Those of the model store.
    Networks(Arc<Networks>),
    /// One of the project's own.
    Own(Arc<Restyler>),
}

impl Method for ArbitraryMethod {
    fn prepare(&self, site: &Site<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        if let Some((file, digest)) = site.network {
            let model = site.model(ModelName::Vgg19)?;
            let own = self.prepared.of(digest, || {
                let vgg = site.parse(model, |bytes| read_vgg19_up_to(bytes, CONVOLUTIONS))?;
                let level = Some(site.cpu_level());
                let own = Restyler::of_file(&file.bytes, &vgg, site.threads, level);
                let own = own.map_err(|error| PrepareError::network(file, error))?;
                Ok::<_, PrepareError>(OnePass::Own(Arc::new(own)))
            })?;
            return Ok(own);
        }
        let model = site.model(ModelName::Arbitrary)?;
        let networks = self.prepared.of(model.blob.digest, || {
            Ok::<_, PrepareError>(OnePass::Networks(Arc::new(site.any_style()?)))
        })?;
        Ok(networks)
    }
}

impl Prepared for OnePass {
    fn device(&self) -> String {
        match self {
            Self::Networks(networks) => networks.device(),
            Self::Own(own) => own.device(),
        }
    }

    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Networks(networks) => networks.bytes(),
            Self::Own(own) => own.bytes(),
        };
        PROCESS_BYTES + bytes
    }

    fn begin(&self, job: Job<'_>) -> Result<Box<dyn Run>, EngineError> {
        let Job { recipe, view, styles, init, memory_bytes, .. } = job;
        let Recipe::Arbitrary(recipe) = recipe else {
            return Err(EngineError::Method(recipe.method()));
        };
        let View { image: content, coverage, mask, joins, .. } = view;
        let inputs = Inputs { content, coverage, ground: None, styles, init, joins, mask };
        let recipe = recipe.clone();
        let session = match self {
            Self::Networks(networks) => {
                Session::any_style(networks.clone(), recipe, inputs, memory_bytes)
            }
            Self::Own(own) => Session::restyled(own.clone(), recipe, inputs, memory_bytes),
        };
        Ok(Box::new(session?))
    }
}
