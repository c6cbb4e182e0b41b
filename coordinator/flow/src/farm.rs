//! The interface of a farm to a build.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use impasto_planner::PlannedTask;
use impasto_types::{BlobRef, Digest, JobId, JobNews, TaskResult, TaskSpec};

/// A coordinator. Clones are handles to the same one.
pub trait Farm: Clone + Send + Sync + 'static {
    type Watch: Watch;

    /// Whether jobs outlive the build, so that the next build can find them again.
    fn keeps_jobs(&self) -> bool;

    /// The most tasks that one job may have.
    fn max_tasks(&self) -> usize;

    /// The results of these actions that the farm's cache has. Callers ask for some hundreds at a
    /// time.
    fn find_results(
        &self,
        actions: &[Digest],
    ) -> impl Future<Output = Result<BTreeMap<Digest, TaskResult>, FarmError>> + Send;

    /// Removes a result that is not what its action makes from the farm's cache, so that it is made
    /// again.
    fn forget(&self, action: Digest) -> impl Future<Output = Result<(), FarmError>> + Send;

    /// The blobs among `blobs` that the farm lacks.
    fn find_missing(
        &self,
        blobs: &[BlobRef],
    ) -> impl Future<Output = Result<Vec<BlobRef>, FarmError>> + Send;

    /// Uploads files whose contents have to be the blobs. They must not move while the build runs.
    /// The results have the order of `files`.
    fn upload_all(
        &self,
        files: Vec<(BlobRef, PathBuf)>,
    ) -> impl Future<Output = Vec<Result<(), FarmError>>> + Send;

    /// Submits a job. Also returns whether the farm knew the key already; then the number is that
    /// of the earlier job.
    fn submit(
        &self,
        job: NewJob<'_>,
    ) -> impl Future<Output = Result<(JobId, bool), FarmError>> + Send;

    /// Watches a job from its current state.
    fn watch(&self, job: JobId) -> impl Future<Output = Result<Self::Watch, FarmError>> + Send;

    /// Downloads blobs; their digests and lengths are checked. The results have the order of
    /// `blobs`.
    fn download_all(
        &self,
        blobs: Vec<BlobRef>,
    ) -> impl Future<Output = Vec<Result<Vec<u8>, FarmError>>> + Send;

    /// Cancels a job.
    fn cancel(&self, job: JobId) -> impl Future<Output = Result<(), FarmError>> + Send;
}

/// A job that is being watched.
pub trait Watch: Send {
    /// The next event; `None` once the stream has ended. Cancel-safe: dropping the future loses no
    /// event.
    fn next(&mut self) -> impl Future<Output = Result<Option<JobNews>, FarmError>> + Send;
}

/// A job to submit.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    /// The idempotency key: submitting the same key again gives the same job.
    pub key: &'a str,
    pub project: &'a str,
    pub tasks: &'a [&'a PlannedTask],
}

impl<'a> NewJob<'a> {
    /// The tasks as they are submitted, each made when it is asked for.
    pub fn specs(self) -> impl ExactSizeIterator<Item = TaskSpec> + Send + use<'a> {
        let left = self.tasks.iter().map(|task| task.count()).sum();
        Specs { specs: self.tasks.iter().flat_map(|task| task.specs()), left }
    }
}

/// So many tasks.
struct Specs<I> {
    specs: I,
    left: usize,
}

impl<I: Iterator<Item = TaskSpec>> Iterator for Specs<I> {
    type Item = TaskSpec;

    fn next(&mut self) -> Option<TaskSpec> {
        let next = self.specs.next()?;
        self.left -= 1;
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator<Item = TaskSpec>> ExactSizeIterator for Specs<I> {}

/// Errors of a farm.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// The farm does not answer: a retry may help.
    #[error(transparent)]
    Away(Box<dyn Error + Send + Sync>),
    #[error("there is no job {job}")]
    NoSuchJob { job: JobId },
    /// The farm answers with an error.
    #[error(transparent)]
    Refused(Box<dyn Error + Send + Sync>),
    /// A blob cannot be read, or its content is wrong.
    #[error(transparent)]
    Blob(Box<dyn Error + Send + Sync>),
}

impl FarmError {
    /// Whether the farm did not answer, so that a retry may help.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::NoSuchJob { .. } | Self::Refused(_) | Self::Blob(_) => false,
        }
    }
}
