//! Downloads to clients that read as fast as they like, or not at all.
//!
//! A chunk is read from the disk only when the one before it has gone to the connection, so an
//! unread download holds three: one before the connection, one that waits in it, and one that is
//! partly sent. Chunks are small at first, and grow as long as the client reads and few others do.

use std::sync::Arc;

use impasto_blobs::{BlobSource, CHUNK_BYTES};
use impasto_proto::limits;
use impasto_proto::v1::DownloadResponse;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::patience::{PATIENCE, send};
use super::status::of_blob_store;

/// A chunk of a blob is sent as one message.
const _: () = assert!(CHUNK_BYTES <= limits::CHUNK_BYTES);

/// What the chunks before the connections of all downloads take together.
const SHARED_BYTES: usize = 4 << 20;

/// Smaller chunks cost more time than they save memory: with its frame, one takes the 8 KiB that
/// the connection has for a message at least.
const LEAST_CHUNK_BYTES: usize = 7 << 10;

/// The open downloads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Downloads {
    /// Each of them has a clone.
    open: Arc<()>,
}

pub(super) type Chunks = ReceiverStream<Result<DownloadResponse, Status>>;

impl Downloads {
    /// Starts to send a blob.
    pub(super) fn start(&self, source: BlobSource, peer: String) -> Chunks {
        let (chunks, stream) = mpsc::channel(1);
        let download = Download { open: Arc::clone(&self.open), chunks, peer };
        tokio::spawn(download.send_all(source));
        ReceiverStream::new(stream)
    }
}

struct Download {
    open: Arc<()>,
    chunks: mpsc::Sender<Result<DownloadResponse, Status>>,
    peer: String,
}

impl Download {
    /// Sends a blob until it ends, turns out to be corrupt, or the receiver is gone.
    async fn send_all(self, mut source: BlobSource) {
        loop {
            let room = match tokio::time::timeout(PATIENCE, self.chunks.reserve()).await {
                Ok(Ok(room)) => room,
                Ok(Err(_)) => return,
                Err(_) => {
                    tracing::warn!(peer = self.peer, "nobody reads a download; it was ended");
                    return;
                }
            };
            source.limit_chunks(largest_chunk(Arc::strong_count(&self.open)));
            match source.next_chunk().await {
                Ok(Some((data, rest))) => {
                    source = rest;
                    room.send(Ok(DownloadResponse { data }));
                }
                Ok(None) => return,
                Err(error) => {
                    drop(room);
                    // The receiver may be gone.
                    let status = of_blob_store(error);
                    send(&self.chunks, Err(status), "download", &self.peer).await;
                    return;
                }
            }
        }
    }
}

fn largest_chunk(downloads: usize) -> usize {
    (SHARED_BYTES / downloads.max(1)).clamp(LEAST_CHUNK_BYTES, CHUNK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_many_downloads_are_small() {
        assert_eq!(largest_chunk(0), CHUNK_BYTES);
        assert_eq!(largest_chunk(10), CHUNK_BYTES);
        assert!(largest_chunk(500) * 500 <= SHARED_BYTES);
        assert_eq!(largest_chunk(usize::MAX), LEAST_CHUNK_BYTES);
    }
}
