//! A canvas in the host's memory, on any pass that reads and writes there.

use std::cell::Cell;
use std::sync::Arc;

use impasto_kernels::{Layer, Mask, Moments, Precision};
use impasto_types::Optimize;
use rayon::prelude::*;

use super::blend::{Blend, Masked};
use super::canvas::{Canvas, Move, State, Task, Terms, Warmth};
use super::lap::Laps;
use super::reduction::Reduction;
use super::work::Work;
use crate::frame::Frame;
use crate::optimize::objective::{ContentSums, StyleTarget};
use crate::optimize::optimizer::{Optimizer, OptimizerPlan};
use crate::optimize::total_variation::total_variation;
use crate::optimize::vector::TASK;
use crate::resize::resample;
use crate::{EngineError, Image};

#[cfg(test)]
mod tests;

/// Forward and backward of frozen VGG-19 for pictures of one shape.
pub trait Pass: Send + Sync + std::fmt::Debug {
    /// The moments of `image` at each of [`Layer::STYLE`] up to the deepest layer that the pass was
    /// made for.
    ///
    /// # Errors
    /// Where the device fails.
    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError>;

    /// From now on, pixels count by their weights in a mask of the canvas's size.
    ///
    /// # Errors
    /// Where the device fails.
    fn hold_mask(&mut self, mask: Arc<Mask>) -> Result<(), EngineError>;

    /// From now on, [`Pass::evaluate`] compares with the features of `content`, as `weigh` says. A
    /// mask has to be held before.
    ///
    /// # Errors
    /// Where the device fails.
    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&ContentSums) -> f64,
    ) -> Result<(), EngineError>;

    /// The loss of `image`; its gradient (`height * width * 3`, RGB) overwrites `gradient`.
    ///
    /// # Errors
    /// Where the device fails.
    fn evaluate(
        &mut self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> Result<Terms, EngineError>;
}

/// A picture in the host's memory.
#[derive(Debug)]
pub struct HostCanvas {
    pass: Box<dyn Pass>,
    style: Vec<(Layer, StyleTarget)>,
    copy: Option<HostCopy>,
    /// The content that no pass holds yet, and what it is weighed by.
    content: Option<(Image, Optimize)>,
    frame: Frame,
    /// How the network sees what is shown, where it does not see it as it is.
    laps: Option<Laps>,
    /// What the optimiser moves.
    picture: Image,
    /// What of it is shown, where a mask keeps the rest.
    blend: Option<Blend>,
    gradient: Vec<f32>,
    /// The gradient at what is unrolled.
    seen_gradient: Vec<f32>,
    /// A loss that is no larger is none: it is what rounding leaves.
    rounding: f64,
    optimizer: Optimizer,
    plan: OptimizerPlan,
    content_precision: Precision,
    smoothing: Smoothing,
}

/// The reduced copy of the picture, and the layers that are evaluated there.
#[derive(Debug)]
struct HostCopy {
    pass: Box<dyn Pass>,
    style: Vec<(Layer, StyleTarget)>,
    /// Whether the content is compared with here.
    content: bool,
    reduction: Reduction,
    gradient: Vec<f32>,
}

impl HostCopy {
    /// The loss of the copy of `shown`; its gradient there is added to `gradient`.
    fn evaluate(&mut self, shown: &Image, gradient: &mut [f32]) -> Result<Terms, EngineError> {
        let copy = self.reduction.reduced(shown);
        self.gradient.resize(copy.rgb.len(), 0.0);
        let terms = self.pass.evaluate(&copy, &self.style, &mut self.gradient)?;
        self.reduction.add_back(&self.gradient, gradient);
        Ok(terms)
    }
}

/// Total variation's weight, and along which axes the canvas wraps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Smoothing {
    pub(crate) weight: f32,
    pub(crate) wrap_x: bool,
    pub(crate) wrap_y: bool,
}

impl Smoothing {
    pub(crate) fn of(work: &Work<'_>) -> Self {
        let (wrap_x, wrap_y) = work.wraps();
        Self { weight: work.recipe.tv_weight, wrap_x, wrap_y }
    }
}

