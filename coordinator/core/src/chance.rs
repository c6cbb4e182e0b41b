//! Seeded chance (splitmix64): it only spreads retries, so that a crowd that failed together does
//! not come back together.

#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `value`, give or take a quarter.
    pub(crate) fn jitter(&mut self, value: u64) -> u64 {
        let quarter = value / 4;
        value - quarter + self.next() % (2 * quarter + 1)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
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
