//! The ways to the workers that are connected.

use std::collections::HashMap;

use impasto_proto::limits::MAX_LEASES;
use impasto_types::{Digest, Order, WorkerId};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Orders that wait for one connection; a worker that leaves more unread has stopped reading.
pub(crate) const ORDERS_QUEUED: usize = 4 * MAX_LEASES;

const _: () = assert!(
    ORDERS_QUEUED > 3 * MAX_LEASES,
    "a grant, a revocation and an acknowledgement of every lease may come at once"
);

/// The connected workers. A connection whose link is dropped closes.
#[derive(Debug, Default)]
pub(super) struct Links {
    orders: HashMap<WorkerId, mpsc::Sender<Order<Digest>>>,
}

impl Links {
    pub(super) fn add(&mut self, worker: WorkerId, orders: mpsc::Sender<Order<Digest>>) {
        self.orders.insert(worker, orders);
    }

    pub(super) fn remove(&mut self, worker: WorkerId) {
        self.orders.remove(&worker);
    }

    /// Passes an order on. It never waits: one worker that does not read must not hold up the
    /// others. Such a one is cut off, and comes back with what it holds.
    pub(super) fn send(&mut self, worker: WorkerId, order: Order<Digest>) {
        let Some(orders) = self.orders.get(&worker) else { return };
        match orders.try_send(order) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!(
                    worker = worker.0,
                    "a worker does not read its orders and is cut off"
                );
                self.orders.remove(&worker);
            }
            // It has gone; its connection will say so.
            Err(TrySendError::Closed(_)) => self.remove(worker),
        }
    }
}
