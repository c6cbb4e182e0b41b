//! Why a worker stops by itself.

use std::io;
use std::path::PathBuf;

use impasto_painter::OpenError;
use impasto_proto::client::ConnectError;
use tonic::Status;

/// Why a worker cannot go on. An unreachable coordinator is not an error: the worker waits for it.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("cannot keep blobs in {}", path.display())]
    Cache { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Painter(#[from] OpenError),
    #[error(transparent)]
    Address(ConnectError),
    #[error("no device is left to paint on: {faults}; --device cpu paints on the CPU")]
    NoDevice { faults: String },
    #[error("the coordinator refused the worker `{name}`")]
    Refused { name: String, source: Status },
}
