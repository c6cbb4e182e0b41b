//! A farm over the network.

use std::collections::BTreeMap;
use std::path::PathBuf;

use impasto_proto::client::{FarmClient, FarmError as ClientError, JobWatch};
use impasto_proto::limits::MAX_TASKS;
use impasto_types::{BlobRef, Digest, JobId, JobNews, TaskResult};

use crate::farm::{Farm, FarmError, NewJob, Watch};

impl Farm for FarmClient {
    type Watch = JobWatch;

    fn keeps_jobs(&self) -> bool {
        true
    }

    fn max_tasks(&self) -> usize {
        MAX_TASKS
    }

    async fn find_results(
        &self,
        actions: &[Digest],
    ) -> Result<BTreeMap<Digest, TaskResult>, FarmError> {
        Ok(FarmClient::find_results(self, actions).await?)
    }

    async fn forget(&self, action: Digest) -> Result<(), FarmError> {
        Ok(self.forget_results(&[action]).await.map(drop)?)
    }

    async fn find_missing(&self, blobs: &[BlobRef]) -> Result<Vec<BlobRef>, FarmError> {
        Ok(self.blobs().find_missing(blobs).await.map_err(ClientError::from)?)
    }

    async fn upload_all(&self, files: Vec<(BlobRef, PathBuf)>) -> Vec<Result<(), FarmError>> {
        let sent = self.blobs().upload_files(&files).await;
        sent.into_iter().map(|sent| Ok(sent.map_err(ClientError::from)?)).collect()
    }

    async fn submit(&self, job: NewJob<'_>) -> Result<(JobId, bool), FarmError> {
        Ok(FarmClient::submit(self, job.key, job.project, job.specs()).await?)
    }

    async fn watch(&self, job: JobId) -> Result<JobWatch, FarmError> {
        Ok(FarmClient::watch(self, job).await?)
    }

    async fn download_all(&self, blobs: Vec<BlobRef>) -> Vec<Result<Vec<u8>, FarmError>> {
        let files = self.blobs().download_all(&blobs).await;
        files.into_iter().map(|file| Ok(file.map_err(ClientError::from)?)).collect()
    }

    async fn cancel(&self, job: JobId) -> Result<(), FarmError> {
        Ok(FarmClient::cancel(self, job).await.map(drop)?)
    }
}

impl Watch for JobWatch {
    async fn next(&mut self) -> Result<Option<JobNews>, FarmError> {
        Ok(JobWatch::next(self).await?)
    }
}

impl From<ClientError> for FarmError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NoSuchJob { job } => Self::NoSuchJob { job },
            away if away.is_away() => Self::Away(away.into()),
            blob @ ClientError::Blob(_) => Self::Blob(blob.into()),
            other => Self::Refused(other.into()),
        }
    }
}
