//! The network on its device, prepared once and shared by sessions.

use std::sync::Arc;

use impasto_kernels::{Level, Precision};
use impasto_models::VggWeights;
use impasto_types::Profile;
use rayon::ThreadPool;

use super::device::{Cpu, VggDevice};
use crate::EngineError;
use crate::beginning::Beginning;
use crate::threads::pool;

/// VGG-19 on a device, and the threads that work for it. Sessions share it.
#[derive(Debug)]
pub struct Engine {
    device: Box<dyn VggDevice>,
    threads: Arc<ThreadPool>,
    /// What recipes begin with that say so.
    beginning: Option<Box<dyn Beginning>>,
}

impl Engine {
    /// Prepares the network for the CPU, on `threads` threads. `level` may lower the instructions
    /// that the kernels use; `None` uses the best there are. What `profile` really came to is in
    /// [`Engine::device`].
    ///
    /// # Errors
    /// Where the weights are not VGG-19's, or no threads are to be had.
    pub fn new(
        weights: &VggWeights,
        threads: usize,
        level: Option<Level>,
        profile: Profile,
    ) -> Result<Self, EngineError> {
        let pool = pool(threads)?;
        let level = level.map_or_else(Level::detect, Level::lowered);
        let precision = match profile {
            Profile::Fast => Precision::Bf16,
            Profile::Exact => Precision::Fp32,
        };
        let device = Cpu::new(weights, level, precision, pool.clone())?;
        Ok(Self::on(Box::new(device), pool))
    }

    /// An engine on a device of the caller's, with so many threads for the work outside the
    /// network.
    ///
    /// # Errors
    /// Where no threads are to be had.
    pub fn with_device(device: Box<dyn VggDevice>, threads: usize) -> Result<Self, EngineError> {
        Ok(Self::on(device, pool(threads)?))
    }

    /// An engine on a device of the caller's, with `threads` for the work outside the network.
    pub fn on(device: Box<dyn VggDevice>, threads: Arc<ThreadPool>) -> Self {
        Self { device, threads, beginning: None }
    }

    pub(crate) fn with_beginning(self, beginning: Box<dyn Beginning>) -> Self {
        Self { beginning: Some(beginning), ..self }
    }

    pub(crate) fn beginning(&self) -> Option<&dyn Beginning> {
        self.beginning.as_deref()
    }

    /// What it runs on, such as `cpu avx512 fp32`.
    pub fn device(&self) -> String {
        self.device.label()
    }

    pub(crate) fn backend(&self) -> &dyn VggDevice {
        &*self.device
    }

    /// Memory that the prepared networks take.
    pub fn bytes(&self) -> u64 {
        self.device.bytes() + self.beginning().map_or(0, Beginning::bytes)
    }

    /// Runs `work` on the engine's threads.
    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(work)
    }
}
