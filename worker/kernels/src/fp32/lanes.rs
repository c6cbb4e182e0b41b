//! A SIMD vector of floats with the operations that the kernels need, so that each kernel is
//! written once for all widths.
//!
//! Every function is inlined into a caller that was compiled for the instruction set (the entry
//! points in `avx2.rs` and `avx512.rs`); only there do the intrinsics become instructions. That is
//! why kernels built on this are `#[inline(always)]` functions with plain loops: a closure would be
//! compiled on its own, without the instruction set.

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
