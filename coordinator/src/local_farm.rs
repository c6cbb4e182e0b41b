//! This coordinator as a farm, for builds in the same process: those of watched projects, and of
//! the command line if no other farm is configured.

use std::collections::BTreeMap;
use std::path::Path;

use impasto_blobs::BlobStore;
use impasto_build::{Farm, FarmError, NewJob, Watch};
use impasto_proto::limits::MAX_TASKS;
use impasto_types::{BlobRef, Digest, JobId, JobNews, TaskResult};
use tokio_util::sync::CancellationToken;

use crate::driver::Stopped;
use crate::job_stream::JobStream;
use crate::submission::{Job, SubmitError, Submitter};

/// The coordinator's services as plain calls. Clones are handles to the same coordinator.
#[derive(Debug, Clone)]
pub struct LocalFarm {
    pub(crate) submitter: Submitter,
    pub(crate) closing: CancellationToken,
    /// Whether jobs outlive this process.
    pub(crate) keeps_jobs: bool,
}

impl LocalFarm {
    /// The blobs, for a worker that shares the disk.
    pub fn blobs(&self) -> BlobStore {
        self.submitter.blobs.clone()
    }
}

impl Farm for LocalFarm {
    type Watch = JobStream;

    fn keeps_jobs(&self) -> bool {
        self.keeps_jobs
    }

    fn max_tasks(&self) -> usize {
        MAX_TASKS
    }

    async fn find_results(
        &self,
        actions: &[Digest],
    ) -> Result<BTreeMap<Digest, TaskResult>, FarmError> {
        Ok(self.submitter.actions.results(actions.to_vec()).await)
    }

    async fn forget(&self, action: Digest) -> Result<(), FarmError> {
        let removed = self.submitter.actions.remove(vec![action]).await;
        removed.map(drop).map_err(|error| FarmError::Blob(error.into()))
    }

    async fn find_missing(&self, blobs: &[BlobRef]) -> Result<Vec<BlobRef>, FarmError> {
        Ok(self.submitter.blobs.missing(blobs.to_vec()).await)
    }

    async fn upload(&self, blob: BlobRef, file: &Path) -> Result<(), FarmError> {
        let blobs = &self.submitter.blobs;
        let stored = if self.keeps_jobs {
            blobs.put_file(blob, file).await
        } else {
            // Jobs that outlive this process need a copy, others do not.
            blobs.lend(blob, file).await
        };
        stored.map_err(|error| FarmError::Blob(error.into()))
    }

    async fn submit(&self, job: NewJob<'_>) -> Result<(JobId, bool), FarmError> {
        let NewJob { key, project, tasks } = job;
        let job = Job {
            key: key.to_owned(),
            project: project.to_owned(),
            priority: 0,
            tasks: tasks.to_vec(),
        };
        self.submitter.submit(job).await.map_err(|error| match error {
            SubmitError::Stopped(stopped) => stopped.into(),
            SubmitError::MissingInputs(_)
            | SubmitError::NoProducer { .. }
            | SubmitError::Store(_) => FarmError::Refused(error.into()),
        })
    }

    async fn watch(&self, job: JobId) -> Result<JobStream, FarmError> {
        let (driver, closing) = (self.submitter.driver.clone(), self.closing.clone());
        let stream = JobStream::start(driver, job, closing).await?;
        stream.ok_or(FarmError::NoSuchJob { job })
    }

    async fn download(&self, blob: BlobRef) -> Result<Vec<u8>, FarmError> {
        let read = self.submitter.blobs.read(blob).await;
        read.map_err(|error| FarmError::Blob(error.into()))
    }

    async fn cancel(&self, job: JobId) -> Result<(), FarmError> {
        // If the build ends because this coordinator stops, the job is left to the next one.
        if self.closing.is_cancelled() {
            return Err(Stopped.into());
        }
        let canceled = self.submitter.driver.cancel(job).await?;
        canceled.map(drop).ok_or(FarmError::NoSuchJob { job })
    }
}

impl Watch for JobStream {
    async fn next(&mut self) -> Result<Option<JobNews>, FarmError> {
        Ok(JobStream::next(self).await?)
    }
}

impl From<Stopped> for FarmError {
    fn from(stopped: Stopped) -> Self {
        Self::Away(stopped.into())
    }
}
