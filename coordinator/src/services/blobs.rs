//! The `Blobs` service: the blob store over the network.

use impasto_proto::limits::{self, DIGESTS_PER_MESSAGE};
use impasto_proto::v1::blobs_server::Blobs;
use impasto_proto::v1::upload_request::Part;
use impasto_proto::v1::{
    DownloadRequest, DownloadResponse, DownloadSmallRequest, DownloadSmallResponse,
    FindMissingRequest, FindMissingResponse, UploadRequest, UploadResponse, UploadSmallRequest,
    UploadSmallResponse,
};
use impasto_proto::{FieldError, from_proto, to_proto};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::patience::{next, peer_of, send};
use super::small_blobs::{self, SmallDownloads};
use super::status::of_blob_store;

use impasto_blobs::{BlobSource, BlobStore, CHUNK_BYTES};

/// A chunk of a blob is sent as one message.
const _: () = assert!(CHUNK_BYTES <= limits::CHUNK_BYTES);

/// How many chunks are read ahead: few, since a thousand clients may stop reading.
const CHUNKS_AHEAD: usize = 1;

#[derive(Debug)]
pub(crate) struct BlobsService {
    pub(crate) blobs: BlobStore,
    pub(crate) small: SmallDownloads,
}

#[tonic::async_trait]
impl Blobs for BlobsService {
    type DownloadStream = ReceiverStream<Result<DownloadResponse, Status>>;
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
        let (chunks, stream) = mpsc::channel(CHUNKS_AHEAD);
        tokio::spawn(send_chunks(source, chunks, peer));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn upload_small(
        &self,
        request: Request<Streaming<UploadSmallRequest>>,
    ) -> Result<Response<UploadSmallResponse>, Status> {
        let peer = peer_of(&request);
        let refused = small_blobs::take(&self.blobs, request.into_inner(), &peer).await?;
        Ok(Response::new(UploadSmallResponse { refused }))
    }

    async fn download_small(
        &self,
        request: Request<DownloadSmallRequest>,
    ) -> Result<Response<Self::DownloadSmallStream>, Status> {
        let peer = peer_of(&request);
        let wanted = small_blobs::wanted(request.into_inner())?;
        Ok(Response::new(self.small.start(self.blobs.clone(), wanted, peer)))
    }
}

/// Sends a blob until it ends, turns out to be corrupt, or the receiver is gone.
async fn send_chunks(
    mut source: BlobSource,
    chunks: mpsc::Sender<Result<DownloadResponse, Status>>,
    peer: String,
) {
    loop {
        match source.next_chunk().await {
            Ok(Some((data, rest))) => {
                source = rest;
                if !send(&chunks, Ok(DownloadResponse { data }), "download", &peer).await {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                // The receiver may be gone.
                send(&chunks, Err(of_blob_store(error)), "download", &peer).await;
                return;
            }
        }
    }
}
