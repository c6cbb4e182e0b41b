//! Transfers many small blobs in few calls: a call of its own would cost more than such a blob.
//!
//! A coordinator of an older version has no such calls. Then, and for blobs that are large, refused
//! or missing, each blob is transferred by itself, which also gives the exact error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use impasto_types::{BlobRef, Digest};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::blobs::{BlobError, Blobs};
use super::farm_error::is_connection;
use super::in_time::{due, in_time, while_it_moves};
use crate::limits::{SMALL_BLOB_BYTES, SMALL_BLOBS};
use crate::v1::{DownloadSmallRequest, SmallBlob, UploadSmallRequest};
use crate::{from_proto, to_proto};

/// How many messages are read ahead of the network.
const MESSAGES_AHEAD: usize = 2;

impl Blobs {
    /// Downloads blobs into memory; verifies their digests and lengths. The results have the order
    /// of `blobs`, and the errors are those of [`Self::download`].
    pub async fn download_all(&self, blobs: &[BlobRef]) -> Vec<Result<Vec<u8>, BlobError>> {
        let small: BTreeSet<BlobRef> = blobs.iter().copied().filter(is_small).collect();
        let small: Vec<BlobRef> = small.into_iter().collect();
        let mut found = BTreeMap::new();
        for part in small.chunks(SMALL_BLOBS).filter(|part| part.len() > 1) {
            match self.download_small(part, &mut found).await {
                Err(status) if is_connection(&status) => {
                    let failed = |blob: &BlobRef| Err(BlobError::download(blob.digest, &status));
                    return blobs.iter().map(failed).collect();
                }
                Ok(()) | Err(_) => {}
            }
        }
        let mut downloaded = Vec::with_capacity(blobs.len());
        for blob in blobs {
            downloaded.push(match found.get(blob) {
                Some(bytes) => Ok(bytes.to_vec()),
                None => self.download(*blob).await,
            });
        }
        downloaded
    }

    /// One `DownloadSmall` call. Adds what arrives unharmed to `found`.
    async fn download_small(
        &self,
        blobs: &[BlobRef],
        found: &mut BTreeMap<BlobRef, Bytes>,
    ) -> Result<(), Status> {
        let request = DownloadSmallRequest { blobs: blobs.iter().map(to_proto::blob).collect() };
        let mut answers = in_time(0, self.client().download_small(request)).await?;
        while let Some(answer) = due(answers.message()).await? {
            for SmallBlob { blob, data } in answer.blobs {
                let named = from_proto::required("blob", blob, from_proto::blob);
                let asked = named.ok().filter(|blob| blobs.binary_search(blob).is_ok());
                // Others are not kept: the coordinator does not decide how much arrives.
                if let Some(blob) = asked.filter(|blob| BlobRef::of(&data) == *blob) {
                    found.insert(blob, data);
                }
            }
        }
        Ok(())
    }

    /// Uploads files. The results have the order of `files`, and the errors are those of
    /// [`Self::upload_file`].
    pub async fn upload_files(&self, files: &[(BlobRef, PathBuf)]) -> Vec<Result<(), BlobError>> {
        let small: BTreeMap<BlobRef, PathBuf> =
            files.iter().filter(|(blob, _)| is_small(blob)).cloned().collect();
        let small: Vec<(BlobRef, PathBuf)> = small.into_iter().collect();
        let mut sent = BTreeSet::new();
        for part in small.chunks(SMALL_BLOBS).filter(|part| part.len() > 1) {
            match self.upload_small(part).await {
                Ok(taken) => sent.extend(taken),
                Err(status) if is_connection(&status) => {
                    let failed = |blob: &BlobRef| Err(BlobError::upload(blob.digest, &status));
                    return files.iter().map(|(blob, _)| failed(blob)).collect();
                }
                Err(_) => {}
            }
        }
        let mut uploaded = Vec::with_capacity(files.len());
        for (blob, path) in files {
            uploaded.push(match sent.contains(blob) {
                true => Ok(()),
                false => self.upload_file(*blob, path).await,
            });
        }
        uploaded
    }

    /// One `UploadSmall` call. Returns the blobs that were stored.
    async fn upload_small(
        &self,
        files: &[(BlobRef, PathBuf)],
    ) -> Result<BTreeSet<BlobRef>, Status> {
        let (messages, stream) = mpsc::channel(MESSAGES_AHEAD);
        let queue = files.to_vec();
        let feeder = tokio::task::spawn_blocking(move || feed(&queue, &messages));
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let stream = ReceiverStream::new(stream).map(move |message| {
            counter.fetch_add(1, Ordering::Relaxed);
            message
        });
        let mut client = self.client();
        let answer = while_it_moves(&taken, client.upload_small(stream)).await?.into_inner();
        // The coordinator has seen the end of the stream, so the feeder has ended.
        let mut sent = feeder.await.unwrap_or_default();
        for refused in answer.refused {
            if let Ok(refused) = from_proto::blob(refused) {
                sent.remove(&refused);
            }
        }
        Ok(sent)
    }
}

fn is_small(blob: &BlobRef) -> bool {
    blob.size_bytes <= SMALL_BLOB_BYTES as u64
}

/// Reads files into messages, and returns those that were sent. One that cannot be read, or has
/// another length by now, is left out. Blocks.
fn feed(
    files: &[(BlobRef, PathBuf)],
    messages: &mpsc::Sender<UploadSmallRequest>,
) -> BTreeSet<BlobRef> {
    let mut sent = BTreeSet::new();
    let (mut blobs, mut bytes) = (Vec::new(), 0);
    for (blob, path) in files {
        let Ok(data) = read(*blob, path) else { continue };
        bytes += data.len();
        sent.insert(*blob);
        blobs.push(SmallBlob { blob: Some(to_proto::blob(blob)), data });
        if bytes >= SMALL_BLOB_BYTES {
            bytes = 0;
            let message = UploadSmallRequest { blobs: std::mem::take(&mut blobs) };
            if messages.blocking_send(message).is_err() {
                return sent; // The call has failed.
            }
        }
    }
    let _ = messages.blocking_send(UploadSmallRequest { blobs });
    sent
}

fn read(blob: BlobRef, path: &Path) -> io::Result<Bytes> {
    let mut data = Vec::new();
    // One byte more, to notice that the file grew.
    File::open(path)?.take(blob.size_bytes + 1).read_to_end(&mut data)?;
    match data.len() as u64 == blob.size_bytes {
        true => Ok(data.into()),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

impl BlobError {
    fn download(digest: Digest, status: &Status) -> Self {
        Self::Call { action: "download", digest, source: status.clone() }
    }

    fn upload(digest: Digest, status: &Status) -> Self {
        Self::Call { action: "upload", digest, source: status.clone() }
    }
}
