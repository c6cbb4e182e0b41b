//! One stream to the coordinator: how it is opened, what goes out, and why it ends.

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

/// A coordinator that accepts a stream says welcome within this time.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// Messages that wait for the network. A coordinator that lets so many pile up is taken for gone.
const OUTBOX_MESSAGES: usize = 2 * MAX_LEASES;

const _: () = assert!(
    OUTBOX_MESSAGES > MAX_LEASES + 16,
    "a report for every lease goes out at once, beside heartbeats and credits"
);

/// Heartbeats are never more often or rarer than this, whatever the coordinator says.
const HEARTBEAT_MS: std::ops::RangeInclusive<u64> = 20..=60_000;

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the coordinator closed the stream (it does so when it hears nothing for long)")]
    Closed,
    #[error("the connection to the coordinator broke")]
    Failed(#[from] Status),
    /// It does not want this worker, whose hello would be the same again.
    #[error("the coordinator refused the worker")]
    Refused(#[source] Status),
    #[error("the coordinator did not say welcome")]
    NoWelcome,
    #[error("the coordinator sent what this worker cannot read")]
    Malformed(#[from] FieldError),
    #[error("the coordinator does not take this worker's messages")]
    Stuck,
    /// Nobody else will ever paint what this worker cannot.
    #[error("no device takes tasks any more")]
    NoDevice,
}

/// The sending half of a stream. It never waits, so that a coordinator that does not read cannot
/// hold up the loop.
pub(crate) struct Outbox(mpsc::Sender<WorkerMessage>);

impl Outbox {
    /// An outbox, and what comes out of it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<WorkerMessage>) {
        let (sender, outgoing) = mpsc::channel(OUTBOX_MESSAGES);
        (Self(sender), outgoing)
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), Lost> {
        self.0.try_send(WorkerMessage { message: Some(message) }).map_err(|_| Lost::Stuck)
    }
}

/// Whether trying again would be met with the same answer.
fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied)
}

/// A stream that the coordinator has accepted.
pub(crate) struct Welcomed {
    pub(crate) inbound: Streaming<CoordinatorMessage>,
    pub(crate) heartbeat: Duration,
    /// What the farm calls this worker.
    pub(crate) name: WorkerName,
    /// Leases that are no longer this worker's.
    pub(crate) stale: Vec<LeaseId>,
}

/// The first connection; the channel finds its way back by itself after that. `None` where the
/// worker is shut down first.
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

/// Opens the stream and waits for the coordinator's first word.
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
