//! Jobs, tasks, leases and scheduling, as one pure state machine.
//!
//! This crate does no I/O, reads no clock and draws no random numbers: the driver passes the time
//! and a seed. It passes [`Core`] an [`Input`], appends the resulting [`Fact`]s durably, and only
//! then carries out the [`Effect`]s, which may be lost.
//!
//! Durable state is in the ledger and changes only by facts. The rest (connections, heartbeats) is
//! rebuilt as workers reconnect.

mod chance;
mod class;
mod config;
mod connections;
mod core;
mod dependents;
mod effect;
mod explain;
mod fact;
mod fits;
mod held;
mod in_use;
mod input;
pub mod invariants;
mod job;
mod leases;
mod ledger;
mod outcomes;
mod queue;
mod record;
mod requests;
mod room;
mod scheduling;
mod shelf;
mod snapshot;
mod span;
mod stranded;
mod task;
mod timeline;
mod timers;
mod trust;
mod unread;
mod waiting;
mod workers;

#[cfg(test)]
mod tests;

pub use self::core::Core;
pub use config::{
    Config, ConfigError, HEARTBEAT_MS, KEEP_JOBS, KEEP_JOBS_MS, LEASE_MS, RECONNECT_GRACE_MS,
};
pub use effect::{Effect, JobView, TaskView};
pub use fact::{AttemptEnded, Fact};
pub use input::{Input, ListFault, Millis, Needs, RequestId, Submission, SubmissionError};
pub use ledger::ReplayError;
pub use snapshot::{Snapshot, SnapshotVersionError};
pub use timeline::{Skew, Timeline};
