//! Workers come and go.

use std::collections::BTreeSet;

use impasto_types::{Hello, LeaseId, Order, WorkerId, WorkerName};

use crate::core::Core;
use crate::timers::Timer;
use crate::workers::Process;
use crate::{Effect, Millis};

impl Core {
    /// The worker keeps those of its leases that it still holds. One that it does not hold any more
    /// has ended, and counts: it may be what brought the worker down.
    pub(crate) fn connect(&mut self, worker: WorkerId, hello: Hello) {
        let name = self.name_for(&hello);
        let Hello { name: asked, instance, capabilities, held, blobs } = hello;
        if let Some(older) = self.workers.named(&name) {
            self.remove_worker(older);
            if older != worker {
                self.tell(Effect::Dismiss { worker: older });
            }
        }
        self.absent.remove(&name);
        let process = Process { instance, asked };
        self.workers.connect(worker, name.clone(), process, capabilities, &blobs, self.now);
        let held: BTreeSet<LeaseId> = held.into_iter().collect();
        let expected = self.ledger.leases_of(&name);
        let stale = held.iter().copied().filter(|lease| !expected.contains(lease)).collect();
        let (epoch, heartbeat_ms) = (self.epoch, self.config.heartbeat_ms);
        let welcome = Order::Welcome { epoch, heartbeat_ms, name: name.clone(), stale };
        self.order(worker, welcome);
        for lease in expected {
            if held.contains(&lease) {
                self.take_up(worker, lease);
            } else {
                self.lose_lease(lease, &name, format!("worker {name} came back without it"));
            }
        }
        self.workers.load(&name, self.ledger.holding(&name));
    }

    pub(crate) fn disconnect(&mut self, worker: WorkerId) {
        if let Some(name) = self.remove_worker(worker)
            && self.ledger.holding(&name).is_some()
        {
            self.await_return(name);
        }
    }

    /// The name that a worker gets: the one that it has, as a hello may arrive twice; else the one
    /// it asks for, unless another process that is connected has it; else the first of its numbered
    /// names that is free.
    ///
    /// A process that is away has no claim on its name beyond its leases. Whoever asks for it then
    /// is far more often the same worker, started anew, than a second one.
    fn name_for(&self, hello: &Hello) -> WorkerName {
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

    /// The worker takes nothing new, and is told so: an operator may have ordered it.
    pub(crate) fn drain(&mut self, worker: WorkerId) {
        if self.workers.drain(worker) {
            self.order(worker, Order::Drain);
        }
    }

    pub(crate) fn credits(&mut self, worker: WorkerId, free_slots: u32) {
        let Some(connected) = self.workers.get_mut(worker) else { return };
        connected.heard = self.now;
        if connected.draining && free_slots > 0 {
            // It has not heard the order: a worker that drains asks for nothing.
            self.order(worker, Order::Drain);
        }
        self.workers.set_credits(worker, free_slots);
    }

    /// Closes a connection that went silent. Its leases have ended: they had their time already.
    pub(crate) fn dismiss(&mut self, worker: WorkerId) {
        let Some(name) = self.remove_worker(worker) else { return };
        self.tell(Effect::Dismiss { worker });
        self.lose_leases(&name, "went silent");
    }

    /// From now on the worker's leases wait for it to come back.
    pub(crate) fn await_return(&mut self, name: WorkerName) {
        let until = self.now.saturating_add(self.config.reconnect_grace_ms);
        self.absent.insert(name.clone(), until);
        self.timers.set(until, Timer::Absence(name));
    }

    /// A worker's time to come back may be over.
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

    /// Whether the driver itself was away when this fell due, as after a machine's sleep. Silence
    /// proves nothing then: nobody listened.
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
