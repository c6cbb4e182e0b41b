//! Faults, and messages on an unreliable network.

use impasto_core::{Input, Millis};
use impasto_types::{JobId, WorkerId};

use crate::agenda::{Deed, Event};
use crate::world::World;

/// The longest delay of a message.
const SLOWEST_MS: Millis = 30_000;
/// The time within which a server notices a lost peer: after the peer's last message has arrived.
const KEEP_ALIVE_MS: Millis = SLOWEST_MS + 1_000;

impl World {
    /// Causes a fault, or a request that interferes.
    pub(crate) fn fault(&mut self) {
        let worker = self.chance.index(self.workers.len());
        match self.chance.between(0, 19) {
            0..2 => self.crash(worker),
            2..5 => self.cut(worker),
            5 => {
                let drain = self.workers[worker].connection();
                let now = self.chance.between(0, 2) == 0;
                self.send(drain.map(|worker| Input::Drain { worker, now }));
            }
            6 => self.shut_down(worker),
            7 => {
                let job = self.some_job();
                self.send([Input::Cancel { request: 0, job }]);
            }
            8 | 9 => {
                let job = self.some_job();
                self.send([Input::Retry { request: 0, job }]);
            }
            // Two machines may share a disk that fills up.
            10 => {
                self.infect(worker);
                self.infect((worker + 1) % self.workers.len());
            }
            11 => self.infect(worker),
            12 => self.set_clock(),
            13 => self.break_reads(),
            14 => self.lose_input(),
            15 | 16 => self.lose_result(),
            17 | 18 => self.stall(worker),
            _ => {}
        }
    }

    pub(crate) fn some_job(&mut self) -> JobId {
        JobId(self.chance.between(0, self.submissions.len() as u64 + 2))
    }

    /// Shuts a worker down: it stops its runs, returns the leases and exits, perhaps before it has
    /// finished that.
    fn shut_down(&mut self, worker: usize) {
        if !self.workers[worker].is_up() {
            return;
        }
        let draining = self.workers[worker].connection();
        self.send(draining.map(|worker| Input::Drain { worker, now: false }));
        let said = self.workers[worker].drain();
        self.send(said);
        for lease in self.workers[worker].running() {
            self.plan_stop(worker, lease);
        }
        let delay_ms = self.chance.between(100, 10_000);
        self.plan_deed(delay_ms, worker, Deed::Leaves);
    }

    pub(crate) fn crash(&mut self, worker: usize) {
        self.crashes += 1;
        self.end_process(worker);
    }

    /// Ends the process; another starts later.
    pub(crate) fn end_process(&mut self, worker: usize) {
        let connection = self.workers[worker].end();
        self.break_off(connection);
        let delay_ms = self.chance.between(500, 40_000);
        self.agenda.plan(delay_ms, Event::WorkerStarts(worker));
    }

    pub(crate) fn cut(&mut self, worker: usize) {
        let connection = self.workers[worker].cut();
        self.break_off(connection);
        let delay_ms = self.chance.between(100, 40_000);
        self.plan_deed(delay_ms, worker, Deed::Connects);
    }

    pub(crate) fn cut_all(&mut self) {
        for worker in 0..self.workers.len() {
            self.cut(worker);
        }
    }

    /// Lets the coordinator learn that a connection ended: soon, or when a ping is not answered.
    fn break_off(&mut self, connection: Option<WorkerId>) {
        let Some(worker) = connection else { return };
        self.send([Input::Disconnect { worker }]);
        let epoch = self.coordinator.epoch();
        let arrives = Event::Arrives { epoch, input: Input::Disconnect { worker } };
        self.agenda.plan(KEEP_ALIVE_MS, arrives);
    }

    /// Sends messages to the coordinator.
    pub(crate) fn send(&mut self, inputs: impl IntoIterator<Item = Input>) {
        let epoch = self.coordinator.epoch();
        for input in inputs {
            self.transmit(|| Event::Arrives { epoch, input: input.clone() });
        }
    }

    /// Sends a message, which may be lost, duplicated, or delayed and so out of order.
    pub(crate) fn transmit(&mut self, message: impl Fn() -> Event) {
        if self.stormy && self.chance.happens(20) {
            return;
        }
        let copies = if self.stormy && self.chance.happens(60) { 2 } else { 1 };
        for _ in 0..copies {
            let slowest_ms = if self.stormy && self.chance.happens(60) { SLOWEST_MS } else { 50 };
            let delay_ms = self.chance.between(1, slowest_ms);
            self.agenda.plan(delay_ms, message());
        }
    }
}
