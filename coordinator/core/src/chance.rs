//! Seeded jitter for retries, so that tasks that failed together are not retried together.

use impasto_types::SplitMix64;

#[derive(Debug, Clone)]
pub(crate) struct Chance(SplitMix64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// `value` plus or minus at most a quarter.
    pub(crate) fn jitter(&mut self, value: u64) -> u64 {
        let quarter = value / 4;
        value - quarter + self.0.next_u64() % (2 * quarter + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_quarter() {
        let mut chance = Chance::new(7);
        let values: Vec<u64> = (0..1_000).map(|_| chance.jitter(1_000)).collect();
        assert!(values.iter().all(|value| (750..=1_250).contains(value)));
        assert!(
            values.iter().any(|value| *value < 800) && values.iter().any(|value| *value > 1_200)
        );
        assert_eq!(chance.jitter(0), 0);
    }
}
