//! The simulation's only source of randomness.

use impasto_types::SplitMix64;

#[derive(Debug, Clone)]
pub(crate) struct Chance(SplitMix64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `from..to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }

    /// A number in `0..count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// True with a probability of `of_1000` in 1,000.
    pub(crate) fn happens(&mut self, of_1000: u64) -> bool {
        self.next() % 1_000 < of_1000
    }
}
