//! One worker's connection: converts its messages to inputs of the core, and the core's orders to
//! messages.

use std::collections::BTreeMap;
use std::time::Duration;

use impasto_core::Input;
use impasto_proto::v1::worker_message::Message as Incoming;
use impasto_proto::v1::{CoordinatorMessage, WorkerMessage};
use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{
    BlobRef, Digest, FailureKind, LeaseId, LeaseOutcome, Order, TaskResult, WorkerId, error_text,
};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tonic::{Status, Streaming};

use super::context::WorkerContext;
use super::status::shutting_down;
use crate::driver::{Introduction, ORDERS_QUEUED};
use crate::task_specs::TaskSpecsError;

/// How long a connection may take to send its hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a message may wait for a worker that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection of a worker.
#[derive(Debug)]
pub(super) struct Attachment {
    context: WorkerContext,
    incoming: Streaming<WorkerMessage>,
    out: mpsc::Sender<Result<CoordinatorMessage, Status>>,
    peer: String,
    /// The lists of the jobs whose tasks were granted on this connection.
    granted: BTreeMap<LeaseId, Digest>,
    /// Results that are being looked at. They end with the connection: a worker repeats its reports
    /// on the next one.
    looks: JoinSet<LeaseOutcome>,
    looked_at: BTreeMap<LeaseId, Id>,
}

