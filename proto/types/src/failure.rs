//! Kinds of failures of attempts, for the scheduler.

use serde::{Deserialize, Serialize};

/// Whether a failed attempt is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The task's input is at fault (an image that does not decode, a non-finite loss): it would
    /// fail on any machine, so it is not retried.
    Input,
    /// Something went wrong, and neither side is known to be at fault (the engine failed, painting
    /// panicked): retried, on another worker if there is one.
    Transient,
    /// The worker lacks memory for it now: retried later, without counting the attempt.
    Shortage,
    /// The worker's own trouble (a full disk, a device that has failed): retried on another worker,
    /// without counting the attempt. A worker with several in a row is benched.
    Machine,
    /// The coordinator's own trouble (its disk is full, it has no descriptors left): retried
    /// later, and nobody's fault.
    Coordinator,
}
