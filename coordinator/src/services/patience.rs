//! Peers, and how long streams wait for them.

use std::time::Duration;

use tokio::sync::mpsc;
use tonic::{Request, Status, Streaming};

/// How long a peer may take to send the next message of a stream, or to take one.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The address of the caller, for the log.
pub(super) fn peer_of<T>(request: &Request<T>) -> String {
    request.remote_addr().map_or_else(|| "unknown".to_owned(), |peer| peer.to_string())
}

/// The next message of a stream; `None` at its end. `doing` is for the log and the error, such as
/// "upload".
pub(super) async fn next<T>(
    stream: &mut Streaming<T>,
    doing: &str,
    peer: &str,
) -> Result<Option<T>, Status> {
    match tokio::time::timeout(PATIENCE, stream.message()).await {
        Ok(message) => message,
        Err(_) => {
            tracing::warn!(%peer, "an {doing} stood still and was ended");
            let seconds = PATIENCE.as_secs();
            Err(Status::deadline_exceeded(format!("the {doing} stood still for {seconds} s")))
        }
    }
}

/// Sends a message of a stream. Returns whether the peer took it in time.
pub(super) async fn send<T>(
    sink: &mpsc::Sender<Result<T, Status>>,
    message: Result<T, Status>,
    doing: &str,
    peer: &str,
) -> bool {
    match sink.send_timeout(message, PATIENCE).await {
        Ok(()) => true,
        Err(mpsc::error::SendTimeoutError::Closed(_)) => false,
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
            tracing::warn!(%peer, "nobody reads a {doing}; it was ended");
            false
        }
    }
}
