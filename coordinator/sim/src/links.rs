//! The coordinator's connections to workers. A worker that does not read leaves its orders waiting
//! on the coordinator's side, as in the queue of a real connection. What waits there when the
//! connection ends was not sent, and the core is told.

use std::collections::{BTreeMap, VecDeque};

use impasto_core::Input;
use impasto_types::{Digest, FailureKind, LeaseId, LeaseOutcome, Order, WorkerId};

use crate::Plant;
use crate::agenda::Event;
use crate::world::World;

/// Connections over which nothing is sent for now, with the orders that wait.
#[derive(Debug, Default)]
pub(crate) struct Links(BTreeMap<WorkerId, VecDeque<Order<Digest>>>);

/// What became of an order.
#[derive(Debug)]
pub(crate) enum Passed {
    Sent(Order<Digest>),
    Waits,
    /// It revoked a lease whose grant was not sent.
    TookBack(LeaseId),
}

impl Links {
    /// A worker stops reading.
    fn stall(&mut self, connection: WorkerId) {
        self.0.entry(connection).or_default();
    }

    /// Takes an order.
    pub(crate) fn pass(&mut self, connection: WorkerId, order: Order<Digest>) -> Passed {
        let Some(waiting) = self.0.get_mut(&connection) else { return Passed::Sent(order) };
        if let Order::Revoke { lease } = order {
            let is_its = |order: &Order<Digest>| match order {
                Order::Grant(grant) => grant.lease == lease,
                Order::Welcome { .. }
                | Order::Revoke { .. }
                | Order::Acknowledge { .. }
                | Order::Drain => false,
            };
            if waiting.iter().any(is_its) {
                waiting.retain(|order| !is_its(order));
                return Passed::TookBack(lease);
            }
        }
        waiting.push_back(order);
        Passed::Waits
    }

    /// A worker reads again, or the connection ends. Returns what waited.
    fn open(&mut self, connection: WorkerId) -> VecDeque<Order<Digest>> {
        self.0.remove(&connection).unwrap_or_default()
    }

    /// The leases whose grants wait.
    fn unsent(&self, connection: WorkerId) -> Vec<LeaseId> {
        let waiting = self.0.get(&connection).into_iter().flatten();
        let leases = waiting.filter_map(|order| match order {
            Order::Grant(grant) => Some(grant.lease),
            Order::Welcome { .. }
            | Order::Revoke { .. }
            | Order::Acknowledge { .. }
            | Order::Drain => None,
        });
        leases.collect()
    }

    /// All connections have ended with their coordinator.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

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
