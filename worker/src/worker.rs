//! The worker's loop: keeps a stream to the coordinator and runs granted leases.
//!
//! Attempts outlive connections: while the coordinator is unreachable they go on, and their
//! outcomes are reported when it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use impasto_ledger::{Answer, Ledger};
use impasto_painter::Stop;
use impasto_proto::limits::MAX_LEASES;
use impasto_proto::v1::worker_message::Message;
use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{
    Capabilities, DeviceHealth, DeviceInfo, FailureKind, Grant, Hello, LeaseId, LeaseOutcome,
    MethodVersion, Order, Progress, Retries, TaskSpec, WorkerName, error_text,
};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tracing::{debug, info, warn};

use crate::attempt::{Workshop, attempt};
use crate::cancel::Cancel;
use crate::connection::{Lost, Outbox, Welcomed, open};
use crate::error::WorkerError;
use crate::health::watch_health;
use crate::reconnect::RECONNECT;
use crate::settings::Settings;

/// How long a worker waits at shutdown for its attempts to stop and to upload checkpoints.
const STOP_GRACE: Duration = Duration::from_secs(6);

/// How long it then waits for its reports to be acknowledged.
const REPORT_GRACE: Duration = Duration::from_secs(2);

/// The number of cached blobs that the coordinator is told of, so that it can grant tasks where
/// their inputs are: 8 KiB of digests.
const NAMED_BLOBS: usize = 256;

/// An order whose task may be unreadable, if the coordinator is of another version.
type Granted = Order<Result<TaskSpec, FieldError>>;

pub(crate) struct Worker {
    settings: Settings,
    /// Its name on the farm: that of the settings, unless a coordinator gave it another.
    name: WorkerName,
    /// A random number that distinguishes this process from others that ask for the same name.
    instance: u64,
    channel: Channel,
    shutdown: CancellationToken,
    /// The devices' health.
    health: watch::Receiver<Vec<DeviceHealth>>,
    workshop: Arc<Workshop>,
    ledger: Ledger,
    /// All slots, including those of retired devices.
    slots: u32,
    /// Attempts that have not ended, and their handles.
    attempts: JoinSet<(LeaseId, LeaseOutcome)>,
    handles: BTreeMap<LeaseId, Handle>,
}

struct Handle {
    cancel: Cancel,
    /// The number of slots that the attempt takes.
    slots: u32,
    progress: watch::Receiver<Option<Progress>>,
}

/// The stage of a shutdown, and its deadline.
#[derive(Debug, Clone, Copy)]
enum Closing {
    /// Waiting for attempts to stop.
    Stopping(Instant),
    /// All leases were returned; waiting for acknowledgements.
    Reporting(Instant),
}

impl Closing {
    fn until(self) -> Instant {
        match self {
            Self::Stopping(until) | Self::Reporting(until) => until,
        }
    }
}

/// How a connection ended.
enum End {
    /// The worker was drained or shut down.
    Done,
    Lost(Lost),
}

impl Worker {
    pub(crate) fn new(
        settings: Settings,
        workshop: Arc<Workshop>,
        channel: Channel,
        shutdown: CancellationToken,
    ) -> Self {
        let slots = workshop.pool.lanes();
        Self {
            name: settings.name.clone(),
            instance: fastrand::u64(..),
            settings,
            channel,
            health: watch_health(workshop.clone(), shutdown.clone()),
            shutdown,
            workshop,
            ledger: Ledger::new(slots, MAX_LEASES),
            slots,
            attempts: JoinSet::new(),
            handles: BTreeMap::new(),
        }
    }

