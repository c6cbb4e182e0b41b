//! A picture in a device's memory.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use impasto_kernels::Precision;
use impasto_types::Optimize;

use super::device_mask::DeviceMask;
use super::network::Network;
use super::optimizer::Optimizer;
use super::reduced_copy::ReducedCopy;
use super::statistics::Sums;
use super::style::DeviceTarget;
use super::tiles::{ACROSS, DOWN, Tiles};
use super::total_variation::{scale, total_variation};
use super::transfer::{downloaded, uploaded};
use crate::cards::failed;
use crate::frame::Frame;
use crate::optimize::device::host::{Smoothing, seen_mask, warmed};
use crate::optimize::device::lap::Laps;
use crate::optimize::device::reduction::Reduction;
use crate::optimize::device::{Canvas, Masked, Move, Plan, State, Task, Terms, Warmth};
use crate::optimize::objective::ContentSums;
use crate::optimize::optimizer::OptimizerPlan;
use crate::{EngineError, Image, Interrupt};

pub(super) struct TensorCanvas {
    network: Arc<Network>,
    tiles: Tiles,
    style: Vec<DeviceTarget>,
    copy: Option<ReducedCopy>,
    /// The content that no tiles hold yet, in which precision they are to, and what it is
    /// weighed by.
    content: Option<(Image, Precision, Optimize)>,
    frame: Frame,
    /// How the network sees what is shown, where it does not see it as it is.
    unrolling: Option<Unrolling>,
    interrupt: Interrupt,
    /// A loss that is no larger is none: it is what rounding leaves.
    rounding: f64,
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

/// See [`Laps`]: which lines of the canvas the network sees, one after the other.
struct Unrolling {
    columns: Tensor,
    rows: Tensor,
}

impl Unrolling {
    fn new(laps: Laps, device: &Device) -> Result<Self> {
        let (columns, rows) = laps.sources();
        Ok(Self { columns: Tensor::new(columns, device)?, rows: Tensor::new(rows, device)? })
    }

    fn unrolled(&self, canvas: &Tensor) -> Result<Tensor> {
        canvas.index_select(&self.rows, DOWN)?.index_select(&self.columns, ACROSS)
    }

    /// The gradient at a canvas of this shape, from that at what the network saw of it.
    fn folded(&self, gradient: &Tensor, canvas: &Tensor) -> Result<Tensor> {
        let (height, _, _) = canvas.dims3()?;
        let (_, wide, channels) = gradient.dims3()?;
        let zeros = Tensor::zeros((height, wide, channels), DType::F32, canvas.device())?;
        let rows = zeros.index_add(&self.rows, &gradient.contiguous()?, DOWN)?;
        canvas.zeros_like()?.index_add(&self.columns, &rows, ACROSS)
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
        let Task { work, plan, picture, content, masked, style, warmth, interrupt } = task;
        let Plan { tiling, copy, content: precision, optimizer: plan, .. } = plan;
        let device = &network.device;
        let mut tiles = Tiles::new(network.clone(), tiling, interrupt.clone());
        let laps = Laps::of(work.frame);
        if let Some(mask) = seen_mask(laps, masked.as_ref()) {
            tiles.hold_mask(DeviceMask::new(mask, device)?);
        }
        let blend = masked.as_ref().map(|masked| Blend::new(masked, device)).transpose()?;
        let content = content.map(|content| (content, precision, work.recipe.clone()));
        let unrolling = laps.map(|laps| Unrolling::new(laps, device)).transpose()?;
        let rounding = style.iter().map(|(_, target)| target.rounding()).sum();
        let targets = |on_copy: bool| {
            let own = style.iter().filter(|(layer, _)| work.is_on_copy(*layer) == on_copy);
            own.map(|(layer, target)| DeviceTarget::new(*layer, target, &network))
                .collect::<Result<Vec<_>>>()
        };
        let copy = match Reduction::of(&work).zip(copy) {
            Some((reduction, tiling)) => {
                let mut tiles = Tiles::new(network.clone(), tiling, interrupt.clone());
                if let Some(mask) = reduction.mask(masked.as_ref()) {
                    tiles.hold_mask(DeviceMask::new(mask, device)?);
                }
                let content = work.copy().is_some_and(|look| look.content);
                Some(ReducedCopy::new(tiles, targets(true)?, content, &reduction, device)?)
            }
            None => None,
        };
        drop(masked);
        let style = targets(false)?;
        let mut optimizer = Optimizer::new(&plan, picture.height, picture.width, &network)?;
        if let Some(warmth) = warmth {
            optimizer.recall(warmed(&work, &plan, warmth).memory())?;
        }
        let smoothing = Smoothing::of(&work);
        let picture = uploaded(&picture, device)?;
        let frame = work.frame;
        Ok(Self {
            tiles,
            style,
            copy,
            content,
            frame,
            unrolling,
            interrupt,
            rounding,
            picture,
            blend,
            optimizer,
            plan,
            smoothing,
            network,
        })
    }

