//! Counts the workers' credit beside the core.

use std::collections::{BTreeMap, BTreeSet};

use impasto_core::{Core, Effect, Input};
use impasto_types::{Grant, LeaseId, Order, WorkerId};

/// What each connection asked for, and the grants sent since.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    connections: BTreeMap<WorkerId, Account>,
}

#[derive(Debug, Default)]
struct Account {
    asked: u32,
    granted: BTreeSet<LeaseId>,
}

impl Credit {
    /// A new core: all connections are gone.
    pub(crate) fn forget(&mut self) {
        self.connections.clear();
    }

    pub(crate) fn hear(&mut self, core: &Core, input: &Input) {
        match input {
            // A hello that comes twice changes nothing.
            Input::Connect { worker, .. } if core.asks_for(*worker).is_none() => {
                self.connections.insert(*worker, Account::default());
            }
            Input::NotSent { worker, leases } => {
                leases.iter().for_each(|lease| self.unsent(*worker, *lease));
            }
            Input::Disconnect { worker } => drop(self.connections.remove(worker)),
            Input::Credits { worker, free_slots } => {
                let asked = Account { asked: *free_slots, granted: BTreeSet::new() };
                self.connections.insert(*worker, asked);
            }
            _ => {}
        }
    }

    pub(crate) fn tell(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Order { worker, order: Order::Grant(Grant { lease, .. }) } = effect
                && let Some(account) = self.connections.get_mut(worker)
            {
                account.granted.insert(*lease);
            }
        }
    }

    /// A grant was not sent, so its credit has to come back.
    pub(crate) fn unsent(&mut self, worker: WorkerId, lease: LeaseId) {
        if let Some(account) = self.connections.get_mut(&worker) {
            account.granted.remove(&lease);
        }
    }

    /// A connection whose credit is not what it asked for less the grants since: `(worker, is,
    /// should be)`.
    pub(crate) fn lost(&self, core: &Core) -> Option<(WorkerId, u32, u32)> {
        self.connections.iter().find_map(|(worker, account)| {
            let is = core.asks_for(*worker)?;
            let should = account.asked.saturating_sub(account.granted.len() as u32);
            (is != should).then_some((*worker, is, should))
        })
    }
}
