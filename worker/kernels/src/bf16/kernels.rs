//! The kernels of the bf16 pass as a table: the product in several forms, and the work around it,
//! plain or in vectors.

use crate::bf16::line::{Bits, CHANNELS, LONG, Line, POSITIONS, Sums};

/// The entry points. All work on blocks of 32 positions by 32 channels.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// Makes the calling thread ready for products, and sets it free again.
    pub(crate) begin: unsafe fn(),
    pub(crate) end: unsafe fn(),
    /// `sums = product`, with nine taps.
    pub(crate) convolve: unsafe fn(&Product, &mut Sums),
    /// The same for three blocks of positions, one behind the other.
    pub(crate) convolve_long: unsafe fn(&Product, &mut [Sums; LONG]),
    /// The same of 64 positions by 16 output channels: one tile of weights a block and tap, and
    /// sums in rows of 16.
    pub(crate) convolve_narrow: unsafe fn(&Product, &mut Sums),
    /// `sums = product`, with one tap.
    pub(crate) multiply: unsafe fn(&Product, &mut Sums),
    /// `lines = max(0, sums + bias)`, rounded; a NaN stays one. At most 32 lines.
    pub(crate) rectify: unsafe fn(&Sums, &[f32; CHANNELS], lines: *mut Line, count: usize),
    /// Sets the bits of what is positive, and clears the others.
    pub(crate) open: unsafe fn(lines: *const Line, bits: *mut Bits, count: usize),
    /// `lines = sums`, rounded, where the bits are set; elsewhere zero.
    pub(crate) gate: unsafe fn(&Sums, bits: *const Bits, lines: *mut Line, count: usize),
    /// `lines = sums`, rounded.
    pub(crate) round: unsafe fn(&Sums, lines: *mut Line, count: usize),
    /// Pools whole windows, as many as `to` has lines: `rows` are the two rows above each other.
    /// Their routes say where the gradient of a window goes; where both rows are one, those of the
    /// upper one are written last.
    pub(crate) largest: unsafe fn(rows: [*const Line; 2], routes: [*mut Bits; 2], to: &mut [Line]),
    pub(crate) mean: unsafe fn(rows: [*const Line; 2], routes: [*mut Bits; 2], to: &mut [Line]),
    /// The gradient of a row of pixels, two for each window of `from`: its share where the routes
    /// lead there, elsewhere zero.
    pub(crate) spread: unsafe fn(from: &[Line], routes: *const Bits, share: f32, to: *mut Line),
    /// `sums += seeds + mean`.
    pub(crate) add: unsafe fn(&mut Sums, seeds: &Sums, mean: &[f32; CHANNELS]),
    /// Two tiles of 32 pixels, in pairs of pixels: a line holds 16 channels of two pixels.
    pub(crate) pair: unsafe fn(pixels: &[Line; POSITIONS], pairs: &mut Tiles),
    /// The same two tiles turned: a line holds 32 pixels of one channel. Adds the pixels to `sum`.
    pub(crate) turn: unsafe fn(pairs: &Tiles, turned: &mut Tiles, sum: &mut [f32; CHANNELS]),
    /// The 27 values around each of some positions, as two parts in bf16, and five zeros. `rows`
    /// begin at the left neighbour of the first position.
    pub(crate) gather: unsafe fn(rows: [*const f32; 3], to: &mut [[Line; 2]]),
    /// `totals += sums`.
    pub(crate) total: unsafe fn(&Sums, totals: &mut [f64]),
}

/// Two tiles above each other: of the factors, or of the weights for 32 output channels.
pub(crate) type Tiles = [Line; 32];

/// A product of 32 positions by 32 output channels: the sum over blocks of 32 input channels, in
/// order, and over the taps of each, row by row. A block and tap is two tiles of 16 positions by 32
/// channels, and two tiles of weights: see [`crate::bf16::weights`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    /// The line of the first position and upper left tap, in the first block of channels.
    pub(crate) lines: *const Line,
    /// Bytes from one position to the next. With nine taps it is a line.
    pub(crate) position: usize,
    /// Bytes from one row of taps to the next.
    pub(crate) row: usize,
    /// Bytes from one block of channels to the next.
    pub(crate) block: usize,
    /// Blocks of input channels.
    pub(crate) blocks: usize,
    /// `[block][tap][2]` tiles of weights.
    pub(crate) weights: *const Line,
}

impl Product {
    /// The product of the block of positions that lies so many blocks behind this one.
    pub(crate) fn moved(&self, blocks: usize) -> Self {
        let lines = self.lines.wrapping_byte_add(blocks * POSITIONS * self.position);
        Self { lines, ..*self }
    }
}

impl Kernels {
    /// Readies the thread for products until the guard is dropped.
    pub(crate) fn ready(&'static self) -> Ready {
        // SAFETY: a table is given only to a processor that can run it.
        unsafe { (self.begin)() };
        Ready { kernels: self }
    }
}

/// Proof that the calling thread is ready for products.
#[derive(Debug)]
pub(crate) struct Ready {
    kernels: &'static Kernels,
}

impl Ready {
    pub(crate) fn kernels(&self) -> &'static Kernels {
        self.kernels
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // SAFETY: as in `ready`.
        unsafe { (self.kernels.end)() };
    }
}