/// Why a connection ends.
enum End {
    /// The worker has disconnected, or does not read.
    Gone,
    /// The core has dismissed it, because a newer connection has its name or it went silent.
    Dismissed,
    ShuttingDown,
    /// A message was malformed.
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
        context: WorkerContext,
        incoming: Streaming<WorkerMessage>,
        out: mpsc::Sender<Result<CoordinatorMessage, Status>>,
        peer: String,
    ) -> Self {
        let (granted, looks, looked_at) = (BTreeMap::new(), JoinSet::new(), BTreeMap::new());
        Self { context, incoming, out, peer, granted, looks, looked_at }
    }

    /// Serves the worker until one side ends it.
    pub(super) async fn serve(mut self) {
        let status = match self.talk().await {
            End::Gone => return,
            End::Dismissed => Status::aborted(
                "the connection was replaced by a newer one of this worker, or went silent",
            ),
            End::ShuttingDown => shutting_down(),
            End::Refused(status) => {
                let (peer, reason) = (&self.peer, status.message());
                tracing::warn!(peer, reason, "a worker was refused");
                status
            }
        };
        // A worker that is gone learns the state when it reconnects.
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
                () = self.context.closing.cancelled() => Err(End::ShuttingDown),
                order = queue.recv() => match order {
                    Some(order) => self.pass_on(worker, order).await,
                    None => Err(End::Dismissed),
                },
                message = self.incoming.message() => match message {
                    Ok(Some(message)) => self.hear(worker, message).await,
                    Ok(None) | Err(_) => Err(End::Gone),
                },
                Some(looked) = self.looks.join_next_with_id() => {
                    self.looked(worker, looked).await
                }
            };
            if let Err(end) = turn {
                break end;
            }
        };
        if !matches!(end, End::ShuttingDown) {
            // If the coordinator is shutting down, the worker reconnects to the next one with its
            // leases.
            let _ = self.context.driver.tell(Input::Disconnect { worker }).await;
        }
        end
    }

    async fn introduce(&mut self, orders: mpsc::Sender<Order<Digest>>) -> Result<WorkerId, End> {
        let first = tokio::select! {
            () = self.context.closing.cancelled() => return Err(End::ShuttingDown),
            first = tokio::time::timeout(HELLO_TIMEOUT, self.incoming.message()) => first,
        };
        let first = first.map_err(|_| {
            End::Refused(Status::deadline_exceeded("there was no hello within ten seconds"))
        })?;
        let Ok(Some(WorkerMessage { message })) = first else { return Err(End::Gone) };
        let Some(Incoming::Hello(hello)) = message else {
            return Err(FieldError::missing("hello").into());
        };
        let hello = from_proto::hello(hello).map_err(|error| error.within("hello"))?;
        let peer = self.peer.clone();
        Ok(self.context.driver.connect(Introduction { hello, orders, peer }).await?)
    }

    async fn hear(&mut self, worker: WorkerId, message: WorkerMessage) -> Result<(), End> {
        match message.message.ok_or_else(|| FieldError::missing("message"))? {
            Incoming::Hello(_) => {
                Err(End::Refused(Status::invalid_argument("hello was sent before")))
            }
            Incoming::Credits(v1::Credits { free_slots }) => {
                self.tell(Input::Credits { worker, free_slots }).await
            }
            Incoming::Heartbeat(heartbeat) => {
                let (leases, devices) =
                    from_proto::heartbeat(heartbeat).map_err(|error| error.within("heartbeat"))?;
                for (lease, progress) in leases {
                    self.tell(Input::Heartbeat { worker, lease, progress }).await?;
                }
                if devices.is_empty() {
                    Ok(())
                } else {
                    self.tell(Input::Health { worker, devices }).await
                }
            }
            Incoming::Report(report) => {
                let (lease, outcome) =
                    from_proto::report(report).map_err(|error| error.within("report"))?;
                let outcome = match outcome {
                    Ok(LeaseOutcome::Starved { missing }) => self.starved(missing).await,
                    Ok(LeaseOutcome::Succeeded(result)) => {
                        return self.look(worker, lease, result).await;
                    }
                    Ok(outcome) => outcome,
                    Err(error) => unreadable(error),
                };
                self.granted.remove(&lease);
                self.tell(Input::Report { worker, lease, outcome }).await
            }
            Incoming::Draining(v1::Draining {}) => {
                self.tell(Input::Drain { worker, now: false }).await
            }
        }
    }

    /// Begins to look at the result of a success, which counts only if it is what its action asks
    /// for. Meanwhile the worker is heard.
    async fn look(
        &mut self,
        worker: WorkerId,
        lease: LeaseId,
        result: TaskResult,
    ) -> Result<(), End> {
        if self.looked_at.contains_key(&lease) {
            // The worker repeats its report, so it is still there.
            return self.tell(Input::Heartbeat { worker, lease, progress: None }).await;
        }
        let list = match self.granted.remove(&lease) {
            Some(list) => Some(list),
            // It was granted on an earlier connection.
            None => self.context.driver.watch(lease.job).await?.map(|watch| watch.view.spec),
        };
        let Some(list) = list else {
            // Nor does the core know the job; it acknowledges the report.
            let outcome = LeaseOutcome::Returned { checkpoint: None };
            return self.tell(Input::Report { worker, lease, outcome }).await;
        };
        let context = self.context.clone();
        let look = self.looks.spawn(async move {
            match context.action(lease, list).await {
                Ok(action) => context.results.look(&action, result).await,
                Err(error) => {
                    let (kind, message) = (FailureKind::Coordinator, error_text(&error));
                    LeaseOutcome::Failed { kind, message }
                }
            }
        });
        self.looked_at.insert(lease, look.id());
        Ok(())
    }

    /// Passes on what a look at a result has found.
    async fn looked(
        &mut self,
        worker: WorkerId,
        looked: Result<(Id, LeaseOutcome), JoinError>,
    ) -> Result<(), End> {
        let (id, outcome) = looked.unwrap_or_else(|error| {
            let message = "the coordinator could not look at the worker's result".to_owned();
            (error.id(), LeaseOutcome::Failed { kind: FailureKind::Coordinator, message })
        });
        let lease = self.looked_at.iter().find(|(_, other)| **other == id).map(|(lease, _)| *lease);
        let Some(lease) = lease else { return Ok(()) };
        self.looked_at.remove(&lease);
        self.tell(Input::Report { worker, lease, outcome }).await
    }

    /// Inputs may have been sent again since the worker looked.
    async fn starved(&self, missing: Vec<BlobRef>) -> LeaseOutcome {
        let missing = self.context.blobs.missing(missing).await;
        if missing.is_empty() {
            let message = "inputs were missing, but are there again".to_owned();
            return LeaseOutcome::Failed { kind: FailureKind::Coordinator, message };
        }
        LeaseOutcome::Starved { missing }
    }

    async fn pass_on(&mut self, worker: WorkerId, order: Order<Digest>) -> Result<(), End> {
        let order = match order {
            Order::Grant(grant) => match self.context.task(grant.lease, grant.task).await {
                Ok(task) => {
                    self.granted.insert(grant.lease, grant.task);
                    Order::Grant(grant.with(task))
                }
                Err(error) => return self.not_sent(worker, grant.lease, &error).await,
            },
            Order::Welcome { epoch, heartbeat_ms, name, stale } => {
                Order::Welcome { epoch, heartbeat_ms, name, stale }
            }
            Order::Revoke { lease } => Order::Revoke { lease },
            Order::Acknowledge { lease } => Order::Acknowledge { lease },
            Order::Drain => Order::Drain,
        };
        let message = Ok(to_proto::order(order));
        self.out.send_timeout(message, SEND_TIMEOUT).await.map_err(|_| End::Gone)
    }

    /// Takes a grant back whose task cannot be read.
    async fn not_sent(
        &self,
        worker: WorkerId,
        lease: LeaseId,
        error: &TaskSpecsError,
    ) -> Result<(), End> {
        let (fault, message) = (error.fault(), error_text(error));
        self.tell(Input::TaskListUnreadable { worker, lease, fault, message }).await
    }

    async fn tell(&self, input: Input) -> Result<(), End> {
        Ok(self.context.driver.tell(input).await?)
    }
}

/// A report with an unreadable outcome counts as a failed attempt and is acknowledged; otherwise
/// the worker would repeat it forever.
fn unreadable(error: FieldError) -> LeaseOutcome {
    let message = format!("the coordinator cannot read the worker's report: {error}");
    LeaseOutcome::Failed { kind: FailureKind::Transient, message }
}