impl HostCanvas {
    /// A canvas on a pass that was made for the task's picture and plan, and on one for its reduced
    /// copy where the plan has one.
    ///
    /// # Errors
    /// Where a pass fails.
    ///
    /// # Panics
    /// If layers are evaluated on a copy and there is no pass for it.
    pub fn new(
        mut pass: Box<dyn Pass>,
        copy: Option<Box<dyn Pass>>,
        task: Task<'_>,
    ) -> Result<Self, EngineError> {
        let Task { work, plan, picture, content, masked, style, warmth, interrupt: _ } = task;
        let laps = Laps::of(work.frame);
        let smoothing = Smoothing::of(&work);
        let optimizer = match warmth {
            Some(warmth) => warmed(&work, &plan.optimizer, warmth),
            None => Optimizer::new(&plan.optimizer, work.width(), work.height()),
        };
        // The pass takes its memory when it first runs: by then, what the coarser scale remembered
        // is gone.
        if let Some(mask) = seen_mask(laps, masked.as_ref()) {
            pass.hold_mask(mask)?;
        }
        let rounding = style.iter().map(|(_, target)| target.rounding()).sum();
        let (deep, style) =
            style.into_iter().partition::<Vec<_>, _>(|(layer, _)| work.is_on_copy(*layer));
        let reduction = Reduction::of(&work);
        assert_eq!(reduction.is_some(), copy.is_some(), "a pass for the copy, if there is one");
        let copy = match reduction.zip(copy) {
            Some((reduction, mut pass)) => {
                if let Some(mask) = reduction.mask(masked.as_ref()) {
                    pass.hold_mask(mask)?;
                }
                let content = work.copy().is_some_and(|look| look.content);
                let gradient = Vec::new();
                Some(HostCopy { pass, style: deep, content, reduction, gradient })
            }
            None => None,
        };
        let gradient = vec![0.0; picture.rgb.len()];
        let seen = laps.map_or((0, 0), |laps| laps.seen());
        Ok(Self {
            pass,
            rounding,
            style,
            copy,
            content: content.map(|content| (content, work.recipe.clone())),
            frame: work.frame,
            laps,
            picture,
            blend: masked.as_ref().map(Blend::new),
            gradient,
            seen_gradient: vec![0.0; 3 * seen.0 * seen.1],
            optimizer,
            plan: plan.optimizer,
            content_precision: plan.content,
            smoothing,
        })
    }

    /// Has a pass hold the content. This is left to the first step, which can be interrupted and
    /// begun again.
    fn hold_content(&mut self) -> Result<(), EngineError> {
        let Some((content, recipe)) = &self.content else { return Ok(()) };
        let (precision, rounding) = (self.content_precision, Cell::new(0.0));
        let weigh = |sums: &ContentSums| {
            rounding.set(sums.rounding(recipe, precision));
            sums.weight(recipe)
        };
        if let Some(copy) = self.copy.as_mut().filter(|copy| copy.content) {
            copy.pass.hold_content(&copy.reduction.reduced(content), &weigh)?;
        } else {
            let unrolled = self.laps.map(|laps| laps.unrolled(content));
            self.pass.hold_content(unrolled.as_ref().unwrap_or(content), &weigh)?;
        }
        self.rounding += rounding.get();
        self.content = None;
        Ok(())
    }
}

/// The weights of the pixels that the network sees, where they are not all one.
pub(super) fn seen_mask(laps: Option<Laps>, masked: Option<&Masked>) -> Option<Arc<Mask>> {
    let Some(laps) = laps else { return masked.map(|masked| masked.mask.clone()) };
    let (width, height) = laps.seen();
    let weights = laps.weights(masked.map(Masked::weights));
    Some(Arc::new(Mask::new(width, height, &weights)))
}

