//! A client's connection to a coordinator, and its calls.

use std::collections::BTreeMap;

use impasto_types::{
    Digest, Explained, JobId, JobSummary, TaskResult, TaskSpec, WorkerInfo, WorkerName,
};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::blobs::Blobs;
use super::connection::{connect, full, jobs, workers};
use super::farm_error::{FarmError, reason};
use super::in_time::{GREETING_TIMEOUT, in_time};
use super::job_watch::JobWatch;
use crate::limits::{DIGESTS_PER_MESSAGE, SUBMIT_MESSAGE_BYTES, TASKS_PER_MESSAGE};
use crate::v1::jobs_client::JobsClient;
use crate::v1::submit_request::Part;
use crate::v1::workers_client::WorkersClient;
use crate::{FieldError, from_proto, to_proto, v1};

/// A remote coordinator. After a broken connection, the next call reconnects.
#[derive(Debug, Clone)]
pub struct FarmClient {
    channel: Channel,
}

impl FarmClient {
    /// Connects to the coordinator at `url`, and makes a call, since other services accept
    /// connections too.
    ///
    /// # Errors
    /// If `url` is not an address, or no coordinator answers within a few seconds.
    pub async fn connect(url: &str) -> Result<Self, FarmError> {
        let url = full(url);
        let greeted = tokio::time::timeout(GREETING_TIMEOUT, async {
            let client = Self { channel: connect(&url).await? };
            client.greet(&url).await.map(|()| client)
        });
        let limit_s = GREETING_TIMEOUT.as_secs();
        greeted.await.unwrap_or_else(|_| Err(FarmError::Silent { url, limit_s }))
    }

    /// The cheapest call that a coordinator answers only while it can schedule.
    async fn greet(&self, url: &str) -> Result<(), FarmError> {
        let cheapest = v1::ListRequest { active: true, limit: 1 };
        let answer = self.jobs().list(cheapest).await;
        answer
            .map(drop)
            .map_err(|status| FarmError::Stranger { url: url.to_owned(), reason: reason(&status) })
    }

    fn jobs(&self) -> JobsClient<Channel> {
        jobs(self.channel.clone())
    }

    fn workers(&self) -> WorkersClient<Channel> {
        workers(self.channel.clone())
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
            let answer = in_time(part.len(), self.jobs().find_results(request)).await;
            let answer = answer.map_err(|status| FarmError::of(status, "look into its cache"))?;
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
            let answer = in_time(part.len(), self.jobs().forget_results(request)).await;
            let answer = answer.map_err(|status| FarmError::of(status, "forget results"))?;
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
        tasks: impl ExactSizeIterator<Item = TaskSpec>,
    ) -> Result<(JobId, bool), FarmError> {
        let task_count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let header = v1::SubmitHeader {
            key: key.to_owned(),
            project: project.to_owned(),
            priority: 0,
            task_count,
        };
        let (parts, stream) = mpsc::channel(MESSAGES_AHEAD);
        let mut jobs = self.jobs();
        let call = in_time(task_count as usize, jobs.submit(ReceiverStream::new(stream)));
        // The call reads what is fed meanwhile, so that few messages are in memory.
        let (answer, ()) = tokio::join!(call, feed(header, tasks, parts));
        let v1::SubmitResponse { job, known } =
            answer.map_err(|status| FarmError::of(status, "take the job"))?;
        Ok((JobId(job), known))
    }

