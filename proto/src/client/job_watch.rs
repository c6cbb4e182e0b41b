//! Following a job.

use impasto_types::{JobId, JobNews};
use tonic::Streaming;

use super::farm_error::FarmError;
use super::in_time::due;
use crate::{from_proto, v1};

/// A job that is being watched.
#[derive(Debug)]
pub struct JobWatch {
    job: JobId,
    stream: Streaming<v1::WatchResponse>,
    /// Whether the job's present state has arrived. Later news come when they happen.
    caught_up: bool,
}

impl JobWatch {
    pub(super) fn new(job: JobId, stream: Streaming<v1::WatchResponse>) -> Self {
        Self { job, stream, caught_up: false }
    }

    /// The next news; `None` after the job has ended.
    ///
    /// # Errors
    /// If the coordinator becomes unreachable or does not send the present state in time, or its
    /// answer is malformed.
    pub async fn next(&mut self) -> Result<Option<JobNews>, FarmError> {
        let job = self.job;
        let message = self.stream.message();
        let answer = if self.caught_up { message.await } else { due(message).await };
        let answer = answer.map_err(|status| match status.code() {
            tonic::Code::NotFound => FarmError::NoSuchJob { job },
            _ => FarmError::of(status, "let the job be watched"),
        })?;
        let news = answer.map(from_proto::job_news).transpose()?;
        self.caught_up |= news == Some(JobNews::CaughtUp);
        Ok(news)
    }
}
