//! A picture in a device's memory.

use std::fmt;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::device_mask::DeviceMask;
use super::network::Network;
use super::optimizer::Optimizer;
use super::statistics::Sums;
use super::style::DeviceTarget;
use super::tiles::Tiles;
use super::total_variation::{scale, total_variation};
use super::transfer::{downloaded, uploaded};
use crate::cards::failed;
use crate::frame::Frame;
use crate::optimize::device::host::{Smoothing, warmed};
use crate::optimize::device::{Canvas, Masked, Plan, State, Task, Terms, Warmth};
use crate::optimize::optimizer::OptimizerPlan;
use crate::{EngineError, Image};

pub(super) struct TensorCanvas {
    network: Arc<Network>,
    tiles: Tiles,
    style: Vec<DeviceTarget>,
    frame: Frame,
    /// (height, width, 3), red, green and blue.
    picture: Tensor,
    /// What of it is shown, where a mask keeps the rest.
    blend: Option<Blend>,
    optimizer: Optimizer,
    plan: OptimizerPlan,
    smoothing: Smoothing,
}

/// See the host's blend: what is shown is `weights picture + rest`.
struct Blend {
    /// (height, width, 1).
    weights: Tensor,
    /// (height, width, 3).
    rest: Tensor,
}

impl Blend {
    fn new(masked: &Masked, device: &Device) -> Result<Self> {
        let (width, height) = (masked.own.width, masked.own.height);
        let weights = Tensor::from_slice(masked.weights(), (height, width, 1), device)?;
        Ok(Self { weights, rest: Tensor::from_vec(masked.rest(), (height, width, 3), device)? })
    }

    fn shown(&self, painted: &Tensor) -> Result<Tensor> {
        painted.broadcast_mul(&self.weights)? + &self.rest
    }
}

impl TensorCanvas {
    /// # Errors
    /// Where the device fails.
    pub(super) fn new(
        network: Arc<Network>,
        task: Task<'_>,
    ) -> std::result::Result<Self, EngineError> {
        let device = network.device.clone();
        Self::begin(network, task).map_err(|error| failed(&device, error))
    }

    fn begin(network: Arc<Network>, task: Task<'_>) -> Result<Self> {
        let Task { work, plan, picture, content, masked, style, warmth } = task;
        let Plan { tiling, content: precision, optimizer: plan, .. } = plan;
        let device = &network.device;
        let mut tiles = Tiles::new(network.clone(), tiling);
        if let Some(masked) = &masked {
            tiles.hold_mask(DeviceMask::new(masked.mask.clone(), device)?);
        }
        let blend = masked.as_ref().map(|masked| Blend::new(masked, device)).transpose()?;
        drop(masked);
        if let Some(content) = content {
            tiles.hold_content(&uploaded(&content, device)?, precision, |sums| {
                sums.weight(work.recipe)
            })?;
        }
        let style = style
            .iter()
            .map(|(layer, target)| DeviceTarget::new(*layer, target, &network))
            .collect::<Result<_>>()?;
        let mut optimizer = Optimizer::new(&plan, picture.height, picture.width, &network)?;
        if let Some(warmth) = warmth {
            optimizer.recall(warmed(&work, &plan, warmth).memory())?;
        }
        let smoothing = Smoothing::of(&work);
        let picture = uploaded(&picture, device)?;
        let frame = work.frame;
        Ok(Self { tiles, style, frame, picture, blend, optimizer, plan, smoothing, network })
    }

    fn evaluate_and_move(&mut self) -> Result<Terms> {
        let Smoothing { weight, wrap_x, wrap_y } = self.smoothing;
        let mut sums = Sums::none(self.network.kernels());
        let shown = self.shown(&self.picture)?;
        let gradient = self.tiles.evaluate(&shown, &self.style, &mut sums)?;
        let gradient = total_variation(&shown, weight, wrap_x, wrap_y, gradient, &mut sums)?;
        drop(shown);
        let gradient = match &self.blend {
            Some(blend) => gradient.broadcast_mul(&blend.weights)?,
            None => gradient,
        };
        sums.add(&gradient)?;
        let mut sums = sums.fetch()?;
        let of_gradient = sums.pop().unwrap_or(f64::NAN);
        let mut sums = sums.into_iter();
        let mut terms = self.tiles.terms(&self.style, &mut sums);
        terms.total_variation = sums.sum::<f64>() * scale(&self.picture, weight);
        // A device's ReLU turns NaN into zero, so the next loss would not show it.
        if !of_gradient.is_finite() {
            terms.style = f64::NAN;
        }
        self.picture = self.optimizer.step(&self.picture, terms.total(), gradient)?;
        Ok(terms)
    }

    /// What the network sees of painted pixels, and what is handed out.
    fn shown(&self, painted: &Tensor) -> Result<Tensor> {
        match &self.blend {
            Some(blend) => blend.shown(painted),
            None => Ok(painted.clone()),
        }
    }

    fn failed(&self, error: candle_core::Error) -> EngineError {
        failed(&self.network.device, error)
    }
}

impl fmt::Debug for TensorCanvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorCanvas")
            .field("frame", &self.frame)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl Canvas for TensorCanvas {
    fn step(&mut self) -> std::result::Result<Terms, EngineError> {
        self.evaluate_and_move().map_err(|error| self.failed(error))
    }

    fn picture(&self) -> std::result::Result<Image, EngineError> {
        self.optimizer
            .result(&self.picture)
            .and_then(|result| downloaded(&self.shown(&result)?))
            .map_err(|error| self.failed(error))
    }

    fn finish(self: Box<Self>) -> std::result::Result<(Image, Option<Warmth>), EngineError> {
        let Self { network, tiles, picture, blend, optimizer, frame, plan, .. } = *self;
        drop(tiles);
        let result = optimizer.result(&picture).and_then(|result| match &blend {
            Some(blend) => downloaded(&blend.shown(&result)?),
            None => downloaded(&result),
        });
        drop(picture);
        let finished = result.and_then(|result| {
            Ok((result, optimizer.warmth()?.map(|memory| Warmth { frame, plan, memory })))
        });
        finished.map_err(|error| failed(&network.device, error))
    }

    fn state(&self) -> std::result::Result<State, EngineError> {
        let state = || {
            Ok(State { pixels: downloaded(&self.picture)?.rgb, memory: self.optimizer.memory()? })
        };
        state().map_err(|error| self.failed(error))
    }

    fn restore(&mut self, state: State) -> std::result::Result<(), EngineError> {
        let refuse = EngineError::Checkpoint("it does not fit the recipe");
        if state.pixels.len() != self.picture.elem_count() {
            return Err(refuse);
        }
        let picture = Tensor::from_vec(state.pixels, self.picture.shape(), &self.network.device);
        let recalled =
            picture.and_then(|picture| Ok((picture, self.optimizer.recall(state.memory)?)));
        match recalled.map_err(|error| self.failed(error))? {
            (picture, true) => self.picture = picture,
            (_, false) => return Err(refuse),
        }
        Ok(())
    }
}
