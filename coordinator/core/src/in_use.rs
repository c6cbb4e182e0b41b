//! Which blobs must not expire because jobs need them.

use std::collections::BTreeSet;

use impasto_types::Digest;

use crate::core::Core;
use crate::job::{Job, Phase};
use crate::task::{Task, TaskState};

impl Core {
    /// The inputs of every task that may still run, the results of jobs that have not ended, since
    /// their clients may be disconnected, and every job's task specs, which hold the names of its
    /// assets.
    pub fn blobs_in_use(&self) -> BTreeSet<Digest> {
        self.ledger.jobs.values().flat_map(blobs_of_job).collect()
    }
}

fn blobs_of_job(job: &Job) -> impl Iterator<Item = Digest> {
    let has_ended = matches!(job.phase, Phase::Ended { .. });
    let tasks = job.tasks.iter().filter(move |_| !has_ended).flat_map(blobs_of_task);
    // A canceled task resumes from its checkpoint if it is retried.
    let checkpoints = job.tasks.iter().filter_map(|task| Some(task.checkpoint?.digest));
    std::iter::once(job.spec).chain(tasks).chain(checkpoints)
}

fn blobs_of_task(task: &Task) -> Vec<Digest> {
    match &task.state {
        TaskState::Blocked { .. } | TaskState::Ready { .. } | TaskState::Leased(_) => {
            task.needs.inputs.clone()
        }
        TaskState::Succeeded { result, .. } => result.blobs().map(|blob| blob.digest).collect(),
        TaskState::Failed { .. } | TaskState::Canceled => Vec::new(),
    }
}
