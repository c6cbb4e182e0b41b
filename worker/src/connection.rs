//! One stream to the coordinator: opening it, sending on it, and the reasons why it ends.

use std::time::Duration;

use impasto_proto::client::{self, ConnectError};
use impasto_proto::limits::MAX_LEASES;
use impasto_proto::v1::worker_message::Message;
use impasto_proto::v1::{CoordinatorMessage, WorkerMessage};
use impasto_proto::{FieldError, from_proto};
use impasto_types::{LeaseId, Order, Retries, WorkerName, error_text};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tracing::warn;

use crate::reconnect::RECONNECT;

/// The time within which a coordinator has to welcome a worker.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// The most messages that may wait to be sent. Beyond that the coordinator is considered gone.
const OUTBOX_MESSAGES: usize = 2 * MAX_LEASES;

const _: () = assert!(
    OUTBOX_MESSAGES > MAX_LEASES + 16,
    "reports for all leases may be sent at once, with heartbeats and credits"
);

/// Limits of the heartbeat interval that a coordinator may ask for.
const HEARTBEAT_MS: std::ops::RangeInclusive<u64> = 20..=60_000;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the coordinator closed the stream (it does so after missed heartbeats)")]
    Closed,
    #[error("the connection to the coordinator broke")]
    Failed(#[from] Status),
    /// The coordinator refused this worker; trying again would not help.
    #[error("the coordinator refused the worker")]
    Refused(#[source] Status),
    #[error("the coordinator did not welcome this worker in time")]
    NoWelcome,
    #[error("the coordinator sent a message that this worker cannot read")]
    Malformed(#[from] FieldError),
    #[error("the coordinator does not receive this worker's messages")]
    Stuck,
    /// No device is left, and no other worker will ever join.
    #[error("no device takes tasks any more")]
    NoDevice,
}

/// The sending half of a stream. Sending never waits, so a coordinator that does not read cannot
/// block the loop.
pub(crate) struct Outbox(mpsc::Sender<WorkerMessage>);

impl Outbox {
    /// An outbox and its receiver.
    pub(crate) fn new() -> (Self, mpsc::Receiver<WorkerMessage>) {
        let (sender, outgoing) = mpsc::channel(OUTBOX_MESSAGES);
        (Self(sender), outgoing)
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), Lost> {
        self.0.try_send(WorkerMessage { message: Some(message) }).map_err(|_| Lost::Stuck)
    }
}

/// Whether trying again would get the same answer.
fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied)
}

/// A stream that the coordinator has accepted.
pub(crate) struct Welcomed {
    pub(crate) inbound: Streaming<CoordinatorMessage>,
    pub(crate) heartbeat: Duration,
    /// This worker's name on the farm.
    pub(crate) name: WorkerName,
    /// Leases that are no longer this worker's.
    pub(crate) stale: Vec<LeaseId>,
}

/// Makes the first connection; after that the channel reconnects by itself. `None` if the worker is
/// shut down first.
pub(crate) async fn connect(
    coordinator: &str,
    shutdown: &CancellationToken,
) -> Result<Option<Channel>, ConnectError> {
    let mut retries = Retries::new(RECONNECT);
    loop {
        match shutdown.run_until_cancelled(client::connect(coordinator)).await {
            None => return Ok(None),
            Some(Ok(channel)) => return Ok(Some(channel)),
            Some(Err(error @ (ConnectError::Address { .. } | ConnectError::Tls { .. }))) => {
                return Err(error);
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

/// Opens the stream and waits for the coordinator's welcome.
pub(crate) async fn open(
    channel: Channel,
    outgoing: mpsc::Receiver<WorkerMessage>,
) -> Result<Welcomed, Lost> {
    let mut client = client::workers(channel);
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
    match from_proto::order(first)? {
        Some(Order::Welcome { epoch: _, heartbeat_ms, name, stale }) => {
            let heartbeat_ms = heartbeat_ms.clamp(*HEARTBEAT_MS.start(), *HEARTBEAT_MS.end());
            Ok(Welcomed { inbound, heartbeat: Duration::from_millis(heartbeat_ms), name, stale })
        }
        _ => Err(Lost::NoWelcome),
    }
}
