//! The `Blobs` service: the blob store, from afar.

use impasto_proto::limits::DIGESTS_PER_MESSAGE;
use impasto_proto::v1::blobs_server::Blobs;
use impasto_proto::v1::upload_request::Part;
use impasto_proto::v1::{
    DownloadRequest, DownloadResponse, FindMissingRequest, FindMissingResponse, UploadRequest,
    UploadResponse,
};
use impasto_proto::{FieldError, from_proto, to_proto};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::BlobStore;
use crate::blob_store::BlobReader;
use crate::blocking::blocking;

/// How many chunks are read ahead of the network.
const CHUNKS_AHEAD: usize = 4;

#[derive(Debug)]
pub(crate) struct BlobsService {
    pub(crate) blobs: BlobStore,
}

#[tonic::async_trait]
impl Blobs for BlobsService {
    type DownloadStream = ReceiverStream<Result<DownloadResponse, Status>>;

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
        let blobs = self.blobs.clone();
        let missing = move || {
            asked.iter().filter(|blob| !blobs.contains(**blob)).map(to_proto::blob).collect()
        };
        Ok(Response::new(FindMissingResponse { missing: blocking(missing).await }))
    }

    async fn upload(
        &self,
        request: Request<Streaming<UploadRequest>>,
    ) -> Result<Response<UploadResponse>, Status> {
        let mut parts = request.into_inner();
        let first = parts.message().await?.and_then(|request| request.part);
        let Some(Part::Start(start)) = first else {
            return Err(FieldError::missing("start").into());
        };
        let blob = from_proto::blob(start).map_err(|error| error.within("start"))?;
        let blobs = self.blobs.clone();
        let mut writer = blocking(move || blobs.writer(blob)).await?;
        while let Some(request) = parts.message().await? {
            let Some(Part::Data(data)) = request.part else {
                return Err(FieldError::missing("data").into());
            };
            let write = move || {
                let written = writer.write(&data);
                (writer, written)
            };
            let (back, written) = blocking(write).await;
            written?;
            writer = back;
        }
        blocking(move || writer.finish()).await?;
        Ok(Response::new(UploadResponse {}))
    }

    async fn download(
        &self,
        request: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let blob = from_proto::required("blob", request.into_inner().blob, from_proto::blob)?;
        let blobs = self.blobs.clone();
        let reader = blocking(move || blobs.reader(blob)).await?;
        let (chunks, stream) = mpsc::channel(CHUNKS_AHEAD);
        tokio::spawn(send_chunks(reader, chunks));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Sends a blob until it ends, turns out to have rotted, or nobody takes it any more.
async fn send_chunks(
    mut reader: BlobReader,
    chunks: mpsc::Sender<Result<DownloadResponse, Status>>,
) {
    loop {
        let read = move || {
            let chunk = reader.next_chunk();
            (reader, chunk)
        };
        let (back, chunk) = blocking(read).await;
        reader = back;
        let message = match chunk {
            Ok(Some(data)) => Ok(DownloadResponse { data }),
            Ok(None) => return,
            Err(error) => Err(error.into()),
        };
        let is_last = message.is_err();
        if chunks.send(message).await.is_err() || is_last {
            return;
        }
    }
}
