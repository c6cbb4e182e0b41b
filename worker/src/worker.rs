//! The worker itself: one loop that keeps a stream to the coordinator and runs what it is granted.
//!
//! Attempts outlive connections. While the coordinator is away they go on, and what they came to is
//! reported when it is back.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use impasto_painter::{Offer, OpenError, Painter};
use impasto_proto::client::{self, Blobs, ConnectError};
use impasto_proto::v1::worker_message::Message;
use impasto_proto::v1::{CoordinatorMessage, WorkerMessage};
use impasto_types::{
    DeviceHealth, DeviceInfo, FailureKind, LeaseId, Retries, TaskSpec, error_text,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tracing::{debug, info, warn};

use crate::attempt::{Workshop, attempt};
use crate::blob_cache::BlobCache;
use crate::ledger::{Answer, Ledger, Outcome};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::reconnect::RECONNECT;
use crate::settings::Settings;
use crate::wire::{self, Order};

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

/// How long a worker that was told to stop waits for its attempts to stop and its reports to be
/// acknowledged.
const GRACE: Duration = Duration::from_secs(5);

/// A coordinator that accepts a stream says welcome within this time.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// How often drivers are asked how their cards fare: heat changes within seconds, and the question
/// costs milliseconds.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// Messages that wait for the network. A coordinator that lets so many pile up is taken for gone.
const OUTBOX_MESSAGES: usize = 256;

/// The newest blobs that the coordinator is told of, so that it can send tasks to where their
/// inputs are: 8 KiB of digests.
const NAMED_BLOBS: usize = 256;

/// Runs a worker until it is shut down or drained.
///
/// `shutdown` stops it within a few seconds: it gives its leases back, stops what is running
/// between two steps and returns. A drain, which an operator orders through the coordinator, lets
/// its leases run to their end first.
///
/// # Errors
/// Where the settings cannot work: a cache or model folder that cannot be used, a device that is
/// not there, a wrong address, a coordinator that refuses this worker.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> Result<(), WorkerError> {
    let painter = settings.painter()?;
    run_with(settings, Arc::new(painter), shutdown).await
}

/// As [`run`], with another painter.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    settings: Settings,
    painter: Arc<dyn Painter>,
    shutdown: CancellationToken,
) -> Result<(), WorkerError> {
    let cache = BlobCache::open(&settings.cache_dir, settings.cache_bytes)
        .map_err(|source| WorkerError::Cache { path: settings.cache_dir.clone(), source })?;
    let offers = painter.offers();
    let pool = Pool::new(offers.iter().map(|offer| settings.share(offer)));
    let slots = pool.lanes();
    for Offer { info, .. } in &offers {
        let DeviceInfo { name, model, memory_bytes, compute_capability: _ } = info;
        info!(name, model, memory_bytes, "paints on");
    }
    info!(name = %settings.name, coordinator = settings.coordinator, slots, "the worker starts");
    let Some(channel) = connect(&settings, &shutdown).await? else { return Ok(()) };
    let workshop = Workshop {
        painter,
        cache: Arc::new(cache),
        blobs: Blobs::new(channel.clone()),
        pool,
        only: settings.only,
    };
    let workshop = Arc::new(workshop);
    let worker = Worker {
        ledger: Ledger::new(slots),
        slots,
        health: watch_health(workshop.clone(), shutdown.clone()),
        workshop,
        settings,
        channel,
        shutdown,
        attempts: JoinSet::new(),
        handles: BTreeMap::new(),
    };
    worker.serve().await
}

/// Asks the painter again and again how its devices fare, until the worker ends, and retires those
/// with a fault.
fn watch_health(
    workshop: Arc<Workshop>,
    shutdown: CancellationToken,
) -> watch::Receiver<Vec<DeviceHealth>> {
    let (news, health) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let watching = async {
            let mut turns = tokio::time::interval(HEALTH_INTERVAL);
            loop {
                turns.tick().await;
                let painter = workshop.painter.clone();
                // A driver that is unwell may take its time.
                let Ok(health) = tokio::task::spawn_blocking(move || painter.health()).await else {
                    return;
                };
                for (device, health) in
                    health.iter().enumerate().filter(|(_, health)| !health.fault.is_empty())
                {
                    if workshop.pool.retire(device) {
                        warn!(device, fault = health.fault, "a device takes no more tasks");
                    }
                }
                news.send_replace(health);
            }
        };
        tokio::select! {
            () = watching => {}
            () = news.closed() => {}
            () = shutdown.cancelled() => {}
        }
    });
    health
}

