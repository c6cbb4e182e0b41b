//! Shares devices among tasks: each device has lanes, with a share of its memory.
//!
//! A lane paints one picture at a time. A device's memory is divided evenly among its lanes, and a
//! task that needs more than one share takes several lanes of the same device, so concurrent tasks
//! never take more than there is. Shares are fixed, because a picture is cut into tiles that fit
//! its share: the tiling must not depend on what else happens to run.
//!
//! Tasks are served in order, so that small tasks do not starve a large one: the device that it
//! waits for is reserved and takes no other task; other devices do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use impasto_painter::{Lane, Sharing};
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Notified when lanes are freed or requested, or a device is retired.
    changed: Notify,
}

/// A device's lanes and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) lanes: u32,
    /// The memory of all lanes together.
    pub(crate) memory_bytes: u64,
    pub(crate) sharing: Sharing,
}

/// What a task needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// As many lanes of one device as have this much memory together, or all lanes of the largest
    /// device if none has enough.
    Bytes(u64),
    /// All lanes of the largest device.
    Whole,
}

/// Lanes that are in use until this is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pool: &'a Pool,
    lanes: Vec<u32>,
    /// The first lane, with the memory of all.
    pub(crate) lane: Lane,
    /// Whether no place of this pool can have more memory.
    pub(crate) is_whole: bool,
}

/// All devices of the pool are retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AllRetired;

#[derive(Debug)]
struct State {
    devices: Vec<Slots>,
    /// In the order of the requests.
    waiting: BTreeMap<u64, Demand>,
    next: u64,
}

#[derive(Debug)]
struct Slots {
    share: Share,
    free: BTreeSet<u32>,
    retired: bool,
}

impl Pool {
    pub(crate) fn new(shares: impl IntoIterator<Item = Share>) -> Self {
        let slots =
            |share: Share| Slots { share, free: (0..share.lanes).collect(), retired: false };
        let devices = shares.into_iter().map(slots).collect();
        Self {
            state: Mutex::new(State { devices, waiting: BTreeMap::new(), next: 0 }),
            changed: Notify::new(),
        }
    }

    /// The number of lanes of devices that take tasks.
    pub(crate) fn lanes(&self) -> u32 {
        self.lock().in_use().map(|(_, slots)| slots.share.lanes).sum()
    }

    /// How many tasks may be asked for at once. One, where it may take all lanes: others would wait
    /// for it, which another worker could run.
    pub(crate) fn most_asked(&self) -> u32 {
        let one = self.lock().in_use().any(|(_, slots)| slots.share.gives_one_or_all());
        if one { 1 } else { u32::MAX }
    }

    /// How many lanes a task with this need of memory takes.
    pub(crate) fn needed(&self, memory_bytes: u64) -> u32 {
        let state = self.lock();
        let needed = state.candidates(Demand::Bytes(memory_bytes)).map(|(_, needed)| needed).min();
        needed.unwrap_or(1)
    }

    /// Retires a device: running tasks go on, but it takes no more. Returns false if it was already
    /// retired.
    pub(crate) fn retire(&self, device: usize) -> bool {
        let mut state = self.lock();
        let took = state
            .devices
            .get_mut(device)
            .is_some_and(|slots| !std::mem::replace(&mut slots.retired, true));
        drop(state);
        self.changed.notify_waiters();
        took
    }

    /// Waits until a device has enough free lanes.
    ///
    /// # Errors
    /// If all devices are retired.
    pub(crate) async fn take(&self, demand: Demand) -> Result<Place<'_>, AllRetired> {
        let waiter = Waiter { pool: self, ticket: self.lock().ask(demand) };
        loop {
            // Created before checking, so that no notification in between is missed.
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if state.in_use().next().is_none() {
                    return Err(AllRetired);
                }
                if let Some((device, count)) = state.choose(waiter.ticket) {
                    return Ok(state.place(self, device, count));
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn in_use(&self) -> impl Iterator<Item = (usize, &Slots)> {
        self.devices.iter().enumerate().filter(|(_, slots)| !slots.retired)
    }

    fn ask(&mut self, demand: Demand) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, demand);
        self.next
    }

