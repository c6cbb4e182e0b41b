//! Following a job.

use impasto_types::{JobId, JobNews};
use tonic::Streaming;

use super::farm_error::FarmError;
use crate::{from_proto, v1};

/// A job that is being watched.
#[derive(Debug)]
pub struct JobWatch {
    job: JobId,
    stream: Streaming<v1::WatchResponse>,
}

impl JobWatch {
    pub(super) fn new(job: JobId, stream: Streaming<v1::WatchResponse>) -> Self {
        Self { job, stream }
    }

    /// The next news; `None` after the job has ended.
    ///
    /// # Errors
    /// If the coordinator becomes unreachable, or its answer is malformed.
    pub async fn next(&mut self) -> Result<Option<JobNews>, FarmError> {
        let job = self.job;
        let answer = self.stream.message().await.map_err(|status| match status.code() {
            tonic::Code::NotFound => FarmError::NoSuchJob { job },
            _ => FarmError::of(status, "let the job be watched"),
        })?;
        Ok(answer.map(from_proto::job_news).transpose()?)
    }
}
