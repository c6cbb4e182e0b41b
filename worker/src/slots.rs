//! Slots, and the memory that goes with them.
//!
//! A worker's memory is shared out evenly over its slots. A task that needs more than one slot's share takes several slots, so what runs at once never takes
//! more than there is. Shares are fixed because a picture is cut into tiles to fit its share: what else happens to run must not decide how.

use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(crate) struct Slots {
    free: Semaphore,
    count: u32,
    memory_bytes: u64,
}

/// Slots that are taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    _slots: SemaphorePermit<'a>,
    /// What goes with them.
    pub(crate) memory_bytes: u64,
    /// Whether these are all that there are.
    pub(crate) is_whole: bool,
}

impl Slots {
    pub(crate) fn new(count: u32, memory_bytes: u64) -> Self {
        Self { free: Semaphore::new(count as usize), count, memory_bytes }
    }

    /// How many slots a task takes that needs so much memory; all where even they have too little.
    pub(crate) fn needed(&self, memory_bytes: u64) -> u32 {
        (1..self.count).find(|count| self.share(*count) >= memory_bytes).unwrap_or(self.count)
    }

    /// Waits until so many slots are free. Who asks first is served first, so that small tasks do not keep a large one waiting.
    pub(crate) async fn take(&self, count: u32) -> Place<'_> {
        let count = count.min(self.count);
        // The semaphore is never closed.
        let slots = self.free.acquire_many(count).await.expect("slots stay open");
        Place { _slots: slots, memory_bytes: self.share(count), is_whole: count == self.count }
    }

    /// As [`Slots::take`], with all that there is.
    pub(crate) async fn take_all(&self) -> Place<'_> {
        self.take(self.count).await
    }

    fn share(&self, count: u32) -> u64 {
        self.memory_bytes / u64::from(self.count) * u64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_task_takes_several_slots() {
        let slots = Slots::new(4, 8000);
        for (memory_bytes, expected) in [(0, 1), (1, 1), (2000, 1), (2001, 2), (5000, 3), (8000, 4), (u64::MAX, 4)] {
            assert_eq!(slots.needed(memory_bytes), expected, "{memory_bytes}");
        }
        assert_eq!(Slots::new(1, 8000).needed(9000), 1);
    }

    #[tokio::test]
    async fn what_runs_at_once_takes_no_more_than_there_is() {
        let slots = Slots::new(4, 8000);
        let (one, three) = (slots.take(1).await, slots.take(3).await);
        assert_eq!((one.memory_bytes, three.memory_bytes, three.is_whole), (2000, 6000, false));
        assert_eq!(slots.free.available_permits(), 0);
        drop((one, three));
        let whole = slots.take_all().await;
        assert_eq!((whole.memory_bytes, whole.is_whole), (8000, true));
    }
}
