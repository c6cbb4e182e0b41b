//! Time limits of calls. An open connection says little: a stopped process accepts it, and so does
//! any other service.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tonic::{Response, Status};

/// How long a coordinator has to show that it is there, from the look-up of its name to its first
/// answer. It takes milliseconds; the rest is for slow name servers and busy machines.
pub(super) const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a coordinator may take to answer a call, whatever it is about.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What it gets for each task, digest or blob of the call: a file on a slow disk.
const ITEM_TIMEOUT: Duration = Duration::from_millis(5);

/// How long a transfer may stand still, as the coordinator's own limit.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The answer to a call about this many items.
///
/// # Errors
/// The call's own error, or `Unavailable` if there is no answer in time.
pub(super) async fn in_time<T>(
    items: usize,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Status> {
    let items = ITEM_TIMEOUT.saturating_mul(u32::try_from(items).unwrap_or(u32::MAX));
    within(CALL_TIMEOUT.saturating_add(items), call).await.map(Response::into_inner)
}

/// The next message of a stream that has something to send.
///
/// # Errors
/// The stream's own error, or `Unavailable` if it stands still.
pub(super) async fn due<T>(
    message: impl Future<Output = Result<Option<T>, Status>>,
) -> Result<Option<T>, Status> {
    within(STALL_TIMEOUT, message).await
}

/// The answer to a call that sends a stream, of which `taken` counts the messages that have left.
///
/// # Errors
/// The call's own error, or `Unavailable` if it stands still.
pub(super) async fn while_it_moves<T>(
    taken: &AtomicU64,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let mut call = pin!(call);
    let mut before = taken.load(Ordering::Relaxed);
    loop {
        match timeout(STALL_TIMEOUT, &mut call).await {
            Ok(answer) => return answer,
            Err(_) => match taken.load(Ordering::Relaxed) {
                now if now == before => return Err(silence(STALL_TIMEOUT)),
                now => before = now,
            },
        }
    }
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    timeout(limit, answer).await.unwrap_or_else(|_| Err(silence(limit)))
}

fn silence(limit: Duration) -> Status {
    Status::unavailable(format!("no answer within {} s", limit.as_secs()))
}
