//! Transfers blobs to and from a coordinator, in chunks, and verifies digest and length.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use impasto_files::{AtomicFile, Durability};
use impasto_types::{BlobRef, Digest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::in_time::{due, in_time, while_it_moves};
use crate::limits::{CHUNK_BYTES, DIGESTS_PER_MESSAGE, INITIAL_CAPACITY_BYTES, MAX_MESSAGE_BYTES};
use crate::v1::blobs_client::BlobsClient;
use crate::v1::upload_request::Part;
use crate::v1::{DownloadRequest, FindMissingRequest, UploadRequest};
use crate::{FieldError, from_proto, to_proto};

/// The number of chunks that are read ahead of the network.
const CHUNKS_AHEAD: usize = 4;

/// The blob store of a remote coordinator.
#[derive(Debug, Clone)]
pub struct Blobs {
    client: BlobsClient<Channel>,
}

/// Why a blob was not transferred.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the coordinator has no blob {}", digest.short())]
    Missing { digest: Digest },
    #[error("blob {} arrived with other bytes: {received} of {expected} bytes, digest {}",
        digest.short(), actual.short())]
    Corrupt { digest: Digest, actual: Digest, expected: u64, received: u64 },
    #[error("the coordinator sent more than the {expected} bytes of blob {}", digest.short())]
    TooLong { digest: Digest, expected: u64 },
    #[error("cannot {action} blob {}", digest.short())]
    Call { action: &'static str, digest: Digest, source: Status },
    #[error("cannot ask the coordinator which blobs it lacks")]
    FindMissing { source: Status },
    #[error("the coordinator's answer is malformed")]
    Answer(#[from] FieldError),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Blobs {
    pub fn new(channel: Channel) -> Self {
        let client = BlobsClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { client }
    }

    pub(super) fn client(&self) -> BlobsClient<Channel> {
        self.client.clone()
    }

    /// Those of `blobs` that the coordinator lacks.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn find_missing(&self, blobs: &[BlobRef]) -> Result<Vec<BlobRef>, BlobError> {
        let mut missing = Vec::new();
        for part in blobs.chunks(DIGESTS_PER_MESSAGE) {
            let request = FindMissingRequest { blobs: part.iter().map(to_proto::blob).collect() };
            let mut client = self.client.clone();
            let answer = in_time(part.len(), client.find_missing(request))
                .await
                .map_err(|source| BlobError::FindMissing { source })?;
            missing.extend(from_proto::each(
                "missing",
                answer.missing,
                part.len(),
                from_proto::blob,
            )?);
        }
        Ok(missing)
    }

    /// Uploads bytes that are in memory.
    ///
    /// # Errors
    /// If the call fails, or `bytes` do not match `blob`.
    pub async fn upload(&self, blob: BlobRef, bytes: Bytes) -> Result<(), BlobError> {
        let (parts, stream) = mpsc::channel(CHUNKS_AHEAD);
        let feeder = tokio::spawn(async move {
            let mut rest = bytes;
            while !rest.is_empty() {
                let chunk = rest.split_to(rest.len().min(CHUNK_BYTES));
                if parts.send(data(chunk)).await.is_err() {
                    break; // The coordinator has already answered.
                }
            }
        });
        let sent = self.send(blob, stream).await;
        feeder.abort();
        sent
    }

    /// Uploads a file in chunks.
    ///
    /// # Errors
    /// If the file cannot be read, the call fails, or the file's bytes do not match `blob`.
    pub async fn upload_file(&self, blob: BlobRef, path: &Path) -> Result<(), BlobError> {
        let unreadable = |source| BlobError::Read { path: path.to_owned(), source };
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let (parts, stream) = mpsc::channel(CHUNKS_AHEAD);
        let feeder = tokio::spawn(feed(file, blob.size_bytes, parts));
        let sent = self.send(blob, stream).await;
        if sent.is_ok() {
            feeder.abort();
            return Ok(());
        }
        // If the file could not be read, the coordinator only sees a truncated blob, so prefer the
        // error of the file.
        match feeder.await {
            Ok(Err(source)) => Err(unreadable(source)),
            _ => sent,
        }
    }

    /// Downloads a blob into memory; verifies its digest and length.
    ///
    /// # Errors
    /// If the coordinator has no such blob, the call fails or the bytes are wrong.
    pub async fn download(&self, blob: BlobRef) -> Result<Vec<u8>, BlobError> {
        let announced = usize::try_from(blob.size_bytes).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(announced.min(INITIAL_CAPACITY_BYTES));
        // Writing to a `Vec` does not fail, so this path is never shown.
        self.receive(blob, &mut bytes, Path::new("memory")).await?;
        Ok(bytes)
    }

    /// Downloads a blob into a file, which is written atomically; verifies its digest and length.
    ///
    /// # Errors
    /// As [`Self::download`], or if the file cannot be written.
    pub async fn download_to(&self, blob: BlobRef, path: &Path) -> Result<(), BlobError> {
        let unwritable = |source| BlobError::Write { path: path.to_owned(), source };
        let temporary = AtomicFile::beside(path).map_err(unwritable)?;
        let sink = temporary.as_file().try_clone().map_err(unwritable)?;
        let mut sink = tokio::fs::File::from_std(sink);
        self.receive(blob, &mut sink, path).await?;
        // Closed before the rename.
        drop(sink.into_std().await);
        let target = path.to_owned();
        let persist = move || temporary.persist(&target, Durability::Content);
        tokio::task::spawn_blocking(persist)
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(unwritable)
    }

    /// One `Upload` call: `start`, then the messages from `chunks`.
    async fn send(
        &self,
        blob: BlobRef,
        chunks: mpsc::Receiver<UploadRequest>,
    ) -> Result<(), BlobError> {
        let start = UploadRequest { part: Some(Part::Start(to_proto::blob(&blob))) };
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let parts = tokio_stream::once(start).chain(ReceiverStream::new(chunks)).map(move |part| {
            count.fetch_add(1, Ordering::Relaxed);
            part
        });
        let sent = while_it_moves(&taken, self.client.clone().upload(parts)).await;
        sent.map(|_| ()).map_err(|source| BlobError::Call {
            action: "upload",
            digest: blob.digest,
            source,
        })
    }

    /// One `Download` call into `sink`, which is flushed; errors name `path`.
    async fn receive(
        &self,
        blob: BlobRef,
        sink: &mut (impl AsyncWrite + Unpin),
        path: &Path,
    ) -> Result<(), BlobError> {
        let digest = blob.digest;
        let failed = |source: Status| match source.code() {
            Code::NotFound => BlobError::Missing { digest },
            _ => BlobError::Call { action: "download", digest, source },
        };
        let unwritable = |source| BlobError::Write { path: path.to_owned(), source };
        let request = DownloadRequest { blob: Some(to_proto::blob(&blob)) };
        let mut client = self.client.clone();
        let mut answers = in_time(0, client.download(request)).await.map_err(failed)?;
        let (mut hasher, mut received) = (blake3::Hasher::new(), 0_u64);
        while let Some(answer) = due(answers.message()).await.map_err(failed)? {
            received += answer.data.len() as u64;
            if received > blob.size_bytes {
                return Err(BlobError::TooLong { digest, expected: blob.size_bytes });
            }
            hasher.update(&answer.data);
            sink.write_all(&answer.data).await.map_err(unwritable)?;
        }
        let actual = Digest::of_hasher(&hasher);
        if actual != digest || received != blob.size_bytes {
            return Err(BlobError::Corrupt { digest, actual, expected: blob.size_bytes, received });
        }
        sink.flush().await.map_err(unwritable)
    }
}

fn data(chunk: Bytes) -> UploadRequest {
    UploadRequest { part: Some(Part::Data(chunk)) }
}

/// Reads at most one byte more than `size_bytes`, so that a file that grew is refused instead of
/// truncated.
async fn feed(
    reader: impl AsyncRead + Unpin,
    size_bytes: u64,
    parts: mpsc::Sender<UploadRequest>,
) -> io::Result<()> {
    let mut reader = reader.take(size_bytes.saturating_add(1));
    loop {
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
        while chunk.len() < CHUNK_BYTES && reader.read_buf(&mut chunk).await? > 0 {}
        if chunk.is_empty() || parts.send(data(chunk.freeze())).await.is_err() {
            return Ok(());
        }
    }
}
