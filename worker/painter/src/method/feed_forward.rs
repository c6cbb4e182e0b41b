//! One pass through a network that has learned its styles.

use std::sync::Arc;

use impasto_engine::one_pass::{Network, Session};
use impasto_engine::{EngineError, Inputs, PROCESS_BYTES, Run};
use impasto_types::Recipe;

use super::latest::Latest;
use super::{Job, Method, PrepareError, Prepared, Site};
use crate::View;

/// Paints in one pass.
#[derive(Debug, Default)]
pub(crate) struct FeedForwardMethod {
    /// What was prepared last for the CPU; cards share parts of it.
    network: Latest<Network>,
}

/// A network, ready to paint.
#[derive(Debug)]
struct Learned {
    network: Arc<Network>,
}

impl Method for FeedForwardMethod {
    fn prepare(&self, site: &Site<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        let (file, digest) = site.network.ok_or(PrepareError::NoNetwork)?;
        let network = self.network.of(digest, || {
            let network = Network::of_file(&file.bytes, site.threads, Some(site.cpu_level()));
            network.map_err(|error| PrepareError::network(file, error))
        })?;
        let network = match site.cuda() {
            Some(card) => Arc::new(network.on_card(card).map_err(PrepareError::Engine)?),
            None => network,
        };
        Ok(Arc::new(Learned { network }))
    }
}

impl Prepared for Learned {
    fn device(&self) -> String {
        self.network.device()
    }

    fn bytes(&self) -> u64 {
        PROCESS_BYTES + self.network.bytes()
    }

    fn begin(&self, job: Job<'_>) -> Result<Box<dyn Run>, EngineError> {
        let Job { recipe, view, styles, asked, init, memory_bytes, .. } = job;
        let Recipe::FeedForward(recipe) = recipe else {
            return Err(EngineError::Method(recipe.method()));
        };
        // Names are those of the whole picture; a region has images.
        let shares = match asked.is_empty() && !recipe.model_styles.0.is_empty() {
            true => self.network.named_shares(&recipe.model_styles)?,
            false => {
                let asked = asked.iter().map(|style| (style.name, style.digest, style.weight));
                self.network.shares(asked)?
            }
        };
        let View { image: content, coverage, mask, joins, .. } = view;
        let inputs = Inputs { content, coverage, ground: None, styles, init, joins, mask };
        let (network, recipe) = (self.network.clone(), recipe.clone());
        Ok(Box::new(Session::learned(network, shares, recipe, inputs, memory_bytes)?))
    }
}
