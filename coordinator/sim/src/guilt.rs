//! Which attempts were ruined by their machines, and whether a task fails for good because of one
//! although another machine could run it.

use std::collections::{BTreeMap, BTreeSet};

use impasto_core::{AttemptEnded, Core, Fact};
use impasto_types::{JobId, LeaseId, TaskIndex, WorkerName, WorkerState};

#[derive(Debug, Default)]
pub(crate) struct Guilt {
    ruined: BTreeSet<LeaseId>,
    /// The workers that have tried each task since its job was submitted or retried.
    tried: BTreeMap<(JobId, TaskIndex), BTreeSet<WorkerName>>,
    memory_bytes: BTreeMap<(JobId, TaskIndex), u64>,
    leased: BTreeSet<(JobId, TaskIndex)>,
    canceled: BTreeSet<JobId>,
}

impl Guilt {
    /// A worker failed this attempt because it is sick.
    pub(crate) fn note(&mut self, lease: LeaseId) {
        self.ruined.insert(lease);
    }

    pub(crate) fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::JobSubmitted { job, submission, .. } => {
                for (task, needs) in (0..).map(TaskIndex).zip(&submission.tasks) {
                    self.memory_bytes.insert((*job, task), needs.least_memory_bytes);
                }
            }
            Fact::TaskLeased { lease, .. } => {
                self.leased.insert((lease.job, lease.task));
            }
            // Tasks that have failed or were canceled are retried with fresh attempts.
            Fact::JobCanceled { job, .. } => {
                self.canceled.insert(*job);
                let leased = &self.leased;
                self.tried.retain(|key, _| key.0 != *job || leased.contains(key));
            }
            Fact::JobRetried { job, .. } => {
                self.canceled.remove(job);
            }
            Fact::TaskFailed { job, task, .. } => self.end((*job, *task)),
            Fact::AttemptEnded(AttemptEnded { lease, worker, spared, .. }) => {
                let key = (lease.job, lease.task);
                self.leased.remove(&key);
                if self.canceled.contains(&key.0) {
                    self.end(key);
                } else if !spared {
                    self.tried.entry(key).or_default().insert(worker.clone());
                }
            }
            Fact::TaskSucceeded { job, task, .. } => self.end((*job, *task)),
            Fact::JobForgotten { .. } => {}
        }
    }

    fn end(&mut self, key: (JobId, TaskIndex)) {
        self.leased.remove(&key);
        self.tried.remove(&key);
    }

    /// A healthy worker that could have tried the task of a ruined attempt, which failed it for
    /// good. `healthy` are the connected workers that are well.
    pub(crate) fn passed_over(
        &self,
        core: &Core,
        lease: LeaseId,
        by: &WorkerName,
        healthy: &BTreeSet<WorkerName>,
    ) -> Option<WorkerName> {
        let key = (lease.job, lease.task);
        if !self.ruined.contains(&lease) {
            return None;
        }
        let tried = self.tried.get(&key);
        let memory_bytes = self.memory_bytes.get(&key).copied().unwrap_or(u64::MAX);
        let could = core.workers().into_iter().find(|worker| {
            matches!(worker.state, WorkerState::Idle | WorkerState::Busy)
                && worker.benched.is_none()
                && worker.capabilities.task_memory_bytes() >= memory_bytes
                && healthy.contains(&worker.name)
                && worker.name != *by
                && tried.is_none_or(|tried| !tried.contains(&worker.name))
        });
        could.map(|worker| worker.name)
    }
}
