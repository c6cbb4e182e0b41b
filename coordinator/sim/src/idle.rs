//! Looks beside the core whether a healthy worker with room is idle while a task that it may take
//! waits, by the needs that clients submitted.

use std::collections::BTreeMap;

use impasto_core::{Core, Millis, Submission};
use impasto_types::{
    Digest, JobId, LeaseId, TaskEvent, TaskIndex, WorkerInfo, WorkerName, WorkerState,
};

/// What each task needs.
#[derive(Debug, Default)]
pub(crate) struct Needs(BTreeMap<(JobId, TaskIndex), Need>);

#[derive(Debug, Clone, Copy)]
struct Need {
    memory_bytes: u64,
    action: Digest,
}

impl Needs {
    pub(crate) fn learn(&mut self, job: JobId, submission: &Submission) {
        for (task, needs) in (0..).map(TaskIndex).zip(&submission.tasks) {
            let (memory_bytes, action) = (needs.least_memory_bytes, needs.action);
            self.0.insert((job, task), Need { memory_bytes, action });
        }
    }

    /// A worker that could take a task, and the task. Only tasks that were never tried are
    /// considered, and only while no other waits that was, since one that must run alone reserves a
    /// worker.
    pub(crate) fn idle(&self, core: &Core, now: Millis) -> Option<(WorkerName, JobId, TaskIndex)> {
        let workers: Vec<(WorkerInfo, u64)> =
            core.workers().into_iter().filter_map(|info| self.room(core, info)).collect();
        if workers.is_empty() {
            return None;
        }
        let mut waiting = Vec::new();
        let mut actions: BTreeMap<Digest, u32> = BTreeMap::new();
        for summary in core.jobs().filter(|job| job.ready + job.leased > 0) {
            for task in core.job(summary.job)?.tasks {
                let need = self.0.get(&(summary.job, task.task))?;
                match task.event {
                    TaskEvent::Ready { attempts, not_before_ms, .. } => {
                        if attempts.0 > 0 {
                            return None;
                        }
                        *actions.entry(need.action).or_default() += 1;
                        if not_before_ms <= now && !core.is_held(summary.job) {
                            waiting.push((summary.job, task.task, *need));
                        }
                    }
                    TaskEvent::Leased { .. } => *actions.entry(need.action).or_default() += 1,
                    TaskEvent::Blocked
                    | TaskEvent::Progress(_)
                    | TaskEvent::Succeeded { .. }
                    | TaskEvent::Failed { .. }
                    | TaskEvent::Canceled => {}
                }
            }
        }
        // Of tasks with the same action, one runs for all.
        waiting.retain(|(.., need)| actions.get(&need.action) == Some(&1));
        waiting.into_iter().find_map(|(job, task, need)| {
            let (worker, _) = workers.iter().find(|(_, room)| *room >= need.memory_bytes)?;
            Some((worker.name.clone(), job, task))
        })
    }

    /// A worker that takes tasks, with the memory that one can get.
    fn room(&self, core: &Core, worker: WorkerInfo) -> Option<(WorkerInfo, u64)> {
        let takes = matches!(worker.state, WorkerState::Idle | WorkerState::Busy)
            && worker.benched.is_none()
            && worker.leases.len() < worker.capabilities.slots as usize
            // A second attempt may have to run alone.
            && worker.leases.iter().all(|lease| lease.attempt.0 == 1)
            && core.asks_for(core.connection(&worker.name)?)? > 0;
        let taken = |lease: &LeaseId| {
            self.0.get(&(lease.job, lease.task)).map_or(u64::MAX, |need| need.memory_bytes)
        };
        let taken = worker.leases.iter().map(taken).fold(0, u64::saturating_add);
        let free = worker.capabilities.memory_bytes.saturating_sub(taken);
        let room = free.min(worker.capabilities.task_memory_bytes());
        takes.then_some((worker, room))
    }
}
