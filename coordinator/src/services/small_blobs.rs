//! Many small blobs in one call.

use std::sync::Arc;

use bytes::Bytes;
use impasto_blobs::{BlobStore, BlobStoreError};
use impasto_proto::limits::{SMALL_BLOB_BYTES, SMALL_BLOBS};
use impasto_proto::v1::{
    Blob, DownloadSmallRequest, DownloadSmallResponse, SmallBlob, UploadSmallRequest,
};
use impasto_proto::{FieldError, from_proto, to_proto};
use impasto_types::BlobRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::patience::{PATIENCE, next};
use super::status::of_blob_store;
use crate::room::Room;

/// What the messages of all downloads take together, before their connections take them.
const SHARED_BYTES: usize = 32 << 20;

/// The size of a download's first message. Further ones grow while the client reads.
const FIRST_MESSAGE_BYTES: u64 = 16 << 10;

/// Receives and stores blobs. Returns those that are refused.
pub(super) async fn take(
    blobs: &BlobStore,
    room: &Room,
    mut messages: Streaming<UploadSmallRequest>,
    peer: &str,
) -> Result<Vec<Blob>, Status> {
    let (mut received, mut refused) = (0, Vec::new());
    while let Some(message) = next(&mut messages, "upload", peer).await? {
        let limit = SMALL_BLOBS - received;
        let message = from_proto::each("blobs", message.blobs, limit, small_blob)?;
        received += message.len();
        room.check(message.iter().map(|(blob, _)| blob.size_bytes).sum())?;
        let names: Vec<BlobRef> = message.iter().map(|(blob, _)| *blob).collect();
        for (blob, stored) in names.iter().zip(blobs.put_all(message).await) {
            match stored {
                Ok(()) => {}
                Err(
                    BlobStoreError::TooLarge { .. }
                    | BlobStoreError::Length { .. }
                    | BlobStoreError::Content { .. },
                ) => refused.push(to_proto::blob(blob)),
                // The store's own trouble.
                Err(error) => return Err(of_blob_store(error)),
            }
        }
    }
    Ok(refused)
}

fn small_blob(message: SmallBlob) -> Result<(BlobRef, Bytes), FieldError> {
    let blob = from_proto::required("blob", message.blob, from_proto::blob)?;
    Ok((check_small(blob)?, message.data))
}

/// The blobs that a request asks for.
pub(super) fn wanted(request: DownloadSmallRequest) -> Result<Vec<BlobRef>, FieldError> {
    from_proto::each("blobs", request.blobs, SMALL_BLOBS, |blob| {
        from_proto::blob(blob).and_then(check_small)
    })
}

fn check_small(blob: BlobRef) -> Result<BlobRef, FieldError> {
    if blob.size_bytes > SMALL_BLOB_BYTES as u64 {
        let limit = format_args!("at most {SMALL_BLOB_BYTES}");
        return Err(FieldError::out_of_range("size_bytes", blob.size_bytes, limit));
    }
    Ok(blob)
}

/// The open downloads of small blobs.
#[derive(Debug, Clone)]
pub(crate) struct SmallDownloads {
    /// A permit for each kilobyte that a message may take.
    room: Arc<Semaphore>,
}

impl Default for SmallDownloads {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(SHARED_BYTES >> 10)) }
    }
}

impl SmallDownloads {
    /// Sends the blobs that can be read. Where clients that do not read have taken the shared
    /// memory, it ends early, and what is left out is asked for blob by blob.
    pub(super) fn start(
        &self,
        blobs: BlobStore,
        wanted: Vec<BlobRef>,
        peer: String,
    ) -> ReceiverStream<Result<DownloadSmallResponse, Status>> {
        let (messages, stream) = mpsc::channel(1);
        tokio::spawn(send_all(self.clone(), blobs, wanted, messages, peer));
        ReceiverStream::new(stream)
    }

    fn room_for(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let kilobytes = u32::try_from(bytes.div_ceil(1 << 10)).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(kilobytes).ok()
    }
}

async fn send_all(
    downloads: SmallDownloads,
    blobs: BlobStore,
    mut wanted: Vec<BlobRef>,
    messages: mpsc::Sender<Result<DownloadSmallResponse, Status>>,
    peer: String,
) {
    // The smallest first, so that a client that does not read takes little. Taken from the end.
    wanted.sort_unstable_by_key(|blob| std::cmp::Reverse(blob.size_bytes));
    let mut full_bytes = FIRST_MESSAGE_BYTES;
    let mut _held = None;
    while !wanted.is_empty() {
        // Read only once the message before has gone to the connection.
        let place = match tokio::time::timeout(PATIENCE, messages.reserve()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::warn!(%peer, "nobody reads a download; it was ended");
                return;
            }
        };
        _held = None;
        let part = next_part(&mut wanted, full_bytes);
        full_bytes = (2 * full_bytes).min(SMALL_BLOB_BYTES as u64);
        let Some(room) = downloads.room_for(part.iter().map(|blob| blob.size_bytes).sum()) else {
            return;
        };
        _held = Some(room);
        let read = blobs.read_all(part.clone()).await;
        let found = part.iter().zip(read).filter_map(|(blob, read)| {
            // Who asks for a blob by itself is told why it cannot be read.
            let data = read.ok()?.into();
            Some(SmallBlob { blob: Some(to_proto::blob(blob)), data })
        });
        place.send(Ok(DownloadSmallResponse { blobs: found.collect() }));
    }
}

/// Takes blobs for one message from the end of `wanted`: at least one.
fn next_part(wanted: &mut Vec<BlobRef>, full_bytes: u64) -> Vec<BlobRef> {
    let (mut part, mut bytes) = (Vec::new(), 0);
    while let Some(next) = wanted.last() {
        bytes += next.size_bytes;
        if bytes > full_bytes && !part.is_empty() {
            break;
        }
        part.extend(wanted.pop());
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_bounded() {
        let blob = |size_bytes| BlobRef { size_bytes, ..BlobRef::of(b"") };
        let mut wanted = [900, 500, 400, 100, 0, 0].map(blob).to_vec();
        let mut sizes = Vec::new();
        while !wanted.is_empty() {
            sizes.push(next_part(&mut wanted, 500).len());
        }
        assert_eq!(sizes, [4, 1, 1]);
    }

    #[test]
    fn downloads_share_their_memory() {
        let downloads = SmallDownloads::default();
        let room = |bytes| downloads.room_for(bytes);
        let half = room(SHARED_BYTES as u64 / 2).expect("it is free");
        assert!(room(SHARED_BYTES as u64 / 2 + 1).is_none());
        let rest = room(SHARED_BYTES as u64 / 2).expect("it is free");
        assert!(room(1).is_none() && room(0).is_some());
        drop((half, rest));
        assert!(room(SHARED_BYTES as u64).is_some());
    }
}
