//! An in-memory coordinator controlled by a test: it serves blobs, and passes each stream of a
//! worker to the test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use impasto_proto::v1::blobs_server::{Blobs, BlobsServer};
use impasto_proto::v1::upload_request::Part;
use impasto_proto::v1::worker_message::Message;
use impasto_proto::v1::workers_server::{Workers, WorkersServer};
use impasto_proto::{from_proto, to_proto, v1};
use impasto_types::{BlobRef, Digest, Epoch, Grant, LeaseId, LeaseOutcome, Order, TaskSpec};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, iter};
use tonic::{Request, Response, Status, Streaming};

/// Far longer than anything here takes: a test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `future`, and panics if it takes too long.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

pub(crate) struct Coordinator {
    pub(crate) url: String,
    pub(crate) store: Arc<Store>,
    links: mpsc::UnboundedReceiver<Link>,
}

#[derive(Default)]
pub(crate) struct Store {
    blobs: Mutex<HashMap<Digest, Vec<u8>>>,
    /// How many transfers fail before one succeeds, as if the coordinator were unreachable.
    pub(crate) unavailable: AtomicU32,
    pub(crate) downloads: AtomicU32,
}

/// One stream of a worker, controlled by the test. Dropping it looks like a crash of the
/// coordinator.
pub(crate) struct Link {
    pub(crate) hello: v1::Hello,
    from_worker: Streaming<v1::WorkerMessage>,
    to_worker: mpsc::Sender<Result<v1::CoordinatorMessage, Status>>,
}

impl Coordinator {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let store = Arc::new(Store::default());
        let (sender, links) = mpsc::unbounded_channel();
        let server = tonic::transport::Server::builder()
            .add_service(WorkersServer::new(WorkersService { links: sender }))
            .add_service(BlobsServer::new(BlobsService { store: store.clone() }));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { url, store, links }
    }

    /// The next stream that a worker opens.
    pub(crate) async fn accept(&mut self) -> Link {
        soon("a worker", self.links.recv()).await.expect("the server runs")
    }

    /// Accepts the next stream and welcomes the worker.
    pub(crate) async fn welcome(&mut self) -> Link {
        let link = self.accept().await;
        link.welcome(vec![]).await;
        link
    }
}

impl Store {
    pub(crate) fn put(&self, bytes: &[u8]) -> BlobRef {
        let blob = BlobRef::of(bytes);
        self.put_as(blob, bytes);
        blob
    }

    /// Serves `bytes` under a digest that may be wrong.
    pub(crate) fn put_as(&self, blob: BlobRef, bytes: &[u8]) {
        self.blobs.lock().expect("no panic").insert(blob.digest, bytes.to_vec());
    }

    pub(crate) fn get(&self, digest: Digest) -> Option<Vec<u8>> {
        self.blobs.lock().expect("no panic").get(&digest).cloned()
    }

    fn answer(&self) -> Result<(), Status> {
        let refuse = self
            .unavailable
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if refuse { Err(Status::unavailable("away")) } else { Ok(()) }
    }
}

impl Link {
    /// Welcomes with the shortest allowed heartbeat interval, so that tests are quick.
    pub(crate) async fn welcome(&self, stale: Vec<LeaseId>) {
        self.welcome_as(&self.hello.name, stale).await;
    }

    /// As [`Self::welcome`], under a name that the worker did not ask for.
    pub(crate) async fn welcome_as(&self, name: &str, stale: Vec<LeaseId>) {
        let name = name.parse().expect("a name");
        self.order(Order::Welcome { epoch: Epoch(1), heartbeat_ms: 1, name, stale }).await;
    }

    pub(crate) async fn grant(&self, lease: LeaseId, task: &TaskSpec) {
        self.grant_from(lease, task, None).await;
    }

    /// Grants a task with the checkpoint of an earlier attempt.
    pub(crate) async fn grant_from(
        &self,
        lease: LeaseId,
        task: &TaskSpec,
        checkpoint: Option<BlobRef>,
    ) {
        let task = to_proto::task_spec(task);
        self.order(Order::Grant(Grant { lease, task, resolved: vec![], checkpoint })).await;
    }

    pub(crate) async fn revoke(&self, lease: LeaseId) {
        self.order(Order::Revoke { lease }).await;
    }

    pub(crate) async fn acknowledge(&self, lease: LeaseId) {
        self.order(Order::Acknowledge { lease }).await;
    }

    pub(crate) async fn drain(&self) {
        self.order(Order::Drain).await;
    }

    pub(crate) async fn refuse(&self, reason: &str) {
        self.to_worker
            .send(Err(Status::invalid_argument(reason)))
            .await
            .expect("the worker listens");
    }

    pub(crate) async fn order(&self, order: Order<v1::TaskSpec>) {
        self.to_worker.send(Ok(to_proto::order(order))).await.expect("the worker listens");
    }

    /// The leases that the worker named when it connected.
    pub(crate) fn held(&self) -> Vec<LeaseId> {
        self.hello.held.iter().map(|lease| from_proto::lease(*lease).expect("a lease")).collect()
    }

