//! A farm, as a build uses it.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use impasto_types::{BlobRef, Digest, JobId, JobNews, TaskResult, TaskSpec};

/// A coordinator. Clones are handles on the same one.
pub trait Farm: Clone + Send + Sync + 'static {
    type Watch: Watch;

    /// Whether a job goes on when the build ends, so that the next build can find it again.
    fn keeps_jobs(&self) -> bool;

    /// The most tasks that one job may have.
    fn max_tasks(&self) -> usize;

    /// What the farm has in its cache for these actions.
    fn find_results(
        &self,
        actions: &[Digest],
    ) -> impl Future<Output = Result<BTreeMap<Digest, TaskResult>, FarmError>> + Send;

    /// Those of `blobs` that the farm lacks.
    fn find_missing(
        &self,
        blobs: &[BlobRef],
    ) -> impl Future<Output = Result<Vec<BlobRef>, FarmError>> + Send;

    /// Gives the farm a file, which has to be `blob`. It stays where it is as long as the build
    /// runs.
    fn upload(
        &self,
        blob: BlobRef,
        file: &Path,
    ) -> impl Future<Output = Result<(), FarmError>> + Send;

    /// Submits a job. Whether the farm knew the key already is the second half of the answer: then
    /// it is the same job.
    fn submit(
        &self,
        job: NewJob<'_>,
    ) -> impl Future<Output = Result<(JobId, bool), FarmError>> + Send;

    /// Follows a job from where it stands.
    fn watch(&self, job: JobId) -> impl Future<Output = Result<Self::Watch, FarmError>> + Send;

    /// Reads a blob; its digest and length are checked.
    fn download(&self, blob: BlobRef) -> impl Future<Output = Result<Vec<u8>, FarmError>> + Send;

    /// Gives a job up.
    fn cancel(&self, job: JobId) -> impl Future<Output = Result<(), FarmError>> + Send;
}

/// A job that is being watched.
pub trait Watch: Send {
    /// The next news; `None` once the stream has ended. Dropping the future loses no news.
    fn next(&mut self) -> impl Future<Output = Result<Option<JobNews>, FarmError>> + Send;
}

/// A job, before it has a number.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    /// The idempotency key: the same key again is the same job.
    pub key: &'a str,
    pub project: &'a str,
    pub tasks: &'a [TaskSpec],
}

/// What can go wrong between a build and its farm.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// Nobody answers: trying again may help.
    #[error(transparent)]
    Away(Box<dyn Error + Send + Sync>),
    #[error("there is no job {job}")]
    NoSuchJob { job: JobId },
    /// The farm answers, but not as it should.
    #[error(transparent)]
    Refused(Box<dyn Error + Send + Sync>),
    /// A blob that cannot be read here, or is not what it should be.
    #[error(transparent)]
    Blob(Box<dyn Error + Send + Sync>),
}

impl FarmError {
    /// Whether nobody answered: trying again may help.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::NoSuchJob { .. } | Self::Refused(_) | Self::Blob(_) => false,
        }
    }
}
