//! The kernels of one vector level, as a table of functions. `dispatch.rs` returns it only on a
//! processor that can run them.

use crate::fp32::{
    correlation::Correlation,
    depthwise::Depthwise,
    gemm::{self, Operands, Panels, STRIP},
    rows::Rows,
    thin::{Activation, Thin},
    winograd::Tiles,
};

/// Entry points compiled for one instruction set. The generic code behind them is in `gemm.rs`,
/// `thin.rs`, `winograd.rs` and `gram.rs`.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// Columns of a panel of the product: its vectors times their lanes.
    pub(crate) panel: usize,
    pub(crate) product: unsafe fn(&Operands),
    pub(crate) thin: unsafe fn(&Thin<'_>),
    pub(crate) tiles: unsafe fn(&Tiles<'_>, usize, &mut [f32]),
    pub(crate) gram: Gram,
    pub(crate) rows: unsafe fn(Rows<'_>),
    pub(crate) depthwise: unsafe fn(&Depthwise<'_>, &mut [f32]),
    pub(crate) correlate: unsafe fn(&Correlation),
}

/// Packed rows, channels, and the two sums: see [`crate::fp32::gram::block`].
type Gram = unsafe fn(&[f32], usize, &mut [f64], &mut [f64]);

/// Rows of the tallest kernel.
pub(crate) const MOST_ROWS: usize = 9;

/// The convolution of [`Kernels::thin`], whichever pixels it is applied to: see [`Thin`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taps<'a> {
    pub(crate) run: usize,
    pub(crate) step: usize,
    /// The rows of B are the taps in reading order.
    pub(crate) panels: &'a Panels,
    pub(crate) bias: &'a [f32],
    pub(crate) activation: Activation,
    pub(crate) output_step: usize,
}

impl Taps<'_> {
    /// That every place which is read or written by pointer is within its slice.
    pub(crate) fn check(&self, rows: &[&[f32]], pixels: usize, output: &[f32]) {
        let &Self { run, step, panels, bias, output_step, .. } = self;
        assert!(rows.len() <= MOST_ROWS, "a kernel of at most {MOST_ROWS} rows");
        assert!(
            panels.blocks * gemm::BLOCK >= rows.len() * run && bias.len() == panels.columns,
            "weights of all taps, a bias for each column"
        );
        let Some(last) = pixels.checked_sub(1) else { return };
        let read = (last / STRIP * STRIP + STRIP - 1) * step + run;
        assert!(rows.iter().all(|row| row.len() >= read), "rows of whole strips");
        assert!(output.len() >= last * output_step + panels.columns, "room for all pixels");
    }
}

/// A row that a convolution read and the gradient of what came of it: see
/// [`crate::fp32::correlation`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs<'a> {
    pub(crate) input: &'a [f32],
    /// Floats of a pixel's run, and from one to the next.
    pub(crate) run: usize,
    pub(crate) step: usize,
    pub(crate) gradient: &'a [f32],
    /// A multiple of [`gemm::BLOCK`].
    pub(crate) columns: usize,
    pub(crate) gradient_step: usize,
    pub(crate) pixels: usize,
}

impl Pairs<'_> {
    /// Rows of the sums: whole strips.
    pub(crate) fn places(&self) -> usize {
        self.run.next_multiple_of(STRIP)
    }

    /// That every place which is read or written by pointer is within its slice.
    pub(crate) fn check(&self, sums: &[f32]) {
        let &Self { input, step, gradient, columns, gradient_step, pixels, .. } = self;
        assert!(columns.is_multiple_of(gemm::BLOCK), "whole vectors of columns");
        assert!(sums.len() == self.places() * columns, "a sum for each place and column");
        let Some(last) = pixels.checked_sub(1) else { return };
        assert!(input.len() >= last * step + self.places(), "a row of whole strips");
        assert!(gradient.len() >= last * gradient_step + columns, "a gradient of whole vectors");
    }
}

