//! Jobs, tasks, leases and scheduling, as one pure state machine.
//!
//! This crate does no I/O, reads no clock and draws no random numbers: time is a number handed in, chance comes from a seed handed in. Its
//! driver hands it an [`Input`], appends the [`Fact`]s it drains durably, and only then carries out the [`Effect`]s, which may be lost.

mod effect;
mod fact;
mod input;

pub use effect::{Effect, JobSummary, JobView, TaskEvent, TaskView};
pub use fact::Fact;
pub use input::{Capabilities, HeldLease, Input, LeaseOutcome, Millis, Needs, Progress, RequestId, Submission};
