//! The seam between the method and the device: where pictures are measured and painted.
//!
//! Above it, nothing knows how feature maps are stored, which instructions multiply them, whether a
//! picture is cut into tiles, or in whose memory it lies while it is painted: a picture is handed
//! over when a scale begins and handed back when it ends. Below it, nothing knows of scales, assets
//! or colours. A device is replaced whole.
//!
//! [`Device`] and [`Canvas`] are what a session uses. A device whose pictures live in the host's
//! memory need only bring a [`Pass`]: [`HostCanvas`] does the rest.

mod cpu;
mod host;
mod plan;
pub mod tensor;
mod tile_sums;
mod tiling;
mod view;

use impasto_kernels::{Layer, Moments};

pub use cpu::{Cpu, TiledPass};
pub use host::{HostCanvas, Pass};
pub use plan::{Plan, Work};
pub use tile_sums::TileSums;
pub use tiling::{Candidate, HALO_PX, Tile, Tiling};
pub use view::View;

use crate::frame::Frame;
use crate::objective::StyleTarget;
use crate::optimizer::{Memory, OptimizerPlan};
use crate::{EngineError, Image};

/// A network on a device.
pub trait Device: Send + Sync + std::fmt::Debug {
    /// The device, its instructions and the precision of its features, such as `cpu avx512 fp32`.
    fn label(&self) -> String;

    /// Memory that the network itself takes.
    fn bytes(&self) -> u64;

    /// How a picture can be painted within `budget_bytes` of the device's memory, the network not
    /// counted.
    ///
    /// # Errors
    /// [`EngineError::Memory`] where it cannot.
    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError>;

    /// The moments of `image` at each of [`Layer::STYLE`], in tiles where the budget asks for them.
    ///
    /// # Errors
    /// [`EngineError::Memory`] where the budget is too small, or where the device fails.
    fn moments(
        &self,
        image: &Image,
        view: View,
        budget_bytes: u64,
    ) -> Result<Vec<Moments>, EngineError>;

    /// A picture on the device, ready for its first step.
    ///
    /// # Errors
    /// Where the device fails.
    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError>;
}

/// What a canvas is to paint.
#[derive(Debug)]
pub struct Task<'a> {
    pub work: Work<'a>,
    /// From [`Device::plan`], for the same work.
    pub plan: Plan,
    /// What to begin with: a canvas.
    pub picture: Image,
    /// What the content loss compares with: a canvas too.
    pub content: Option<Image>,
    pub style: Vec<(Layer, StyleTarget)>,
    /// What the optimiser of the next coarser scale remembered, where there was one.
    pub warmth: Option<Warmth>,
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
    /// Evaluates the loss and moves the pixels once. Gives the loss before the move; where that is
    /// not finite, the pixels are not to be used any more.
    ///
    /// # Errors
    /// Where the device fails.
    fn step(&mut self) -> Result<Terms, EngineError>;

    /// The picture as it stands.
    ///
    /// # Errors
    /// Where the device fails.
    fn picture(&self) -> Result<Image, EngineError>;

    /// The result, and what the optimiser of a finer scale can use, if it can. What else the canvas
    /// holds is let go first.
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
