//! Networks on a CUDA card, with the kernels of `impasto_cuda::layers`. What the CPU's compute, but
//! sums are taken in another order.
//!
//! A network that looks at the whole picture paints it whole, in single precision ([`CardBody`]);
//! where the card's memory is too small for that, the CPU does. One for any style that this program
//! trained paints tiles ([`CardRestyler`]).

mod body;
mod restyling;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use impasto_kernels::networks::{Canvas, Factors};

pub(super) use body::CardBody;
pub(super) use restyling::CardRestyler;

use crate::EngineError;

/// Bytes of a value.
const WORD: u64 = 4;

/// Width and height.
type Size = (usize, usize);

/// The network of a run on a card, if there is one, and what of the card's memory may be used.
#[derive(Debug, Clone)]
pub(super) struct CardRun {
    body: Option<Arc<CardBody>>,
    budget_bytes: u64,
}

impl CardRun {
    pub(super) fn new(body: Option<Arc<CardBody>>, budget_bytes: u64) -> Self {
        Self { body, budget_bytes }
    }

    /// The network, where it paints a picture of this size.
    fn painter(&self, size: Size, wraps: (bool, bool)) -> Option<&CardBody> {
        self.body.as_deref().filter(|body| body.run_bytes(size, wraps) <= self.budget_bytes)
    }

    /// Whether there is a card, but no memory there for a picture of this size.
    pub(super) fn falls_back(&self, size: Size, wraps: (bool, bool)) -> bool {
        self.body.is_some() && self.painter(size, wraps).is_none()
    }

    /// The host's memory that painting a picture takes, beside it; `on_cpu` where the CPU paints.
    pub(super) fn host_bytes(
        &self,
        size: Size,
        wraps: (bool, bool),
        on_cpu: impl FnOnce() -> u64,
    ) -> u64 {
        match self.painter(size, wraps) {
            Some(_) => CardBody::host_bytes(size, wraps),
            None => on_cpu(),
        }
    }

    /// Paints over a picture with the factors of a style; `on_cpu` where the card does not.
    ///
    /// # Errors
    /// Where the device or `on_cpu` fails.
    pub(super) fn paint(
        &self,
        canvas: &mut Canvas<'_>,
        factors: impl FnOnce() -> Result<Vec<Factors>, EngineError>,
        on_cpu: impl FnOnce(&mut Canvas<'_>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let size = (canvas.width, canvas.height);
        match self.painter(size, (canvas.wrap_x, canvas.wrap_y)) {
            Some(body) => body.paint(canvas, &factors()?),
            None => on_cpu(canvas),
        }
    }
}
