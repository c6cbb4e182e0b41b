//! Jobs, leases and workers: the types that coordinator, workers and clients share.

mod job;
mod lease;
mod worker;

pub use job::{Explained, JobNews, JobState, JobSummary, TaskEvent};
pub use lease::{Grant, LeaseOutcome, Order, Progress, Resolved};
pub use worker::{Bench, Capabilities, Hello, MAX_LEASES, MethodVersion, WorkerInfo, WorkerState};
