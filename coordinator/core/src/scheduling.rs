//! Scheduling: leases the first task of the queue to the worker that suits it best.

use std::collections::BTreeSet;

use impasto_types::{Attempt, Digest, Grant, LeaseId, Order, Resolved, WorkerId};

use crate::Fact;
use crate::class::Class;
use crate::core::Core;
use crate::task::TaskKey;

impl Core {
    /// Leases as many tasks as workers have asked for.
    pub(crate) fn schedule(&mut self) {
        self.ledger.waiting.release(&self.ledger.jobs, self.now);
        self.watch_stranded();
        if !self.workers.is_anyone_free() || self.ledger.waiting.queue.is_empty() {
            return;
        }
        // Grants only reduce room, so a class that does not fit now does not fit later in this
        // pass.
        let room = self.workers.room();
        let mut unfit: BTreeSet<Class> = BTreeSet::new();
        let mut held_back: BTreeSet<WorkerId> = BTreeSet::new();
        while self.workers.is_anyone_free() {
            let fits = |class: &Class| {
                let has_room = |most: &u64| class.alone || class.demand.memory_bytes <= *most;
                room.get(&class.demand.method).is_some_and(has_room) && !unfit.contains(class)
            };
            let is_held = |job| self.is_held(job);
            let next = self.ledger.waiting.queue.next(self.now, fits, is_held);
            let Some(next) = next else { return };
            let Some(task) = self.ledger.task(next.key) else { return };
            match self.workers.best_for(&next.class, &task.needs.inputs, &held_back) {
                Some(worker) => self.grant(next.key, worker),
                None => {
                    if next.class.alone {
                        held_back.extend(self.workers.to_hold_back(&next.class));
                    }
                    unfit.insert(next.class);
                }
            }
        }
    }

    fn grant(&mut self, key: TaskKey, worker: WorkerId) {
        let Some(name) = self.workers.get(worker).map(|worker| worker.name.clone()) else { return };
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
        self.record(Fact::TaskLeased { lease, worker: name, at: self.now });
        self.workers.take_credit(worker, lease);
        self.workers.remember_blobs(worker, &inputs);
        self.listen_for(lease);
        self.order(worker, Order::Grant(Grant { lease, task: spec, resolved, checkpoint }));
    }
}
