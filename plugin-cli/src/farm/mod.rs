//! A coordinator, as its clients see it: calls in this program's words.
//!
//! Messages are checked here, where they arrive; nothing else in this crate sees the wire.

mod as_farm;
mod client;
mod error;
mod job;
mod news;
mod worker;

pub use client::FarmClient;
pub use error::FarmError;
pub use job::{Job, JobState};
pub use news::{News, TaskNews, Watch};
pub use worker::{FarmWorker, WorkerState};
