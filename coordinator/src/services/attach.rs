//! One worker's connection: what it says becomes the core's inputs, and the core's orders become
//! messages.

use std::time::Duration;

use impasto_core::{Input, LeaseOutcome};
use impasto_proto::limits::{MAX_DEVICES, MAX_LEASES};
use impasto_proto::v1::coordinator_message::Message as Outgoing;
use impasto_proto::v1::worker_message::Message as Incoming;
use impasto_proto::v1::{CoordinatorMessage, WorkerMessage};
use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{FailureKind, LeaseId, WorkerId};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::status::shutting_down;
use super::workers::WorkersService;
use crate::driver::{Introduction, ORDERS_QUEUED, Order};
use crate::wire;

/// How long a connection may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a message may wait for a worker that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection, from its first message on.
#[derive(Debug)]
pub(super) struct Attachment {
    service: WorkersService,
    incoming: Streaming<WorkerMessage>,
    out: mpsc::Sender<Result<CoordinatorMessage, Status>>,
}

/// How a connection ends.
enum End {
    /// The worker has gone, or reads no more.
    Gone,
    /// The core has dismissed it: a newer connection has its name, or it went silent.
    Dismissed,
    ShuttingDown,
    /// What it said is malformed.
    Refused(Status),
}

impl From<FieldError> for End {
    fn from(error: FieldError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<crate::driver::Stopped> for End {
    fn from(_: crate::driver::Stopped) -> Self {
        Self::ShuttingDown
    }
}

impl Attachment {
    pub(super) fn new(
        service: WorkersService,
        incoming: Streaming<WorkerMessage>,
        out: mpsc::Sender<Result<CoordinatorMessage, Status>>,
    ) -> Self {
        Self { service, incoming, out }
    }

    /// Serves the worker until one side ends it.
    pub(super) async fn serve(mut self) {
        let status = match self.talk().await {
            End::Gone => return,
            End::Dismissed => Status::aborted(
                "the connection was replaced by a newer one of this worker, or went silent",
            ),
            End::ShuttingDown => shutting_down(),
            End::Refused(status) => status,
        };
        // A worker that has gone learns it when it comes back.
        let _ = self.out.send_timeout(Err(status), SEND_TIMEOUT).await;
    }

    async fn talk(&mut self) -> End {
        let (orders, mut queue) = mpsc::channel(ORDERS_QUEUED);
        let worker = match self.introduce(orders).await {
            Ok(worker) => worker,
            Err(end) => return end,
        };
        let end = loop {
            let turn = tokio::select! {
                () = self.service.closing.cancelled() => Err(End::ShuttingDown),
                order = queue.recv() => match order {
                    Some(order) => self.pass_on(worker, order).await,
                    None => Err(End::Dismissed),
                },
                message = self.incoming.message() => match message {
                    Ok(Some(message)) => self.hear(worker, message).await,
                    Ok(None) | Err(_) => Err(End::Gone),
                },
            };
            if let Err(end) = turn {
                break end;
            }
        };
        if !matches!(end, End::ShuttingDown) {
            // Where the coordinator is shutting down, the worker comes back to the next one with
            // what it holds.
            let _ = self.service.driver.tell(Input::Disconnect { worker }).await;
        }
        end
    }

    async fn introduce(&mut self, orders: mpsc::Sender<Order>) -> Result<WorkerId, End> {
        let first = tokio::select! {
            () = self.service.closing.cancelled() => return Err(End::ShuttingDown),
            first = tokio::time::timeout(HELLO_TIMEOUT, self.incoming.message()) => first,
        };
        let first = first.map_err(|_| {
            End::Refused(Status::deadline_exceeded("there was no hello within ten seconds"))
        })?;
        let Ok(Some(WorkerMessage { message })) = first else { return Err(End::Gone) };
        let Some(Incoming::Hello(hello)) = message else {
            return Err(FieldError::missing("hello").into());
        };
        let hello = wire::hello(hello).map_err(|error| error.within("hello"))?;
        let introduction = Introduction {
            name: hello.name,
            capabilities: hello.capabilities,
            held: hello.held,
            orders,
        };
        Ok(self.service.driver.connect(introduction).await?)
    }

    async fn hear(&self, worker: WorkerId, message: WorkerMessage) -> Result<(), End> {
        match message.message.ok_or_else(|| FieldError::missing("message"))? {
            Incoming::Hello(_) => {
                Err(End::Refused(Status::invalid_argument("hello was said already")))
            }
            Incoming::Credits(v1::Credits { free_slots }) => {
                self.tell(Input::Credits { worker, free_slots }).await
            }
            Incoming::Heartbeat(heartbeat) => {
                let leases = from_proto::each(
                    "heartbeat.leases",
                    heartbeat.leases,
                    MAX_LEASES,
                    wire::lease_progress,
                )?;
                for (lease, progress) in leases {
                    self.tell(Input::Heartbeat { worker, lease, progress }).await?;
                }
                let devices = from_proto::each(
                    "heartbeat.devices",
                    heartbeat.devices,
                    MAX_DEVICES,
                    from_proto::device_health,
                )?;
                if devices.is_empty() {
                    Ok(())
                } else {
                    self.tell(Input::Health { worker, devices }).await
                }
            }
            Incoming::Report(report) => {
                let (lease, outcome) =
                    wire::report(report).map_err(|error| error.within("report"))?;
                let outcome = self.verified(outcome).await;
                self.tell(Input::Report { worker, lease, outcome }).await
            }
            Incoming::Draining(v1::Draining {}) => self.tell(Input::Drain { worker }).await,
        }
    }

    /// A success counts only where its picture has arrived.
    async fn verified(&self, outcome: LeaseOutcome) -> LeaseOutcome {
        let LeaseOutcome::Succeeded(result) = outcome else { return outcome };
        let absent = self.service.blobs.missing(result.blobs().collect()).await;
        let Some(missing) = result.outputs.iter().find(|output| absent.contains(&output.blob))
        else {
            return LeaseOutcome::Succeeded(result);
        };
        let message = format!(
            "the worker reported success, but its output {} ({}) is not in the store",
            missing.part,
            missing.blob.digest.short()
        );
        LeaseOutcome::Failed { kind: FailureKind::Transient, message }
    }

    async fn pass_on(&self, worker: WorkerId, order: Order) -> Result<(), End> {
        let message = match order {
            Order::Welcome { stale } => Outgoing::Welcome(v1::Welcome {
                epoch: self.service.epoch.0,
                heartbeat_ms: self.service.heartbeat_ms,
                stale: stale.iter().map(to_proto::lease).collect(),
            }),
            Order::Grant { lease, spec } => match self.service.task(lease, spec).await {
                Ok(task) => Outgoing::Grant(v1::Grant {
                    lease: Some(to_proto::lease(&lease)),
                    task: Some(task),
                }),
                Err(message) => return self.give_back(worker, lease, message).await,
            },
            Order::Revoke { lease } => {
                Outgoing::Revoke(v1::Revoke { lease: Some(to_proto::lease(&lease)) })
            }
            Order::Acknowledge { lease } => {
                Outgoing::Acknowledge(v1::Acknowledge { lease: Some(to_proto::lease(&lease)) })
            }
            Order::Drain => Outgoing::Drain(v1::DrainOrder {}),
        };
        let message = Ok(CoordinatorMessage { message: Some(message) });
        self.out.send_timeout(message, SEND_TIMEOUT).await.map_err(|_| End::Gone)
    }

    /// A task that cannot be read cannot be granted: its attempt has ended before the worker heard
    /// of it.
    async fn give_back(
        &self,
        worker: WorkerId,
        lease: LeaseId,
        message: String,
    ) -> Result<(), End> {
        let outcome = LeaseOutcome::Failed { kind: FailureKind::Transient, message };
        self.tell(Input::Report { worker, lease, outcome }).await
    }

    async fn tell(&self, input: Input) -> Result<(), End> {
        Ok(self.service.driver.tell(input).await?)
    }
}
