//! A canvas in the host's memory, on any pass that reads and writes there.

use impasto_kernels::{Layer, Moments};
use impasto_types::Optimize;

use super::{Canvas, State, Task, Terms, Warmth, Work};
use crate::frame::Frame;
use crate::objective::StyleTarget;
use crate::optimizer::{Optimizer, OptimizerPlan};
use crate::resize::resample;
use crate::total_variation::total_variation;
use crate::{EngineError, Image};

/// Forward and backward of frozen VGG-19 for pictures of one shape.
pub trait Pass: Send + Sync + std::fmt::Debug {
    /// The moments of `image` at each of [`super::STYLE_LAYERS`].
    ///
    /// # Errors
    /// Where the device fails.
    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError>;

    /// From now on, [`Pass::evaluate`] compares with the features of `content`, as `weigh` says.
    ///
    /// # Errors
    /// Where the device fails.
    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&crate::objective::ContentSums) -> f64,
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
    frame: Frame,
    picture: Image,
    gradient: Vec<f32>,
    optimizer: Optimizer,
    plan: OptimizerPlan,
    smoothing: Smoothing,
}

/// Total variation's weight, and along which axes the canvas wraps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Smoothing {
    pub(crate) weight: f32,
    pub(crate) wrap_x: bool,
    pub(crate) wrap_y: bool,
}

impl Smoothing {
    pub(crate) fn of(recipe: &Optimize) -> Self {
        Self { weight: recipe.tv_weight, wrap_x: recipe.wraps_x(), wrap_y: recipe.wraps_y() }
    }
}

impl HostCanvas {
    /// A canvas on a pass that was made for the task's picture and plan.
    ///
    /// # Errors
    /// Where the pass fails.
    pub fn new(mut pass: Box<dyn Pass>, task: Task<'_>) -> Result<Self, EngineError> {
        let Task { work, plan, picture, content, style, warmth } = task;
        let smoothing = Smoothing::of(work.recipe);
        let optimizer = match warmth {
            Some(warmth) => warmed(&work, &plan.optimizer, warmth),
            None => Optimizer::new(&plan.optimizer, work.width(), work.height()),
        };
        // The pass takes its memory when it first runs: by then, what the coarser scale remembered
        // is gone.
        if let Some(content) = content {
            pass.hold_content(&content, &|sums| sums.weight(work.recipe))?;
        }
        let gradient = vec![0.0; picture.rgb.len()];
        Ok(Self {
            pass,
            style,
            frame: work.frame,
            picture,
            gradient,
            optimizer,
            plan: plan.optimizer,
            smoothing,
        })
    }
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

impl Canvas for HostCanvas {
    fn step(&mut self) -> Result<Terms, EngineError> {
        let Smoothing { weight, wrap_x, wrap_y } = self.smoothing;
        let mut terms = self.pass.evaluate(&self.picture, &self.style, &mut self.gradient)?;
        terms.total_variation =
            total_variation(&self.picture, weight, wrap_x, wrap_y, &mut self.gradient);
        self.optimizer.step(&mut self.picture.rgb, terms.total(), &mut self.gradient);
        Ok(terms)
    }

    fn picture(&self) -> Result<Image, EngineError> {
        Ok(Image { rgb: self.optimizer.result(&self.picture.rgb), ..self.picture })
    }

    fn finish(self: Box<Self>) -> Result<(Image, Option<Warmth>), EngineError> {
        let Self { pass, gradient, frame, picture, optimizer, plan, .. } = *self;
        drop((pass, gradient));
        let Image { width, height, rgb } = picture;
        let result = Image { width, height, rgb: optimizer.result(&rgb) };
        drop(rgb);
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
