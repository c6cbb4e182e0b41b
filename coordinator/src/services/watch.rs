//! One watcher's stream: the job as it stands, then what changes, until the job has ended.

use std::sync::Arc;

use impasto_core::TaskView;
use impasto_proto::{to_proto, v1};
use impasto_types::{Digest, JobId, JobNews};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::status::{no_such_job, shutting_down};
use crate::driver::Watch;
use crate::submission::Submitter;

/// Messages that wait for the network.
const MESSAGES_AHEAD: usize = 256;

/// What a watcher's stream needs.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) job: JobId,
    pub(super) submitter: Submitter,
    pub(super) closing: CancellationToken,
}

/// Why a stream goes no further: the caller has gone, or is told this.
enum Stop {
    Gone,
    Because(Status),
}

impl<T> From<mpsc::error::SendError<T>> for Stop {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self::Gone
    }
}

type Sink = mpsc::Sender<Result<v1::WatchResponse, Status>>;

impl Watching {
    /// Begins the stream; fails where there is no such job.
    pub(super) async fn start(
        self,
    ) -> Result<ReceiverStream<Result<v1::WatchResponse, Status>>, Status> {
        let watch = self.look().await?;
        let (sink, stream) = mpsc::channel(MESSAGES_AHEAD);
        tokio::spawn(async move {
            if let Err(Stop::Because(status)) = self.follow(watch, &sink).await {
                // Where the caller has gone, there is nobody to tell.
                let _ = sink.send(Err(status)).await;
            }
        });
        Ok(ReceiverStream::new(stream))
    }

    async fn look(&self) -> Result<Watch, Status> {
        self.submitter.driver.watch(self.job).await?.ok_or_else(|| no_such_job(self.job))
    }

    async fn follow(&self, mut watch: Watch, sink: &Sink) -> Result<(), Stop> {
        loop {
            let ended = watch.view.summary.state.has_ended();
            let mut news = self.send_all(watch, sink).await?;
            if ended {
                return Ok(());
            }
            loop {
                let next = tokio::select! {
                    () = self.closing.cancelled() => return Err(Stop::Because(shutting_down())),
                    () = sink.closed() => return Err(Stop::Gone),
                    next = news.recv() => next,
                };
                match next {
                    Ok(news) => {
                        let ended = matches!(&news, JobNews::Job(job) if job.state.has_ended());
                        send(sink, news).await?;
                        if ended {
                            return Ok(());
                        }
                    }
                    // Too slow: what was missed is in the job as it stands.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Err(Stop::Because(shutting_down())),
                }
            }
            watch = self.look().await.map_err(Stop::Because)?;
        }
    }

    /// Sends the job as it stands, and gives what the changes come out of.
    async fn send_all(
        &self,
        watch: Watch,
        sink: &Sink,
    ) -> Result<tokio::sync::broadcast::Receiver<JobNews>, Stop> {
        let Watch { view, news } = watch;
        send(sink, JobNews::Job(view.summary)).await?;
        let specs = self.specs(view.spec).await;
        for TaskView { task, event } in view.tasks {
            let asset = specs.get(task.0 as usize).map(|spec| spec.asset.clone());
            send(sink, JobNews::Task { task, asset, event }).await?;
        }
        send(sink, JobNews::CaughtUp).await?;
        Ok(news)
    }

    /// The job's tasks in full. They are only needed for their names here: where they cannot be
    /// read, the states are still worth showing.
    async fn specs(&self, spec: Digest) -> Arc<[v1::TaskSpec]> {
        match self.submitter.specs.get(spec).await {
            Ok(specs) => specs,
            Err(error) => {
                tracing::warn!(job = self.job.0, cause =
                    %impasto_types::error_text(&error), "a watcher sees no names");
                Arc::default()
            }
        }
    }
}

async fn send(sink: &Sink, news: JobNews) -> Result<(), Stop> {
    Ok(sink.send(Ok(to_proto::job_news(news))).await?)
}
