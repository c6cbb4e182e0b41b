//! Channels to the connected workers.

use std::collections::HashMap;

use impasto_proto::limits::MAX_LEASES;
use impasto_types::{Digest, Order, WorkerId};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// How many orders are queued for one connection. A worker that leaves more unread has stopped
/// reading.
pub(crate) const ORDERS_QUEUED: usize = 4 * MAX_LEASES;

const _: () = assert!(
    ORDERS_QUEUED > 3 * MAX_LEASES,
    "a grant, a revocation and an acknowledgement of every lease may be queued at once"
);

/// The connected workers. Dropping a link closes its connection.
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

    /// Sends an order without waiting, so that a worker that does not read cannot delay the others.
    /// Such a worker is disconnected; it reconnects with its leases.
    pub(super) fn send(&mut self, worker: WorkerId, order: Order<Digest>) {
        let Some(orders) = self.orders.get(&worker) else { return };
        match orders.try_send(order) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!(
                    worker = worker.0,
                    "a worker does not read its orders and is disconnected"
                );
                self.orders.remove(&worker);
            }
            // The worker is gone; its connection will report that.
            Err(TrySendError::Closed(_)) => self.remove(worker),
        }
    }
}
