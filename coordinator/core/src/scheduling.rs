//! Scheduling: leases the first task of the queue to the worker that suits it best.

use std::collections::BTreeSet;

use impasto_types::{Attempt, Digest, Grant, LeaseId, Order, Resolved, WorkerId};

use crate::Fact;
use crate::core::Core;
use crate::fits::Fits;
use crate::queue::Next;
use crate::task::TaskKey;

impl Core {
    /// Leases as many tasks as workers have asked for.
    pub(crate) fn schedule(&mut self) {
        self.ledger.waiting.release(&self.ledger.jobs, self.now);
        self.watch_stranded();
        if !self.workers.is_anyone_free() || self.ledger.waiting.queue.is_empty() {
            return;
        }
        let mut fits = Fits::new(self.workers.room());
        let mut held_back: BTreeSet<WorkerId> = BTreeSet::new();
        while self.workers.is_anyone_free() {
            let is_held = |job| self.is_held(job);
            let next = self.ledger.waiting.queue.next(self.now, &fits, is_held);
            let Some(Next { key, class }) = next else { return };
            let Some(task) = self.ledger.task(key) else { return };
            let memory_bytes = task.needs.least_memory_bytes;
            match self.workers.best_for(&class, memory_bytes, &task.needs.inputs, &held_back) {
                Some(worker) => self.grant(key, worker),
                None => {
                    if class.alone {
                        held_back.extend(self.workers.to_hold_back(&class, memory_bytes));
                    }
                    let unfit = self.workers.unfit_like(&class, memory_bytes, &held_back);
                    fits.leave_out(class, unfit);
                }
            }
        }
    }

    pub(crate) fn grant(&mut self, key: TaskKey, worker: WorkerId) {
        let Some(process) = self.workers.get(worker) else { return };
        let (name, process) = (process.name.clone(), Some(process.instance()));
        let Some(job) = self.ledger.jobs.get(&key.job) else { return };
        let Some(task) = job.task(key.task) else { return };
        let (spec, checkpoint) = (job.spec, task.checkpoint);
        let resolved: Vec<Resolved> = job.results_for(task).collect();
        let produced = resolved.iter().map(|resolved| resolved.blob.digest);
        let inputs: Vec<Digest> = task.needs.inputs.iter().copied().chain(produced).collect();
        let lease = LeaseId {
            job: key.job,
            task: key.task,
            attempt: Attempt(task.attempt.saturating_add(1)),
            epoch: self.epoch,
        };
        self.record(Fact::TaskLeased { lease, worker: name, at: self.now, process });
        self.workers.take_credit(worker, lease);
        self.workers.remember_blobs(worker, &inputs);
        self.listen_for(lease);
        self.order(worker, Order::Grant(Grant { lease, task: spec, resolved, checkpoint }));
    }
}
