//! Divides a device's time among the pictures that are painted there at once.
//!
//! Two pictures that are painted beside each other for a second have each had half a second of the
//! device. So the times of all pictures add up to the time that the device was busy, however many
//! lanes it has, and tell its pace.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(crate) struct SharedTime(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sharers: u32,
    /// When the number of sharers changed last.
    changed: Option<Instant>,
    /// The time that a picture has had that was always there.
    each: Duration,
}

/// A picture that shares the device until this is dropped.
#[derive(Debug)]
pub(crate) struct Sharer<'a> {
    time: &'a SharedTime,
    began: Instant,
    /// [`State::each`] at that time.
    each: Duration,
}

impl SharedTime {
    pub(crate) fn join(&self) -> Sharer<'_> {
        let began = Instant::now();
        let each = self.lock().change(began, |sharers| sharers + 1);
        Sharer { time: self, began, each }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts the time until `now`, then changes the number of sharers. Returns `each`.
    fn change(&mut self, now: Instant, to: impl FnOnce(u32) -> u32) -> Duration {
        let passed = self.changed.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.each += passed.checked_div(self.sharers).unwrap_or_default();
        (self.sharers, self.changed) = (to(self.sharers), Some(now));
        self.each
    }
}

impl Sharer<'_> {
    /// How much of so many milliseconds, which passed since the picture joined, the device worked
    /// for it: all of them if it was alone.
    pub(crate) fn own_ms(&self, passed_ms: u64) -> u64 {
        let now = Instant::now();
        let each = self.time.lock().change(now, |sharers| sharers);
        own_ms(passed_ms, each - self.each, now - self.began)
    }
}

impl Drop for Sharer<'_> {
    fn drop(&mut self) {
        self.time.lock().change(Instant::now(), |sharers| sharers - 1);
    }
}

/// The share of `passed_ms` that `own` is of `all`.
fn own_ms(passed_ms: u64, own: Duration, all: Duration) -> u64 {
    if own >= all {
        return passed_ms;
    }
    (passed_ms as f64 * own.as_secs_f64() / all.as_secs_f64()).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_divide_the_time_while_they_are_there() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::default();
        let [join, leave] = [|sharers| sharers + 1, |sharers| sharers - 1];
        // One picture from 0 to 10, another from 4 to 10, a third alone from 20 to 25.
        let first = state.change(at(0), join);
        let second = state.change(at(4), join);
        let end = state.change(at(10), leave);
        assert_eq!(state.change(at(10), leave), end);
        assert_eq!((end - first, end - second), (Duration::from_secs(7), Duration::from_secs(3)));
        let third = state.change(at(20), join);
        assert_eq!(third, end, "nobody was there");
        assert_eq!(state.change(at(25), leave) - third, Duration::from_secs(5));
    }

    #[test]
    fn a_part_of_the_time_is_divided_as_all_of_it() {
        let seconds = Duration::from_secs;
        for (passed_ms, own, all, expected) in [
            (900, seconds(5), seconds(5), 900),
            (900, seconds(5), seconds(15), 300),
            (1001, seconds(1), seconds(2), 501),
            (0, seconds(0), seconds(0), 0),
        ] {
            assert_eq!(own_ms(passed_ms, own, all), expected, "{passed_ms} {own:?} of {all:?}");
        }
    }

    #[test]
    fn one_that_is_alone_has_all_the_time() {
        let time = SharedTime::default();
        assert_eq!(time.join().own_ms(1234), 1234);
        let (alone, _other) = (time.join(), time.join());
        assert!(alone.own_ms(1234) <= 1234);
        assert_eq!(time.lock().sharers, 2);
        drop(alone);
        assert_eq!(time.lock().sharers, 1);
    }
}
