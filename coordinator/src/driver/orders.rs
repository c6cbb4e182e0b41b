//! The orders that wait to be sent over one connection.
//!
//! A worker that reads slowly delays nobody: its orders wait here. An order that waits already is
//! not added again, so however often a job is canceled or a worker is drained, no more waits than a
//! grant, a revocation and an acknowledgement for each lease. What never left this queue was not
//! sent: a revocation takes its grant back, and when the queue is closed, the grants in it are
//! named. So their leases end without having cost an attempt.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use impasto_types::{Digest, LeaseId, MAX_LEASES, Order};
use tokio::sync::Notify;

/// How many orders may wait. A worker that leaves more unread has stopped reading.
const ORDERS_QUEUED: usize = 4 * MAX_LEASES;

const _: () = assert!(
    ORDERS_QUEUED > 3 * MAX_LEASES + 2,
    "a welcome, a drain, and three orders for every lease may wait at once"
);

/// A handle to the orders of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    orders: VecDeque<Order<Digest>>,
    subjects: HashSet<Subject>,
    is_closed: bool,
}

/// What an order is about. Two orders about the same thing say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Welcome,
    Grant(LeaseId),
    Revocation(LeaseId),
    Acknowledgement(LeaseId),
    Drain,
}

impl Subject {
    fn of(order: &Order<Digest>) -> Self {
        match order {
            Order::Welcome { .. } => Self::Welcome,
            Order::Grant(grant) => Self::Grant(grant.lease),
            Order::Revoke { lease } => Self::Revocation(*lease),
            Order::Acknowledge { lease } => Self::Acknowledgement(*lease),
            Order::Drain => Self::Drain,
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits to be sent, or never will if the queue is closed.
    Waits,
    /// It revoked a lease whose grant was not sent: neither will be.
    TookBack(LeaseId),
}

/// The worker has left too many orders unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Orders {
    /// Adds an order, unless it waits already.
    ///
    /// # Errors
    /// Too many orders wait.
    pub(crate) fn push(&self, order: Order<Digest>) -> Result<Pushed, Full> {
        let mut waiting = self.waiting();
        let subject = Subject::of(&order);
        if waiting.is_closed || waiting.subjects.contains(&subject) {
            return Ok(Pushed::Waits);
        }
        if let Order::Revoke { lease } = order
            && waiting.subjects.remove(&Subject::Grant(lease))
        {
            waiting.orders.retain(|order| Subject::of(order) != Subject::Grant(lease));
            return Ok(Pushed::TookBack(lease));
        }
        if waiting.orders.len() >= ORDERS_QUEUED {
            return Err(Full);
        }
        waiting.subjects.insert(subject);
        waiting.orders.push_back(order);
        self.0.changed.notify_one();
        Ok(Pushed::Waits)
    }

    /// The next order; `None` once the queue is closed.
    pub(crate) async fn next(&self) -> Option<Order<Digest>> {
        loop {
            {
                let mut waiting = self.waiting();
                if let Some(order) = waiting.orders.pop_front() {
                    waiting.subjects.remove(&Subject::of(&order));
                    return Some(order);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            self.0.changed.notified().await;
        }
    }

    /// Whether grants wait.
    pub(crate) fn has_grants(&self) -> bool {
        let is_grant = |order: &Order<Digest>| matches!(order, Order::Grant(_));
        self.waiting().orders.iter().any(is_grant)
    }

    /// Sends no more. Returns the leases whose grants were not sent.
    pub(crate) fn close(&self) -> Vec<LeaseId> {
        let mut waiting = self.waiting();
        waiting.is_closed = true;
        waiting.subjects.clear();
        self.0.changed.notify_one();
        let unsent = waiting.orders.drain(..).filter_map(|order| match order {
            Order::Grant(grant) => Some(grant.lease),
            Order::Welcome { .. }
            | Order::Revoke { .. }
            | Order::Acknowledge { .. }
            | Order::Drain => None,
        });
        unsent.collect()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // A panic leaves the queue as it was before or after one order.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{Attempt, Epoch, Grant, JobId, TaskIndex};

    use super::*;

    fn lease(task: u32) -> LeaseId {
        LeaseId { job: JobId(1), task: TaskIndex(task), attempt: Attempt(1), epoch: Epoch(1) }
    }

    fn grant(task: u32) -> Order<Digest> {
        let (lease, task) = (lease(task), Digest::of(b"list"));
        Order::Grant(Grant { lease, task, resolved: vec![], checkpoint: None })
    }

    #[tokio::test]
    async fn an_order_waits_once_and_in_turn() {
        let orders = Orders::default();
        let revoke = |task| Order::Revoke { lease: lease(task) };
        for order in [grant(0), revoke(7), grant(1), revoke(7), Order::Drain, Order::Drain] {
            assert_eq!(orders.push(order), Ok(Pushed::Waits));
        }
        assert_eq!(orders.push(revoke(1)), Ok(Pushed::TookBack(lease(1))));
        for expected in [grant(0), revoke(7), Order::Drain] {
            assert_eq!(orders.next().await, Some(expected));
        }
        for sent in [revoke(0), revoke(7)] {
            assert_eq!(orders.push(sent.clone()), Ok(Pushed::Waits));
            assert_eq!(orders.next().await, Some(sent));
        }
    }

    #[tokio::test]
    async fn a_closed_queue_names_the_grants_that_were_not_sent() {
        let orders = Orders::default();
        for task in 0..3 {
            orders.push(grant(task)).expect("there is room");
        }
        orders.push(Order::Acknowledge { lease: lease(9) }).expect("there is room");
        assert_eq!(orders.next().await, Some(grant(0)));
        assert_eq!(orders.close(), [lease(1), lease(2)]);
        assert_eq!(orders.push(grant(4)), Ok(Pushed::Waits));
        assert_eq!((orders.next().await, orders.close()), (None, vec![]));
    }

    #[tokio::test]
    async fn whoever_waits_for_an_order_learns_that_there_are_none() {
        let orders = Orders::default();
        let waits = tokio::spawn({
            let orders = orders.clone();
            async move { orders.next().await }
        });
        tokio::task::yield_now().await;
        orders.close();
        assert_eq!(waits.await.expect("it does not panic"), None);
    }

    #[test]
    fn every_lease_has_room_for_all_its_orders_and_there_is_a_limit() {
        let orders = Orders::default();
        for _ in 0..100 {
            for task in 0..MAX_LEASES as u32 {
                let lease = lease(task);
                let other = LeaseId { attempt: Attempt(2), ..lease };
                let revoke = Order::Revoke { lease: other };
                for order in [grant(task), revoke, Order::Acknowledge { lease }] {
                    assert_eq!(orders.push(order), Ok(Pushed::Waits));
                }
            }
        }
        let more = (0..).map(|task| orders.push(grant(5_000 + task)));
        assert_eq!({ more }.take(ORDERS_QUEUED).find(Result::is_err), Some(Err(Full)));
    }
}
