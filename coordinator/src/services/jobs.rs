//! The `Jobs` service, for clients.

use impasto_proto::limits::{DIGESTS_PER_MESSAGE, MAX_TASKS};
use impasto_proto::v1::jobs_server::Jobs;
use impasto_proto::v1::submit_request::Part;
use impasto_proto::v1::{
    CancelRequest, CancelResponse, ExplainRequest, ExplainResponse, FindResultsRequest,
    FindResultsResponse, ForgetResultsRequest, ForgetResultsResponse, FoundResult, ListRequest,
    ListResponse, RetryRequest, RetryResponse, SubmitHeader, SubmitRequest, SubmitResponse,
    WatchRequest, WatchResponse,
};
use impasto_proto::{FieldError, from_proto, to_proto};
use impasto_types::{Digest, JobId, JobSummary, error_text};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::patience::{next, peer_of};
use super::status::no_such_job;
use super::watch::Watching;
use crate::submission::{Draft, Header, Submitter};

/// How many jobs a list has at most, and if the caller gives no limit.
const JOBS_LISTED: usize = 1_000;

/// How many reasons an explanation has at most.
const REASONS_LISTED: usize = 1_000;

#[derive(Debug)]
pub(crate) struct JobsService {
    pub(crate) submitter: Submitter,
    pub(crate) closing: CancellationToken,
}

#[tonic::async_trait]
impl Jobs for JobsService {
    type WatchStream = ReceiverStream<Result<WatchResponse, Status>>;

    async fn find_results(
        &self,
        request: Request<FindResultsRequest>,
    ) -> Result<Response<FindResultsResponse>, Status> {
        let actions = digests_of(request.into_inner().actions)?;
        let known = self.submitter.actions.results(actions).await;
        let found = known.iter().map(|(action, result)| FoundResult {
            action: action.as_bytes().to_vec(),
            result: Some(to_proto::task_result(result)),
        });
        Ok(Response::new(FindResultsResponse { results: found.collect() }))
    }

    async fn forget_results(
        &self,
        request: Request<ForgetResultsRequest>,
    ) -> Result<Response<ForgetResultsResponse>, Status> {
        let peer = peer_of(&request);
        let actions = digests_of(request.into_inner().actions)?;
        let removed = self.submitter.actions.remove(actions).await;
        let removed = removed.map_err(|error| Status::internal(error_text(&error)))?;
        for action in &removed {
            tracing::info!(%action, peer, "a result was forgotten");
        }
        let actions = removed.iter().map(|action| action.as_bytes().to_vec()).collect();
        Ok(Response::new(ForgetResultsResponse { actions }))
    }

    async fn submit(
        &self,
        request: Request<Streaming<SubmitRequest>>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let peer = peer_of(&request);
        let (header, job) = receive(&self.submitter, request.into_inner(), &peer).await?;
        let (Header { key, project, .. }, tasks) = (header, job.len());
        let (JobId(job), known) = self.submitter.submit(job).await?;
        tracing::info!(job, key, project, tasks, known, peer, "a job was submitted");
        Ok(Response::new(SubmitResponse { job, known }))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let peer = peer_of(&request);
        let job = JobId(request.into_inner().job);
        let (submitter, closing) = (self.submitter.clone(), self.closing.clone());
        let watching = Watching { job, submitter, closing, peer };
        Ok(Response::new(watching.start().await?))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let ListRequest { active, limit } = request.into_inner();
        let limit = if limit == 0 { JOBS_LISTED } else { JOBS_LISTED.min(limit as usize) };
        let jobs = self.submitter.driver.jobs(active, limit).await?;
        Ok(Response::new(ListResponse { jobs: jobs.iter().map(to_proto::job_summary).collect() }))
    }

    async fn cancel(
        &self,
        request: Request<CancelRequest>,
    ) -> Result<Response<CancelResponse>, Status> {
        let peer = peer_of(&request);
        let job = JobId(request.into_inner().job);
        let summary = found(job, self.submitter.driver.cancel(job).await?)?;
        tracing::info!(job = job.0, peer, "a job was canceled");
        Ok(Response::new(CancelResponse { job: Some(to_proto::job_summary(&summary)) }))
    }

    async fn retry(
        &self,
        request: Request<RetryRequest>,
    ) -> Result<Response<RetryResponse>, Status> {
        let peer = peer_of(&request);
        let job = JobId(request.into_inner().job);
        let summary = found(job, self.submitter.retry(job).await?)?;
        tracing::info!(job = job.0, peer, "a job is retried");
        Ok(Response::new(RetryResponse { job: Some(to_proto::job_summary(&summary)) }))
    }

    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        let job = JobId(request.into_inner().job);
        let explained = self.submitter.driver.explain(job).await?;
        let explained = explained.ok_or_else(|| no_such_job(job))?;
        let reasons = explained.iter().take(REASONS_LISTED).map(to_proto::explained).collect();
        Ok(Response::new(ExplainResponse { reasons }))
    }
}

/// The actions that a request names.
fn digests_of(actions: Vec<Vec<u8>>) -> Result<Vec<Digest>, FieldError> {
    from_proto::each("actions", actions, DIGESTS_PER_MESSAGE, |bytes| {
        from_proto::digest("digest", &bytes)
    })
}

fn found(job: JobId, summary: Option<JobSummary>) -> Result<JobSummary, Status> {
    summary.ok_or_else(|| no_such_job(job))
}

/// Receives a submission: its header, then the announced number of tasks.
async fn receive(
    submitter: &Submitter,
    mut parts: Streaming<SubmitRequest>,
    peer: &str,
) -> Result<(Header, Draft), Status> {
    const DOING: &str = "unfinished submission";
    let first = next(&mut parts, DOING, peer).await?.and_then(|request| request.part);
    let Some(Part::Header(header)) = first else {
        return Err(FieldError::missing("header").into());
    };
    let (header, announced) = check(header)?;
    let mut job = submitter.begin(header.clone()).await?;
    while let Some(request) = job.wait(next(&mut parts, DOING, peer)).await?? {
        let Some(Part::Tasks(more)) = request.part else {
            return Err(FieldError::missing("tasks").into());
        };
        if job.len() + more.tasks.len() > announced {
            return Err(Status::invalid_argument(format!(
                "there are more tasks than the {announced} of header.task_count"
            )));
        }
        job = job.add_sent(more.tasks).await?;
    }
    if job.len() < announced {
        let count = job.len();
        return Err(Status::invalid_argument(format!(
            "there are only {count} tasks of the {announced} of header.task_count"
        )));
    }
    Ok((header, job))
}

/// The header of a submission, and how many tasks it announces.
fn check(header: SubmitHeader) -> Result<(Header, usize), FieldError> {
    let SubmitHeader { key, project, priority, task_count } = header;
    let in_header = |error: FieldError| error.within("header");
    let key = from_proto::name("key", key).map_err(in_header)?;
    let project = from_proto::name("project", project).map_err(in_header)?;
    let announced = task_count as usize;
    if !(1..=MAX_TASKS).contains(&announced) {
        return Err(FieldError::out_of_range(
            "header.task_count",
            task_count,
            format_args!("from 1 to {MAX_TASKS}"),
        ));
    }
    Ok((Header { key, project, priority }, announced))
}
