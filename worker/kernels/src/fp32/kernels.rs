//! The kernels of one vector level, as a table of functions. `dispatch.rs` returns it only on a
//! processor that can run them.

use crate::fp32::{
    gemm::{self, Operands, Panels, STRIP},
    thin::Thin,
    winograd::Tiles,
};

/// Entry points compiled for one instruction set. The generic code behind them is in `gemm.rs`,
/// `thin.rs`, `winograd.rs` and `gram.rs`.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// Columns of a panel of the product: its vectors times their lanes.
    pub(crate) panel: usize,
    pub(crate) product: unsafe fn(&Operands),
    pub(crate) thin: unsafe fn(&Thin),
    pub(crate) tiles: unsafe fn(&Tiles<'_>, usize, &mut [f32]),
    pub(crate) gram: Gram,
}

/// Packed rows, channels, and the two sums: see [`crate::fp32::gram::block`].
type Gram = unsafe fn(&[f32], usize, &mut [f64], &mut [f64]);

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

    /// The first layer's features of pixels that lie side by side. `rows` are those of the picture
    /// above, at and below, from the pixel left of the first on, with room for whole strips;
    /// `spare` holds the features of one.
    pub(crate) fn thin(
        &self,
        rows: [&[f32]; 3],
        channels: usize,
        panels: &Panels,
        bias: &[f32],
        output: &mut [f32],
        spare: &mut [f32],
    ) {
        let columns = panels.columns;
        let pixels = output.len() / columns;
        assert!(
            rows.iter().all(|row| row.len() >= (pixels.next_multiple_of(STRIP) + 2) * channels),
            "rows of whole strips"
        );
        assert!(
            panels.blocks * gemm::BLOCK >= 9 * channels && bias.len() == columns,
            "weights of nine taps, a bias for each channel"
        );
        assert!(spare.len() >= STRIP * columns, "room for a strip of features");
        let thin = Thin {
            rows: rows.map(<[f32]>::as_ptr),
            channels,
            pixels,
            panels: panels.values.as_ptr(),
            blocks: panels.blocks,
            columns,
            bias: bias.as_ptr(),
            output: output.as_mut_ptr(),
            spare: spare.as_mut_ptr(),
        };
        // SAFETY: this table is given only to a processor that can run it, and the slices hold what
        // is read and written, as checked just above.
        unsafe { (self.thin)(&thin) }
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
