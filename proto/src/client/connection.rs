//! One connection to a coordinator.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use crate::limits::MAX_MESSAGE_BYTES;
use crate::v1::jobs_client::JobsClient;
use crate::v1::workers_client::WorkersClient;

/// A reachable machine answers in milliseconds; the rest is for slow name servers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A ping this often keeps firewalls from forgetting a quiet connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// A peer that does not answer a ping within this time is considered gone.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("`{url}` is not a coordinator's address; write it like http://host:7421")]
    Address { url: String, source: tonic::transport::Error },
    #[error("`{url}` asks for TLS, which this version does not speak; write it with http://")]
    Tls { url: String },
    #[error("there is no coordinator at {url}; is it running, and is this its address?")]
    Unreachable { url: String, source: tonic::transport::Error },
}

/// Connects to the coordinator at `url`: `http://host:port`, or `host:port` for short.
///
/// # Errors
/// If `url` is not an address, or nothing accepts the connection within a few seconds. Whether a
/// coordinator accepted it shows at the first call.
pub async fn connect(url: &str) -> Result<Channel, ConnectError> {
    let url = full(url);
    if url.starts_with("https://") {
        return Err(ConnectError::Tls { url });
    }
    let endpoint = Endpoint::from_shared(url.clone())
        .map_err(|source| ConnectError::Address { url: url.clone(), source })?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    endpoint.connect().await.map_err(|source| ConnectError::Unreachable { url, source })
}

/// The address with its scheme.
pub(super) fn full(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// A client of the `Jobs` service, with the limits on messages.
pub fn jobs(channel: Channel) -> JobsClient<Channel> {
    JobsClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

/// A client of the `Workers` service, with the limits on messages.
pub fn workers(channel: Channel) -> WorkersClient<Channel> {
    WorkersClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}
