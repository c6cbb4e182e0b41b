//! A cache line of bf16: 32 channels of one pixel, which is one row of a matrix tile.

use std::marker::PhantomData;

use crate::feature_map::{narrow, widen};

/// Channels of a line.
pub(crate) const CHANNELS: usize = 32;

/// The bits of 32 values of bf16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u16; CHANNELS]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; CHANNELS]);

    pub(crate) fn narrowed(values: &[f32; CHANNELS]) -> Self {
        Self(values.map(narrow))
    }

    pub(crate) fn widened(&self) -> [f32; CHANNELS] {
        self.0.map(widen)
    }
}

/// The sums of a block of positions: 32 of them, of 32 channels each.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Sums(pub(crate) [[f32; CHANNELS]; POSITIONS]);

/// Positions of a block: two tiles of 16 rows.
pub(crate) const POSITIONS: usize = 32;

/// Blocks of positions of a long product: two times three tiles of 16 rows.
pub(crate) const LONG: usize = 3;

impl Sums {
    pub(crate) const ZERO: Self = Self([[0.0; CHANNELS]; POSITIONS]);
}

/// One bit for each channel of a [`Line`], the lowest being the first: where a gradient passes.
pub(crate) type Bits = u32;

const _: () = assert!(Bits::BITS as usize == CHANNELS);

/// Lines, or bits, that several threads write at places that do not overlap.
#[derive(Debug)]
pub(crate) struct Shared<'a, T = Line> {
    start: *mut T,
    len: usize,
    life: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

// SAFETY: it stands for a unique borrow of a slice of plain numbers; who reads or writes through it
// is asked for disjoint places.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(lines: &'a mut [T]) -> Self {
        Self { start: lines.as_mut_ptr(), len: lines.len(), life: PhantomData }
    }

    /// The address of `count` of them from `index` on, to be used by one thread at a time.
    ///
    /// # Panics
    /// If they do not lie within the slice.
    pub(crate) fn at(&self, index: usize, count: usize) -> *mut T {
        assert!(
            index <= self.len && count <= self.len - index,
            "{count} lines from {index} lie within {}",
            self.len
        );
        self.start.wrapping_add(index)
    }
}

/// Scratch memory as lines.
pub(crate) fn lines_of(scratch: &mut [f32]) -> &mut [Line] {
    // SAFETY: a line is 16 floats long and any bits make one; `align_to_mut` leaves out what is not
    // aligned, and scratch memory is.
    let (before, lines, _) = unsafe { scratch.align_to_mut() };
    debug_assert!(before.is_empty());
    lines
}

/// Lines as floats.
pub(crate) fn floats_of(lines: &mut [Line]) -> &mut [f32] {
    // SAFETY: a line is 16 floats long and aligned to them; any bits make floats, and lines.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 16) }
}
