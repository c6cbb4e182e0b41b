//! The `Workers` service: what workers do, and what operators do with workers.

use std::sync::Arc;

use impasto_blobs::BlobStore;
use impasto_proto::v1::workers_server::Workers;
use impasto_proto::v1::{
    CoordinatorMessage, DrainRequest, DrainResponse, ListWorkersRequest, ListWorkersResponse,
    WorkerMessage,
};
use impasto_proto::{from_proto, v1};
use impasto_types::{Epoch, LeaseId};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::attach::Attachment;
use crate::driver::Driver;
use crate::task_specs::TaskSpecs;
use crate::wire;

/// Messages that wait for the network.
const MESSAGES_AHEAD: usize = 64;

/// What every connection needs.
#[derive(Debug, Clone)]
pub(crate) struct WorkersService {
    pub(crate) driver: Driver,
    pub(crate) blobs: BlobStore,
    pub(crate) specs: Arc<TaskSpecs>,
    pub(crate) epoch: Epoch,
    pub(crate) heartbeat_ms: u64,
    pub(crate) closing: CancellationToken,
}

#[tonic::async_trait]
impl Workers for WorkersService {
    type AttachStream = ReceiverStream<Result<CoordinatorMessage, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<WorkerMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (out, stream) = mpsc::channel(MESSAGES_AHEAD);
        let attachment = Attachment::new(self.clone(), request.into_inner(), out);
        tokio::spawn(attachment.serve());
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn list_workers(
        &self,
        _: Request<ListWorkersRequest>,
    ) -> Result<Response<ListWorkersResponse>, Status> {
        let workers = self.driver.workers().await?;
        Ok(Response::new(ListWorkersResponse {
            workers: workers.iter().map(wire::worker_info).collect(),
        }))
    }

    async fn drain(
        &self,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        let name = from_proto::worker_name("name", &request.into_inner().name)?;
        if self.driver.drain(name.clone()).await? {
            Ok(Response::new(DrainResponse {}))
        } else {
            Err(Status::not_found(format!("no worker {name} is connected")))
        }
    }
}

impl WorkersService {
    /// The task of a lease in full.
    pub(super) async fn task(
        &self,
        lease: LeaseId,
        spec: impasto_types::Digest,
    ) -> Result<v1::TaskSpec, String> {
        let tasks = match self.specs.kept(spec) {
            Some(tasks) => tasks,
            None => {
                let read = self.specs.get(spec).await;
                read.map_err(|error| impasto_types::error_text(&error))?
            }
        };
        let task = tasks.get(lease.task.0 as usize).cloned();
        task.ok_or_else(|| format!("{lease} is not among the {} tasks of its job", tasks.len()))
    }
}
