//! What an optimisation may begin with instead of the asset or noise: a picture that another method
//! paints from the same sources.

use std::fmt;

use impasto_types::Optimize;

use crate::sources::Sources;
use crate::{EngineError, Image};

/// Paints the picture that an optimisation begins with.
pub(crate) trait Beginning: fmt::Debug + Send + Sync {
    /// Memory that the prepared networks take.
    fn bytes(&self) -> u64;

    /// Memory that painting a picture of this size takes, beside the sources.
    fn painting_bytes(&self, sources: &Sources, size: (usize, usize)) -> u64;

    /// A picture of this size of the sources, by an optimisation's recipe.
    ///
    /// # Errors
    /// If the asset or a style is missing.
    fn paint(
        &self,
        recipe: &Optimize,
        sources: &Sources,
        size: (usize, usize),
    ) -> Result<Image, EngineError>;
}
