//! Long vectors: how they are cut, summed and stored, so that nothing depends on the number of
//! threads or on the instruction set.
//!
//! Work is cut into tasks of a fixed length, and a task into blocks that stay in the first-level
//! cache. A sum runs over lanes of a fixed number in single precision within a block, in double
//! precision over blocks, and over tasks in their order. Products and sums are never contracted, so
//! any width of registers gives the same bits; [`simd`] picks the widest at run time.

/// Values in a block: a block of each of the vectors that meet in a pass fits the first-level
/// cache.
pub(crate) const BLOCK: usize = 2048;

/// Values in a task: enough to hide the cost of handing it out, few enough that a small picture
/// still has one for each thread.
pub(crate) const TASK: usize = 8 * BLOCK;

/// Partial sums that run side by side: enough to hide the latency of addition in registers of any
/// width.
const LANES: usize = 32;

/// How a number is stored where many of them are kept and few digits of each are needed.
pub(crate) trait Encoding {
    type Word: Copy + Default + Send + Sync;

    fn store(value: f32) -> Self::Word;
    fn load(word: Self::Word) -> f32;
}

/// As it is.
#[derive(Debug)]
pub(crate) enum Fp32 {}

impl Encoding for Fp32 {
    type Word = f32;

    #[inline(always)]
    fn store(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn load(word: f32) -> f32 {
        word
    }
}

/// The upper half of a single-precision number: its range, and eight bits of its digits.
#[derive(Debug)]
pub(crate) enum Bf16 {}

impl Encoding for Bf16 {
    type Word = u16;

    /// Rounds to nearest, ties to even. A gradient holds no not-a-number, since its loss is finite,
    /// so none is looked for.
    #[inline(always)]
    fn store(value: f32) -> u16 {
        let bits = value.to_bits();
        let even = (bits >> 16) & 1;
        (bits.wrapping_add(0x7fff + even) >> 16) as u16
    }

    #[inline(always)]
    fn load(word: u16) -> f32 {
        f32::from_bits(u32::from(word) << 16)
    }
}

/// A number that is not negative, in seven bits of exponent and ten of digits, the first of them
/// implied: from 2^-95 to 2^32, and zero.
#[derive(Debug)]
pub(crate) enum Unsigned16 {}

impl Unsigned16 {
    /// The bits of 2^-95: what lies below is zero.
    const LEAST: u32 = 32 << 23;
    const DIGITS_DROPPED: u32 = 14;
}

impl Encoding for Unsigned16 {
    type Word = u16;

    /// Rounds to nearest, ties upwards; what is too large becomes the largest.
    #[inline(always)]
    fn store(value: f32) -> u16 {
        let rounded =
            value.to_bits().saturating_sub(Self::LEAST) + (1 << (Self::DIGITS_DROPPED - 1));
        (rounded >> Self::DIGITS_DROPPED).min(u32::from(u16::MAX)) as u16
    }

    #[inline(always)]
    fn load(word: u16) -> f32 {
        if word == 0 {
            0.0
        } else {
            f32::from_bits((u32::from(word) << Self::DIGITS_DROPPED) + Self::LEAST)
        }
    }
}

/// Work on a block, to be compiled for each width of registers. It is a trait, not a closure, since
/// [`Work::run`] has to be inlined where it is compiled, and can be told so.
pub(crate) trait Work {
    type Output;

    /// To be marked `#[inline(always)]`, like all that it calls.
    fn run(self) -> Self::Output;
}

/// Runs `work` in the widest registers that this CPU has.
pub(crate) fn simd<W: Work>(work: W) -> W::Output {
    pulp::Arch::new().dispatch(Wide(work))
}

struct Wide<W>(W);

impl<W: Work> pulp::WithSimd for Wide<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> W::Output {
        self.0.run()
    }
}

