//! The log for operators: one line for everything that happens to a lease or a worker, with job,
//! task, attempt, worker and peer address.

use std::collections::BTreeMap;

use impasto_core::{Fact, Input};
use impasto_types::{JobId, LeaseOutcome, WorkerId, WorkerName};

use super::links::Links;

/// Logs what a worker says about an attempt that failed, or a grant that was not sent.
pub(super) fn input(links: &Links, input: &Input) {
    let (worker, lease) = match input {
        Input::Report { worker, lease, .. } | Input::TaskListUnreadable { worker, lease, .. } => {
            (worker, lease)
        }
        _ => return,
    };
    let (job, task, attempt) = (lease.job.0, lease.task.0, lease.attempt.0);
    let (worker, peer) = links.who(*worker);
    match input {
        Input::Report { outcome: LeaseOutcome::Failed { kind, message }, .. } => {
            tracing::warn!(job, task, attempt, worker, peer, ?kind, message, "an attempt failed");
        }
        Input::Report { outcome: LeaseOutcome::Starved { missing }, .. } => {
            let missing = missing.len();
            tracing::warn!(job, task, attempt, worker, peer, missing, "inputs are missing");
        }
        Input::TaskListUnreadable { fault, message, .. } => {
            tracing::warn!(
                job,
                task,
                attempt,
                worker,
                peer,
                ?fault,
                message,
                "a grant was not sent"
            );
        }
        _ => {}
    }
}

/// Logs lost leases and tasks that failed for good. Many tasks of a job that fail for the same
/// reason share a line.
pub(super) fn facts(links: &Links, facts: &[Fact]) {
    let mut failed: BTreeMap<(JobId, &str), (u32, u32)> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::AttemptEnded(ended) if ended.kind.is_none() && ended.counts() => {
                let lease = ended.lease;
                let (job, task, attempt) = (lease.job.0, lease.task.0, lease.attempt.0);
                let (worker, message) = (ended.worker.as_str(), ended.message.as_str());
                let peer = links.peer_of(&ended.worker);
                tracing::warn!(job, task, attempt, worker, peer, message, "a lease was lost");
            }
            Fact::TaskFailed { job, task, message, .. } => {
                failed.entry((*job, message)).or_insert((task.0, 0)).1 += 1;
            }
            _ => {}
        }
    }
    for ((job, message), (task, tasks)) in failed {
        let job = job.0;
        tracing::warn!(job, task, tasks, message, "a task failed for good");
    }
}

pub(super) fn connected(links: &Links, id: WorkerId) {
    let (worker, peer) = links.who(id);
    tracing::info!(worker, peer, "a worker has connected");
}

pub(super) fn disconnected(links: &Links, id: WorkerId, why: &str) {
    let (worker, peer) = links.who(id);
    // It was logged before if it is unknown.
    if !worker.is_empty() {
        tracing::info!(worker, peer, "a worker is disconnected: {why}");
    }
}

pub(super) fn benched(links: &Links, worker: &WorkerName, failures: u32, reason: &str) {
    let (peer, worker) = (links.peer_of(worker), worker.as_str());
    tracing::warn!(worker, peer, failures, reason, "a worker is benched");
}
