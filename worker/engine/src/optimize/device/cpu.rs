//! The CPU: pictures in the host's memory, passes on the project's own kernels, tile by tile where
//! the plan says so.

use std::fmt;
use std::sync::Arc;

use impasto_kernels::{
    self as kernels, ConvWeights, FeatureMap, Layer, Level, Moments, Network, Precision, vgg,
};
use impasto_models::VggWeights;
use rayon::ThreadPool;

use super::blend::{at_layers, weights_bytes};
use super::canvas::{Canvas, Task};
use super::host::{HostCanvas, Pass};
use super::plan::{Costs, Plan};
use super::tiled_pass::TiledPass;
use super::tiling::{Candidate, Tiling};
use super::vgg_device::VggDevice;
use super::view::View;
use super::work::{Look, Work};
use crate::{EngineError, Image, Interrupt, Mask};

/// Plans count the scratch memory of at least this many threads, so that a plan, and with it the
/// order of sums, is the same on any smaller number of them.
const PLANNED_THREADS: usize = 16;

/// VGG-19 on the CPU, its weights laid out for the instructions of `level`.
pub struct Cpu {
    network: Arc<Network>,
    threads: Arc<ThreadPool>,
}

impl Cpu {
    /// Prepares the network. Levels that this processor lacks are lowered, and so is a precision
    /// that the level has no instructions for.
    ///
    /// # Errors
    /// Where the weights are not VGG-19's.
    pub fn new(
        weights: &VggWeights,
        level: Level,
        precision: Precision,
        threads: Arc<ThreadPool>,
    ) -> Result<Self, EngineError> {
        let layers: Vec<_> = weights
            .convolutions
            .iter()
            .take(vgg::CONVOLUTIONS)
            .map(|conv| ConvWeights {
                in_channels: conv.in_channels,
                out_channels: conv.out_channels,
                weights: &conv.weights,
                bias: &conv.bias,
            })
            .collect();
        let network = threads
            .install(|| Network::new(&layers, level, precision))
            .map_err(|error| EngineError::Weights(error.to_string()))?;
        Ok(Self { network: Arc::new(network), threads })
    }

    /// A pass over a picture that is cut so.
    pub fn pass(&self, tiling: Tiling) -> TiledPass {
        TiledPass::new(self.network.clone(), self.threads.clone(), tiling, self.network.precision())
    }

    fn threads(&self) -> usize {
        self.threads.current_num_threads().max(PLANNED_THREADS)
    }

    /// What is looked at, cut as the network's blocks allow.
    fn cut(&self, view: View) -> View {
        view.in_blocks_of(self.network.block_px())
    }

    fn tile_bytes(&self, candidate: &Candidate) -> u64 {
        let Candidate { largest, deepest, .. } = candidate;
        let pixels = largest.width * largest.height;
        let pass = kernels::Pass::bytes(&self.network, largest, *deepest, self.threads());
        // The tile's pixels and their gradient, both in single precision.
        (pass + 2 * 3 * 4 * pixels) as u64
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu").field("network", &self.network).finish_non_exhaustive()
    }
}

impl VggDevice for Cpu {
    fn label(&self) -> String {
        let precision = match self.network.precision() {
            Precision::Fp32 => "fp32",
            Precision::Bf16 => "bf16",
        };
        format!("cpu {} {precision}", self.network.level())
    }

    fn bytes(&self) -> u64 {
        self.network.bytes() as u64
    }

    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError> {
        Plan::within(work, &CpuCosts { cpu: self }, budget_bytes)
    }

    fn moments(
        &self,
        image: &Image,
        weights: Option<&Mask>,
        view: View,
        budget_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Moments>, EngineError> {
        let (width, height) = (image.width, image.height);
        let masked = weights.map_or(0, |_| weights_bytes(width, height));
        let view = self.cut(view);
        let candidates = Tiling::sane(view, width, height);
        let fits =
            candidates.iter().find(|candidate| masked + self.tile_bytes(candidate) <= budget_bytes);
        let tiling = fits.and_then(|fits| Tiling::cut(view, width, height, fits.interior));
        let Some(tiling) = tiling else {
            let least_bytes = self.least_moments((width, height), weights.is_some(), view);
            return Err(EngineError::Memory { width, height, least_bytes, budget_bytes });
        };
        let mut pass = self.pass(tiling);
        pass.heed(interrupt.clone());
        if let Some(weights) = weights {
            pass.hold_mask(Arc::new(at_layers(weights)))?;
        }
        pass.moments(image)
    }

    fn least_moments(&self, (width, height): (usize, usize), weighted: bool, view: View) -> u64 {
        let candidates = Tiling::sane(self.cut(view), width, height);
        let least = candidates.iter().map(|candidate| self.tile_bytes(candidate)).min();
        least.unwrap_or(0) + if weighted { weights_bytes(width, height) } else { 0 }
    }

    fn uncut_moments(&self, (width, height): (usize, usize), weighted: bool, view: View) -> u64 {
        let whole = Candidate::whole(self.cut(view), width, height);
        self.tile_bytes(&whole) + if weighted { weights_bytes(width, height) } else { 0 }
    }

    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError> {
        let Plan { tiling, copy, content, .. } = &task.plan;
        let mut pass =
            TiledPass::new(self.network.clone(), self.threads.clone(), tiling.clone(), *content);
        pass.heed(task.interrupt.clone());
        let copy = copy.as_ref().map(|tiling| Box::new(pass.beside(tiling.clone())));
        let copy = copy.map(|copy| copy as Box<dyn Pass>);
        Ok(Box::new(HostCanvas::new(Box::new(pass), copy, task)?))
    }
}

struct CpuCosts<'a> {
    cpu: &'a Cpu,
}

impl Costs for CpuCosts<'_> {
    fn tile(&self, candidate: &Candidate) -> u64 {
        self.cpu.tile_bytes(candidate)
    }

    fn content(&self, (width, height): (usize, usize), precision: Precision) -> u64 {
        FeatureMap::bytes(
            Layer::CONTENT,
            self.cpu.network.channels(Layer::CONTENT),
            width,
            height,
            precision,
        ) as u64
    }

    fn precision(&self) -> Precision {
        self.cpu.network.precision()
    }

    fn cut(&self, look: Look) -> Look {
        Look { view: self.cpu.cut(look.view), ..look }
    }
}
