//! A running coordinator, a client, and a worker that a test controls.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use impasto_coordinator::{Coordinator, ServeError, Settings};
use impasto_proto::client::{self, Blobs};
use impasto_proto::v1::coordinator_message::Message as Order;
use impasto_proto::v1::submit_request::Part as SubmitPart;
use impasto_proto::v1::task_state::State;
use impasto_proto::v1::watch_response::News;
use impasto_proto::v1::worker_message::Message;
use impasto_proto::{to_proto, v1};
use impasto_types::{
    Action, AssetKind, BlobRef, ContainerFormat, Input, Losses, Method, Output, OutputSpec, Part,
    Preset, RunReport, StyleRef, TaskResult, TaskSpec,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// Far more than any step takes; it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Settings with any free port and a store on disk.
pub(crate) fn settings(data_dir: &Path) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().expect("an address"),
        data_dir: data_dir.to_owned(),
        ..Settings::default()
    }
}

pub(crate) struct Running {
    pub(crate) channel: Channel,
    pub(crate) address: std::net::SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    pub(crate) async fn start(settings: Settings) -> Self {
        let coordinator = Coordinator::bind(settings).await.expect("it binds");
        let (address, shutdown) = (coordinator.local_addr(), CancellationToken::new());
        let serving = tokio::spawn(coordinator.serve(shutdown.clone()));
        let channel = client::connect(&address.to_string()).await.expect("it answers");
        Self { channel, address, shutdown, serving }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        in_time("stopping", self.serving)
            .await
            .expect("it does not panic")
            .expect("it stops cleanly");
    }

    pub(crate) fn blobs(&self) -> Blobs {
        Blobs::new(self.channel.clone())
    }

    pub(crate) async fn upload(&self, bytes: &'static [u8]) -> BlobRef {
        let blob = BlobRef::of(bytes);
        self.blobs().upload(blob, Bytes::from_static(bytes)).await.expect("it is uploaded");
        blob
    }

    /// Uploads the inputs of a task for the asset `name`, whose content is `bytes`.
    pub(crate) async fn task(&self, name: &str, bytes: &'static [u8]) -> TaskSpec {
        task(name, self.upload(bytes).await, self.upload(b"style").await)
    }

    pub(crate) async fn submit(
        &self,
        key: &str,
        tasks: &[TaskSpec],
    ) -> Result<v1::SubmitResponse, Status> {
        let header = v1::SubmitHeader {
            key: key.to_owned(),
            project: "village".to_owned(),
            priority: 0,
            task_count: tasks.len() as u32,
        };
        let tasks = v1::SubmitTasks { tasks: tasks.iter().map(to_proto::task_spec).collect() };
        self.submit_parts(vec![SubmitPart::Header(header), SubmitPart::Tasks(tasks)]).await
    }

    pub(crate) async fn submit_parts(
        &self,
        parts: Vec<SubmitPart>,
    ) -> Result<v1::SubmitResponse, Status> {
        let parts = parts.into_iter().map(|part| v1::SubmitRequest { part: Some(part) });
        let call = client::jobs(self.channel.clone());
        let answer =
            in_time("submitting", { call }.submit(tokio_stream::iter(parts.collect::<Vec<_>>())))
                .await;
        answer.map(tonic::Response::into_inner)
    }

    pub(crate) async fn watch(&self, job: u64) -> Watcher {
        let answer = client::jobs(self.channel.clone()).watch(v1::WatchRequest { job }).await;
        Watcher { news: answer.expect("there is such a job").into_inner() }
    }

    /// Watches the job to its end. Returns its last summary, and the states of its tasks in order.
    pub(crate) async fn watch_to_end(&self, job: u64) -> (v1::JobSummary, Vec<State>) {
        let (mut watcher, mut last, mut states) = (self.watch(job).await, None, Vec::new());
        while let Some(news) = watcher.next().await {
            match news {
                News::Summary(summary) => last = Some(summary),
                News::Task(task) => states.extend(task.state),
                News::CaughtUp(_) => {}
            }
        }
        (last.expect("there is a summary"), states)
    }
}

pub(crate) struct Watcher {
    news: Streaming<v1::WatchResponse>,
}

impl Watcher {
    pub(crate) async fn next(&mut self) -> Option<News> {
        in_time("news", self.news.message())
            .await
            .expect("the stream goes on")
            .and_then(|response| response.news)
    }

    /// Waits for a task's state that `wanted` accepts, and returns what it makes of it.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(State) -> Option<T>) -> T {
        loop {
            if let News::Task(task) = self.next().await.expect("the job has not ended")
                && let Some(found) = task.state.and_then(&wanted)
            {
                return found;
            }
        }
    }
}

pub(crate) fn task(name: &str, content: BlobRef, style: BlobRef) -> TaskSpec {
    TaskSpec {
        asset: name.parse().expect("it is a path"),
        action: Action {
            method_version: Method::Optimize.version(),
            recipe: Preset::Painterly.recipe(),
            kind: AssetKind::picture(),
            inputs: vec![Input::blob(Part::Color, content)],
            styles: vec![StyleRef::whole(style, 1.0)],
            regions: None,
            texture: None,
            models: vec![],
            outputs: vec![OutputSpec {
                part: Part::Color,
                format: ContainerFormat::Png,
                quality: 90,
            }],
        },
        least_memory_bytes: 1 << 20,
        work: 1000,
    }
}

