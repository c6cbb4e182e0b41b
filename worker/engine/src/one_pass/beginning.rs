//! Optimisations that begin with what the networks for any style paint.

use std::sync::Arc;

use impasto_types::{Arbitrary, Optimize};

use super::any_style::{AnyStyle, Networks};
use super::pass::Pass;
use super::scale::{Begun, enlarged, painted};
use crate::beginning::Beginning;
use crate::optimize::Engine;
use crate::sources::Sources;
use crate::{EngineError, Image, Interrupt};

/// The share of what the networks paint; the rest is the asset. At 1 the first steps are for
/// bringing its forms back, and the loss after six is up to 3 % higher.
const SHARE: f32 = 0.8;

/// The networks, as an engine begins with them.
#[derive(Debug)]
struct Likeness(Arc<Networks>);

impl Engine {
    /// The same engine, with networks for recipes that say `init = "arbitrary"`.
    #[must_use]
    pub fn beginning_with(self, networks: Arc<Networks>) -> Self {
        self.with_beginning(Box::new(Likeness(networks)))
    }
}

impl Beginning for Likeness {
    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn painting_bytes(&self, sources: &Sources, size: (usize, usize)) -> u64 {
        let image = 3 * 4 * (size.0 * size.1) as u64;
        // The coarser scale's picture enlarged and the asset, then what is painted, then that and
        // the asset again.
        (3 * image).max(image + self.0.run_bytes(size, sources.joins().repeats()))
    }

    fn paint(
        &self,
        recipe: &Optimize,
        sources: &Sources,
        (width, height): (usize, usize),
    ) -> Result<Image, EngineError> {
        let recipe = Arbitrary::to_begin(recipe);
        let detail = recipe.pass.detail;
        let sizes = recipe.scales(width as u32, height as u32);
        let mut network = AnyStyle::new(self.0.clone(), recipe, 0);
        let (mut picture, interrupt) = (None, Interrupt::default());
        let last = sizes.len() - 1;
        for (at, (width, height)) in sizes.into_iter().enumerate() {
            let size = (width as usize, height as usize);
            network.look(sources, size, &interrupt)?;
            let begun = network.workshop().install(|| match picture.take() {
                None => sources.target_at(size).map(Begun::first),
                Some(coarse) => {
                    let picture = enlarged(sources, coarse, size, detail)?;
                    let asset = (detail > 0.0).then(|| sources.target_at(size));
                    Some(Begun::larger(sources, picture, asset.flatten(), detail))
                }
            });
            let begun = begun.ok_or(EngineError::MissingInput("a content image"))?;
            let share = if at == last { SHARE } else { 1.0 };
            picture = Some(painted(&network, sources, begun, share, &interrupt)?);
        }
        // An optimisation may take a while, and much memory.
        network.workshop().clear();
        picture.ok_or(EngineError::MissingInput("a content image"))
    }
}
