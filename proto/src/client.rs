//! What everyone who calls a coordinator shares: the connection and the transfer of blobs.

mod blobs;
mod connection;

pub use blobs::{BlobError, Blobs};
pub use connection::{ConnectError, connect, jobs, workers};
