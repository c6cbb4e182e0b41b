//! The gRPC services: they check what comes in, ask the driver or the blob store, and put the
//! answer into messages.

mod attach;
mod blobs;
mod context;
mod jobs;
mod status;
mod watch;
mod workers;

pub(crate) use blobs::BlobsService;
pub(crate) use context::WorkerContext;
pub(crate) use jobs::JobsService;
pub(crate) use workers::WorkersService;
