//! The `Blobs` service: the blob store over the network.

use impasto_blobs::BlobStore;
use impasto_proto::limits::DIGESTS_PER_MESSAGE;
use impasto_proto::v1::blobs_server::Blobs;
use impasto_proto::v1::upload_request::Part;
use impasto_proto::v1::{
    DownloadRequest, DownloadSmallRequest, DownloadSmallResponse, FindMissingRequest,
    FindMissingResponse, UploadRequest, UploadResponse, UploadSmallRequest, UploadSmallResponse,
};
use impasto_proto::{FieldError, from_proto, to_proto};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::download::{Chunks, Downloads};
use super::patience::{next, peer_of};
use super::small_blobs::{self, SmallDownloads};
use super::status::of_blob_store;
use crate::room::Room;

#[derive(Debug)]
pub(crate) struct BlobsService {
    pub(crate) blobs: BlobStore,
    pub(crate) room: Room,
    pub(crate) downloads: Downloads,
    pub(crate) small: SmallDownloads,
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
        let messages = request.into_inner();
        let refused = small_blobs::take(&self.blobs, &self.room, messages, &peer).await?;
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
