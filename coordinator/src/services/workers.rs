//! The `Workers` service, for workers and their operators.

use impasto_proto::v1::workers_server::Workers;
use impasto_proto::v1::{
    CoordinatorMessage, DrainRequest, DrainResponse, ListWorkersRequest, ListWorkersResponse,
    WorkerMessage,
};
use impasto_proto::{from_proto, to_proto};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::attach::Attachment;
use super::context::WorkerContext;
use super::patience::peer_of;

/// How many messages are queued for the network: few, since what is queued here counts as sent.
const MESSAGES_AHEAD: usize = 8;

#[derive(Debug)]
pub(crate) struct WorkersService {
    pub(crate) context: WorkerContext,
}

#[tonic::async_trait]
impl Workers for WorkersService {
    type AttachStream = ReceiverStream<Result<CoordinatorMessage, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<WorkerMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (out, stream) = mpsc::channel(MESSAGES_AHEAD);
        let peer = peer_of(&request);
        let attachment = Attachment::new(self.context.clone(), request.into_inner(), out, peer);
        tokio::spawn(attachment.serve());
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn list_workers(
        &self,
        _: Request<ListWorkersRequest>,
    ) -> Result<Response<ListWorkersResponse>, Status> {
        let workers = self.context.driver.workers().await?;
        Ok(Response::new(ListWorkersResponse {
            workers: workers.iter().map(to_proto::worker_info).collect(),
        }))
    }

    async fn drain(
        &self,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        let peer = peer_of(&request);
        let DrainRequest { name, now } = request.into_inner();
        let name = from_proto::worker_name("name", &name)?;
        tracing::info!(worker = %name, now, peer, "a drain was asked for");
        if self.context.driver.drain(name.clone(), now).await? {
            Ok(Response::new(DrainResponse {}))
        } else {
            Err(Status::not_found(format!("no worker {name} is connected")))
        }
    }
}
