//! Channels to the connected workers.

use std::collections::HashMap;

use impasto_proto::limits::MAX_LEASES;
use impasto_types::{Digest, Order, WorkerId, WorkerName};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::Introduction;

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
    links: HashMap<WorkerId, Link>,
    /// Where each worker was last seen.
    peers: HashMap<WorkerName, String>,
}

#[derive(Debug)]
struct Link {
    orders: mpsc::Sender<Order<Digest>>,
    /// The name that it asked for, and then the one that it got.
    name: WorkerName,
    peer: String,
}

impl Links {
    pub(super) fn add(&mut self, worker: WorkerId, introduction: &Introduction) {
        let Introduction { hello, orders, peer } = introduction;
        let (orders, name, peer) = (orders.clone(), hello.name.clone(), peer.clone());
        self.links.insert(worker, Link { orders, name, peer });
    }

    /// The worker has got its name.
    pub(super) fn name(&mut self, worker: WorkerId, name: &WorkerName) {
        let Some(link) = self.links.get_mut(&worker) else { return };
        link.name.clone_from(name);
        self.peers.insert(name.clone(), link.peer.clone());
    }

    /// The worker is no longer listed.
    pub(super) fn keep_peers(&mut self, is_known: impl Fn(&WorkerName) -> bool) {
        self.peers.retain(|name, _| is_known(name));
    }

    /// How many workers' addresses are known.
    pub(super) fn peers(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn remove(&mut self, worker: WorkerId) {
        self.links.remove(&worker);
    }

    /// A worker's name and address, for the log; empty if it is gone.
    pub(super) fn who(&self, worker: WorkerId) -> (&str, &str) {
        self.links.get(&worker).map_or(("", ""), |link| (link.name.as_str(), &link.peer))
    }

    /// The last address of a worker, for the log; empty if it is unknown.
    pub(super) fn peer_of(&self, name: &WorkerName) -> &str {
        self.peers.get(name).map_or("", String::as_str)
    }

    /// Sends an order without waiting, so that a worker that does not read cannot delay the others.
    /// Returns false if it has left too many orders unread: then it has to be disconnected, and
    /// reconnects with its leases.
    pub(super) fn send(&self, worker: WorkerId, order: Order<Digest>) -> bool {
        let Some(link) = self.links.get(&worker) else { return true };
        match link.orders.try_send(order) {
            // If the worker is gone, its connection will report that.
            Ok(()) | Err(TrySendError::Closed(_)) => true,
            Err(TrySendError::Full(_)) => false,
        }
    }
}