    /// Serves the farm until the worker is drained or shut down.
    pub(crate) async fn serve(mut self) -> Result<(), WorkerError> {
        let mut retries = Retries::new(RECONNECT);
        while !self.shutdown.is_cancelled() {
            let began = Instant::now();
            let lost = match self.attach().await {
                Ok(End::Done) => return Ok(()),
                Ok(End::Lost(lost)) | Err(lost) => lost,
            };
            match lost {
                Lost::Refused(source) => {
                    self.stop_attempts(Instant::now() + STOP_GRACE).await;
                    return Err(WorkerError::Refused {
                        name: self.settings.name.to_string(),
                        source,
                    });
                }
                Lost::NoDevice => {
                    self.stop_attempts(Instant::now() + STOP_GRACE).await;
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
        // Shut down while the coordinator is unreachable: the leases will expire there.
        self.stop_attempts(Instant::now() + STOP_GRACE).await;
        Ok(())
    }

    /// Runs one connection, from hello to its end.
    async fn attach(&mut self) -> Result<End, Lost> {
        let (outbox, outgoing) = Outbox::new();
        outbox.send(self.hello())?;
        let Some(welcomed) =
            self.shutdown.run_until_cancelled(open(self.channel.clone(), outgoing)).await
        else {
            self.stop_attempts(Instant::now() + STOP_GRACE).await;
            return Ok(End::Done);
        };
        let Welcomed { mut inbound, heartbeat, name, stale } = welcomed?;
        if self.name != name {
            info!(asked = %self.name, %name, "another worker has the name; this one is called");
            self.name = name;
        }
        info!(name = %self.name, "connected");
        stale.into_iter().for_each(|lease| self.drop_lease(lease));
        for lease in self.ledger.all_reports() {
            self.report(lease, &outbox)?;
        }
        outbox.send(self.credits())?;

        let (mut health, mut lanes) = (self.health.clone(), self.workshop.pool.lanes());
        let mut beats = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
        let mut closing: Option<Closing> = None;
        while !self.ledger.is_done() {
            if self.settings.only && self.workshop.pool.lanes() == 0 {
                return Err(Lost::NoDevice);
            }
            let grace = async {
                match closing {
                    Some(closing) => sleep_until(closing.until()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = inbound.message() => match message? {
                    Some(message) => self.obey(from_proto::order(message)?, &outbox)?,
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
                () = self.shutdown.cancelled(), if closing.is_none() => {
                    info!("shutting down; returning leases");
                    closing = Some(Closing::Stopping(Instant::now() + STOP_GRACE));
                    self.wind_up(&outbox)?;
                }
                () = grace => {
                    if let Some(Closing::Reporting(_)) = closing {
                        warn!("shutting down, but not all attempts have stopped");
                        return Ok(End::Done);
                    }
                    closing = Some(Closing::Reporting(Instant::now() + REPORT_GRACE));
                    self.give_all_back(&outbox)?;
                }
            }
        }
        info!("done");
        Ok(End::Done)
    }

    /// The first message on a connection.
    fn hello(&self) -> Message {
        let offers = self.workshop.painter.offers();
        let devices: Vec<DeviceInfo> = offers.into_iter().map(|offer| offer.info).collect();
        let names: Vec<&str> = devices.iter().map(|device| device.name.as_str()).collect();
        let memory_bytes =
            devices.iter().map(|device| device.memory_bytes).fold(0, u64::saturating_add);
        to_proto::hello(&Hello {
            name: self.name.clone(),
            instance: self.instance,
            capabilities: Capabilities {
                slots: self.slots,
                memory_bytes,
                device: names.join(", "),
                methods: MethodVersion::all(),
                devices,
            },
            held: self.ledger.held(),
            blobs: self.workshop.blobs.newest(NAMED_BLOBS),
        })
    }

    fn obey(&mut self, order: Option<Granted>, outbox: &Outbox) -> Result<(), Lost> {
        let Some(order) = order else {
            debug!("the coordinator sent a message that this version does not know");
            return Ok(());
        };
        match order {
            Order::Grant(Grant { lease, task, resolved, checkpoint }) => match self
                .ledger
                .grant(lease)
            {
                Answer::Begin => match task {
                    Ok(task) => self.begin(Grant { lease, task, resolved, checkpoint }, outbox)?,
                    Err(error) => {
                        let message = format!(
                            "this worker cannot read the task, which a newer coordinator may have \
                             sent: {error}"
                        );
                        self.ledger.ended(
                            lease,
                            LeaseOutcome::Failed { kind: FailureKind::Transient, message },
                        );
                        self.report(lease, outbox)?;
                        outbox.send(self.credits())?;
                    }
                },
                Answer::Known => debug!(%lease, "granted again"),
                Answer::GiveBack => self.report(lease, outbox)?,
            },
            Order::Revoke { lease } => {
                if let Some(handle) = self.handles.get(&lease) {
                    info!(%lease, "revoked");
                    handle.cancel.stop(self.stop());
                }
            }
            Order::Acknowledge { lease } => self.ledger.acknowledged(lease),
            Order::Drain => {
                info!(leases = self.ledger.held().len(), "draining");
                self.ledger.drain();
                outbox.send(credits(0))?;
            }
            Order::Welcome { stale, .. } => {
                stale.into_iter().for_each(|lease| self.drop_lease(lease))
            }
        }
        Ok(())
    }

    fn begin(&mut self, grant: Grant<TaskSpec>, outbox: &Outbox) -> Result<(), Lost> {
        let (lease, task) = (grant.lease, &grant.task);
        info!(%lease, asset = %task.asset, "begins");
        let (news, progress) = watch::channel(None);
        let cancel = Cancel::default();
        let slots = self.workshop.pool.needed(task.least_memory_bytes);
        self.handles.insert(lease, Handle { cancel: cancel.clone(), slots, progress });
        let workshop = self.workshop.clone();
        self.attempts.spawn(async move { (lease, attempt(workshop, grant, news, cancel).await) });
        // The coordinator counts one slot per lease, and no more leases than were asked for.
        if slots > 1 || self.workshop.pool.most_asked() == 1 {
            outbox.send(self.credits())
        } else {
            Ok(())
        }
    }

    /// The message that asks for leases, for as many as there are free slots at most.
    fn credits(&self) -> Message {
        let further: u32 = self.handles.values().map(|handle| handle.slots - 1).sum();
        // Slots of retired devices are not offered.
        let retired = self.slots.saturating_sub(self.workshop.pool.lanes());
        let free = self.ledger.free_slots().saturating_sub(further).saturating_sub(retired);
        credits(free.min(self.workshop.pool.most_asked()))
    }

    /// An attempt has ended. Without an outbox, its report waits for the next connection.
    fn note(
        &mut self,
        joined: Result<(LeaseId, LeaseOutcome), tokio::task::JoinError>,
        outbox: Option<&Outbox>,
    ) -> Result<(), Lost> {
        let (lease, outcome) = match joined {
            Ok(ended) => ended,
            // Panics of painting are caught, so this one is a bug in the worker.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Ok(()),
            },
        };
        match &outcome {
            LeaseOutcome::Succeeded(result) => {
                info!(%lease, compute_ms = result.report.compute_ms, "succeeded")
            }
            LeaseOutcome::Failed { kind, message } => warn!(%lease, ?kind, message, "failed"),
            LeaseOutcome::Starved { .. } => warn!(%lease, "the coordinator lacks its inputs"),
            LeaseOutcome::Returned { .. } => info!(%lease, "stopped"),
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
        outbox.send(to_proto::heartbeat(self.ledger.running().map(progress), &health))?;
        for lease in self.ledger.overdue_reports() {
            debug!(%lease, "reported again");
            self.report(lease, outbox)?;
        }
        outbox.send(self.credits())
    }

    fn report(&self, lease: LeaseId, outbox: &Outbox) -> Result<(), Lost> {
        match self.ledger.outcome(lease) {
            Some(outcome) => outbox.send(to_proto::report(lease, outcome)),
            None => Ok(()),
        }
    }

    /// The lease belongs to another worker now: stop its attempt and report nothing.
    fn drop_lease(&mut self, lease: LeaseId) {
        info!(%lease, "the lease is stale; stopping its attempt");
        self.ledger.stale(lease);
        if let Some(handle) = self.handles.get(&lease) {
            handle.cancel.stop(Stop::Cancel);
        }
    }

    /// How to stop the attempt of a returned lease: with a checkpoint, if another worker can resume
    /// it.
    fn stop(&self) -> Stop {
        if self.settings.only { Stop::Cancel } else { Stop::Save }
    }

    /// Takes no new leases and stops all attempts: each lease is returned when its attempt has
    /// stopped.
    fn wind_up(&mut self, outbox: &Outbox) -> Result<(), Lost> {
        self.ledger.drain();
        let stop = self.stop();
        self.handles.values().for_each(|handle| handle.cancel.stop(stop));
        outbox.send(Message::Draining(v1::Draining {}))
    }

    /// Returns the leases whose attempts have not stopped yet.
    fn give_all_back(&mut self, outbox: &Outbox) -> Result<(), Lost> {
        for lease in self.ledger.give_all_back() {
            self.report(lease, outbox)?;
        }
        Ok(())
    }

    /// Stops all attempts and waits for them, until `deadline` at the latest.
    async fn stop_attempts(&mut self, deadline: Instant) {
        self.handles.values().for_each(|handle| handle.cancel.stop(Stop::Cancel));
        while let Ok(Some(joined)) = timeout_at(deadline, self.attempts.join_next()).await {
            // Cannot fail: nothing is sent without an outbox.
            let _ = self.note(joined, None);
        }
    }
}

fn credits(free_slots: u32) -> Message {
    Message::Credits(v1::Credits { free_slots })
}
