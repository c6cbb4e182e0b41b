//! Workers that connect, disconnect, drain or go silent.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use impasto_types::{Hello, LeaseId, Order, WorkerId, WorkerName};

use crate::core::Core;
use crate::task::Task;
use crate::timers::Timer;
use crate::workers::Process;
use crate::{Effect, Millis};

impl Core {
    /// The worker keeps the leases that it still holds. A lease that it no longer holds has ended.
    /// If the process is another one, that counts as an attempt, since the task may have crashed
    /// the worker.
    pub(crate) fn connect(&mut self, worker: WorkerId, hello: Hello) {
        let name = self.name_for(&hello);
        let Hello { name: asked, instance, capabilities, held, blobs } = hello;
        let held: BTreeSet<LeaseId> = held.into_iter().collect();
        if self.workers.is_late(worker, &name, instance) {
            return self.tell(Effect::Dismiss { worker });
        }
        if let Some(present) = self.workers.named(&name) {
            match worker.cmp(&present) {
                // The hello of an earlier connection comes late.
                Ordering::Less => return self.tell(Effect::Dismiss { worker }),
                // It came twice. Grants since are not in it.
                Ordering::Equal => return self.welcome(worker, name, &held),
                Ordering::Greater => {
                    self.remove_worker(present);
                    self.tell(Effect::Dismiss { worker: present });
                }
            }
        }
        self.absent.remove(&name);
        let process = Process { instance, asked };
        self.workers.connect(worker, name.clone(), process, capabilities, &blobs, self.now);
        let expected = self.ledger.leases_of(&name);
        self.welcome(worker, name.clone(), &held);
        for lease in expected {
            if held.contains(&lease) {
                self.take_up(worker, lease);
            } else if self.is_of_process(lease, instance) {
                // A process never forgets a lease that it got, so the grant was lost.
                self.miss(lease, name.clone());
            } else {
                self.lose_lease(lease, &name, format!("worker {name} reconnected without it"));
            }
        }
        self.workers.load(&name, self.ledger.holding(&name));
    }

    /// Answers a hello, and names the leases that the worker holds but has lost.
    fn welcome(&mut self, worker: WorkerId, name: WorkerName, held: &BTreeSet<LeaseId>) {
        let expected = self.ledger.leases_of(&name);
        let stale = held.iter().copied().filter(|lease| !expected.contains(lease)).collect();
        let (epoch, heartbeat_ms) = (self.epoch, self.config.heartbeat_ms);
        self.order(worker, Order::Welcome { epoch, heartbeat_ms, name, stale });
    }

    fn is_of_process(&self, lease: LeaseId, instance: u64) -> bool {
        let held = self.ledger.task(lease.into()).and_then(Task::lease);
        held.is_some_and(|held| held.process == Some(instance))
    }

    pub(crate) fn disconnect(&mut self, worker: WorkerId) {
        if let Some(name) = self.remove_worker(worker)
            && self.ledger.holding(&name).is_some()
        {
            self.await_return(name);
        }
    }

    /// The name for a worker: its current one, if the hello arrived twice; else the name it asks
    /// for, unless another connected process has it; else the first free numbered name.
    ///
    /// A disconnected process does not reserve the name that it asked for: the next process with
    /// this name is usually the same worker after a restart. A numbered name stays reserved while
    /// it has leases.
    pub(crate) fn name_for(&self, hello: &Hello) -> WorkerName {
        if let Some(name) = self.workers.name_of(hello) {
            return name.clone();
        }
        let is_free = |name: &WorkerName| {
            self.workers.named(name).is_none()
                && (*name == hello.name || self.ledger.holding(name).is_none())
        };
        let mut names = (1..).map(|nth| hello.name.numbered(nth));
        names.find(is_free).expect("there are more names than workers")
    }

    /// The worker gets no new tasks. It is told, since an operator may have ordered the drain.
    pub(crate) fn drain(&mut self, worker: WorkerId, now: bool) {
        if !self.workers.drain(worker) {
            return;
        }
        self.order(worker, Order::Drain);
        let Some(name) = self.workers.get(worker).map(|worker| &worker.name).filter(|_| now) else {
            return;
        };
        for lease in self.ledger.leases_of(name) {
            self.order(worker, Order::Revoke { lease });
        }
    }

    pub(crate) fn credits(&mut self, worker: WorkerId, free_slots: u32) {
        let Some(connected) = self.workers.get_mut(worker) else { return };
        connected.heard = self.now;
        if connected.draining && free_slots > 0 {
            // A draining worker asks for nothing, so the order was lost: repeat it.
            self.order(worker, Order::Drain);
        }
        self.workers.set_credits(worker, free_slots);
    }

    /// Closes a connection that went silent. Its leases have expired, so they get no time to
    /// reconnect.
    pub(crate) fn dismiss(&mut self, worker: WorkerId) {
        let Some(name) = self.remove_worker(worker) else { return };
        self.tell(Effect::Dismiss { worker });
        self.lose_leases(&name, "went silent");
    }

    /// Gives the worker until the end of the grace period to reconnect and keep its leases.
    pub(crate) fn await_return(&mut self, name: WorkerName) {
        let until = self.now.saturating_add(self.config.reconnect_grace_ms);
        self.absent.insert(name.clone(), until);
        self.timers.set(until, Timer::Absence(name));
    }

    /// Ends the leases of a worker whose grace period is over.
    pub(crate) fn check_absence(&mut self, name: WorkerName, due: Millis) {
        if self.absent.get(&name) != Some(&due) {
            return;
        }
        if self.was_asleep_since(due) {
            self.await_return(name);
            return;
        }
        self.absent.remove(&name);
        self.lose_leases(&name, "was lost");
    }

    /// Whether the driver was not running when this fell due, for example because the machine
    /// slept. Then a worker's silence proves nothing: no message could arrive.
    pub(crate) fn was_asleep_since(&self, due: Millis) -> bool {
        self.now - due > self.config.reconnect_grace_ms
    }

    fn lose_leases(&mut self, name: &WorkerName, how: &str) {
        for lease in self.ledger.leases_of(name) {
            self.lose_lease(lease, name, format!("worker {name} {how}"));
        }
    }

    fn remove_worker(&mut self, worker: WorkerId) -> Option<WorkerName> {
        let forget_at = self.now.saturating_add(self.config.forget_lost_ms);
        let name = self.workers.disconnect(worker, forget_at)?.name;
        self.timers.set(forget_at, Timer::Forget(name.clone()));
        Some(name)
    }
}
