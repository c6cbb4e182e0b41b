//! Workers that do not read for a while. What waits for them when the connection ends was not sent,
//! and the core is told.

use impasto_core::Input;
use impasto_types::{FailureKind, LeaseOutcome, WorkerId};

use crate::Plant;
use crate::agenda::Event;
use crate::world::World;

impl World {
    /// A worker stops reading for a while.
    pub(crate) fn stall(&mut self, worker: usize) {
        let Some(connection) = self.workers[worker].connection() else { return };
        self.links.stall(connection);
        let delay_ms = self.chance.between(100, 60_000);
        self.agenda.plan(delay_ms, Event::Reads(connection));
    }

    pub(crate) fn read_orders(&mut self, connection: WorkerId) {
        for order in self.links.open(connection) {
            self.transmit(|| Event::Ordered { connection, order: order.clone() });
        }
    }

    /// What a driver passes to the core when this input arrives: the end of a connection, with the
    /// grants that were not sent, comes first.
    pub(crate) fn driven(&mut self, input: Input) -> Vec<Input> {
        match input {
            Input::Disconnect { worker } => self.ended(worker),
            Input::Connect { worker, hello } => {
                let older = self.coordinator.core().replaced_by(&hello);
                let older = older.filter(|older| *older != worker);
                let older = older.filter(|older| !self.links.unsent(*older).is_empty());
                let mut inputs = older.map(|older| self.ended(older)).unwrap_or_default();
                inputs.push(Input::Connect { worker, hello });
                inputs
            }
            other => vec![other],
        }
    }

    /// A connection has ended: what to tell the core.
    pub(crate) fn ended(&mut self, worker: WorkerId) -> Vec<Input> {
        let leases = self.links.unsent(worker);
        self.links.open(worker);
        self.coordinator.note_unsent(&leases);
        let ended = Input::Disconnect { worker };
        if leases.is_empty() {
            return vec![ended];
        }
        if self.options.plant == Some(Plant::LostOrders) {
            let lost = leases.into_iter().map(|lease| {
                let (kind, message) = (FailureKind::Transient, "the order was lost".to_owned());
                Input::Report { worker, lease, outcome: LeaseOutcome::Failed { kind, message } }
            });
            return lost.chain([ended]).collect();
        }
        vec![ended, Input::NotSent { worker, leases }]
    }
}
