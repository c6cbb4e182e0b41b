//! The news of one job for a build in the same process: the job as it stands, then what changes,
//! until it has ended.

use std::collections::VecDeque;

use impasto_build::{FarmError, JobPhase, News, Progress, TaskNews, Watch};
use impasto_core::{JobState, JobSummary, TaskEvent, TaskView};
use impasto_types::{JobId, TaskIndex};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::driver::{self, Driver, Stopped};

/// A job that is being watched.
#[derive(Debug)]
pub struct LocalWatch {
    driver: Driver,
    job: JobId,
    closing: CancellationToken,
    /// The job as it stands, as far as it was not handed out yet.
    standing: VecDeque<News>,
    /// What changes after that; `None` where some of it was missed.
    changes: Option<Receiver<driver::News>>,
    ended: bool,
}

impl LocalWatch {
    /// Begins to watch a job; `None` where there is none of this number.
    pub(crate) async fn start(
        driver: Driver,
        job: JobId,
        closing: CancellationToken,
    ) -> Result<Option<Self>, Stopped> {
        let Some(found) = driver.watch(job).await? else { return Ok(None) };
        let standing = VecDeque::new();
        let mut watch = Self { driver, job, closing, standing, changes: None, ended: false };
        watch.stand(found);
        Ok(Some(watch))
    }

    fn stand(&mut self, driver::Watch { view, news }: driver::Watch) {
        let job = job_news(view.summary);
        self.ended = has_ended(&job);
        self.standing.push_back(job);
        let tasks = view.tasks.into_iter();
        self.standing.extend(tasks.map(|TaskView { task, event, .. }| task_news(task, event)));
        self.changes = Some(news);
    }

    async fn next_or_stopped(&mut self) -> Result<Option<News>, Stopped> {
        loop {
            if let Some(news) = self.standing.pop_front() {
                return Ok(Some(news));
            }
            if self.ended {
                return Ok(None);
            }
            let Some(changes) = &mut self.changes else {
                match self.driver.watch(self.job).await? {
                    Some(found) => self.stand(found),
                    None => return Ok(None),
                }
                continue;
            };
            let next = tokio::select! {
                () = self.closing.cancelled() => return Err(Stopped),
                next = changes.recv() => next,
            };
            match next {
                Ok(driver::News::Task { task, event }) => return Ok(Some(task_news(task, event))),
                Ok(driver::News::Job(summary)) => {
                    let news = job_news(summary);
                    self.ended = has_ended(&news);
                    return Ok(Some(news));
                }
                // Too slow: what was missed is in the job as it stands.
                Err(RecvError::Lagged(_)) => self.changes = None,
                Err(RecvError::Closed) => return Err(Stopped),
            }
        }
    }
}

impl Watch for LocalWatch {
    async fn next(&mut self) -> Result<Option<News>, FarmError> {
        Ok(self.next_or_stopped().await?)
    }
}

fn has_ended(news: &News) -> bool {
    matches!(news, News::Job { phase: JobPhase::Ended, .. })
}

fn job_news(summary: JobSummary) -> News {
    let phase = match summary.state {
        JobState::Queued | JobState::Running => JobPhase::Active,
        JobState::Canceling => JobPhase::Canceling,
        JobState::Succeeded | JobState::Failed | JobState::Canceled => JobPhase::Ended,
    };
    News::Job { key: summary.key, phase }
}

fn task_news(task: TaskIndex, event: TaskEvent) -> News {
    let news = match event {
        TaskEvent::Ready { attempts, message, .. } => {
            TaskNews::Waiting { attempts: attempts.0, message }
        }
        TaskEvent::Leased { worker, attempt } => {
            TaskNews::Started { worker: worker.to_string(), attempt: attempt.0 }
        }
        TaskEvent::Progress(progress) => TaskNews::Progress(Progress {
            iteration: progress.iteration,
            iterations: progress.iterations,
            loss: progress.loss,
            left_ms: progress.left_ms,
        }),
        TaskEvent::Succeeded { result, worker, .. } => {
            TaskNews::Succeeded { result, is_new: worker.is_some() }
        }
        TaskEvent::Failed { message, .. } => TaskNews::Failed { message },
        TaskEvent::Canceled => TaskNews::Canceled,
    };
    News::Task { task, news }
}
