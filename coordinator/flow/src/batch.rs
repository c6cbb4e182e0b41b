//! Batches of results: as many as are in memory, and are delivered, together.

use std::collections::VecDeque;

use impasto_types::{Digest, TaskResult};

use crate::event::Origin;
use crate::farm::FarmError;
use crate::result_files::{self, Deliveries, Preparations, Wanted};

/// The most results of a batch: they are downloaded with one call, and lost with it.
pub(crate) const RESULTS_PER_BATCH: usize = 256;

/// A batch that would be larger is split, but a result is not.
const BATCH_BYTES: u64 = 8 << 20;

/// A result to deliver, with the tasks that wait for it.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) action: Digest,
    pub(crate) result: TaskResult,
    pub(crate) origin: Origin,
    pub(crate) wanted: Vec<Wanted>,
}

/// An order that ended, with or without its files.
pub(crate) struct Fetched {
    pub(crate) action: Digest,
    pub(crate) result: TaskResult,
    pub(crate) origin: Origin,
    pub(crate) delivered: Result<Deliveries, FarmError>,
}

impl Order {
    pub(crate) fn ended(self, delivered: Result<Deliveries, FarmError>) -> Fetched {
        let Self { action, result, origin, wanted: _ } = self;
        Fetched { action, result, origin, delivered }
    }

    fn bytes(&self) -> u64 {
        self.result.blobs().map(|blob| blob.size_bytes).fold(0, u64::saturating_add)
    }
}

/// Whether less waits than a batch may have.
pub(crate) fn has_room(waiting: &VecDeque<Order>) -> bool {
    let bytes = waiting.iter().map(Order::bytes).fold(0, u64::saturating_add);
    waiting.len() < RESULTS_PER_BATCH && bytes < BATCH_BYTES
}

/// Takes as many orders as a batch may have, at least one if any waits.
pub(crate) fn next_batch(waiting: &mut VecDeque<Order>) -> Vec<Order> {
    let (mut batch, mut bytes) = (Vec::new(), 0_u64);
    while let Some(next) = waiting.front() {
        bytes = bytes.saturating_add(next.bytes());
        let is_full = batch.len() >= RESULTS_PER_BATCH || bytes > BATCH_BYTES;
        if is_full && !batch.is_empty() {
            break;
        }
        batch.extend(waiting.pop_front());
    }
    batch
}

/// Gives the files of orders their names. Blocks.
pub(crate) fn place(
    orders: impl IntoIterator<Item = (Order, Result<Preparations, FarmError>)>,
) -> Vec<Fetched> {
    let (mut ready, mut written, mut fetched) = (Vec::new(), Vec::new(), Vec::new());
    for (order, prepared) in orders {
        match prepared {
            Ok(prepared) => {
                ready.push(order);
                written.push(prepared);
            }
            Err(error) => fetched.push(order.ended(Err(error))),
        }
    }
    let delivered = result_files::place(written);
    let delivered = ready.into_iter().zip(delivered);
    fetched.extend(delivered.map(|(order, delivered)| order.ended(Ok(delivered))));
    fetched
}

#[cfg(test)]
mod tests {
    use impasto_types::BlobRef;

    use super::*;
    use crate::fake_farm::result_with;

    fn order(number: usize, size_bytes: u64) -> Order {
        let digest = Digest::of(&number.to_le_bytes());
        let result = result_with(BlobRef { digest, size_bytes });
        Order { action: digest, result, origin: Origin::Cached, wanted: vec![] }
    }

    /// The numbers of results in batches of results of these sizes.
    fn batches(sizes: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let mut waiting: VecDeque<Order> =
            (0..).zip(sizes).map(|(number, size)| order(number, size)).collect();
        let next = || Some(next_batch(&mut waiting).len()).filter(|length| *length > 0);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_bytes() {
        assert_eq!(batches([]), [0_usize; 0]);
        let many = [0; 2 * RESULTS_PER_BATCH + 1];
        assert_eq!(batches(many), [RESULTS_PER_BATCH, RESULTS_PER_BATCH, 1]);
        assert_eq!(batches([BATCH_BYTES / 4; 9]), [4, 4, 1]);
        // A large one is alone, but not left out.
        assert_eq!(batches([1, 100 * BATCH_BYTES, 1, 1]), [1, 1, 2]);
        assert_eq!(batches([u64::MAX, u64::MAX]), [1, 1]);
    }

    #[test]
    fn a_full_batch_leaves_no_room() {
        let waits = |count, size| has_room(&(0..count).map(|number| order(number, size)).collect());
        assert!(waits(0, 0) && waits(RESULTS_PER_BATCH - 1, 1) && waits(1, BATCH_BYTES - 1));
        assert!(!waits(RESULTS_PER_BATCH, 1) && !waits(1, BATCH_BYTES) && !waits(2, u64::MAX));
    }
}
