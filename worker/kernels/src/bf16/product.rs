//! The product of a block of positions, from a map or from lines that lie like one.

use crate::bf16::{
    kernels::{Product, Ready},
    layout::Layout,
    line::{LONG, Line, POSITIONS, Sums},
    weights::Weights,
};

/// What the product of a block of positions reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read<'a> {
    pub(crate) lines: &'a [Line],
    /// The upper left tap of the first position.
    pub(crate) first: usize,
    /// Lines from one row to the next, and from one block of channels to the next.
    pub(crate) row: usize,
    pub(crate) block: usize,
}

impl<'a> Read<'a> {
    /// From a place of a map on.
    pub(crate) fn of(layout: &Layout, map: &'a [Line], place: usize) -> Self {
        let row = layout.stride();
        Self { lines: map, first: place - row - 1, row, block: layout.plane() }
    }

    /// With the weights for a block of output channels, and so many positions.
    fn product(self, weights: &Weights, block: usize, positions: usize) -> Product {
        // The lower right tap of the last position lies within a map, which holds a block more than
        // its planes, or within a panel.
        debug_assert!(
            (weights.in_blocks() - 1) * self.block + self.first + 2 * self.row + 2 + positions
                <= self.lines.len()
        );
        Product {
            lines: &raw const self.lines[self.first],
            position: size_of::<Line>(),
            row: self.row * size_of::<Line>(),
            block: self.block * size_of::<Line>(),
            blocks: weights.in_blocks(),
            weights: weights.of(block).as_ptr(),
        }
    }
}

/// The product of a block of positions, for a block of output channels.
pub(crate) fn convolve(
    ready: &Ready,
    read: Read<'_>,
    weights: &Weights,
    block: usize,
    sums: &mut Sums,
) {
    let positions = if weights.is_narrow() { 2 * POSITIONS } else { POSITIONS };
    let product = read.product(weights, block, positions);
    // SAFETY: the thread is ready, and all that the product reads lies within the lines and the
    // weights, as asserted there.
    unsafe {
        match weights.is_narrow() {
            false => (ready.kernels().convolve)(&product, sums),
            true => (ready.kernels().convolve_narrow)(&product, sums),
        }
    }
}

/// The same of several blocks of positions, one behind the other.
pub(crate) fn convolve_long(
    ready: &Ready,
    read: Read<'_>,
    weights: &Weights,
    block: usize,
    sums: &mut [Sums; LONG],
) {
    debug_assert!(!weights.is_narrow());
    let product = read.product(weights, block, LONG * POSITIONS);
    // SAFETY: as above.
    unsafe { (ready.kernels().convolve_long)(&product, sums) }
}
