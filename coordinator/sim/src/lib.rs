//! Runs the farm's core in virtual time, under faults that follow from a seed: messages that are
//! lost, doubled, late and out of order, workers that crash, restart and lose their connection,
//! coordinators that end before or after their facts are on disk, tasks that are slow, that fail,
//! or that bring down whoever runs them, tasks that read what others make.
//!
//! Nothing here sleeps or asks a clock; the same seed and options are the same run, to the last
//! event. What is checked is listed at [`Coordinator`](coordinator::Coordinator) and [`run`].

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
