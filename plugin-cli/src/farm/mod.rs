//! A coordinator, as its clients see it: calls that take and give the shared words.

mod client;
mod error;
mod watch;

pub use client::FarmClient;
pub use error::FarmError;
pub use watch::Watch;
