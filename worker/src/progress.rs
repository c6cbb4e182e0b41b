//! How far an attempt has come.

use std::time::Duration;

/// The news of an attempt that heartbeats carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Progress {
    /// Optimiser steps done, over all scales, and in all.
    pub(crate) iteration: u32,
    pub(crate) iterations: u32,
    pub(crate) loss: f64,
    /// Milliseconds until the end, once that can be reckoned.
    pub(crate) left_ms: Option<u64>,
}

/// Reckons the time left. A step's time is proportional to its pixels, so that the last, finest
/// scale counts for what it costs.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Pixels times steps, done and in all.
    done: u64,
    work: u64,
}

impl Pace {
    /// `work` is the task's: pixels times steps over all scales.
    pub(crate) fn new(work: u64) -> Self {
        Self { done: 0, work }
    }

    /// One more step over `width` by `height` pixels is done, `elapsed` after the first began: how
    /// many milliseconds are left? `None` where the task did more work than it announced, so that
    /// its word is worth nothing.
    pub(crate) fn step(&mut self, (width, height): (u32, u32), elapsed: Duration) -> Option<u64> {
        self.done = self.done.saturating_add(u64::from(width) * u64::from(height));
        let left = self.work.checked_sub(self.done)?;
        if self.done == 0 {
            return None;
        }
        Some((elapsed.as_millis() as f64 * left as f64 / self.done as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_the_pixels() {
        // Two steps at 10 x 10, then two at 20 x 20: 1000 in all.
        let mut pace = Pace::new(1000);
        assert_eq!(pace.step((10, 10), Duration::from_millis(100)), Some(900));
        assert_eq!(pace.step((10, 10), Duration::from_millis(200)), Some(800));
        assert_eq!(pace.step((20, 20), Duration::from_millis(600)), Some(400));
        assert_eq!(pace.step((20, 20), Duration::from_millis(1000)), Some(0));
        assert_eq!(
            pace.step((20, 20), Duration::from_millis(1400)),
            None,
            "more than was announced"
        );
    }

    #[test]
    fn nothing_is_reckoned_from_nothing() {
        assert_eq!(Pace::new(5).step((0, 7), Duration::from_secs(1)), None);
    }
}
