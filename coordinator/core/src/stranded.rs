//! Tasks that no connected worker could ever run. They wait for a suitable worker for a while, then
//! fail with the reason. While no worker accepts work, nothing is stranded: the farm is down or
//! starting.

use std::collections::btree_map::Entry;

use impasto_types::ByteSize;

use crate::Fact;
use crate::class::Demand;
use crate::core::Core;
use crate::task::TaskKey;
use crate::timers::Timer;

impl Core {
    /// Starts a timer for each demand that no worker meets, and drops those of demands that are met
    /// or gone. Looks only at demands that may have changed, since every task may have its own.
    pub(crate) fn watch_stranded(&mut self) {
        let queue = &mut self.ledger.waiting.queue;
        let mut changed = queue.take_changed();
        if self.largest != *self.workers.largest() {
            self.largest.clone_from(self.workers.largest());
            changed.extend(queue.demands().chain(self.stranded.keys().copied()));
        }
        let until = self.now.saturating_add(self.config.unschedulable_grace_ms);
        for demand in changed {
            if !self.ledger.waiting.queue.has(&demand) || self.workers.could_meet(&demand) {
                self.stranded.remove(&demand);
            } else if let Entry::Vacant(unmet) = self.stranded.entry(demand) {
                unmet.insert(until);
                self.timers.set(until, Timer::Stranded(demand));
            }
        }
    }

    /// Fails the tasks of a demand that is still not met when its time is over.
    pub(crate) fn check_stranded(&mut self, demand: Demand) {
        let is_due = self.stranded.get(&demand).is_some_and(|until| *until <= self.now);
        let Some(message) = self.shortcoming(&demand).filter(|_| is_due) else { return };
        self.stranded.remove(&demand);
        // When a task fails, the next one with the same action is queued, which no worker can run
        // either.
        loop {
            self.ledger.waiting.release(&self.ledger.jobs, self.now);
            let tasks = self.ledger.waiting.queue.tasks_of(&demand);
            if tasks.is_empty() {
                return;
            }
            for TaskKey { job, task } in tasks {
                self.record(Fact::TaskFailed { job, task, at: self.now, message: message.clone() });
            }
        }
    }

    /// Why no worker could run this; `None` if one could or no worker accepts work.
    pub(crate) fn shortcoming(&self, demand: &Demand) -> Option<String> {
        if self.workers.could_meet(demand) {
            return None;
        }
        let largest = self.workers.largest();
        match largest.get(&demand.method) {
            Some(most) => Some(format!(
                "needs {}, the largest worker has {}",
                ByteSize(demand.memory_bytes),
                ByteSize(*most)
            )),
            None => {
                let methods: Vec<String> = largest.keys().map(ToString::to_string).collect();
                Some(format!("needs {}, the workers run {}", demand.method, methods.join(", ")))
            }
        }
    }
}
