//! The `Blobs` service: the blob store over the network.

use bytes::Bytes;
use impasto_blobs::{BlobStore, BlobStoreError};
use impasto_proto::limits::{DIGESTS_PER_MESSAGE, SMALL_BLOB_BYTES, SMALL_BLOBS};
use impasto_proto::v1::blobs_server::Blobs;
use impasto_proto::v1::upload_request::Part;
use impasto_proto::v1::{
    DownloadRequest, DownloadSmallRequest, DownloadSmallResponse, FindMissingRequest,
    FindMissingResponse, SmallBlob, UploadRequest, UploadResponse, UploadSmallRequest,
    UploadSmallResponse,
};
use impasto_proto::{FieldError, from_proto, to_proto};
use impasto_types::BlobRef;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::download::{Chunks, Downloads};
use super::patience::{next, peer_of, send};
use super::status::of_blob_store;
use crate::room::Room;

/// How many messages of small blobs are read ahead: few, since a thousand clients may stop reading.
const MESSAGES_AHEAD: usize = 1;

/// The size of the first message of small blobs. It grows while the receiver reads on, so that many
/// receivers that stop reading take little memory.
const FIRST_MESSAGE_BYTES: u64 = 16 << 10;

#[derive(Debug)]
pub(crate) struct BlobsService {
    pub(crate) blobs: BlobStore,
    pub(crate) room: Room,
    pub(crate) downloads: Downloads,
}

#[tonic::async_trait]
impl Blobs for BlobsService {
    type DownloadStream = Chunks;
    type DownloadSmallStream = ReceiverStream<Result<DownloadSmallResponse, Status>>;

    async fn find_missing(
        &self,
        request: Request<FindMissingRequest>,
    ) -> Result<Response<FindMissingResponse>, Status> {
        let asked = from_proto::each(
            "blobs",
            request.into_inner().blobs,
            DIGESTS_PER_MESSAGE,
            from_proto::blob,
        )?;
        let missing = self.blobs.missing(asked).await;
        Ok(Response::new(FindMissingResponse {
            missing: missing.iter().map(to_proto::blob).collect(),
        }))
    }

    async fn upload(
        &self,
        request: Request<Streaming<UploadRequest>>,
    ) -> Result<Response<UploadResponse>, Status> {
        let peer = peer_of(&request);
        let mut parts = request.into_inner();
        let first = next(&mut parts, "upload", &peer).await?.and_then(|request| request.part);
        let Some(Part::Start(start)) = first else {
            return Err(FieldError::missing("start").into());
        };
        let blob = from_proto::blob(start).map_err(|error| error.within("start"))?;
        self.room.check(blob.size_bytes)?;
        let mut sink = self.blobs.sink(blob).await.map_err(of_blob_store)?;
        while let Some(request) = next(&mut parts, "upload", &peer).await? {
            let Some(Part::Data(data)) = request.part else {
                return Err(FieldError::missing("data").into());
            };
            sink = sink.write(data).await.map_err(of_blob_store)?;
        }
        sink.finish().await.map_err(of_blob_store)?;
        Ok(Response::new(UploadResponse {}))
    }

    async fn download(
        &self,
        request: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let peer = peer_of(&request);
        let blob = from_proto::required("blob", request.into_inner().blob, from_proto::blob)?;
        let source = self.blobs.source(blob).await.map_err(of_blob_store)?;
        Ok(Response::new(self.downloads.start(source, peer)))
    }

    async fn upload_small(
        &self,
        request: Request<Streaming<UploadSmallRequest>>,
    ) -> Result<Response<UploadSmallResponse>, Status> {
        let peer = peer_of(&request);
        let mut messages = request.into_inner();
        let (mut received, mut refused) = (0, Vec::new());
        while let Some(message) = next(&mut messages, "upload", &peer).await? {
            let limit = SMALL_BLOBS - received;
            let blobs = from_proto::each("blobs", message.blobs, limit, small_blob)?;
            received += blobs.len();
            self.room.check(blobs.iter().map(|(blob, _)| blob.size_bytes).sum())?;
            let names: Vec<BlobRef> = blobs.iter().map(|(blob, _)| *blob).collect();
            for (blob, stored) in names.iter().zip(self.blobs.put_all(blobs).await) {
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
        Ok(Response::new(UploadSmallResponse { refused }))
    }

    async fn download_small(
        &self,
        request: Request<DownloadSmallRequest>,
    ) -> Result<Response<Self::DownloadSmallStream>, Status> {
        let peer = peer_of(&request);
        let asked = request.into_inner().blobs;
        let wanted = from_proto::each("blobs", asked, SMALL_BLOBS, |blob| {
            from_proto::blob(blob).and_then(check_small)
        })?;
        let (messages, stream) = mpsc::channel(MESSAGES_AHEAD);
        tokio::spawn(send_small(self.blobs.clone(), wanted, messages, peer));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

fn small_blob(message: SmallBlob) -> Result<(BlobRef, Bytes), FieldError> {
    let blob = from_proto::required("blob", message.blob, from_proto::blob)?;
    Ok((check_small(blob)?, message.data))
}

fn check_small(blob: BlobRef) -> Result<BlobRef, FieldError> {
    match blob.size_bytes <= SMALL_BLOB_BYTES as u64 {
        true => Ok(blob),
        false => Err(FieldError::out_of_range(
            "size_bytes",
            blob.size_bytes,
            format_args!("at most {SMALL_BLOB_BYTES}"),
        )),
    }
}

/// Sends small blobs, those that can be read, until the receiver is gone.
async fn send_small(
    blobs: BlobStore,
    wanted: Vec<BlobRef>,
    messages: mpsc::Sender<Result<DownloadSmallResponse, Status>>,
    peer: String,
) {
    let mut full_bytes = FIRST_MESSAGE_BYTES;
    let mut wanted = wanted.into_iter().peekable();
    while wanted.peek().is_some() {
        let mut bytes = 0;
        let part: Vec<BlobRef> = std::iter::from_fn(|| {
            let next = wanted.next_if(|_| bytes < full_bytes)?;
            bytes += next.size_bytes;
            Some(next)
        })
        .collect();
        full_bytes = (2 * full_bytes).min(SMALL_BLOB_BYTES as u64);
        let read = blobs.read_all(part.clone()).await;
        let blobs = part.iter().zip(read).filter_map(|(blob, read)| {
            let blob = Some(to_proto::blob(blob));
            // Who asks for a blob by itself is told why it cannot be read.
            read.ok().map(|data| SmallBlob { blob, data: data.into() })
        });
        let message = DownloadSmallResponse { blobs: blobs.collect() };
        if !send(&messages, Ok(message), "download", &peer).await {
            return;
        }
    }
}
