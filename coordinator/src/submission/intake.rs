//! The memory of unfinished submissions.
//!
//! What a submission keeps of its tasks stays in memory until the core has accepted them. All
//! unfinished ones share a budget, so that many slow or dead clients cannot take the coordinator's
//! memory. The oldest may have a whole job, which the limit on a job's tasks bounds, and does not
//! count: so there is always one that can end. The others are refused when the budget is spent, and
//! their clients try again. A submission that stands still makes room for others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What all submissions but the oldest may hold: some 37,000 tasks.
const BUDGET_BYTES: usize = 16 << 20;

/// A client that sends nothing for this long stands still. Clients send one message after the
/// other.
const STILL: Duration = Duration::from_secs(1);

/// How many submissions are read at the same time.
const READ_AT_ONCE: usize = 2;

/// The unfinished submissions. Clones are handles to the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    state: Arc<Mutex<State>>,
    turns: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        Self { state: Arc::default(), turns: Arc::new(Semaphore::new(READ_AT_ONCE)) }
    }
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    /// The unfinished submissions, oldest first.
    open: BTreeMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    bytes: usize,
    /// Since when it waits for its client.
    waits_since: Option<Instant>,
    ended: CancellationToken,
}

/// The submission of one client, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    intake: Intake,
    number: u64,
    ended: CancellationToken,
}

/// There is no memory for a submission now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("other submissions take all memory that the coordinator has for them; try again")]
pub(crate) struct Crowded;

impl Intake {
    pub(crate) fn open(&self) -> Place {
        let mut state = self.lock();
        state.last += 1;
        let (number, ended) = (state.last, CancellationToken::new());
        state.open.insert(number, Open { bytes: 0, waits_since: None, ended: ended.clone() });
        Place { intake: self.clone(), number, ended }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits for the client's next message.
    ///
    /// # Errors
    /// Others needed the memory while this client sent nothing.
    pub(crate) async fn wait<T>(&self, next: impl Future<Output = T>) -> Result<T, Crowded> {
        self.note(Some(Instant::now()));
        let next = self.ended.run_until_cancelled(next).await;
        self.note(None);
        next.ok_or(Crowded)
    }

    /// Waits until few other submissions are being read. `None` never happens, as nobody closes the
    /// turns.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.intake.turns).acquire_owned().await.ok()
    }

    /// Takes memory for more tasks, at the expense of submissions that stand still.
    ///
    /// # Errors
    /// There is not enough.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Crowded> {
        let mut state = self.intake.lock();
        if !state.open.contains_key(&self.number) {
            return Err(Crowded);
        }
        while !state.has_room(self.number, bytes) {
            if !state.end_one_that_stands_still(self.number) {
                return Err(Crowded);
            }
        }
        state.open.get_mut(&self.number).ok_or(Crowded)?.bytes += bytes;
        Ok(())
    }

    fn note(&self, waits_since: Option<Instant>) {
        if let Some(open) = self.intake.lock().open.get_mut(&self.number) {
            open.waits_since = waits_since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.intake.lock().open.remove(&self.number);
    }
}

impl State {
    fn has_room(&self, number: u64, bytes: usize) -> bool {
        let is_oldest = self.open.keys().next() == Some(&number);
        is_oldest || self.counted_bytes() + bytes <= BUDGET_BYTES
    }

    fn counted_bytes(&self) -> usize {
        self.open.values().skip(1).map(|open| open.bytes).sum()
    }

    /// Ends the submission that has stood still for longest, except `number`. Returns whether there
    /// was one. Its memory counts as free, although its task has yet to end.
    fn end_one_that_stands_still(&mut self, number: u64) -> bool {
        let still = self.open.iter().filter_map(|(other, open)| {
            let since = open.waits_since.filter(|since| since.elapsed() >= STILL)?;
            (*other != number && open.bytes > 0).then_some((since, *other))
        });
        let Some((_, stillest)) = still.min() else { return false };
        let ended = self.open.remove(&stillest);
        ended.inspect(|open| open.ended.cancel()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: usize = BUDGET_BYTES / 2;

    fn held(intake: &Intake) -> usize {
        intake.lock().open.values().map(|open| open.bytes).sum()
    }

    #[tokio::test]
    async fn all_but_the_oldest_share_a_budget() {
        let intake = Intake::default();
        let [oldest, second, third] = [(); 3].map(|()| intake.open());
        oldest.take(10 * BUDGET_BYTES).expect("one job always has room");
        second.take(HALF).expect("it fits");
        third.take(HALF + 1).expect_err("both are too much");
        third.take(HALF).expect("it fits exactly");
        second.take(1).expect_err("nothing is left");
        drop(third);
        second.take(HALF).expect("a submission that ends gives back what it held");
        drop(oldest);
        second.take(BUDGET_BYTES).expect("now it is the oldest");
        drop(second);
        assert_eq!(held(&intake), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn submissions_that_stand_still_make_room_for_others() {
        let intake = Intake::default();
        let hogs: Vec<Place> = (0..200).map(|_| intake.open()).collect();
        let mut taken = 0;
        for hog in &hogs {
            taken += usize::from(hog.take(BUDGET_BYTES / 8).is_ok());
        }
        assert_eq!(taken, 9, "the oldest does not count");
        let silent: Vec<_> = hogs
            .into_iter()
            .map(|hog| tokio::spawn(async move { hog.wait(std::future::pending::<()>()).await }))
            .collect();
        tokio::task::yield_now().await;
        let active = intake.open();
        active.take(HALF).expect_err("they have not stood still for long");
        tokio::time::sleep(STILL).await;
        active.take(HALF).expect("they make room");
        let mut ended = 0;
        for hog in &silent {
            tokio::task::yield_now().await;
            ended += usize::from(hog.is_finished());
        }
        assert!((1..=5).contains(&ended), "{ended} were ended: no more than needed");
        assert!(held(&intake) <= BUDGET_BYTES + BUDGET_BYTES / 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_is_not_interrupted() {
        let intake = Intake::default();
        let [_oldest, busy, other] = [(); 3].map(|()| intake.open());
        busy.take(BUDGET_BYTES).expect("it fits");
        for _ in 0..3 {
            let next = tokio::time::sleep(STILL - Duration::from_millis(1));
            let (heard, crowded) = tokio::join!(busy.wait(next), async { other.take(1) });
            assert_eq!((heard, crowded), (Ok(()), Err(Crowded)));
        }
        tokio::time::sleep(10 * STILL).await;
        other.take(1).expect_err("it waits for the coordinator, not for its client");
    }
}
