//! Kinds of failures of attempts, for the scheduler.

use serde::{Deserialize, Serialize};

/// Whether a failed attempt is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The task's input is at fault (an image that does not decode, a non-finite loss): it would
    /// fail on any machine, so it is not retried.
    Input,
    /// Something went wrong with this attempt or worker (a blob that did not arrive, a full disk):
    /// retried, on another worker if there is one.
    Transient,
    /// The worker lacks memory for it now: retried later, without counting the attempt.
    Shortage,
}
