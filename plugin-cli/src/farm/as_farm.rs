//! A coordinator elsewhere, as a build's farm.

use std::collections::BTreeMap;
use std::path::Path;

use impasto_build::{Farm, JobPhase, NewJob, Progress};
use impasto_proto::limits::MAX_TASKS;
use impasto_types::{BlobRef, Digest, JobId, TaskResult};

use super::{FarmClient, FarmError, JobState, News, TaskNews, Watch};

impl Farm for FarmClient {
    type Watch = Watch;

    fn keeps_jobs(&self) -> bool {
        true
    }

    fn max_tasks(&self) -> usize {
        MAX_TASKS
    }

    async fn find_results(
        &self,
        actions: &[Digest],
    ) -> Result<BTreeMap<Digest, TaskResult>, impasto_build::FarmError> {
        Ok(FarmClient::find_results(self, actions).await?)
    }

    async fn find_missing(
        &self,
        blobs: &[BlobRef],
    ) -> Result<Vec<BlobRef>, impasto_build::FarmError> {
        Ok(self.blobs().find_missing(blobs).await.map_err(FarmError::from)?)
    }

    async fn upload(&self, blob: BlobRef, file: &Path) -> Result<(), impasto_build::FarmError> {
        Ok(self.blobs().upload_file(blob, file).await.map_err(FarmError::from)?)
    }

    async fn submit(&self, job: NewJob<'_>) -> Result<(JobId, bool), impasto_build::FarmError> {
        Ok(FarmClient::submit(self, job.key, job.project, job.tasks).await?)
    }

    async fn watch(&self, job: JobId) -> Result<Watch, impasto_build::FarmError> {
        Ok(FarmClient::watch(self, job).await?)
    }

    async fn download(&self, blob: BlobRef) -> Result<Vec<u8>, impasto_build::FarmError> {
        Ok(self.blobs().download(blob).await.map_err(FarmError::from)?)
    }

    async fn cancel(&self, job: JobId) -> Result<(), impasto_build::FarmError> {
        Ok(FarmClient::cancel(self, job).await.map(drop)?)
    }
}

impl impasto_build::Watch for Watch {
    async fn next(&mut self) -> Result<Option<impasto_build::News>, impasto_build::FarmError> {
        loop {
            match Watch::next(self).await? {
                None => return Ok(None),
                Some(News::CaughtUp) => {}
                Some(News::Job(job)) => {
                    let phase = match job.state {
                        JobState::Queued | JobState::Running => JobPhase::Active,
                        JobState::Canceling => JobPhase::Canceling,
                        JobState::Succeeded | JobState::Failed | JobState::Canceled => {
                            JobPhase::Ended
                        }
                    };
                    return Ok(Some(impasto_build::News::Job { key: job.key, phase }));
                }
                Some(News::Task { task, news, .. }) => {
                    return Ok(Some(impasto_build::News::Task { task, news: task_news(news) }));
                }
            }
        }
    }
}

fn task_news(news: TaskNews) -> impasto_build::TaskNews {
    match news {
        TaskNews::Ready { attempts, message } => {
            impasto_build::TaskNews::Waiting { attempts, message }
        }
        TaskNews::Leased { worker, attempt, progress: None } => {
            impasto_build::TaskNews::Started { worker, attempt }
        }
        TaskNews::Leased { progress: Some(progress), .. } => {
            impasto_build::TaskNews::Progress(Progress {
                iteration: progress.iteration,
                iterations: progress.iterations,
                loss: progress.loss,
                left_ms: progress.left_ms,
            })
        }
        TaskNews::Succeeded { result, worker } => {
            impasto_build::TaskNews::Succeeded { result, is_new: worker.is_some() }
        }
        TaskNews::Failed { message, .. } => impasto_build::TaskNews::Failed { message },
        TaskNews::Canceled => impasto_build::TaskNews::Canceled,
    }
}

impl From<FarmError> for impasto_build::FarmError {
    fn from(error: FarmError) -> Self {
        match error {
            FarmError::NoSuchJob { job } => Self::NoSuchJob { job },
            away if away.is_away() => Self::Away(away.into()),
            blob @ FarmError::Blob(_) => Self::Blob(blob.into()),
            other => Self::Refused(other.into()),
        }
    }
}
