//! The events of one job for a watcher: its current state, then changes, until it has ended.

use std::collections::VecDeque;

use impasto_core::TaskView;
use impasto_types::{Digest, JobId, JobNews};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::driver::{Away, Driver, Watch};

/// A job that is being watched.
#[derive(Debug)]
pub struct JobStream {
    driver: Driver,
    job: JobId,
    closing: CancellationToken,
    /// The blob that holds the job's task specs.
    spec: Digest,
    /// The events of the current state that were not returned yet.
    standing: VecDeque<JobNews>,
    /// Changes after that; `None` if some were missed.
    news: Option<Receiver<JobNews>>,
    ended: bool,
}

impl JobStream {
    /// Starts to watch a job; `None` if there is no such job.
    pub(crate) async fn start(
        driver: Driver,
        job: JobId,
        closing: CancellationToken,
    ) -> Result<Option<Self>, Away> {
        let Some(watch) = driver.watch(job).await? else { return Ok(None) };
        let spec = watch.view.spec;
        let standing = VecDeque::new();
        let mut stream = Self { driver, job, closing, spec, standing, news: None, ended: false };
        stream.stand(watch);
        Ok(Some(stream))
    }

    /// The blob that holds the job's task specs.
    pub(crate) fn spec(&self) -> Digest {
        self.spec
    }

    fn stand(&mut self, Watch { view, news }: Watch) {
        self.ended = view.summary.state.has_ended();
        self.standing.push_back(JobNews::Job(view.summary));
        let tasks = view.tasks.into_iter();
        self.standing.extend(tasks.map(|TaskView { task, event }| JobNews::Task {
            task,
            asset: None,
            event,
        }));
        self.standing.push_back(JobNews::CaughtUp);
        self.news = Some(news);
    }

    /// The next event; `None` once the job has ended. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<JobNews>, Away> {
        loop {
            if let Some(news) = self.standing.pop_front() {
                return Ok(Some(news));
            }
            if self.ended {
                return Ok(None);
            }
            let Some(news) = &mut self.news else {
                match self.driver.watch(self.job).await? {
                    Some(watch) => self.stand(watch),
                    None => return Ok(None),
                }
                continue;
            };
            let next = tokio::select! {
                () = self.closing.cancelled() => return Err(Away::Stopped),
                next = news.recv() => next,
            };
            match next {
                Ok(news) => {
                    self.ended = matches!(&news, JobNews::Job(job) if job.state.has_ended());
                    return Ok(Some(news));
                }
                // Too slow: the current state includes what was missed.
                Err(RecvError::Lagged(_)) => self.news = None,
                Err(RecvError::Closed) => return Err(Away::Stopped),
            }
        }
    }
}
