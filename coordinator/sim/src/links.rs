//! The coordinator's connections to workers. A worker that does not read leaves its orders waiting
//! on the coordinator's side, as in the queue of a real connection.

use std::collections::{BTreeMap, VecDeque};

use impasto_types::{Digest, LeaseId, Order, WorkerId};

/// Connections whose workers do not read, with the orders that wait.
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
    pub(crate) fn stall(&mut self, connection: WorkerId) {
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
    pub(crate) fn open(&mut self, connection: WorkerId) -> VecDeque<Order<Digest>> {
        self.0.remove(&connection).unwrap_or_default()
    }

    /// The leases whose grants wait.
    pub(crate) fn unsent(&self, connection: WorkerId) -> Vec<LeaseId> {
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