/// `v . a` and `v . b`, over a block.
#[inline(always)]
pub(crate) fn dots<E: Encoding>(v: &[E::Word], a: &[f32], b: &[f32]) -> [f64; 2] {
    let (whole_v, rest_v) = v.as_chunks::<LANES>();
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    let (mut lanes_a, mut lanes_b) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for ((v, a), b) in whole_v.iter().zip(whole_a).zip(whole_b) {
        for lane in 0..LANES {
            let v = E::load(v[lane]);
            lanes_a[lane] += v * a[lane];
            lanes_b[lane] += v * b[lane];
        }
    }
    let rest = |other: &[f32]| {
        rest_v.iter().zip(other).map(|(&v, &o)| f64::from(E::load(v)) * f64::from(o)).sum::<f64>()
    };
    let total = |lanes: [f32; LANES]| lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
    [total(lanes_a) + rest(rest_a), total(lanes_b) + rest(rest_b)]
}

/// `total += a * v + b * w`, over a block.
#[inline(always)]
pub(crate) fn add_scaled<E: Encoding>(
    total: &mut [f32],
    [a, b]: [f32; 2],
    v: &[E::Word],
    w: &[E::Word],
) {
    for ((total, &v), &w) in total.iter_mut().zip(v).zip(w) {
        *total += a * E::load(v) + b * E::load(w);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_to_nearest_even() {
        for (bits, expected) in [
            (0x3f80_0000, 0x3f80),
            (0x3f80_7fff, 0x3f80),
            (0x3f80_8000, 0x3f80),
            (0x3f80_8001, 0x3f81),
            (0x3f81_8000, 0x3f82),
            (0xbf81_8000, 0xbf82),
            (0x8000_0000, 0x8000),
            (0x7f7f_ffff, 0x7f80),
        ] {
            assert_eq!(Bf16::store(f32::from_bits(bits)), expected, "{bits:#x}");
        }
        assert_eq!(Bf16::load(0x3f81), 1.007_812_5);
    }

    #[test]
    fn unsigned_numbers_keep_ten_digits() {
        assert_eq!(Unsigned16::load(Unsigned16::store(0.0)), 0.0);
        for exponent in -95..32 {
            for digits in [1.0, 1.0004, 1.3, 1.7777, 1.9985] {
                let value = digits * 2.0_f32.powi(exponent);
                let stored = Unsigned16::load(Unsigned16::store(value));
                // 2^-95 itself shares its word with zero.
                let tolerance = if exponent == -95 { value } else { value * 2.0_f32.powi(-10) };
                assert!((stored - value).abs() <= tolerance, "{value:e} {stored:e}");
            }
        }
        assert_eq!(Unsigned16::load(Unsigned16::store(1e-30)), 0.0);
        assert!(Unsigned16::load(Unsigned16::store(f32::MAX)) > 4.2e9);
    }

    #[test]
    fn dots_are_those_of_the_stored_numbers_at_any_length() {
        let number = |i: usize, k: usize| ((i * k % 101) as f32) - 50.3;
        for len in [0, 1, 31, 32, 33, 2047, BLOCK] {
            let v: Vec<u16> = (0..len).map(|i| Bf16::store(number(i, 37))).collect();
            let (a, b): (Vec<f32>, Vec<f32>) =
                (0..len).map(|i| (number(i, 11), number(i, 89))).unzip();
            let found = dots::<Bf16>(&v, &a, &b);
            for (found, other) in found.into_iter().zip([&a, &b]) {
                let terms =
                    || v.iter().zip(other).map(|(&v, &o)| f64::from(Bf16::load(v)) * f64::from(o));
                // Each lane adds at most BLOCK / LANES terms in single precision.
                let tolerance = (BLOCK / LANES) as f64
                    * f64::from(f32::EPSILON)
                    * terms().map(f64::abs).sum::<f64>();
                assert!((found - terms().sum::<f64>()).abs() <= tolerance, "{len}");
            }
        }
    }
}
