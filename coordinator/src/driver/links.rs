//! The ways to the workers that are connected.

use std::collections::HashMap;

use impasto_types::{Digest, LeaseId, WorkerId};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Orders that wait for one connection; a worker that leaves more unread has stopped reading.
pub(crate) const ORDERS_QUEUED: usize = 256;

/// What a connection is to pass on to its worker.
#[derive(Debug)]
pub(crate) enum Order {
    Welcome { stale: Vec<LeaseId> },
    Grant { lease: LeaseId, spec: Digest },
    Revoke { lease: LeaseId },
    Acknowledge { lease: LeaseId },
    Drain,
}

/// The connected workers. A connection whose link is dropped closes.
#[derive(Debug, Default)]
pub(super) struct Links {
    orders: HashMap<WorkerId, mpsc::Sender<Order>>,
}

impl Links {
    pub(super) fn add(&mut self, worker: WorkerId, orders: mpsc::Sender<Order>) {
        self.orders.insert(worker, orders);
    }

    pub(super) fn remove(&mut self, worker: WorkerId) {
        self.orders.remove(&worker);
    }

    /// Passes an order on. It never waits: one worker that does not read must not hold up the
    /// others. Such a one is cut off, and comes back with what it holds.
    pub(super) fn send(&mut self, worker: WorkerId, order: Order) {
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
