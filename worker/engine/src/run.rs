//! The interface of every method: a run that can be stepped, read and saved.

use std::fmt;

pub use impasto_types::Losses;

use crate::{EngineError, Image, Interrupt};

/// One picture on its way. [`Run::step`] it until it is done, then take its [`Run::picture`]; drop
/// it to cancel.
///
/// A method that computes its picture in one pass has one step. A caller needs no other knowledge
/// of methods than this: progress, previews and checkpoints work between any two steps.
pub trait Run: Send + fmt::Debug {
    /// Does the next step.
    ///
    /// # Errors
    /// Where no number is finite, the memory too small, or the device fails. The run has ended
    /// then: each later call fails with [`EngineError::Ended`]. Where it was interrupted with
    /// [`EngineError::Interrupted`], it stands where it stood before the step.
    fn step(&mut self) -> Result<Step, EngineError>;

    /// The picture as it stands, in the result's size: the result once the run is done, a preview
    /// before.
    ///
    /// # Errors
    /// Where the device fails to hand it over, or a step has failed.
    fn picture(&self) -> Result<Image, EngineError>;

    /// All that it takes to go on from here, in this version's own format. Empty when done.
    ///
    /// # Errors
    /// Where the device fails to hand it over, or a step has failed.
    fn checkpoint(&self) -> Result<Vec<u8>, EngineError>;

    /// What ends a step before it is done, with [`EngineError::Interrupted`]. A run whose steps are
    /// short need not look.
    fn interrupt(&self) -> Interrupt {
        Interrupt::default()
    }

    /// From so much memory on, more of it changes nothing in the result, to the last bit.
    fn uncut_bytes(&self) -> u64 {
        0
    }

    /// What the user has to know about the picture, though the run goes on, such as that a loss was
    /// not finite and the picture before it was kept.
    fn warning(&self) -> Option<String> {
        None
    }

    /// How the present part of the work is done, for a log, such as `256 x 256: in one piece`.
    fn plan(&self) -> Option<String>;
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    Running(StepReport),
    /// There was nothing left to do.
    Done,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Steps done so far, counted over all scales.
    pub iteration: u32,
    /// Steps in all; a run may end sooner.
    pub iterations: u32,
    /// The size in pixels that this step worked at: width and height.
    pub scale: (u32, u32),
    /// The share of the work that is done, from 0 to 1. A step counts by its pixels, and what a
    /// scale that ended early left out counts no more, so it follows the time.
    pub done: f64,
    /// The loss before the step, where the method minimises one.
    pub losses: Option<Losses>,
}
