//! Which optimiser a picture gets, and how much memory that takes.

use std::fmt;

use impasto_types::{Optimize, Optimizer as Kind, Profile};
use serde::Serialize;

use super::adam::MomentPrecision;
use super::history::HistoryPrecision;
use super::smoothing::Smoothing;

/// The shortest history of a plan: two pairs still tell a valley's floor from its walls, which the
/// starting Hessian does not.
const LEAST_HISTORY: usize = 2;

/// Adam's step where the recipe asks for nothing else, in levels of 0 to 255.
const ADAM_STEP: f32 = 5.0;

/// Which optimiser a picture gets, how much it remembers, and how that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OptimizerPlan {
    /// Adam's step in levels of 0 to 255, or the factor of L-BFGS's.
    pub learning_rate: f32,
    pub method: PlannedMethod,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum PlannedMethod {
    Adam { averaging: f32, moments: MomentPrecision },
    Lbfgs { history: usize, precision: HistoryPrecision, wrap_x: bool, wrap_y: bool },
}

impl OptimizerPlan {
    /// What the recipe asks for a canvas that wraps across and down, or does not.
    pub fn of(recipe: &Optimize, (wrap_x, wrap_y): (bool, bool)) -> Self {
        let method = match recipe.optimizer {
            Kind::Adam => {
                PlannedMethod::Adam { averaging: recipe.averaging, moments: MomentPrecision::Fp32 }
            }
            Kind::Lbfgs => PlannedMethod::Lbfgs {
                history: recipe.history as usize,
                precision: match recipe.common.profile {
                    Profile::Exact => HistoryPrecision::Fp32,
                    Profile::Fast => HistoryPrecision::Bf16,
                },
                wrap_x,
                wrap_y,
            },
        };
        let own_step = match recipe.optimizer {
            Kind::Adam => ADAM_STEP,
            Kind::Lbfgs => 1.0,
        };
        Self { learning_rate: own_step * recipe.learning_rate, method }
    }

    /// The first that fits: what the recipe asks, then Adam in 16 bits, or L-BFGS with a shorter
    /// history.
    pub fn within(
        recipe: &Optimize,
        wraps: (bool, bool),
        len: usize,
        budget_bytes: u64,
    ) -> Option<Self> {
        Self::choices(recipe, wraps).find(|plan| plan.bytes(len) <= budget_bytes)
    }

    /// The one that takes least memory.
    pub fn least(recipe: &Optimize, wraps: (bool, bool)) -> Self {
        Self::choices(recipe, wraps).last().unwrap_or_else(|| Self::of(recipe, wraps))
    }

    /// All ways to do what the recipe asks, from the best to the smallest. Profile `exact` has only
    /// one.
    fn choices(recipe: &Optimize, wraps: (bool, bool)) -> impl Iterator<Item = Self> {
        let asked = Self::of(recipe, wraps);
        let smaller: Vec<PlannedMethod> = match asked.method {
            _ if recipe.common.profile == Profile::Exact => Vec::new(),
            PlannedMethod::Adam { averaging, .. } => {
                vec![PlannedMethod::Adam { averaging, moments: MomentPrecision::Half }]
            }
            PlannedMethod::Lbfgs { history, precision, wrap_x, wrap_y } => {
                let histories = (LEAST_HISTORY.min(history)..history).rev();
                histories
                    .map(|history| PlannedMethod::Lbfgs { history, precision, wrap_x, wrap_y })
                    .collect()
            }
        };
        std::iter::once(asked)
            .chain(smaller.into_iter().map(move |method| Self { method, ..asked }))
    }

    /// What a finer scale's optimiser can use of this one's memory takes so much, for a picture of
    /// `len` values.
    pub fn warmth_bytes(&self, len: usize) -> u64 {
        match self.method {
            PlannedMethod::Adam { .. } => self.bytes(len),
            PlannedMethod::Lbfgs { .. } => 0,
        }
    }

    /// Memory that the optimiser takes for a picture of `len` values, the picture and its gradient
    /// not counted.
    pub fn bytes(&self, len: usize) -> u64 {
        let values = len as u64;
        match self.method {
            PlannedMethod::Adam { averaging, moments } => {
                let moment = match moments {
                    MomentPrecision::Fp32 => 4,
                    MomentPrecision::Half => 2,
                };
                let average = if averaging > 0.0 { 4 } else { 0 };
                values * (2 * moment + average)
            }
            PlannedMethod::Lbfgs { history, precision, .. } => {
                let word = match precision {
                    HistoryPrecision::Fp32 => 4,
                    HistoryPrecision::Bf16 => 2,
                };
                // Where the step began, the gradient there, the change of gradient; the products of
                // all pairs.
                let pairs = history as u64;
                values * (3 * 4 + 2 * pairs * word) + Smoothing::bytes(len) + 2 * 8 * pairs * pairs
            }
        }
    }
}

/// Such as `adam in 16 bits` or `l-bfgs with 30 pairs in bf16`.
impl fmt::Display for OptimizerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.method {
            PlannedMethod::Adam { moments: MomentPrecision::Fp32, .. } => f.write_str("adam"),
            PlannedMethod::Adam { moments: MomentPrecision::Half, .. } => {
                f.write_str("adam in 16 bits")
            }
            PlannedMethod::Lbfgs { history, precision: HistoryPrecision::Fp32, .. } => {
                write!(f, "l-bfgs with {history} pairs")
            }
            PlannedMethod::Lbfgs { history, precision: HistoryPrecision::Bf16, .. } => {
                write!(f, "l-bfgs with {history} pairs in bf16")
            }
        }
    }
}
