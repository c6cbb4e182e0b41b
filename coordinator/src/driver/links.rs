//! The connections of workers.

use std::collections::HashMap;

use impasto_types::{Digest, LeaseId, Order, WorkerId, WorkerName};

use super::Introduction;
use super::orders::{Full, Orders, Pushed};

/// The connected workers. Dropping a link closes its connection.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: HashMap<WorkerId, Link>,
    /// Where each worker was last seen.
    peers: HashMap<WorkerName, String>,
}

#[derive(Debug)]
struct Link {
    orders: Orders,
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

    /// Whether grants wait to be sent over this connection.
    pub(super) fn has_unsent(&self, worker: WorkerId) -> bool {
        self.links.get(&worker).is_some_and(|link| link.orders.has_grants())
    }

    /// Closes a connection. Returns the leases whose grants were not sent over it.
    pub(super) fn remove(&mut self, worker: WorkerId) -> Vec<LeaseId> {
        self.links.remove(&worker).map(|link| link.orders.close()).unwrap_or_default()
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
    ///
    /// # Errors
    /// The worker has left too many orders unread: it has to be disconnected, and reconnects with
    /// its leases.
    pub(super) fn send(&self, worker: WorkerId, order: Order<Digest>) -> Result<Pushed, Full> {
        // If the worker is gone, the core has heard of that.
        self.links.get(&worker).map_or(Ok(Pushed::Waits), |link| link.orders.push(order))
    }
}
