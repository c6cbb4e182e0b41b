//! What moves the pixels: one step per evaluation, every value held in 0 to 255.

mod adam;
mod lbfgs;

use impasto_types::{Optimizer as Kind, Recipe};

pub(crate) use adam::Adam;
pub(crate) use lbfgs::Lbfgs;

/// An optimiser and all that it remembers.
#[derive(Debug)]
pub(crate) enum Optimizer {
    Adam(Adam),
    Lbfgs(Lbfgs),
}

/// An optimiser's memory as plain numbers: what a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Memory {
    pub(crate) scalars: Vec<f64>,
    pub(crate) vectors: Vec<Vec<f32>>,
}

/// SHIM by the lead so that the crate compiles: the owner of this folder overwrites it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OptimizerPlan(Recipe);

impl OptimizerPlan {
    pub(crate) fn of(recipe: &Recipe) -> Self {
        Self(recipe.clone())
    }
    pub(crate) fn least(recipe: &Recipe) -> Self {
        Self(recipe.clone())
    }
    pub(crate) fn within(recipe: &Recipe, len: usize, budget: u64) -> Option<Self> {
        Some(Self(recipe.clone())).filter(|plan| plan.bytes(len) <= budget)
    }
    pub(crate) fn bytes(&self, len: usize) -> u64 {
        len as u64
            * 4
            * match self.0.optimizer {
                Kind::Adam => 3,
                Kind::Lbfgs => 2 * u64::from(self.0.history) + 3,
            }
    }
}

impl std::fmt::Display for OptimizerPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.optimizer)
    }
}

impl Optimizer {
    /// A fresh optimiser for a picture of `len` values.
    pub(crate) fn new(plan: &OptimizerPlan, len: usize) -> Self {
        let recipe = &plan.0;
        match recipe.optimizer {
            Kind::Adam => Self::Adam(Adam::new(recipe.learning_rate, recipe.averaging, len)),
            Kind::Lbfgs => Self::Lbfgs(Lbfgs::new(recipe.learning_rate, recipe.history as usize)),
        }
    }

    /// Takes up a memory.
    pub(crate) fn recall(&mut self, memory: Memory) -> bool {
        match self {
            Self::Adam(adam) => Adam::recall(5.0, 0.95, memory).map(|new| *adam = new).is_some(),
            Self::Lbfgs(lbfgs) => Lbfgs::recall(1.0, 100, memory).map(|new| *lbfgs = new).is_some(),
        }
    }

    /// Moves `x`, where the loss is `loss` and its gradient `gradient`.
    pub(crate) fn step(&mut self, x: &mut [f32], loss: f64, gradient: &mut [f32]) {
        match self {
            Self::Adam(adam) => adam.step(x, gradient),
            Self::Lbfgs(lbfgs) => lbfgs.step(x, loss, gradient),
        }
    }

    /// The picture that the optimiser would give now: the average of its iterates where it keeps one, else `x`.
    pub(crate) fn result(&self, x: &[f32]) -> Vec<f32> {
        match self {
            Self::Adam(adam) => adam.averaged().unwrap_or_else(|| x.to_vec()),
            Self::Lbfgs(_) => x.to_vec(),
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        match self {
            Self::Adam(adam) => adam.memory(),
            Self::Lbfgs(lbfgs) => lbfgs.memory(),
        }
    }
}