impl Kernels {
    /// `output[rows][columns] = a * panels`, where `a` is packed (see `gemm.rs`) and `rows` is a
    /// multiple of [`gemm::STRIP`].
    pub(crate) fn product(&self, a: &[f32], rows: usize, panels: &Panels, output: &mut [f32]) {
        assert!(rows.is_multiple_of(gemm::STRIP), "rows come in whole strips");
        assert!(
            a.len() >= rows * panels.blocks * gemm::BLOCK && output.len() >= rows * panels.columns,
            "a product within its slices"
        );
        let operands = Operands {
            a: a.as_ptr(),
            rows,
            blocks: panels.blocks,
            b: panels.values.as_ptr(),
            columns: panels.columns,
            c: output.as_mut_ptr(),
            c_stride: panels.columns,
            ahead: None,
        };
        // SAFETY: this table is given only to a processor that can run it, and the slices hold what
        // the product reads and writes, as checked just above.
        unsafe { (self.product)(&operands) }
    }

    /// The features of pixels that lie side by side. `rows` are those that the kernel reads, from
    /// what the first pixel reads on, with room for whole strips; `spare` holds the features of
    /// one.
    pub(crate) fn thin(
        &self,
        rows: &[&[f32]],
        taps: &Taps<'_>,
        pixels: usize,
        output: &mut [f32],
        spare: &mut [f32],
    ) {
        let &Taps { run, step, panels, bias, activation, output_step } = taps;
        taps.check(rows, pixels, output);
        assert!(spare.len() >= STRIP * panels.columns, "room for a strip of features");
        let mut starts = [std::ptr::null(); MOST_ROWS];
        starts.iter_mut().zip(rows).for_each(|(start, row)| *start = row.as_ptr());
        let thin = Thin {
            rows: &starts[..rows.len()],
            run,
            step,
            pixels,
            panels: panels.values.as_ptr(),
            blocks: panels.blocks,
            columns: panels.columns,
            bias: bias.as_ptr(),
            activation,
            output: output.as_mut_ptr(),
            output_step,
            spare: spare.as_mut_ptr(),
        };
        // SAFETY: this table is given only to a processor that can run it, and the slices hold what
        // is read and written, as checked just above.
        unsafe { (self.thin)(&thin) }
    }

    /// Work on rows of features.
    pub(crate) fn rows(&self, rows: Rows<'_>) {
        // SAFETY: this table is given only to a processor that can run it.
        unsafe { (self.rows)(rows) }
    }

    /// A row of a convolution of each channel by itself.
    pub(crate) fn depthwise(&self, row: &Depthwise<'_>, output: &mut [f32]) {
        row.check(output.len() / row.channels);
        // SAFETY: this table is given only to a processor that can run it; the row was checked.
        unsafe { (self.depthwise)(row, output) }
    }

    /// Adds the sums over a row of pixels to `sums`, `[place][column]`.
    pub(crate) fn correlate(&self, pairs: &Pairs<'_>, sums: &mut [f32]) {
        pairs.check(sums);
        let &Pairs { input, step, gradient, columns, gradient_step, pixels, .. } = pairs;
        let work = Correlation {
            input: input.as_ptr(),
            places: pairs.places(),
            step,
            gradient: gradient.as_ptr(),
            columns,
            gradient_step,
            pixels,
            sums: sums.as_mut_ptr(),
        };
        // SAFETY: this table is given only to a processor that can run it, and the slices hold what
        // is read and written, as checked just above.
        unsafe { (self.correlate)(&work) }
    }

    /// Computes one block of Winograd tiles.
    pub(crate) fn tiles(&self, tiles: &Tiles<'_>, block: usize, scratch: &mut [f32]) {
        // SAFETY: this table is given only to a processor that can run it; `Tiles` checked its
        // slices when it was made, and the blocks that threads take write different tiles.
        unsafe { (self.tiles)(tiles, block, scratch) }
    }

    /// Adds the upper triangle of `rows^T * rows` and the sum of the rows, for at most 256 packed
    /// rows.
    pub(crate) fn gram(&self, packed: &[f32], channels: usize, gram: &mut [f64], sum: &mut [f64]) {
        assert!(
            channels.is_multiple_of(gemm::BLOCK) && packed.len().is_multiple_of(channels),
            "whole blocks of channels, whole pixels"
        );
        assert!(gram.len() == channels * channels && sum.len() == channels, "sums of C x C and C");
        // SAFETY: this table is given only to a processor that can run it; the sizes were checked
        // just above.
        unsafe { (self.gram)(packed, channels, gram, sum) }
    }
}
