//! What happens to a job, as it happens.

use impasto_proto::{FieldError, from_proto, v1};
use impasto_types::{JobId, TaskIndex, TaskResult};
use tonic::Streaming;

use super::job::printable;
use super::{FarmError, Job};

/// One piece of news about a job.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Job(Job),
    Task {
        task: TaskIndex,
        /// The asset's path, in a task's first news.
        asset: Option<String>,
        news: TaskNews,
    },
    /// Everything up to now has been told.
    CaughtUp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TaskNews {
    Ready { attempts: u32, message: String },
    Leased { worker: String, attempt: u32, progress: Option<TaskProgress> },
    Succeeded { result: TaskResult, worker: Option<String> },
    Failed { message: String, attempts: u32 },
    Canceled,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskProgress {
    pub iteration: u32,
    pub iterations: u32,
    pub loss: f64,
    pub left_ms: Option<u64>,
}

/// A job that is being watched.
#[derive(Debug)]
pub struct Watch {
    job: JobId,
    stream: Streaming<v1::WatchResponse>,
}

impl Watch {
    pub(super) fn new(job: JobId, stream: Streaming<v1::WatchResponse>) -> Self {
        Self { job, stream }
    }

    /// The next news; `None` once the job has ended.
    ///
    /// # Errors
    /// Where the coordinator goes away, or says what it must not.
    pub async fn next(&mut self) -> Result<Option<News>, FarmError> {
        let job = self.job;
        let answer = self.stream.message().await.map_err(|status| match status.code() {
            tonic::Code::NotFound => FarmError::NoSuchJob { job },
            _ => FarmError::of(status, "let the job be watched"),
        })?;
        Ok(answer.map(news).transpose()?)
    }
}

fn news(answer: v1::WatchResponse) -> Result<News, FieldError> {
    use v1::watch_response::News as Wire;
    match answer.news.ok_or_else(|| FieldError::missing("news"))? {
        Wire::Summary(summary) => {
            Ok(News::Job(Job::from_proto(summary).map_err(|error| error.within("summary"))?))
        }
        Wire::CaughtUp(v1::CaughtUp {}) => Ok(News::CaughtUp),
        Wire::Task(state) => task(state).map_err(|error| error.within("task")),
    }
}

fn task(state: v1::TaskState) -> Result<News, FieldError> {
    use v1::task_state::State as Wire;
    let news = match state.state.ok_or_else(|| FieldError::missing("state"))? {
        Wire::Ready(ready) => {
            TaskNews::Ready { attempts: ready.attempts, message: printable(ready.message) }
        }
        Wire::Leased(leased) => TaskNews::Leased {
            worker: printable(leased.worker),
            attempt: leased.attempt,
            progress: leased.progress.map(|progress| TaskProgress {
                iteration: progress.iteration,
                iterations: progress.iterations,
                loss: progress.loss,
                left_ms: progress.left_ms,
            }),
        },
        Wire::Succeeded(succeeded) => TaskNews::Succeeded {
            result: from_proto::required("result", succeeded.result, from_proto::task_result)?,
            worker: Some(printable(succeeded.worker)).filter(|worker| !worker.is_empty()),
        },
        Wire::Failed(failed) => {
            TaskNews::Failed { message: printable(failed.message), attempts: failed.attempts }
        }
        Wire::Canceled(v1::Canceled {}) => TaskNews::Canceled,
    };
    Ok(News::Task {
        task: TaskIndex(state.task),
        asset: Some(printable(state.asset)).filter(|asset| !asset.is_empty()),
        news,
    })
}