    /// The devices that can meet a demand, with the number of lanes it takes: those with enough
    /// memory, or the largest if none has.
    fn candidates(&self, demand: Demand) -> impl Iterator<Item = (usize, u32)> + '_ {
        let largest = self.largest_bytes();
        let least = match demand {
            Demand::Bytes(bytes) => bytes.min(largest),
            Demand::Whole => largest,
        };
        let fit = self.in_use().filter(move |(_, slots)| slots.share.memory_bytes >= least);
        fit.map(move |(device, slots)| match demand {
            Demand::Bytes(bytes) => (device, slots.share.needed(bytes)),
            Demand::Whole => (device, slots.share.lanes),
        })
    }

    fn largest_bytes(&self) -> u64 {
        self.in_use().map(|(_, slots)| slots.share.memory_bytes).max().unwrap_or(0)
    }

    /// The device and number of lanes that a ticket can have now, after earlier tickets have got or
    /// reserved theirs.
    fn choose(&self, ticket: u64) -> Option<(usize, u32)> {
        // `None` is a device that is reserved by an earlier ticket.
        let mut free: Vec<Option<u32>> =
            self.devices.iter().map(|slots| Some(slots.free.len() as u32)).collect();
        for (other, demand) in self.waiting.range(..=ticket) {
            // The device with the most free lanes, to spread the load.
            let open = self
                .candidates(*demand)
                .filter_map(|(device, needed)| Some((device, needed, free[device]?)));
            let Some((device, needed, left)) =
                open.max_by_key(|(device, needed, left)| (left >= needed, *left, Reverse(*device)))
            else {
                continue;
            };
            if *other == ticket {
                return (left >= needed).then_some((device, needed));
            }
            free[device] = left.checked_sub(needed);
        }
        None
    }

    fn place<'a>(&mut self, pool: &'a Pool, device: usize, count: u32) -> Place<'a> {
        let largest = self.largest_bytes();
        let Slots { share, free, .. } = &mut self.devices[device];
        let lanes: Vec<u32> = free.iter().copied().take(count as usize).collect();
        for lane in &lanes {
            free.remove(lane);
        }
        let refuses_cuts = count < share.lanes && share.gives_one_or_all();
        let memory_bytes = share.of(count);
        let lane = Lane { device, lane: lanes[0], memory_bytes, refuses_cuts };
        Place { pool, lanes, lane, is_whole: count == share.lanes && share.memory_bytes == largest }
    }
}

impl Share {
    /// How many lanes have this much memory together; all if even they have too little.
    fn needed(&self, memory_bytes: u64) -> u32 {
        match self.sharing {
            Sharing::ByNeed => {
                (1..self.lanes).find(|count| self.of(*count) >= memory_bytes).unwrap_or(self.lanes)
            }
            Sharing::OneOrAll { small_bytes } => {
                let is_small = memory_bytes <= small_bytes.min(self.of(1));
                if is_small { 1 } else { self.lanes }
            }
        }
    }

    fn gives_one_or_all(&self) -> bool {
        matches!(self.sharing, Sharing::OneOrAll { .. })
    }

    fn of(&self, count: u32) -> u64 {
        if count == self.lanes {
            self.memory_bytes
        } else {
            self.memory_bytes / u64::from(self.lanes) * u64::from(count)
        }
    }
}

