//! A client's connection to a coordinator, and its calls.

use std::collections::BTreeMap;

use impasto_types::{
    Digest, Explained, JobId, JobSummary, TaskResult, TaskSpec, WorkerInfo, WorkerName,
};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::blobs::Blobs;
use super::connection::{connect, jobs, workers};
use super::farm_error::FarmError;
use super::job_watch::JobWatch;
use crate::limits::{DIGESTS_PER_MESSAGE, TASKS_PER_MESSAGE};
use crate::v1::submit_request::Part;
use crate::{FieldError, from_proto, to_proto, v1};

/// A remote coordinator. After a broken connection, the next call reconnects.
#[derive(Debug, Clone)]
pub struct FarmClient {
    channel: Channel,
}

impl FarmClient {
    /// Connects to the coordinator at `url`.
    ///
    /// # Errors
    /// If `url` is not an address, or there is no answer.
    pub async fn connect(url: &str) -> Result<Self, FarmError> {
        Ok(Self { channel: connect(url).await? })
    }

    pub fn blobs(&self) -> Blobs {
        Blobs::new(self.channel.clone())
    }

    /// The results of these actions that are in the coordinator's cache.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn find_results(
        &self,
        actions: &[Digest],
    ) -> Result<BTreeMap<Digest, TaskResult>, FarmError> {
        let mut found = BTreeMap::new();
        // An answer has a few hundred bytes per action, so requests stay below the limit for
        // digests.
        for part in actions.chunks(DIGESTS_PER_MESSAGE / 4) {
            let request = v1::FindResultsRequest {
                actions: part.iter().map(|action| action.as_bytes().to_vec()).collect(),
            };
            let answer = jobs(self.channel.clone()).find_results(request).await;
            let answer =
                answer.map_err(|status| FarmError::of(status, "look into its cache"))?.into_inner();
            found.extend(from_proto::each("results", answer.results, part.len(), found_result)?);
        }
        Ok(found)
    }

    /// Removes the results of these actions from the coordinator's cache. Returns which of them
    /// were there.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn forget_results(&self, actions: &[Digest]) -> Result<Vec<Digest>, FarmError> {
        let mut forgotten = Vec::new();
        for part in actions.chunks(DIGESTS_PER_MESSAGE) {
            let request = v1::ForgetResultsRequest {
                actions: part.iter().map(|action| action.as_bytes().to_vec()).collect(),
            };
            let answer = jobs(self.channel.clone()).forget_results(request).await;
            let answer =
                answer.map_err(|status| FarmError::of(status, "forget results"))?.into_inner();
            forgotten.extend(from_proto::each("actions", answer.actions, part.len(), |bytes| {
                from_proto::digest("digest", &bytes)
            })?);
        }
        Ok(forgotten)
    }

    /// Submits a job. Also returns whether the coordinator already knew the idempotency key.
    ///
    /// # Errors
    /// If the call fails, or a blob is missing.
    pub async fn submit(
        &self,
        key: &str,
        project: &str,
        tasks: &[TaskSpec],
    ) -> Result<(JobId, bool), FarmError> {
        let task_count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let header = v1::SubmitHeader {
            key: key.to_owned(),
            project: project.to_owned(),
            priority: 0,
            task_count,
        };
        let tasks = tasks
            .chunks(TASKS_PER_MESSAGE)
            .map(|part| v1::SubmitTasks { tasks: part.iter().map(to_proto::task_spec).collect() });
        let parts = std::iter::once(Part::Header(header)).chain(tasks.map(Part::Tasks));
        let requests: Vec<_> = parts.map(|part| v1::SubmitRequest { part: Some(part) }).collect();
        let answer = jobs(self.channel.clone()).submit(tokio_stream::iter(requests)).await;
        let v1::SubmitResponse { job, known } =
            answer.map_err(|status| FarmError::of(status, "take the job"))?.into_inner();
        Ok((JobId(job), known))
    }

    /// Follows a job from its present state.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn watch(&self, job: JobId) -> Result<JobWatch, FarmError> {
        let answer = jobs(self.channel.clone()).watch(v1::WatchRequest { job: job.0 }).await;
        Ok(JobWatch::new(job, answer.map_err(no_job(job, "let the job be watched"))?.into_inner()))
    }

    /// The newest jobs.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn list_jobs(&self, active: bool, limit: u32) -> Result<Vec<JobSummary>, FarmError> {
        let answer = jobs(self.channel.clone()).list(v1::ListRequest { active, limit }).await;
        let listed = answer.map_err(|status| FarmError::of(status, "list jobs"))?.into_inner().jobs;
        Ok(from_proto::each("jobs", listed, MAX_LISTED, from_proto::job_summary)?)
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn cancel(&self, job: JobId) -> Result<JobSummary, FarmError> {
        let answer = jobs(self.channel.clone()).cancel(v1::CancelRequest { job: job.0 }).await;
        let answer = answer.map_err(no_job(job, "cancel the job"))?.into_inner();
        Ok(from_proto::required("job", answer.job, from_proto::job_summary)?)
    }

    /// Retries a job's failed and canceled tasks.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn retry(&self, job: JobId) -> Result<JobSummary, FarmError> {
        let answer = jobs(self.channel.clone()).retry(v1::RetryRequest { job: job.0 }).await;
        let answer = answer.map_err(no_job(job, "retry the job"))?.into_inner();
        Ok(from_proto::required("job", answer.job, from_proto::job_summary)?)
    }

    /// What the waiting tasks of a job wait for.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn explain(&self, job: JobId) -> Result<Vec<Explained>, FarmError> {
        let answer = jobs(self.channel.clone()).explain(v1::ExplainRequest { job: job.0 }).await;
        let answer = answer.map_err(no_job(job, "explain the job"))?.into_inner();
        Ok(from_proto::each("reasons", answer.reasons, MAX_LISTED, from_proto::explained)?)
    }

    /// The farm's workers.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn list_workers(&self) -> Result<Vec<WorkerInfo>, FarmError> {
        let answer = workers(self.channel.clone()).list_workers(v1::ListWorkersRequest {}).await;
        let listed =
            answer.map_err(|status| FarmError::of(status, "list workers"))?.into_inner().workers;
        Ok(from_proto::each("workers", listed, MAX_LISTED, from_proto::worker_info)?)
    }

    /// Drains a worker: it gets no more tasks. It finishes those that it has, or returns them `now`
    /// with checkpoints, from which other workers resume.
    ///
    /// # Errors
    /// If the call fails or there is no such worker.
    pub async fn drain(&self, name: &WorkerName, now: bool) -> Result<(), FarmError> {
        let request = v1::DrainRequest { name: name.to_string(), now };
        let answer = workers(self.channel.clone()).drain(request).await;
        answer.map(drop).map_err(|status| match status.code() {
            Code::NotFound => FarmError::NoSuchWorker { name: name.clone() },
            _ => FarmError::of(status, "drain the worker"),
        })
    }
}

/// More jobs or workers than fit into a message.
const MAX_LISTED: usize = 100_000;

fn no_job(job: JobId, doing: &'static str) -> impl FnOnce(Status) -> FarmError {
    move |status| match status.code() {
        Code::NotFound => FarmError::NoSuchJob { job },
        _ => FarmError::of(status, doing),
    }
}

fn found_result(found: v1::FoundResult) -> Result<(Digest, TaskResult), FieldError> {
    Ok((
        from_proto::digest("action", &found.action)?,
        from_proto::required("result", found.result, from_proto::task_result)?,
    ))
}
