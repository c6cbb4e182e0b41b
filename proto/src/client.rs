//! The client of a coordinator, for the command line and workers: the connection, the transfer of
//! blobs, and the calls, in terms of `impasto-types`.

mod blobs;
mod connection;
mod farm;
mod farm_error;
mod in_time;
mod job_watch;
mod small_blobs;

pub use blobs::{BlobError, Blobs};
pub use connection::{ConnectError, connect, jobs, workers};
pub use farm::FarmClient;
pub use farm_error::FarmError;
pub use job_watch::JobWatch;
