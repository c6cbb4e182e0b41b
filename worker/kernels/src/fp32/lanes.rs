//! A SIMD vector of floats with the operations that the kernels need, so that each kernel is
//! written once for all widths.
//!
//! Every function is inlined into a caller that was compiled for the instruction set (the entry
//! points in `avx2.rs`, `avx512.rs` and `neon.rs`); only there do the intrinsics become
//! instructions. That is why kernels built on this are `#[inline(always)]` functions with plain
//! loops: a closure would be compiled on its own, without the instruction set.

/// # Safety
/// Every function needs a processor with the instruction set of the implementation; `load` and
/// `store` need [`Lanes::WIDTH`] floats at the pointer, of any alignment.
pub(crate) trait Lanes: Copy {
    const WIDTH: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * factor + term`, rounded once.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Zero where negative; a NaN stays.
    unsafe fn rectify(self) -> Self;
    /// Not more than this; a NaN stays.
    unsafe fn at_most(self, high: f32) -> Self;
    /// The larger of two that are at least zero. A NaN wins.
    unsafe fn larger(self, other: Self) -> Self;
    /// A bit for each lane, lowest first: whether it is positive.
    unsafe fn positive(self) -> u32;
    /// A bit for each lane: whether the two are equal.
    unsafe fn equal(self, other: Self) -> u32;
    /// Zero where the lane's bit is clear.
    unsafe fn keep(self, bits: u32) -> Self;
    /// The bits of [`Lanes::WIDTH`] lanes, which are whole bytes.
    unsafe fn load_bits(from: *const u8) -> u32;
    unsafe fn store_bits(bits: u32, to: *mut u8);
    /// Asks for a cache line that is read soon. It may lie anywhere.
    unsafe fn prefetch(line: *const f32);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What floats can be: of either sign, the least ones, none, and no number.
    const VALUES: [f32; 13] = [
        1.5,
        -1.5,
        0.0,
        -0.0,
        f32::MIN_POSITIVE / 4.0,
        -f32::MIN_POSITIVE / 4.0,
        16_777_216.0,
        0.1,
        f32::MAX,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        -f32::NAN,
    ];

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect()
    }

    fn mask(values: impl Iterator<Item = bool>) -> u32 {
        values.enumerate().map(|(lane, is_set)| u32::from(is_set) << lane).sum()
    }

    /// Checks that an implementation does what the trait says, lane by lane. All kernels are built
    /// on that, so it is checked to the bit; only of a NaN any bits will do.
    ///
    /// # Safety
    /// The processor has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn check<L: Lanes>() {
        assert!(L::WIDTH.is_multiple_of(8) && L::WIDTH <= 32, "whole bytes of at most 32 bits");
        // Each lane sees each pair.
        for (first, second) in
            (0..VALUES.len()).flat_map(|i| (0..VALUES.len()).map(move |j| (i, j)))
        {
            let a: Vec<f32> = (first..).take(L::WIDTH).map(|i| VALUES[i % VALUES.len()]).collect();
            let b: Vec<f32> = (second..).take(L::WIDTH).map(|i| VALUES[i % VALUES.len()]).collect();
            let (x, y) = (L::load(a.as_ptr()), L::load(b.as_ptr()));
            let pairs = || a.iter().copied().zip(b.iter().copied());
            let same = |found: L, expected: Vec<f32>, what: &str| {
                let mut values = vec![0.0; L::WIDTH];
                found.store(values.as_mut_ptr());
                assert_eq!(bits(&values), bits(&expected), "{what} of {a:?} and {b:?}");
            };
            same(x, a.clone(), "load");
            same(L::splat(a[0]), vec![a[0]; L::WIDTH], "splat");
            same(x.add(y), pairs().map(|(a, b)| a + b).collect(), "add");
            same(x.sub(y), pairs().map(|(a, b)| a - b).collect(), "sub");
            let third = L::splat(0.3);
            same(x.mul_add(y, third), pairs().map(|(a, b)| a.mul_add(b, 0.3)).collect(), "mul_add");
            let rectified = a.iter().map(|a| if *a < 0.0 { 0.0 } else { *a }).collect();
            same(x.rectify(), rectified, "rectify");
            let at_most = a.iter().map(|a| if *a > 6.0 { 6.0 } else { *a }).collect();
            same(x.at_most(6.0), at_most, "at_most");
            let larger = |a: f32, b: f32| {
                if a.is_nan() || b.is_nan() { f32::NAN } else { a.abs().max(b.abs()) }
            };
            // Of what is at least zero: the sign of others does not count.
            same(x.larger(y), pairs().map(|(a, b)| larger(a, b)).collect(), "larger");
            assert_eq!(x.positive(), mask(a.iter().map(|a| *a > 0.0)), "positive of {a:?}");
            assert_eq!(x.equal(y), mask(pairs().map(|(a, b)| a == b)), "{a:?} equal {b:?}");
            let open = y.positive();
            let kept = pairs().map(|(a, b)| if b > 0.0 { a } else { 0.0 }).collect();
            same(x.keep(open), kept, "keep");
            let mut stored = [0; 4];
            L::store_bits(open, stored.as_mut_ptr());
            assert_eq!(u32::from_le_bytes(stored), open, "the lowest lane comes first");
            assert_eq!(L::load_bits(stored.as_ptr()), open);
        }
    }
}
