//! One pass through a network for any style.

use std::sync::Arc;

use impasto_engine::one_pass::{Networks, Restyler, Session};
use impasto_engine::{EngineError, Inputs, PROCESS_BYTES, Run};
use impasto_kernels::vgg::CONVOLUTIONS;
use impasto_models::{VggWeights, read_vgg19_up_to};
use impasto_types::{ModelName, Recipe};

use super::latest::Latest;
use super::{Job, Method, PrepareError, Prepared, Site};
use crate::View;

/// Paints in one pass.
#[derive(Debug, Default)]
pub(crate) struct ArbitraryMethod {
    /// What was prepared last for the CPU; cards share parts of it.
    prepared: Latest<OnePass>,
    /// The weights that were last read for a GPU: each of its lanes prepares a network from them.
    weights: Latest<VggWeights>,
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
            let read = |bytes: &[u8]| read_vgg19_up_to(bytes, CONVOLUTIONS);
            let model = site.model(ModelName::Vgg19)?;
            let refused = |error| PrepareError::network(file, error);
            if let Some(card) = site.cuda() {
                let vgg = self.weights.of(model.blob.digest, || site.parse(model, read))?;
                let (threads, profile) = (site.threads, site.profile);
                let own = Restyler::on_card(&file.bytes, &vgg, threads, card, profile);
                return Ok(Arc::new(OnePass::Own(Arc::new(own.map_err(refused)?))));
            }
            let own = self.prepared.of(digest, || {
                let vgg = site.parse(model, read)?;
                let level = Some(site.cpu_level());
                let own = Restyler::of_file(&file.bytes, &vgg, site.threads, level);
                Ok::<_, PrepareError>(OnePass::Own(Arc::new(own.map_err(refused)?)))
            })?;
            return Ok(own);
        }
        let model = site.model(ModelName::Arbitrary)?;
        let prepared = self.prepared.of(model.blob.digest, || {
            Ok::<_, PrepareError>(OnePass::Networks(Arc::new(site.any_style()?)))
        })?;
        match (site.cuda(), &*prepared) {
            (Some(card), OnePass::Networks(networks)) => {
                let networks = networks.on_card(card).map_err(PrepareError::Engine)?;
                Ok(Arc::new(OnePass::Networks(Arc::new(networks))))
            }
            _ => Ok(prepared),
        }
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
