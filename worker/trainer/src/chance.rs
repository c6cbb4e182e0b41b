//! Random numbers of a step, which follow from the seed and the step's number alone.

use impasto_types::SplitMix64;

#[derive(Debug)]
pub(crate) struct Chance(SplitMix64);

impl Chance {
    /// For one purpose of one step.
    pub(crate) fn of(seed: u64, purpose: u64, step: u64) -> Self {
        let mut mixed = SplitMix64::new(seed ^ purpose.rotate_left(56));
        let base = mixed.next_u64();
        Self(SplitMix64::new(base.wrapping_add(step.wrapping_mul(0xd6e8_feb8_6659_fd93))))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.unit() * end as f64) as usize).min(end - 1)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.0.next_u64() >> 63 == 1
    }

    /// Normally distributed, with a deviation of one (Box and Muller, 1958).
    pub(crate) fn normal(&mut self) -> f32 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_as_they_say() {
        let mut chance = Chance::of(1, 2, 3);
        let normal: Vec<f32> = (0..20_000).map(|_| chance.normal()).collect();
        let mean = normal.iter().sum::<f32>() / 20_000.0;
        let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        let mut counts = [0; 7];
        (0..7000).for_each(|_| counts[chance.below(7)] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        let heads = (0..1000).filter(|_| chance.coin()).count();
        assert!((400..600).contains(&heads), "{heads}");
    }

    #[test]
    fn steps_and_purposes_differ() {
        let first = |seed, purpose, step| Chance::of(seed, purpose, step).below(1 << 40);
        let all = [first(1, 1, 1), first(2, 1, 1), first(1, 2, 1), first(1, 1, 2)];
        assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])), "{all:?}");
    }
}