/// Removes a ticket from the queue when dropped, even if its future is canceled.
struct Waiter<'a> {
    pool: &'a Pool,
    ticket: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.pool.lock().waiting.remove(&self.ticket);
        self.pool.changed.notify_waiters();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().devices[self.lane.device].free.extend(self.lanes.drain(..));
        self.pool.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    fn pool(shares: &[(u32, u64)]) -> Pool {
        let sharing = Sharing::ByNeed;
        Pool::new(shares.iter().map(|&(lanes, memory_bytes)| Share {
            lanes,
            memory_bytes,
            sharing,
        }))
    }

    /// The number of free lanes of each device.
    fn free(pool: &Pool) -> Vec<usize> {
        pool.lock().devices.iter().map(|slots| slots.free.len()).collect()
    }

    /// Takes a place without waiting, as (device, lane, bytes).
    async fn now<'a>(pool: &'a Pool, demand: Demand) -> (Place<'a>, (usize, u32, u64)) {
        tokio::select! {
            biased;
            place = pool.take(demand) => {
                let place = place.expect("a device takes tasks");
                let Lane { device, lane, memory_bytes, .. } = place.lane;
                (place, (device, lane, memory_bytes))
            }
            () = yield_now() => panic!("{demand:?} has to wait, with {:?} free", free(pool)),
        }
    }

    #[test]
    fn a_large_task_takes_several_lanes() {
        let one = pool(&[(4, 8000)]);
        for (memory_bytes, expected) in
            [(0, 1), (1, 1), (2000, 1), (2001, 2), (5000, 3), (8000, 4), (u64::MAX, 4)]
        {
            assert_eq!(one.needed(memory_bytes), expected, "{memory_bytes}");
        }
        assert_eq!(pool(&[(1, 8000)]).needed(9000), 1);
        let two = pool(&[(2, 4000), (2, 9000)]);
        for (memory_bytes, expected) in [(2000, 1), (3000, 1), (4600, 2), (u64::MAX, 2)] {
            assert_eq!(two.needed(memory_bytes), expected, "{memory_bytes}");
        }
    }

    #[tokio::test]
    async fn on_a_cpu_a_task_takes_one_lane_and_refuses_cuts_or_takes_all() {
        let cpu = |small_bytes| {
            let sharing = Sharing::OneOrAll { small_bytes };
            Pool::new([Share { lanes: 4, memory_bytes: 8000, sharing }])
        };
        for (small_bytes, memory_bytes, expected) in
            [(1500, 0, 1), (1500, 1500, 1), (1500, 1501, 4), (9000, 2000, 1), (9000, 2001, 4)]
        {
            let needed = cpu(small_bytes).needed(memory_bytes);
            assert_eq!(needed, expected, "{memory_bytes} of {small_bytes}");
        }
        let pool = cpu(1500);
        let (small, first) = now(&pool, Demand::Bytes(1500)).await;
        let (beside, second) = now(&pool, Demand::Bytes(1)).await;
        assert_eq!((first, second), ((0, 0, 2000), (0, 1, 2000)));
        assert!(small.lane.refuses_cuts && !small.is_whole);
        let mut large = Box::pin(pool.take(Demand::Bytes(1501)));
        assert!(futures_pending(&mut large));
        drop((small, beside));
        let large = large.await.expect("a place");
        assert!(large.is_whole && !large.lane.refuses_cuts);
        assert_eq!((large.lane.memory_bytes, free(&pool)), (8000, vec![0]));
    }

    #[tokio::test]
    async fn concurrent_tasks_take_no_more_memory_than_there_is() {
        let pool = pool(&[(4, 8003)]);
        let (one, first) = now(&pool, Demand::Bytes(1)).await;
        let (three, second) = now(&pool, Demand::Bytes(5000)).await;
        assert_eq!((first, second, three.is_whole), ((0, 0, 2000), (0, 1, 6000), false));
        assert_eq!(free(&pool), [0]);
        drop((one, three));
        let (whole, all) = now(&pool, Demand::Whole).await;
        assert_eq!((all, whole.is_whole), ((0, 0, 8003), true));
    }

    #[tokio::test]
    async fn load_is_spread_and_a_task_goes_where_it_fits() {
        let pool = pool(&[(2, 4000), (2, 4000), (1, 9000)]);
        let mut held = Vec::new();
        for expected in [(0, 0, 2000), (1, 0, 2000), (0, 1, 2000)] {
            let (place, found) = now(&pool, Demand::Bytes(100)).await;
            assert_eq!(found, expected);
            held.push(place);
        }
        let (large, found) = now(&pool, Demand::Bytes(5000)).await;
        assert_eq!((found, large.is_whole), ((2, 0, 9000), true));
        drop(held.remove(0));
        let (_small, found) = now(&pool, Demand::Bytes(100)).await;
        assert_eq!(found, (0, 0, 2000));
    }

    #[tokio::test]
    async fn an_earlier_request_is_served_before_a_later_one() {
        let pool = pool(&[(2, 4000), (2, 4000)]);
        let (first, _) = now(&pool, Demand::Bytes(1)).await;
        let (second, _) = now(&pool, Demand::Bytes(1)).await;
        let mut large = Box::pin(pool.take(Demand::Bytes(4000)));
        let mut beside = Box::pin(pool.take(Demand::Bytes(1)));
        let mut behind = Box::pin(pool.take(Demand::Bytes(1)));
        let pending = |future: &mut _| futures_pending(future);
        assert!(pending(&mut large), "each GPU has one lane left");
        // The first GPU is reserved, the second is not.
        let beside = tokio::select! { biased; place = &mut beside =>
        place.expect("a place"), () = yield_now() => panic!("it fits beside") };
        assert_eq!(beside.lane.device, 1);
        assert!(pending(&mut behind), "the free lane is reserved");
        drop(first);
        let large = large.await.expect("a place");
        assert_eq!((large.lane.device, large.lane.memory_bytes), (0, 4000));
        assert!(pending(&mut behind));
        drop((second, beside));
        assert_eq!(behind.await.expect("a place").lane.device, 1);
    }

    fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(future).poll(&mut context).is_pending()
    }

    #[tokio::test]
    async fn a_canceled_request_reserves_nothing() {
        let pool = pool(&[(2, 4000)]);
        let (_one, _) = now(&pool, Demand::Bytes(1)).await;
        let mut large = Box::pin(pool.take(Demand::Whole));
        let mut small = Box::pin(pool.take(Demand::Bytes(1)));
        assert!(futures_pending(&mut large) && futures_pending(&mut small));
        drop(large);
        assert_eq!(small.await.expect("a place").lane.lane, 1);
        assert_eq!(free(&pool), [1]);
    }

    #[tokio::test]
    async fn a_retired_device_is_skipped() {
        let pool = pool(&[(2, 4000), (1, 2000)]);
        let (_held, _) = now(&pool, Demand::Bytes(1)).await;
        assert!(pool.retire(0) && !pool.retire(0) && !pool.retire(7));
        assert_eq!(pool.lanes(), 1);
        let (place, found) = now(&pool, Demand::Bytes(4000)).await;
        assert_eq!((found, place.is_whole), ((1, 0, 2000), true), "the largest that is left");
        let mut waits = Box::pin(pool.take(Demand::Bytes(1)));
        assert!(futures_pending(&mut waits));
        pool.retire(1);
        assert_eq!(waits.await.map(|place| place.lane.device), Err(AllRetired));
        assert_eq!(pool.lanes(), 0);
    }
}