/// An optimiser that goes on from what a coarser scale's remembered.
pub(super) fn warmed(work: &Work<'_>, plan: &OptimizerPlan, warmth: Warmth) -> Optimizer {
    let Warmth { frame, plan: coarse_plan, memory } = warmth;
    let mut coarse = Optimizer::new(&coarse_plan, frame.width(), frame.height());
    if !coarse.recall(memory) {
        return Optimizer::new(plan, work.width(), work.height());
    }
    let (across, down) = frame.to(work.frame);
    coarse.carried(plan, work.width(), work.height(), |values| resample(values, &across, &down, 3))
}

/// What is shown of painted pixels, where a mask may keep the rest.
fn shown(blend: Option<&Blend>, painted: Vec<f32>) -> Vec<f32> {
    match blend {
        Some(blend) => blend.shown(&painted),
        None => painted,
    }
}

impl HostCanvas {
    /// The loss of the picture; its gradient overwrites the canvas's.
    fn evaluate(&mut self) -> Result<Terms, EngineError> {
        self.hold_content()?;
        let Smoothing { weight, wrap_x, wrap_y } = self.smoothing;
        let blended = self
            .blend
            .as_ref()
            .map(|blend| Image { rgb: blend.shown(&self.picture.rgb), ..self.picture });
        let shown = blended.as_ref().unwrap_or(&self.picture);
        let mut terms = match self.laps {
            Some(laps) => {
                let seen = laps.unrolled(shown);
                let terms = self.pass.evaluate(&seen, &self.style, &mut self.seen_gradient)?;
                laps.fold(&self.seen_gradient, &mut self.gradient);
                terms
            }
            None => self.pass.evaluate(shown, &self.style, &mut self.gradient)?,
        };
        if let Some(copy) = &mut self.copy {
            let deep = copy.evaluate(shown, &mut self.gradient)?;
            terms.content += deep.content;
            terms.style += deep.style;
        }
        terms.total_variation = total_variation(shown, weight, wrap_x, wrap_y, &mut self.gradient);
        if let Some(blend) = &self.blend {
            blend.pull_back(&mut self.gradient);
        }
        Ok(terms)
    }
}

impl Canvas for HostCanvas {
    fn step(&mut self) -> Result<(Terms, Move), EngineError> {
        let terms = self.evaluate()?;
        let loss = terms.total();
        if !loss.is_finite() {
            self.optimizer.take_back(&mut self.picture.rgb);
            return Ok((terms, Move::Lost));
        }
        if !self.gradient.par_chunks(TASK).all(|slopes| slopes.iter().all(|g| g.is_finite())) {
            return Ok((terms, Move::Lost));
        }
        if loss <= self.rounding {
            return Ok((terms, Move::Settled));
        }
        self.optimizer.step(&mut self.picture.rgb, loss, &mut self.gradient);
        Ok((terms, Move::Taken))
    }

    fn picture(&self) -> Result<Image, EngineError> {
        let painted = self.optimizer.result(&self.picture.rgb);
        Ok(Image { rgb: shown(self.blend.as_ref(), painted), ..self.picture })
    }

    fn finish(self: Box<Self>) -> Result<(Image, Option<Warmth>), EngineError> {
        let Self { pass, copy, gradient, frame, picture, blend, optimizer, plan, .. } = *self;
        drop((pass, copy, gradient));
        let Image { width, height, rgb } = picture;
        let painted = optimizer.result(&rgb);
        drop(rgb);
        let result = Image { width, height, rgb: shown(blend.as_ref(), painted) };
        Ok((result, optimizer.warmth().map(|memory| Warmth { frame, plan, memory })))
    }

    fn state(&self) -> Result<State, EngineError> {
        Ok(State { pixels: self.picture.rgb.clone(), memory: self.optimizer.memory() })
    }

    fn restore(&mut self, state: State) -> Result<(), EngineError> {
        let refuse = EngineError::Checkpoint("it does not fit the recipe");
        if state.pixels.len() != self.picture.rgb.len() || !self.optimizer.recall(state.memory) {
            return Err(refuse);
        }
        self.picture.rgb = state.pixels;
        Ok(())
    }
}