    /// Follows a job from its present state.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn watch(&self, job: JobId) -> Result<JobWatch, FarmError> {
        let answer = in_time(0, self.jobs().watch(v1::WatchRequest { job: job.0 })).await;
        Ok(JobWatch::new(job, answer.map_err(no_job(job, "let the job be watched"))?))
    }

    /// The newest jobs.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn list_jobs(&self, active: bool, limit: u32) -> Result<Vec<JobSummary>, FarmError> {
        let answer = in_time(0, self.jobs().list(v1::ListRequest { active, limit })).await;
        let listed = answer.map_err(|status| FarmError::of(status, "list jobs"))?.jobs;
        Ok(from_proto::each("jobs", listed, MAX_LISTED, from_proto::job_summary)?)
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn cancel(&self, job: JobId) -> Result<JobSummary, FarmError> {
        let answer = in_time(0, self.jobs().cancel(v1::CancelRequest { job: job.0 })).await;
        let answer = answer.map_err(no_job(job, "cancel the job"))?;
        Ok(from_proto::required("job", answer.job, from_proto::job_summary)?)
    }

    /// Retries a job's failed and canceled tasks.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn retry(&self, job: JobId) -> Result<JobSummary, FarmError> {
        let answer = in_time(0, self.jobs().retry(v1::RetryRequest { job: job.0 })).await;
        let answer = answer.map_err(no_job(job, "retry the job"))?;
        Ok(from_proto::required("job", answer.job, from_proto::job_summary)?)
    }

    /// What the waiting tasks of a job wait for.
    ///
    /// # Errors
    /// If the call fails or there is no such job.
    pub async fn explain(&self, job: JobId) -> Result<Vec<Explained>, FarmError> {
        let answer = in_time(0, self.jobs().explain(v1::ExplainRequest { job: job.0 })).await;
        let answer = answer.map_err(no_job(job, "explain the job"))?;
        Ok(from_proto::each("reasons", answer.reasons, MAX_LISTED, from_proto::explained)?)
    }

    /// The farm's workers.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn list_workers(&self) -> Result<Vec<WorkerInfo>, FarmError> {
        let answer = in_time(0, self.workers().list_workers(v1::ListWorkersRequest {})).await;
        let listed = answer.map_err(|status| FarmError::of(status, "list workers"))?.workers;
        Ok(from_proto::each("workers", listed, MAX_LISTED, from_proto::worker_info)?)
    }

    /// Drains a worker: it gets no more tasks. It finishes those that it has, or returns them `now`
    /// with checkpoints, from which other workers resume.
    ///
    /// # Errors
    /// If the call fails or there is no such worker.
    pub async fn drain(&self, name: &WorkerName, now: bool) -> Result<(), FarmError> {
        let request = v1::DrainRequest { name: name.to_string(), now };
        let answer = in_time(0, self.workers().drain(request)).await;
        answer.map(drop).map_err(|status| match status.code() {
            Code::NotFound => FarmError::NoSuchWorker { name: name.clone() },
            _ => FarmError::of(status, "drain the worker"),
        })
    }
}

/// How many messages of a submission are ready before the network takes them.
const MESSAGES_AHEAD: usize = 2;

/// Sends the messages of a submission, until the coordinator has answered.
async fn feed(
    header: v1::SubmitHeader,
    tasks: impl ExactSizeIterator<Item = TaskSpec>,
    parts: mpsc::Sender<v1::SubmitRequest>,
) {
    if parts.send(v1::SubmitRequest { part: Some(Part::Header(header)) }).await.is_err() {
        return;
    }
    let mut tasks = tasks;
    while tasks.len() > 0 {
        let message = next_message(&mut tasks);
        if parts.send(v1::SubmitRequest { part: Some(Part::Tasks(message)) }).await.is_err() {
            return;
        }
    }
}

/// As many of the tasks as one message may have: at least one.
fn next_message(tasks: &mut impl Iterator<Item = TaskSpec>) -> v1::SubmitTasks {
    let (mut message, mut bytes) = (v1::SubmitTasks::default(), 0);
    while message.tasks.len() < TASKS_PER_MESSAGE && bytes < SUBMIT_MESSAGE_BYTES {
        let Some(task) = tasks.next() else { break };
        let task = to_proto::task_spec(&task);
        bytes += task.encoded_len();
        message.tasks.push(task);
    }
    message
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
