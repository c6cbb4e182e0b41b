//! What a method of one pass does at a scale.

use std::fmt;

use impasto_kernels::networks::{Canvas, Workspace};

use super::workshop::Workshop;
use crate::sources::Sources;
use crate::{EngineError, Image, Interrupt};

/// A network with the style of a run.
pub(super) trait Pass: fmt::Debug + Send + Sync {
    fn workshop(&self) -> &Workshop;

    /// Memory that the prepared network takes.
    fn bytes(&self) -> u64;

    /// The host's memory that painting a picture of this size takes, beside the picture.
    fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64;

    /// Whether the CPU paints a picture of this size, since a card has no memory for it.
    fn falls_back(&self, _size: (usize, usize), _wraps: (bool, bool)) -> bool {
        false
    }

    /// Memory that looking at the styles takes for a scale of this size, beside the sources.
    fn look_bytes(&self, _sources: &Sources, _size: (usize, usize)) -> u64 {
        0
    }

    /// Looks at the styles for a scale of this size.
    fn look(
        &mut self,
        sources: &Sources,
        size: (usize, usize),
        interrupt: &Interrupt,
    ) -> Result<(), EngineError>;

    /// Changes what a scale begins with before it is painted.
    fn stir(&self, _begun: &mut Image) {}

    /// Paints over a picture in the style that was looked at last.
    fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        interrupt: &Interrupt,
    ) -> Result<(), EngineError>;

    /// The share of what is painted in the result; the rest is the asset's.
    fn share(&self) -> f32 {
        1.0
    }
}