/// A picture of 32 x 32 pixels, 8 bits each of red, green and blue, for each text.
pub(crate) fn painted(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_chunk(png::chunk::ChunkType(*b"noTe"), text).expect("a chunk");
    writer.write_image_data(&[7; (SIDE * SIDE * 3) as usize]).expect("the pixels");
    writer.finish().expect("the end");
    bytes
}

/// The sides of [`painted`] pictures.
pub(crate) const SIDE: u32 = 32;

/// The result that a worker would report for the picture that is [`painted`] of a text.
pub(crate) fn result_of(text: &[u8]) -> TaskResult {
    let blob = BlobRef::of(&painted(text));
    result_with(vec![Output::picture(blob, SIDE, SIDE)])
}

/// The result that a worker would report for these outputs.
pub(crate) fn result_with(outputs: Vec<Output>) -> TaskResult {
    let report = RunReport {
        iterations: 40,
        losses: Some(Losses { total: 1.0, content: 0.5, style: 0.5 }),
        compute_ms: 7,
        device: "fake".to_owned(),
        warning: None,
    };
    TaskResult { outputs, report }
}

/// The device of a fake worker.
pub(crate) fn device() -> v1::Device {
    let compute_capability = Some(v1::ComputeCapability { major: 9, minor: 0 });
    v1::Device {
        name: "cuda:0".to_owned(),
        model: "canvas".to_owned(),
        memory_bytes: 1 << 30,
        compute_capability,
    }
}

pub(crate) struct FakeWorker {
    blobs: Blobs,
    out: mpsc::Sender<v1::WorkerMessage>,
    orders: Streaming<v1::CoordinatorMessage>,
}

impl FakeWorker {
    /// Connects a worker with one slot. Also returns its stale leases.
    pub(crate) async fn attach(
        running: &Running,
        name: &str,
        held: Vec<v1::Lease>,
    ) -> (Self, v1::Welcome) {
        Self::attach_as(running, name, 1, held).await
    }

    /// Like [`Self::attach`], as another process.
    pub(crate) async fn attach_as(
        running: &Running,
        name: &str,
        instance: u64,
        held: Vec<v1::Lease>,
    ) -> (Self, v1::Welcome) {
        Self::attach_with(running, name, (instance, 1), held).await
    }

    /// Like [`Self::attach_as`], with so many slots.
    pub(crate) async fn attach_with(
        running: &Running,
        name: &str,
        (instance, slots): (u64, u32),
        held: Vec<v1::Lease>,
    ) -> (Self, v1::Welcome) {
        let capabilities = v1::Capabilities {
            slots,
            memory_bytes: 1 << 30,
            methods: vec![v1::MethodVersion {
                method: Method::Optimize.as_str().to_owned(),
                version: Method::Optimize.version(),
            }],
            device: "fake".to_owned(),
            devices: vec![device()],
        };
        let hello = v1::Hello {
            name: name.to_owned(),
            instance,
            capabilities: Some(capabilities),
            held,
            blobs: vec![],
        };
        let mut worker = Self::say_first(running, Message::Hello(hello)).await;
        match worker.next().await.expect("it is welcome") {
            Order::Welcome(welcome) => (worker, welcome),
            other => panic!("a welcome comes first, not {other:?}"),
        }
    }

    /// Opens a connection with this first message.
    pub(crate) async fn say_first(running: &Running, message: Message) -> Self {
        let (out, stream) = mpsc::channel(16);
        out.send(v1::WorkerMessage { message: Some(message) }).await.expect("there is room");
        let attach = client::workers(running.channel.clone());
        let orders = in_time("attaching", { attach }.attach(ReceiverStream::new(stream)))
            .await
            .expect("it answers")
            .into_inner();
        Self { blobs: running.blobs(), out, orders }
    }

    pub(crate) async fn say(&self, message: Message) {
        self.out
            .send(v1::WorkerMessage { message: Some(message) })
            .await
            .expect("the connection is open");
    }

    pub(crate) async fn next(&mut self) -> Result<Order, Status> {
        let message = in_time("an order", self.orders.message()).await?;
        Ok(message
            .and_then(|message| message.message)
            .expect("the coordinator ends a stream with a status"))
    }

    /// Asks for one task, and waits for it.
    pub(crate) async fn take(&mut self) -> (v1::Lease, v1::TaskSpec) {
        self.say(Message::Credits(v1::Credits { free_slots: 1 })).await;
        match self.next().await.expect("the connection is open") {
            Order::Grant(grant) => {
                (grant.lease.expect("it has a lease"), grant.task.expect("it has a task"))
            }
            other => panic!("a grant was due, not {other:?}"),
        }
    }

    pub(crate) async fn report(&mut self, lease: &v1::Lease, outcome: v1::report::Outcome) {
        self.say(Message::Report(v1::Report { lease: Some(*lease), outcome: Some(outcome) })).await;
        match self.next().await.expect("the connection is open") {
            Order::Acknowledge(acknowledged) => {
                assert_eq!(acknowledged.lease.as_ref(), Some(lease))
            }
            other => panic!("an acknowledgement was due, not {other:?}"),
        }
    }

    /// Uploads the picture that is [`painted`] of a text, and reports it.
    pub(crate) async fn succeed(&mut self, lease: &v1::Lease, text: &'static [u8]) {
        self.upload(painted(text)).await;
        self.report(lease, v1::report::Outcome::Succeeded(to_proto::task_result(&result_of(text))))
            .await;
    }

    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> BlobRef {
        let blob = BlobRef::of(&bytes);
        self.blobs.upload(blob, Bytes::from(bytes)).await.expect("it is uploaded");
        blob
    }
}
