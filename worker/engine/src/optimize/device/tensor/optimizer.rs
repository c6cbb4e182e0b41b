//! The optimiser that a plan names, on the device.

use candle_core::{Result, Tensor};

use super::adam::Adam;
use super::lbfgs::Lbfgs;
use super::network::Network;
use crate::optimize::optimizer::smoothing::Frame;
use crate::optimize::optimizer::{Memory, OptimizerPlan, PlannedMethod};

pub(super) enum Optimizer {
    Adam(Adam),
    Lbfgs(Lbfgs),
}

impl Optimizer {
    /// A fresh optimiser for a picture (height, width, 3).
    pub(super) fn new(
        plan: &OptimizerPlan,
        height: usize,
        width: usize,
        network: &Network,
    ) -> Result<Self> {
        let device = &network.device;
        let learning_rate = plan.learning_rate;
        Ok(match plan.method {
            PlannedMethod::Adam { averaging, moments } => Self::Adam(Adam::new(
                learning_rate,
                averaging,
                moments,
                (height, width, 3),
                network.kernels(),
                device,
            )?),
            PlannedMethod::Lbfgs { history, precision, wrap_x, wrap_y } => {
                let frame = Frame { width, height, wrap_x, wrap_y };
                Self::Lbfgs(Lbfgs::new(
                    learning_rate,
                    history,
                    precision,
                    frame,
                    network.kernels(),
                    device,
                )?)
            }
        })
    }

    /// The next picture after `x`, where the loss is `loss`.
    pub(super) fn step(&mut self, x: &Tensor, loss: f64, gradient: Tensor) -> Result<Tensor> {
        match self {
            Self::Adam(adam) => adam.step(x, &gradient),
            Self::Lbfgs(lbfgs) => lbfgs.step(x, loss, gradient),
        }
    }

    /// Where the last step began, if it is remembered.
    pub(super) fn taken_back(&self) -> Option<Tensor> {
        match self {
            Self::Adam(_) => None,
            Self::Lbfgs(lbfgs) => lbfgs.taken_back(),
        }
    }

    /// The picture that the optimiser would give now.
    pub(super) fn result(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Adam(adam) => Ok(adam.averaged()?.unwrap_or_else(|| x.clone())),
            Self::Lbfgs(_) => Ok(x.clone()),
        }
    }

    /// What a checkpoint holds: the same as of an optimiser in the host's memory.
    pub(super) fn memory(&self) -> Result<Memory> {
        match self {
            Self::Adam(adam) => adam.memory(),
            Self::Lbfgs(lbfgs) => lbfgs.memory(),
        }
    }

    /// What a finer scale can use of the memory: L-BFGS has nothing.
    pub(super) fn warmth(&self) -> Result<Option<Memory>> {
        match self {
            Self::Adam(adam) => adam.memory().map(Some),
            Self::Lbfgs(_) => Ok(None),
        }
    }

    /// Takes up what `memory` gave. Where it does not fit, nothing changes and it says `false`.
    pub(super) fn recall(&mut self, memory: Memory) -> Result<bool> {
        match self {
            Self::Adam(adam) => adam.recall(memory),
            Self::Lbfgs(lbfgs) => lbfgs.recall(memory),
        }
    }
}
