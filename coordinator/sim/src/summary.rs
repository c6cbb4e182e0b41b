//! What came of a run.

use impasto_core::Millis;

/// A run that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub seed: u64,
    pub events: u64,
    /// Virtual time.
    pub elapsed_ms: Millis,
    pub facts: usize,
    pub coordinators: u64,
    pub crashes: u64,
    /// Tasks that read the results of others.
    pub dependents: u64,
    /// Attempts that were told where an earlier one had stopped.
    pub resumed: u64,
    pub succeeded: u64,
    /// Jobs that were remembered no longer.
    pub forgotten: u64,
}

/// A run that went wrong; the seed and the options bring it back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: after {events} events: {wrong}")]
pub struct Failure {
    pub seed: u64,
    pub events: u64,
    pub wrong: String,
    /// The last events, oldest first.
    pub log: Vec<String>,
}