    /// Has tiles hold the content. This is left to the first step, which can be interrupted and
    /// begun again.
    fn hold_content(&mut self) -> Result<()> {
        let Some((content, precision, recipe)) = &self.content else { return Ok(()) };
        let content = uploaded(content, &self.network.device)?;
        let rounding = Cell::new(0.0);
        let weigh = |sums: &ContentSums| {
            rounding.set(sums.rounding(recipe, *precision));
            sums.weight(recipe)
        };
        if let Some(copy) = self.copy.as_mut().filter(|copy| copy.content) {
            let content = copy.reduced(&content)?;
            copy.tiles.hold_content(&content, *precision, weigh)?;
        } else {
            let content = match &self.unrolling {
                Some(unrolling) => unrolling.unrolled(&content)?,
                None => content,
            };
            self.tiles.hold_content(&content, *precision, weigh)?;
        }
        self.rounding += rounding.get();
        self.content = None;
        Ok(())
    }

    fn evaluate_and_move(&mut self) -> Result<(Terms, Move)> {
        self.hold_content()?;
        let Smoothing { weight, wrap_x, wrap_y } = self.smoothing;
        let mut sums = Sums::none(self.network.kernels());
        let shown = self.shown(&self.picture)?;
        let gradient = match &self.unrolling {
            Some(unrolling) => {
                let seen = unrolling.unrolled(&shown)?;
                unrolling.folded(&self.tiles.evaluate(&seen, &self.style, &mut sums)?, &shown)?
            }
            None => self.tiles.evaluate(&shown, &self.style, &mut sums)?,
        };
        let gradient = match &self.copy {
            Some(copy) => {
                let seen = copy.reduced(&shown)?;
                let slope = copy.tiles.evaluate(&seen, &copy.style, &mut sums)?;
                (gradient + copy.carried_back(&slope)?)?
            }
            None => gradient,
        };
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
        if let Some(copy) = &self.copy {
            let deep = copy.tiles.terms(&copy.style, &mut sums);
            terms.content += deep.content;
            terms.style += deep.style;
        }
        terms.total_variation = sums.sum::<f64>() * scale(&self.picture, weight);
        let loss = terms.total();
        if !loss.is_finite() {
            if let Some(start) = self.optimizer.taken_back() {
                self.picture = start;
            }
            return Ok((terms, Move::Lost));
        }
        // A device's ReLU turns NaN into zero, so the next loss would not show it.
        if !of_gradient.is_finite() {
            return Ok((terms, Move::Lost));
        }
        if loss <= self.rounding {
            return Ok((terms, Move::Settled));
        }
        self.picture = self.optimizer.step(&self.picture, loss, gradient)?;
        Ok((terms, Move::Taken))
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
    fn step(&mut self) -> std::result::Result<(Terms, Move), EngineError> {
        let stepped = self.evaluate_and_move();
        stepped.map_err(|error| self.interrupt.check().err().unwrap_or_else(|| self.failed(error)))
    }

    fn picture(&self) -> std::result::Result<Image, EngineError> {
        self.optimizer
            .result(&self.picture)
            .and_then(|result| downloaded(&self.shown(&result)?))
            .map_err(|error| self.failed(error))
    }

    fn finish(self: Box<Self>) -> std::result::Result<(Image, Option<Warmth>), EngineError> {
        let Self { network, tiles, copy, picture, blend, optimizer, frame, plan, .. } = *self;
        drop((tiles, copy));
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
