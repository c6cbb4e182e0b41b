//! The words of the farm: jobs, leases and workers, as coordinator, workers and clients all speak
//! of them.

mod job;
mod lease;
mod worker;

pub use job::{JobNews, JobState, JobSummary, TaskEvent};
pub use lease::{Grant, LeaseOutcome, Order, Progress, Resolved};
pub use worker::{Capabilities, Hello, MethodVersion, WorkerInfo, WorkerState};
