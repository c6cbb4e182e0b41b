//! Accepts connections, so that neither silent nor too many peers keep others out.
//!
//! A connection is silent until its peer has begun a request, which a client does at once. Silent
//! connections are few and short-lived: beyond a number, the oldest makes room. Afterwards the
//! server's pings find a peer that is gone.

mod opening;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use opening::Opening;

/// How long a peer may take to begin a request: several round trips to anywhere.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections may be silent at once: far more than connect at the same moment.
const MAX_SILENT: usize = 128;

/// How long to wait after an accept that failed, usually for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The least time between two lines about accepts that failed.
const ACCEPT_WARNINGS: Duration = Duration::from_secs(10);

/// How many descriptors a coordinator needs besides those of connections: for its store, its
/// runtime, and the blobs that it reads and writes at once.
const OTHER_DESCRIPTORS: usize = 40;

/// How many accepted connections wait for the server.
const ACCEPTED_AHEAD: usize = 16;

/// Accepts connections until `closing`.
pub(crate) fn accept(
    listener: TcpListener,
    max_connections: usize,
    closing: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (accepted, stream) = mpsc::channel(ACCEPTED_AHEAD);
    let affordable = descriptors().map_or(max_connections, affordable);
    if affordable < max_connections {
        tracing::warn!(
            max_connections,
            affordable,
            "the limit of open files is low for as many connections; raise it (ulimit -n)"
        );
    }
    let max_connections = max_connections.min(affordable);
    let open = Arc::new(Open { max_connections, state: Mutex::default() });
    tokio::spawn(async move {
        let mut failures = Failures::default();
        while let Some(next) = closing.run_until_cancelled(listener.accept()).await {
            let (stream, peer) = match next {
                Ok(next) => next,
                Err(error) => {
                    failures.note(&error);
                    open.evict_half_of_silent();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(connection) = open.admit(stream, peer) else {
                tracing::warn!(%peer, max_connections, "too many connections: one was refused");
                continue;
            };
            if accepted.send(Ok(connection)).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(stream)
}

/// How many connections a process can hold that may have `limit` descriptors.
fn affordable(limit: usize) -> usize {
    limit - (limit / 4).max(OTHER_DESCRIPTORS).min(limit / 2)
}

/// Accepts that failed, of which few are logged: without descriptors, they fail ten times a second.
#[derive(Debug, Default)]
struct Failures {
    warned: Option<Instant>,
    unsaid: u32,
}

impl Failures {
    fn note(&mut self, error: &io::Error) {
        self.unsaid += 1;
        if self.warned.is_some_and(|warned| warned.elapsed() < ACCEPT_WARNINGS) {
            return;
        }
        let failures = std::mem::take(&mut self.unsaid);
        tracing::warn!(%error, failures, "cannot accept connections");
        self.warned = Some(Instant::now());
    }
}

/// How many descriptors this process may have, as far as the system says.
fn descriptors() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The open connections.
#[derive(Debug)]
struct Open {
    max_connections: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    last: u64,
    /// The silent ones, oldest first, with what evicts them.
    silent: BTreeMap<u64, CancellationToken>,
}

impl Open {
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) -> Option<Connection> {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        let mut state = self.lock();
        let is_full = state.open >= self.max_connections;
        if is_full || state.silent.len() >= MAX_SILENT {
            match state.silent.pop_first() {
                Some((_, oldest)) => oldest.cancel(),
                None => return None,
            }
        }
        state.open += 1;
        state.last += 1;
        let evicted = CancellationToken::new();
        let number = state.last;
        state.silent.insert(number, evicted.clone());
        let silence = Silence {
            deadline: Box::pin(tokio::time::sleep(REQUEST_TIMEOUT)),
            evicted: Box::pin(evicted.cancelled_owned()),
            opening: Opening::default(),
        };
        let ticket = Ticket { open: Arc::clone(self), number };
        Some(Connection { stream, peer, silence: Some(silence), ticket })
    }

    /// Closes the older half of the silent connections: they may hold what the others lack. A
    /// client is silent only for a moment, so it is hardly among them.
    fn evict_half_of_silent(&self) {
        let mut state = self.lock();
        for _ in 0..state.silent.len().div_ceil(2) {
            let oldest = state.silent.pop_first();
            oldest.into_iter().for_each(|(_, oldest)| oldest.cancel());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the open connections, until it is dropped.
#[derive(Debug)]
struct Ticket {
    open: Arc<Open>,
    number: u64,
}

impl Ticket {
    fn is_silent_no_more(&self) {
        self.open.lock().silent.remove(&self.number);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.is_silent_no_more();
        self.open.lock().open -= 1;
    }
}

/// An accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    /// `None` once a request has begun.
    silence: Option<Silence>,
    ticket: Ticket,
}

/// Until when a connection may be silent.
#[derive(Debug)]
struct Silence {
    deadline: Pin<Box<Sleep>>,
    evicted: Pin<Box<WaitForCancellationFutureOwned>>,
    opening: Opening,
}

impl Silence {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        if self.deadline.as_mut().poll(cx).is_ready() {
            Poll::Ready("it sent no request in time")
        } else {
            self.evicted.as_mut().poll(cx).map(|()| "others needed its place")
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Self { silence, peer, ticket, .. } = &mut *self;
        let Some(silent) = silence else { return polled };
        if polled.is_pending() {
            let why = ready!(silent.poll_end(cx));
            tracing::warn!(%peer, "a silent connection was closed: {why}");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        if silent.opening.has_request(&buffer.filled()[before..]) {
            ticket.is_silent_no_more();
            *silence = None;
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_share_of_the_descriptors() {
        for (limit, expected) in [(0, 0), (64, 32), (100, 60), (1024, 768), (1 << 20, 786_432)] {
            assert_eq!(affordable(limit), expected, "{limit}");
        }
    }
}
