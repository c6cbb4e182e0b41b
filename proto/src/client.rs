//! What everyone who calls a coordinator shares: the connection, the transfer of blobs, and a
//! client's calls in the words of `impasto-types`.

mod blobs;
mod connection;
mod farm;
mod farm_error;
mod job_watch;

pub use blobs::{BlobError, Blobs};
pub use connection::{ConnectError, connect, jobs, workers};
pub use farm::FarmClient;
pub use farm_error::FarmError;
pub use job_watch::JobWatch;
