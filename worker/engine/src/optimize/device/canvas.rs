//! A picture that a device paints, from the first step of a scale to its last.

use impasto_kernels::Layer;

use super::blend::Masked;
use super::plan::Plan;
use super::work::Work;
use crate::frame::Frame;
use crate::optimize::objective::StyleTarget;
use crate::optimize::optimizer::{Memory, OptimizerPlan};
use crate::{EngineError, Image, Interrupt};

/// What a canvas is to paint.
#[derive(Debug)]
pub struct Task<'a> {
    pub work: Work<'a>,
    /// From [`VggDevice::plan`](super::VggDevice::plan), for the same work.
    pub plan: Plan,
    /// What to begin with: a canvas.
    pub picture: Image,
    /// What the content loss compares with: a canvas too.
    pub content: Option<Image>,
    /// Where the picture is painted, if not everywhere.
    pub masked: Option<Masked>,
    pub style: Vec<(Layer, StyleTarget)>,
    /// What the optimiser of the next coarser scale remembered, where there was one.
    pub warmth: Option<Warmth>,
    /// Looked at within a step.
    pub interrupt: Interrupt,
}

/// An optimiser's memory of a coarser version of a picture, so that a finer one need not begin
/// anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Warmth {
    pub frame: Frame,
    pub(crate) plan: OptimizerPlan,
    pub(crate) memory: Memory,
}

/// A picture that is being painted, in the device's memory, with all that its optimiser remembers.
pub trait Canvas: Send + Sync + std::fmt::Debug {
    /// Evaluates the loss and takes one optimiser step. Returns the loss before the step, and what
    /// became of the step.
    ///
    /// # Errors
    /// Where the device fails, or [`EngineError::Interrupted`]: the canvas is as it was then.
    fn step(&mut self) -> Result<(Terms, Move), EngineError>;

    /// The picture as it stands.
    ///
    /// # Errors
    /// Where the device fails.
    fn picture(&self) -> Result<Image, EngineError>;

    /// The result, and what the optimiser of a finer scale can use, if it can. The other memory of
    /// the canvas is freed first.
    ///
    /// # Errors
    /// Where the device fails.
    fn finish(self: Box<Self>) -> Result<(Image, Option<Warmth>), EngineError>;

    /// All that another canvas for the same task needs to go on to the same bits.
    ///
    /// # Errors
    /// Where the device fails.
    fn state(&self) -> Result<State, EngineError>;

    /// Goes on from where `state` was taken.
    ///
    /// # Errors
    /// [`EngineError::Checkpoint`] where it is another task's, or where the device fails.
    fn restore(&mut self, state: State) -> Result<(), EngineError>;
}

/// A canvas's pixels and its optimiser's memory.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// `height * width * 3`, RGB.
    pub pixels: Vec<f32>,
    pub(crate) memory: Memory,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The optimiser took it.
    Taken,
    /// None was taken: the loss is what rounding leaves of nothing, so the picture is what it is to
    /// be.
    Settled,
    /// None was taken, since the loss or its gradient is not finite. The picture is the last one
    /// whose loss was, as far as the optimiser remembers it.
    Lost,
}

/// The parts of a loss, weights included.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Terms {
    pub content: f64,
    pub style: f64,
    pub total_variation: f64,
}

impl Terms {
    /// The whole loss.
    pub fn total(&self) -> f64 {
        self.content + self.style + self.total_variation
    }
}
