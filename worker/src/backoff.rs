//! How long to wait before trying again.

use std::time::Duration;

/// Delays that double from a fifth of a second to ten seconds. Half of each is chance, so that a
/// farm's workers do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next_ms: u64,
}

impl Backoff {
    const FIRST_MS: u64 = 200;
    const LONGEST_MS: u64 = 10_000;
    pub(crate) const LONGEST: Duration = Duration::from_millis(Self::LONGEST_MS);

    pub(crate) fn new() -> Self {
        Self { next_ms: Self::FIRST_MS }
    }

    /// The next delay; `chance` is a random number from 0 to 1.
    pub(crate) fn next(&mut self, chance: f64) -> Duration {
        let whole = Duration::from_millis(self.next_ms);
        self.next_ms = (self.next_ms * 2).min(Self::LONGEST_MS);
        whole.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit() {
        let mut backoff = Backoff::new();
        let longest: Vec<_> = (0..8).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(longest, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(backoff.next(0.0).as_millis(), 5_000, "at the least half");
    }
}
