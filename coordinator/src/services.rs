//! The gRPC services: they check requests, call the driver or the blob store, and convert the
//! answers to messages.

mod attach;
mod blobs;
mod context;
mod download;
mod jobs;
mod patience;
mod small_blobs;
mod status;
mod watch;
mod workers;

pub(crate) use blobs::BlobsService;
pub(crate) use context::WorkerContext;
pub(crate) use download::Downloads;
pub(crate) use jobs::JobsService;
pub(crate) use small_blobs::SmallDownloads;
pub(crate) use workers::WorkersService;