/// The first connection; the channel finds its way back by itself after that. `None` where the
/// worker is shut down first.
async fn connect(
    settings: &Settings,
    shutdown: &CancellationToken,
) -> Result<Option<Channel>, WorkerError> {
    let mut retries = Retries::new(RECONNECT);
    loop {
        match shutdown.run_until_cancelled(client::connect(&settings.coordinator)).await {
            None => return Ok(None),
            Some(Ok(channel)) => return Ok(Some(channel)),
            Some(Err(error @ (ConnectError::Address { .. } | ConnectError::Tls { .. }))) => {
                return Err(WorkerError::Address(error));
            }
            Some(Err(error @ ConnectError::Unreachable { .. })) => {
                warn!("{}; trying again", error_text(&error))
            }
        }
        if shutdown.run_until_cancelled(sleep(retries.next(fastrand::f64()))).await.is_none() {
            return Ok(None);
        }
    }
}

struct Worker {
    settings: Settings,
    channel: Channel,
    shutdown: CancellationToken,
    /// How the devices fare.
    health: watch::Receiver<Vec<DeviceHealth>>,
    workshop: Arc<Workshop>,
    ledger: Ledger,
    /// All that it began with.
    slots: u32,
    /// Attempts that have not ended, and how to reach them.
    attempts: JoinSet<(LeaseId, Outcome)>,
    handles: BTreeMap<LeaseId, Handle>,
}

struct Handle {
    cancel: CancellationToken,
    /// How many slots it takes.
    slots: u32,
    progress: watch::Receiver<Option<Progress>>,
}

/// How a connection ended.
enum End {
    /// There is nothing left to do: the worker was drained or shut down.
    Done,
    Lost(Lost),
}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the coordinator closed the stream (it does so when another worker has the same name)")]
    Closed,
    #[error("the connection to the coordinator broke")]
    Failed(#[from] Status),
    /// It does not want this worker, whose hello would be the same again.
    #[error("the coordinator refused the worker")]
    Refused(#[source] Status),
    #[error("the coordinator did not say welcome")]
    NoWelcome,
    #[error("the coordinator sent what this worker cannot read")]
    Malformed(#[from] impasto_proto::FieldError),
    #[error("the coordinator does not take this worker's messages")]
    Stuck,
    /// Nobody else will ever paint what this worker cannot.
    #[error("no device takes tasks any more")]
    NoDevice,
}

/// The sending half of a stream. It never waits, so that a coordinator that does not read cannot
/// hold up the loop.
struct Outbox(mpsc::Sender<WorkerMessage>);

impl Outbox {
    fn send(&self, message: Message) -> Result<(), Lost> {
        self.0.try_send(WorkerMessage { message: Some(message) }).map_err(|_| Lost::Stuck)
    }
}

/// Whether trying again would be met with the same answer.
fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied)
}

impl Worker {
    async fn serve(mut self) -> Result<(), WorkerError> {
        let mut retries = Retries::new(RECONNECT);
        while !self.shutdown.is_cancelled() {
            let began = Instant::now();
            let lost = match self.attach().await {
                Ok(End::Done) => return Ok(()),
                Ok(End::Lost(lost)) | Err(lost) => lost,
            };
            match lost {
                Lost::Refused(source) => {
                    self.stop_attempts(Instant::now() + GRACE).await;
                    return Err(WorkerError::Refused {
                        name: self.settings.name.to_string(),
                        source,
                    });
                }
                Lost::NoDevice => {
                    self.stop_attempts(Instant::now() + GRACE).await;
                    let faults = self
                        .health
                        .borrow()
                        .iter()
                        .map(|health| health.fault.clone())
                        .collect::<Vec<_>>()
                        .join("; ");
                    return Err(WorkerError::NoDevice { faults });
                }
                lost => warn!(
                    leases = self.ledger.held().len(),
                    "{}; connecting again",
                    error_text(&lost)
                ),
            }
            if began.elapsed().as_millis() > u128::from(RECONNECT.longest_ms) {
                retries.reset();
            }
            let pause = sleep(retries.next(fastrand::f64()));
            self.shutdown.clone().run_until_cancelled(pause).await;
        }
        // Shut down while the coordinator is away: it will see that the leases run out.
        self.stop_attempts(Instant::now() + GRACE).await;
        Ok(())
    }

