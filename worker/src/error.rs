//! Why a worker ends by itself.

use std::io;
use std::path::PathBuf;

use impasto_painter::OpenError;
use impasto_proto::client::ConnectError;
use tonic::Status;

/// Why a worker cannot go on. An unreachable coordinator is no reason: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("cannot keep blobs in {}", path.display())]
    Cache { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Painter(#[from] OpenError),
    #[error(transparent)]
    Address(ConnectError),
    #[error(
        "no device can be painted on any more: {faults}; the processor can paint: --device cpu"
    )]
    NoDevice { faults: String },
    #[error("the coordinator refused the worker `{name}`")]
    Refused { name: String, source: Status },
}
