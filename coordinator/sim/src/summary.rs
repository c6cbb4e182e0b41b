//! The outcome of a run.

use impasto_core::Millis;

/// A successful run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub seed: u64,
    pub events: u64,
    /// Virtual time.
    pub elapsed_ms: Millis,
    pub facts: usize,
    pub coordinators: u64,
    pub crashes: u64,
    /// The number of tasks that depend on others.
    pub dependents: u64,
    /// The number of attempts that resumed from a checkpoint.
    pub resumed: u64,
    pub succeeded: u64,
    /// The number of jobs that were forgotten.
    pub forgotten: u64,
}

/// A failed run; the seed and the options reproduce it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: after {events} events: {wrong}")]
pub struct Failure {
    pub seed: u64,
    pub events: u64,
    pub wrong: String,
    /// The last events, oldest first.
    pub log: Vec<String>,
}
