//! One watcher's stream over the network.

use std::sync::Arc;

use impasto_proto::{to_proto, v1};
use impasto_types::{Digest, JobId, JobNews, error_text};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::patience::send;
use super::status::no_such_job;
use crate::job_stream::JobStream;
use crate::submission::Submitter;

/// How many messages are queued for the network.
const MESSAGES_AHEAD: usize = 256;

/// State of a watcher's stream.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) job: JobId,
    pub(super) submitter: Submitter,
    pub(super) closing: CancellationToken,
    pub(super) peer: String,
}

type Sink = mpsc::Sender<Result<v1::WatchResponse, Status>>;

impl Watching {
    /// Starts the stream; fails if there is no such job.
    pub(super) async fn start(
        self,
    ) -> Result<ReceiverStream<Result<v1::WatchResponse, Status>>, Status> {
        let driver = self.submitter.driver.clone();
        let news = JobStream::start(driver, self.job, self.closing.clone()).await?;
        let news = news.ok_or_else(|| no_such_job(self.job))?;
        let (sink, stream) = mpsc::channel(MESSAGES_AHEAD);
        tokio::spawn(async move {
            if let Err(status) = self.follow(news, &sink).await {
                // The caller may be gone.
                send(&sink, Err(status), "job's news", &self.peer).await;
            }
        });
        Ok(ReceiverStream::new(stream))
    }

    /// Sends events until the job has ended or the caller is gone.
    async fn follow(&self, mut news: JobStream, sink: &Sink) -> Result<(), Status> {
        let specs = self.specs(news.spec()).await;
        let mut caught_up = false;
        loop {
            let next = tokio::select! {
                () = sink.closed() => return Ok(()),
                next = news.next() => next?,
            };
            let next = match next {
                None => return Ok(()),
                // A task's name is sent only once.
                Some(JobNews::Task { task, event, .. }) if !caught_up => {
                    let asset = specs.get(task.0 as usize).map(|spec| spec.asset.clone());
                    JobNews::Task { task, asset, event }
                }
                Some(next) => next,
            };
            caught_up |= next == JobNews::CaughtUp;
            if !send(sink, Ok(to_proto::job_news(next)), "job's news", &self.peer).await {
                return Ok(());
            }
        }
    }

    /// The job's task specs. Here they only provide names, so states are sent even if they cannot
    /// be read.
    async fn specs(&self, spec: Digest) -> Arc<[v1::TaskSpec]> {
        match self.submitter.specs.get(spec).await {
            Ok(specs) => specs,
            Err(error) => {
                let cause = error_text(&error);
                tracing::warn!(job = self.job.0, cause, "a watcher gets no names of tasks");
                Arc::default()
            }
        }
    }
}
