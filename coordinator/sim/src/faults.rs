//! What goes wrong, and messages on a network where anything does.

use impasto_core::{Input, Millis};
use impasto_types::{JobId, WorkerId};

use crate::agenda::{Deed, Event};
use crate::world::World;

/// How late a message may come.
const SLOWEST_MS: Millis = 30_000;
/// A server notices within this time that a peer has gone without a word: not before the last of
/// what that one has said.
const KEEP_ALIVE_MS: Millis = SLOWEST_MS + 1_000;

impl World {
    /// One thing breaks, or somebody changes their mind.
    pub(crate) fn fault(&mut self) {
        let worker = self.chance.index(self.workers.len());
        match self.chance.between(0, 11) {
            0..2 => self.crash(worker),
            2..5 => self.cut(worker),
            5 => {
                let drain = self.workers[worker].connection();
                self.send(drain.map(|worker| Input::Drain { worker }));
            }
            6 => self.shut_down(worker),
            7 => {
                let job = self.some_job();
                self.send([Input::Cancel { request: 0, job }]);
            }
            8..10 => {
                let job = self.some_job();
                self.send([Input::Retry { request: 0, job }]);
            }
            _ => {}
        }
    }

    fn some_job(&mut self) -> JobId {
        JobId(self.chance.between(0, self.submissions.len() as u64 + 2))
    }

    /// A worker is told to end: it stops what it runs, gives it back and goes, in time or not.
    fn shut_down(&mut self, worker: usize) {
        if !self.workers[worker].is_up() {
            return;
        }
        let draining = self.workers[worker].connection();
        self.send(draining.map(|worker| Input::Drain { worker }));
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

    /// The process ends; another starts in a while.
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

    /// The coordinator learns that a connection ended: soon, or when a ping is not answered.
    fn break_off(&mut self, connection: Option<WorkerId>) {
        let Some(worker) = connection else { return };
        self.send([Input::Disconnect { worker }]);
        let epoch = self.coordinator.epoch();
        let arrives = Event::Arrives { epoch, input: Input::Disconnect { worker } };
        self.agenda.plan(KEEP_ALIVE_MS, arrives);
    }

    /// Puts messages to the coordinator on their way.
    pub(crate) fn send(&mut self, inputs: impl IntoIterator<Item = Input>) {
        let epoch = self.coordinator.epoch();
        for input in inputs {
            self.transmit(|| Event::Arrives { epoch, input: input.clone() });
        }
    }

    /// Puts a message on its way: it may get lost, come twice, or come late and so out of order.
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
