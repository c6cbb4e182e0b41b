//! Exponential backoff.

use std::time::Duration;

/// Delays that double from one retry to the next, up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first_ms: u64,
    pub longest_ms: u64,
}

impl Backoff {
    /// The delay before a retry, counted from 0, in milliseconds.
    pub fn delay_ms(self, retry: u32) -> u64 {
        self.first_ms.saturating_mul(1 << retry.min(32)).min(self.longest_ms)
    }

    /// The same with jitter: between half and all of the delay, by `chance`, a random number from 0
    /// to 1, so that peers that failed together do not retry together.
    pub fn spread(self, retry: u32, chance: f64) -> Duration {
        Duration::from_millis(self.delay_ms(retry)).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

/// A [`Backoff`] with the number of retries so far.
#[derive(Debug, Clone)]
pub struct Retries {
    backoff: Backoff,
    retry: u32,
}

impl Retries {
    pub const fn new(backoff: Backoff) -> Self {
        Self { backoff, retry: 0 }
    }

    /// The delay before the next retry; see [`Backoff::spread`].
    pub fn next(&mut self, chance: f64) -> Duration {
        let delay = self.backoff.spread(self.retry, chance);
        self.retry = self.retry.saturating_add(1);
        delay
    }

    /// Restarts with the first delay.
    pub fn reset(&mut self) {
        self.retry = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first_ms: 200, longest_ms: 10_000 };

    #[test]
    fn delays_double_up_to_the_limit() {
        let delays: Vec<u64> = (0..8).map(|retry| BACKOFF.delay_ms(retry)).collect();
        assert_eq!(delays, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(BACKOFF.delay_ms(u32::MAX), 10_000);
    }

    #[test]
    fn jitter_shortens_a_delay_by_up_to_half() {
        let mut retries = Retries::new(BACKOFF);
        assert_eq!(retries.next(1.0).as_millis(), 200);
        assert_eq!(retries.next(0.0).as_millis(), 200);
        assert_eq!(retries.next(0.5).as_millis(), 600);
        retries.reset();
        assert_eq!(retries.next(0.0).as_millis(), 100);
    }
}