    /// One connection, from hello to its end.
    async fn attach(&mut self) -> Result<End, Lost> {
        let (sender, outgoing) = mpsc::channel(OUTBOX_MESSAGES);
        let outbox = Outbox(sender);
        let devices: Vec<_> =
            self.workshop.painter.offers().into_iter().map(|offer| offer.info).collect();
        let blobs = self.workshop.cache.newest(NAMED_BLOBS);
        outbox.send(wire::hello(
            &self.settings.name,
            self.slots,
            &devices,
            &self.ledger.held(),
            &blobs,
        ))?;
        let Some(welcomed) =
            self.shutdown.clone().run_until_cancelled(self.welcome(outgoing)).await
        else {
            self.stop_attempts(Instant::now() + GRACE).await;
            return Ok(End::Done);
        };
        let (mut inbound, heartbeat, stale) = welcomed?;
        info!(name = %self.settings.name, "connected");
        stale.into_iter().for_each(|lease| self.drop_lease(lease));
        for lease in self.ledger.all_reports() {
            self.report(lease, &outbox)?;
        }
        outbox.send(self.credits())?;

        let (mut health, mut lanes) = (self.health.clone(), self.workshop.pool.lanes());
        let mut beats = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
        let mut deadline = None;
        while !self.ledger.is_done() {
            if self.settings.only && self.workshop.pool.lanes() == 0 {
                return Err(Lost::NoDevice);
            }
            let grace = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = inbound.message() => match message? {
                    Some(message) => self.obey(Order::read(message)?, &outbox)?,
                    None => return Ok(End::Lost(Lost::Closed)),
                },
                Some(joined) = self.attempts.join_next() => self.note(joined, Some(&outbox))?,
                _ = beats.tick() => self.beat(&outbox)?,
                Ok(()) = health.changed() => {
                    let left = self.workshop.pool.lanes();
                    if std::mem::replace(&mut lanes, left) != left {
                        outbox.send(self.credits())?;
                    }
                }
                () = self.shutdown.cancelled(), if deadline.is_none() => {
                    info!("shutting down; leases go back");
                    deadline = Some(Instant::now() + GRACE);
                    self.give_all_back(&outbox)?;
                }
                () = grace => {
                    warn!("shutting down although not everything has stopped");
                    return Ok(End::Done);
                }
            }
        }
        info!("done");
        Ok(End::Done)
    }

    /// Opens the stream and waits for the coordinator's first word.
    async fn welcome(
        &self,
        outgoing: mpsc::Receiver<WorkerMessage>,
    ) -> Result<(Streaming<CoordinatorMessage>, Duration, Vec<LeaseId>), Lost> {
        let mut client = client::workers(self.channel.clone());
        let greeting = async {
            let mut inbound = client.attach(ReceiverStream::new(outgoing)).await?.into_inner();
            let first = inbound.message().await?.ok_or(Lost::Closed)?;
            Ok::<_, Lost>((inbound, first))
        };
        let greeted = timeout(WELCOME_TIMEOUT, greeting).await.map_err(|_| Lost::NoWelcome)?;
        let (inbound, first) = greeted.map_err(|lost| match lost {
            Lost::Failed(status) if is_refusal(&status) => Lost::Refused(status),
            lost => lost,
        })?;
        match Order::read(first)? {
            Order::Welcome { heartbeat, stale } => Ok((inbound, heartbeat, stale)),
            Order::Grant { .. }
            | Order::Revoke(_)
            | Order::Acknowledge(_)
            | Order::Drain
            | Order::Unknown => Err(Lost::NoWelcome),
        }
    }

    fn obey(&mut self, order: Order, outbox: &Outbox) -> Result<(), Lost> {
        match order {
            Order::Grant { lease, task } => match self.ledger.grant(lease) {
                Answer::Begin => match task {
                    Ok(task) => self.begin(lease, *task, outbox)?,
                    Err(error) => {
                        let message = format!(
                            "this worker cannot read the task, which a newer coordinator may have \
                             sent: {error}"
                        );
                        self.ledger.ended(
                            lease,
                            Outcome::Failed { kind: FailureKind::Transient, message },
                        );
                        self.report(lease, outbox)?;
                        outbox.send(self.credits())?;
                    }
                },
                Answer::Known => debug!(%lease, "granted again"),
                Answer::GiveBack => self.report(lease, outbox)?,
            },
            Order::Revoke(lease) => {
                if let Some(handle) = self.handles.get(&lease) {
                    info!(%lease, "revoked");
                    handle.cancel.cancel();
                }
            }
            Order::Acknowledge(lease) => self.ledger.acknowledged(lease),
            Order::Drain => {
                info!(leases = self.ledger.held().len(), "draining");
                self.ledger.drain();
                outbox.send(wire::credits(0))?;
            }
            Order::Welcome { stale, .. } => {
                stale.into_iter().for_each(|lease| self.drop_lease(lease))
            }
            Order::Unknown => {
                debug!("the coordinator said something that this version does not know")
            }
        }
        Ok(())
    }

    fn begin(&mut self, lease: LeaseId, task: TaskSpec, outbox: &Outbox) -> Result<(), Lost> {
        info!(%lease, asset = %task.asset, "begins");
        let (news, progress) = watch::channel(None);
        let cancel = CancellationToken::new();
        let slots = self.workshop.pool.needed(task.memory_bytes);
        self.handles.insert(lease, Handle { cancel: cancel.clone(), slots, progress });
        let workshop = self.workshop.clone();
        self.attempts.spawn(async move { (lease, attempt(workshop, task, news, cancel).await) });
        // The coordinator counts one slot for a lease.
        if slots > 1 { outbox.send(self.credits()) } else { Ok(()) }
    }

    /// Asks for as many leases as there are free slots.
    fn credits(&self) -> Message {
        let further: u32 = self.handles.values().map(|handle| handle.slots - 1).sum();
        // Slots of devices that take no more tasks are not asked for.
        let retired = self.slots.saturating_sub(self.workshop.pool.lanes());
        wire::credits(self.ledger.free_slots().saturating_sub(further).saturating_sub(retired))
    }

    /// An attempt has ended. Without an outbox, its report waits for the next connection.
    fn note(
        &mut self,
        joined: Result<(LeaseId, Outcome), tokio::task::JoinError>,
        outbox: Option<&Outbox>,
    ) -> Result<(), Lost> {
        let (lease, outcome) = match joined {
            Ok(ended) => ended,
            // Painting catches its panics, so this one is a broken invariant of the worker's own.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Ok(()),
            },
        };
        match &outcome {
            Outcome::Succeeded(result) => {
                info!(%lease, compute_ms = result.report.compute_ms, "succeeded")
            }
            Outcome::Failed { kind, message } => warn!(%lease, ?kind, message, "failed"),
            Outcome::Returned => info!(%lease, "stopped"),
        }
        self.handles.remove(&lease);
        let owed = self.ledger.ended(lease, outcome);
        let Some(outbox) = outbox else { return Ok(()) };
        if owed {
            self.report(lease, outbox)?;
        }
        outbox.send(self.credits())
    }

    fn beat(&mut self, outbox: &Outbox) -> Result<(), Lost> {
        let progress = |lease: LeaseId| {
            (lease, self.handles.get(&lease).and_then(|handle| *handle.progress.borrow()))
        };
        let health = self.health.borrow().clone();
        outbox.send(wire::heartbeat(self.ledger.running().map(progress), &health))?;
        for lease in self.ledger.overdue_reports() {
            debug!(%lease, "reported again");
            self.report(lease, outbox)?;
        }
        Ok(())
    }

    fn report(&self, lease: LeaseId, outbox: &Outbox) -> Result<(), Lost> {
        match self.ledger.outcome(lease) {
            Some(outcome) => outbox.send(wire::report(lease, outcome)),
            None => Ok(()),
        }
    }

    /// The lease is another's now: what runs for it is stopped, and nothing is reported.
    fn drop_lease(&mut self, lease: LeaseId) {
        info!(%lease, "dropped, as it is no longer this worker's");
        self.ledger.stale(lease);
        if let Some(handle) = self.handles.get(&lease) {
            handle.cancel.cancel();
        }
    }

    fn give_all_back(&mut self, outbox: &Outbox) -> Result<(), Lost> {
        outbox.send(wire::draining())?;
        self.handles.values().for_each(|handle| handle.cancel.cancel());
        for lease in self.ledger.give_all_back() {
            self.report(lease, outbox)?;
        }
        Ok(())
    }

    /// Stops all attempts and waits for them, until `deadline` at the latest.
    async fn stop_attempts(&mut self, deadline: Instant) {
        self.handles.values().for_each(|handle| handle.cancel.cancel());
        while let Ok(Some(joined)) = timeout_at(deadline, self.attempts.join_next()).await {
            // Without an outbox nothing can be lost.
            let _ = self.note(joined, None);
        }
    }
}
