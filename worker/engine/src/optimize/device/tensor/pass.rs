//! The pass alone, on pictures that are brought from the host's memory and back: what the tests
//! compare, tile by tile and whole.

use std::fmt;
use std::sync::Arc;

use impasto_kernels::{Layer, Mask, Moments, Precision};

use super::device_mask::DeviceMask;
use super::network::Network;
use super::statistics::Sums;
use super::style::DeviceTarget;
use super::tiles::Tiles;
use super::transfer::uploaded;
use crate::cards::failed;
use crate::optimize::device::{Pass, Terms, Tiling};
use crate::optimize::objective::{ContentSums, StyleTarget};
use crate::{EngineError, Image, Interrupt};

/// Forward and backward on a device, for pictures that are cut in one way.
pub struct TensorPass {
    network: Arc<Network>,
    tiles: Tiles,
    content: Precision,
}

impl TensorPass {
    pub(super) fn new(network: Arc<Network>, tiling: Tiling, content: Precision) -> Self {
        Self { tiles: Tiles::new(network.clone(), tiling, Interrupt::default()), network, content }
    }

    fn failed(&self, error: candle_core::Error) -> EngineError {
        failed(&self.network.device, error)
    }
}

impl fmt::Debug for TensorPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorPass").field("device", &self.network.device).finish_non_exhaustive()
    }
}

impl Pass for TensorPass {
    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError> {
        let moments =
            uploaded(image, &self.network.device).and_then(|picture| self.tiles.moments(&picture));
        moments.map_err(|error| self.failed(error))
    }

    fn hold_mask(&mut self, mask: Arc<Mask>) -> Result<(), EngineError> {
        let mask = DeviceMask::new(mask, &self.network.device);
        self.tiles.hold_mask(mask.map_err(|error| self.failed(error))?);
        Ok(())
    }

    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&ContentSums) -> f64,
    ) -> Result<(), EngineError> {
        let picture = uploaded(content, &self.network.device);
        let held =
            picture.and_then(|picture| self.tiles.hold_content(&picture, self.content, weigh));
        held.map_err(|error| self.failed(error))
    }

    fn evaluate(
        &mut self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> Result<Terms, EngineError> {
        let evaluated = uploaded(image, &self.network.device).and_then(|picture| {
            let targets = style
                .iter()
                .map(|(layer, target)| DeviceTarget::new(*layer, target, &self.network));
            let targets = targets.collect::<candle_core::Result<Vec<_>>>()?;
            let mut sums = Sums::none(self.network.kernels());
            let slope = self.tiles.evaluate(&picture, &targets, &mut sums)?;
            let terms = self.tiles.terms(&targets, sums.fetch()?.into_iter());
            Ok((terms, slope.flatten_all()?.to_vec1::<f32>()?))
        });
        let (terms, slope) = evaluated.map_err(|error| self.failed(error))?;
        gradient.copy_from_slice(&slope);
        Ok(terms)
    }
}
