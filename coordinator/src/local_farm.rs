//! This coordinator as a farm, for builds in the same process: those of watched projects, and of
//! the command line if no other farm is configured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use impasto_blobs::{BlobStore, BlobStoreError, LocalBlobs, blocking};
use impasto_build::{Farm, FarmError, NewJob, Watch};
use impasto_project::write_together;
use impasto_proto::limits::{MAX_TASKS, TASKS_PER_MESSAGE};
use impasto_types::{BlobRef, Digest, JobId, JobNews, TaskResult};
use tokio_util::sync::CancellationToken;

use crate::driver::Away;
use crate::job_stream::JobStream;
use crate::submission::{Crowded, Header, SubmitError, Submitter};

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

    async fn upload_all(&self, files: Vec<(BlobRef, PathBuf)>) -> Vec<Result<(), FarmError>> {
        let (blobs, keeps_jobs) = (self.submitter.blobs.local().clone(), self.keeps_jobs);
        let store = move |(blob, path): &(BlobRef, PathBuf)| match keeps_jobs {
            // Jobs that outlive this process need a copy, others do not.
            true => blobs.put_file(*blob, path),
            false => blobs.lend(*blob, path),
        };
        blocking(move || each(&files, store)).await
    }

    async fn submit(&self, job: NewJob<'_>) -> Result<(JobId, bool), FarmError> {
        let NewJob { key, project, tasks } = job;
        let header = Header { key: key.to_owned(), project: project.to_owned(), priority: 0 };
        let submitted = async {
            let mut job = self.submitter.begin(header).await?;
            for part in tasks.chunks(TASKS_PER_MESSAGE) {
                job = job.add(part.iter().flat_map(|task| task.specs()).collect()).await?;
            }
            self.submitter.submit(job).await
        };
        submitted.await.map_err(|error| match error {
            SubmitError::Away(away) => away.into(),
            SubmitError::Crowded(crowded) => crowded.into(),
            SubmitError::Malformed(_)
            | SubmitError::MissingInputs(_)
            | SubmitError::NoProducer { .. }
            | SubmitError::Store(_) => FarmError::Refused(error.into()),
        })
    }

    async fn watch(&self, job: JobId) -> Result<JobStream, FarmError> {
        let (driver, closing) = (self.submitter.driver.clone(), self.closing.clone());
        let stream = JobStream::start(driver, job, closing).await?;
        stream.ok_or(FarmError::NoSuchJob { job })
    }

    async fn download_all(&self, blobs: Vec<BlobRef>) -> Vec<Result<Vec<u8>, FarmError>> {
        let local: LocalBlobs = self.submitter.blobs.local().clone();
        blocking(move || each(&blobs, |blob| local.read(*blob))).await
    }

    async fn cancel(&self, job: JobId) -> Result<(), FarmError> {
        // If the build ends because this coordinator stops, the job is left to the next one.
        if self.closing.is_cancelled() {
            return Err(Away::Stopped.into());
        }
        let canceled = self.submitter.driver.cancel(job).await?;
        canceled.map(drop).ok_or(FarmError::NoSuchJob { job })
    }
}

/// Calls `work` with every item, on several threads.
fn each<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, BlobStoreError> + Sync,
) -> Vec<Result<R, FarmError>> {
    let done = write_together(items, work);
    done.into_iter().map(|done| done.map_err(|error| FarmError::Blob(error.into()))).collect()
}

impl From<Crowded> for FarmError {
    fn from(crowded: Crowded) -> Self {
        Self::Away(crowded.into())
    }
}

impl Watch for JobStream {
    async fn next(&mut self) -> Result<Option<JobNews>, FarmError> {
        Ok(JobStream::next(self).await?)
    }
}

impl From<Away> for FarmError {
    fn from(away: Away) -> Self {
        Self::Away(away.into())
    }
}
