//! Why an attempt failed, as far as the scheduler has to know.

use serde::{Deserialize, Serialize};

/// What a failure says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The task's own input is at fault (an image that does not decode, a non-finite loss): no
    /// machine would do better, so it is not tried again.
    Input,
    /// Something about this attempt or worker went wrong (a blob that did not arrive, a full disk):
    /// worth another attempt, on another worker if there is one.
    Transient,
    /// The worker lacks room for it now: delayed, without using up an attempt.
    Shortage,
}
