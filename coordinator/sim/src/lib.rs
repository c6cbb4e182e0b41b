//! Runs the farm's core in virtual time, under faults that follow from a seed: messages that are
//! lost, duplicated, delayed and out of order; workers that crash, restart and lose their
//! connection; coordinators that crash before or after their facts are on disk; tasks that are
//! slow, fail, crash their workers, or depend on others.
//!
//! Nothing sleeps or reads a clock: the same seed and options give the same run, event by event.
//! [`Coordinator`](coordinator::Coordinator) and [`run`] list what is checked.

mod agenda;
mod chance;
pub mod coordinator;
mod faults;
mod options;
mod summary;
mod throughput;
mod work;
mod worker;
mod world;

pub use options::{Options, Plant};
pub use summary::{Failure, Summary};
pub use throughput::{Throughput, decide_all};
pub use world::run;