    /// The next message for which `pick` returns a value; others are skipped.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(Message) -> Option<T>,
    ) -> T {
        soon(what, async {
            loop {
                let message = self
                    .from_worker
                    .message()
                    .await
                    .expect("the stream is sound")
                    .unwrap_or_else(|| panic!("{what}: stream ended"));
                if let Some(found) = message.message.and_then(&mut pick) {
                    return found;
                }
            }
        })
        .await
    }

    /// The next report.
    pub(crate) async fn report(&mut self) -> (LeaseId, LeaseOutcome) {
        self.until("a report", report).await
    }

    /// The next report for a lease.
    pub(crate) async fn outcome_of(&mut self, lease: LeaseId) -> LeaseOutcome {
        self.until("the outcome", |message| {
            report(message).filter(|(reported, _)| *reported == lease).map(|(_, outcome)| outcome)
        })
        .await
    }

    /// Waits until the worker reports this many free slots.
    pub(crate) async fn credits(&mut self, free_slots: u32) {
        self.until("credits", |message| {
            matches!(message, Message::Credits(credits) if credits.free_slots == free_slots)
                .then_some(())
        })
        .await;
    }

    /// Waits for a heartbeat with progress.
    pub(crate) async fn progress(&mut self) -> v1::Progress {
        self.until("progress", |message| match message {
            Message::Heartbeat(beat) => beat.leases.into_iter().find_map(|lease| lease.progress),
            _ => None,
        })
        .await
    }

    /// Waits for a heartbeat with the progress of this many leases.
    pub(crate) async fn working(&mut self, leases: usize) {
        self.until("work on all leases", |message| match message {
            Message::Heartbeat(beat) => {
                (beat.leases.iter().filter(|lease| lease.progress.is_some()).count() == leases)
                    .then_some(())
            }
            _ => None,
        })
        .await;
    }

    /// The reports that arrive before the worker ends the stream.
    pub(crate) async fn rest(mut self) -> Vec<LeaseOutcome> {
        let mut outcomes = Vec::new();
        while let Ok(Some(message)) =
            soon("the end of the stream", self.from_worker.message()).await
        {
            outcomes.extend(message.message.and_then(report).map(|(_, outcome)| outcome));
        }
        outcomes
    }
}

/// The lease and outcome of a report.
fn report(message: Message) -> Option<(LeaseId, LeaseOutcome)> {
    let Message::Report(report) = message else { return None };
    let (lease, outcome) = from_proto::report(report).expect("a lease");
    Some((lease, outcome.expect("an outcome")))
}

struct WorkersService {
    links: mpsc::UnboundedSender<Link>,
}

#[tonic::async_trait]
impl Workers for WorkersService {
    type AttachStream = ReceiverStream<Result<v1::CoordinatorMessage, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<v1::WorkerMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let mut from_worker = request.into_inner();
        let first = from_worker.message().await?.and_then(|message| message.message);
        let Some(Message::Hello(hello)) = first else {
            return Err(Status::invalid_argument("hello comes first"));
        };
        let (to_worker, orders) = mpsc::channel(16);
        self.links
            .send(Link { hello, from_worker, to_worker })
            .map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(orders)))
    }

    async fn list_workers(
        &self,
        _: Request<v1::ListWorkersRequest>,
    ) -> Result<Response<v1::ListWorkersResponse>, Status> {
        Err(Status::unimplemented("workers do not ask for it"))
    }

    async fn drain(
        &self,
        _: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::DrainResponse>, Status> {
        Err(Status::unimplemented("workers do not ask for it"))
    }
}

struct BlobsService {
    store: Arc<Store>,
}

#[tonic::async_trait]
impl Blobs for BlobsService {
    type DownloadStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<v1::DownloadResponse, Status>> + Send>>;

    async fn find_missing(
        &self,
        request: Request<v1::FindMissingRequest>,
    ) -> Result<Response<v1::FindMissingResponse>, Status> {
        self.store.answer()?;
        let blobs = from_proto::each("blobs", request.into_inner().blobs, 100, from_proto::blob)?;
        let missing = blobs
            .iter()
            .filter(|blob| self.store.get(blob.digest).is_none())
            .map(to_proto::blob)
            .collect();
        Ok(Response::new(v1::FindMissingResponse { missing }))
    }

    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadRequest>>,
    ) -> Result<Response<v1::UploadResponse>, Status> {
        let (mut parts, mut bytes) = (request.into_inner(), Vec::new());
        while let Some(request) = parts.message().await? {
            if let Some(Part::Data(data)) = request.part {
                bytes.extend_from_slice(&data);
            }
        }
        self.store.put(&bytes);
        Ok(Response::new(v1::UploadResponse {}))
    }

    async fn download(
        &self,
        request: Request<v1::DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        self.store.answer()?;
        let blob = from_proto::required("blob", request.into_inner().blob, from_proto::blob)?;
        let bytes = self.store.get(blob.digest).ok_or_else(|| Status::not_found("no such blob"))?;
        self.store.downloads.fetch_add(1, Ordering::SeqCst);
        let chunks: Vec<_> = bytes
            .chunks(1000)
            .map(|chunk| Ok(v1::DownloadResponse { data: chunk.to_vec().into() }))
            .collect();
        Ok(Response::new(Box::pin(iter(chunks))))
    }

    type DownloadSmallStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<v1::DownloadSmallResponse, Status>> + Send>>;

    async fn upload_small(
        &self,
        _: Request<Streaming<v1::UploadSmallRequest>>,
    ) -> Result<Response<v1::UploadSmallResponse>, Status> {
        Err(Status::unimplemented("it is an older coordinator"))
    }

    async fn download_small(
        &self,
        _: Request<v1::DownloadSmallRequest>,
    ) -> Result<Response<Self::DownloadSmallStream>, Status> {
        Err(Status::unimplemented("it is an older coordinator"))
    }
}
