//! Runs the farm's core in virtual time, under faults that follow from a seed: messages that are
//! lost, duplicated, delayed and out of order; workers that crash, restart, lose their connection
//! or do not read, workers on which everything fails, and workers that find fault with inputs that
//! are fine; coordinators that crash before or after their facts are on disk, and that cannot read
//! their jobs' task lists; wall clocks that are set; inputs and results that go missing, and
//! clients that never read what they are told; tasks that are slow, fail, crash their workers, or
//! depend on others.
//!
//! Nothing sleeps or reads a clock: the same seed and options give the same run, event by event.
//! [`Coordinator`](coordinator::Coordinator) and [`run`] list what is checked.

mod agenda;
mod chance;
pub mod chores;
pub mod coordinator;
mod credit;
mod faults;
mod guilt;
mod idle;
mod links;
mod options;
mod sickness;
mod stalls;
mod summary;
mod throughput;
mod troubles;
mod work;
mod worker;
mod world;
mod wrong;

pub use options::{Options, Plant};
pub use summary::{Failure, Summary};
pub use throughput::{Sizes, Throughput, decide_all};
pub use world::run;
