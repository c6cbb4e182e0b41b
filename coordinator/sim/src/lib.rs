//! Runs the farm's core in virtual time, under faults that follow from a seed: messages that are
//! lost, duplicated, delayed and out of order; workers that crash, restart and lose their
//! connection, and workers on which everything fails; coordinators that crash before or after their
//! facts are on disk, and that cannot read their jobs' task lists; wall clocks that are set; inputs
//! that go missing, and clients that never read what they are told; tasks that are slow, fail,
//! crash their workers, or depend on others.
//!
//! Nothing sleeps or reads a clock: the same seed and options give the same run, event by event.
//! [`Coordinator`](coordinator::Coordinator) and [`run`] list what is checked.

mod agenda;
mod chance;
pub mod coordinator;
mod credit;
mod faults;
mod guilt;
mod options;
mod sickness;
mod summary;
mod throughput;
mod troubles;
mod work;
mod worker;
mod world;

pub use options::{Options, Plant};
pub use summary::{Failure, Summary};
pub use throughput::{Throughput, decide_all};
pub use world::run;
