//! Tasks that no connected worker could ever run. They wait a while for one that can, then fail
//! with what is missing. While no worker takes work at all, nothing is stranded: the farm is down,
//! or not up yet.

use std::collections::BTreeSet;

use impasto_types::ByteSize;

use crate::Fact;
use crate::class::{Class, Demand};
use crate::core::Core;
use crate::task::TaskKey;
use crate::timers::Timer;

impl Core {
    /// Starts the clock for demands that cannot be met, and stops it for those that can or are
    /// gone.
    pub(crate) fn watch_stranded(&mut self) {
        let demands: BTreeSet<Demand> =
            self.ledger.waiting.queue.classes().map(|class| class.demand).collect();
        let unmet: BTreeSet<Demand> =
            demands.into_iter().filter(|demand| self.shortcoming(demand).is_some()).collect();
        self.stranded.retain(|demand, _| unmet.contains(demand));
        let until = self.now.saturating_add(self.config.unschedulable_grace_ms);
        for demand in unmet {
            self.stranded.entry(demand).or_insert_with(|| {
                self.timers.set(until, Timer::Stranded(demand));
                until
            });
        }
    }

    /// Tasks may have waited too long for someone who can run them.
    pub(crate) fn check_stranded(&mut self, demand: Demand) {
        let is_due = self.stranded.get(&demand).is_some_and(|until| *until <= self.now);
        let Some(message) = self.shortcoming(&demand).filter(|_| is_due) else { return };
        self.stranded.remove(&demand);
        // A task that fails makes way for the next with the same action, which is no better off.
        loop {
            self.ledger.waiting.release(&self.ledger.jobs, self.now);
            let tasks =
                self.ledger.waiting.queue.tasks_where(|class: &Class| class.demand == demand);
            if tasks.is_empty() {
                return;
            }
            for TaskKey { job, task } in tasks {
                self.record(Fact::TaskFailed { job, task, at: self.now, message: message.clone() });
            }
        }
    }

    /// Why no worker could run this, if there are workers and none could.
    fn shortcoming(&self, demand: &Demand) -> Option<String> {
        let largest = self.workers.largest();
        match largest.get(&demand.method) {
            Some(most) if *most >= demand.memory_bytes => None,
            Some(most) => Some(format!(
                "needs {}, the largest worker has {}",
                ByteSize(demand.memory_bytes),
                ByteSize(*most)
            )),
            None if largest.is_empty() => None,
            None => {
                let methods: Vec<String> = largest.keys().map(ToString::to_string).collect();
                Some(format!("needs {}, the workers run {}", demand.method, methods.join(", ")))
            }
        }
    }
}
