//! The matrix product under Winograd, the seeds and the first layer.
//!
//! `C[rows][columns] = A[rows][k] * B[k][columns]`, all sums over k in rising order with one
//! rounding per step, so that a value does not depend on the row or the panel that it is computed
//! in.
//!
//! A is cut into strips of [`STRIP`] rows and blocks of 16 k: `[row / 12][k / 16][row % 12][16]`.
//! Every element that a step over k splats is at a constant distance from one pointer, a strip is
//! read sequentially, which hardware prefetching supports, and A is written in whole cache lines of
//! 16 channels. (Rows of `k` floats were rejected: their power-of-two strides map to a few cache
//! sets.) B is packed once into panels `[k][panel]`, which are read in order too. The register
//! block, rows by vectors, is chosen by the level.

use crate::fp32::lanes::Lanes;

/// Channels in a block of A. Channel counts that it does not divide take the scalar loops: no real
/// network has one.
pub(crate) const BLOCK: usize = 16;

/// Floats of a cache line.
const LINE: usize = 16;

/// Rows of A come in multiples of this, a multiple of every level's register block.
pub(crate) const STRIP: usize = 12;

/// B, packed: panels of the level's width, then panels of [`BLOCK`] columns for the rest. k is
/// padded with zeros to whole blocks.
#[derive(Debug)]
pub(crate) struct Panels {
    pub(crate) blocks: usize,
    pub(crate) columns: usize,
    pub(crate) values: Vec<f32>,
}

impl Panels {
    /// Packs the matrix `value(k, column)`.
    pub(crate) fn new(
        depth: usize,
        columns: usize,
        panel: usize,
        value: impl Fn(usize, usize) -> f32,
    ) -> Self {
        assert!(columns.is_multiple_of(BLOCK), "whole blocks of columns");
        let blocks = depth.div_ceil(BLOCK);
        let mut values = Vec::with_capacity(blocks * BLOCK * columns);
        for (start, width) in panels(columns, panel) {
            for k in 0..blocks * BLOCK {
                values.extend(
                    (start..start + width)
                        .map(|column| if k < depth { value(k, column) } else { 0.0 }),
                );
            }
        }
        Self { blocks, columns, values }
    }
}

/// The panels that `columns` are cut into: start and width of each.
pub(crate) fn panels(columns: usize, panel: usize) -> impl Iterator<Item = (usize, usize)> {
    let whole = columns / panel * panel;
    (0..whole)
        .step_by(panel)
        .map(move |start| (start, panel))
        .chain((whole..columns).step_by(BLOCK).map(|start| (start, BLOCK)))
}

/// Packs rows of `channels` floats as rows `first..` of an A whose strips have `strip` rows. Rows
/// that are never packed keep what was there: their products are computed and never read.
pub(crate) fn pack_rows(
    rows: &[f32],
    channels: usize,
    strip: usize,
    first: usize,
    packed: &mut [f32],
) {
    for (row, values) in (first..).zip(rows.chunks_exact(channels)) {
        let start = row / strip * strip * channels + row % strip * BLOCK;
        for (block, values) in values.chunks_exact(BLOCK).enumerate() {
            packed[start + block * strip * BLOCK..][..BLOCK].copy_from_slice(values);
        }
    }
}

/// Where the matrices of a product are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operands {
    /// A: `rows` rows, in strips of `blocks` blocks.
    pub(crate) a: *const f32,
    pub(crate) rows: usize,
    pub(crate) blocks: usize,
    /// B: the packed panels of `columns` columns.
    pub(crate) b: *const f32,
    pub(crate) columns: usize,
    /// C: `rows` rows at distance `c_stride`.
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
    pub(crate) ahead: Option<Ahead>,
}

/// The A and B of the next product. They are asked for while this one computes, as is each panel
/// during the one before it: what lies in farther caches or in memory comes too late otherwise,
/// since hardware prefetching begins anew with every strip, panel and page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    pub(crate) a: *const f32,
    pub(crate) b: *const f32,
}

/// Lines that are asked for, as many at each block of k, so that requests are spread evenly.
#[derive(Clone, Copy)]
struct Requests {
    next: *const f32,
    lines: usize,
}

impl Requests {
    #[inline(always)]
    unsafe fn send<L: Lanes>(&mut self) {
        for _ in 0..self.lines {
            L::prefetch(self.next);
            self.next = self.next.wrapping_add(LINE);
        }
    }
}

/// The product, in register blocks of `MR` rows, which divide [`STRIP`], by `NV` vectors.
///
/// # Safety
/// The processor has the instruction set of `L`, and the operands are where they say.
#[inline(always)]
pub(crate) unsafe fn product<L: Lanes, const MR: usize, const NV: usize>(operands: &Operands) {
    let Operands { rows, columns, blocks, b, ahead, .. } = *operands;
    debug_assert!(
        rows.is_multiple_of(STRIP) && STRIP.is_multiple_of(MR) && columns.is_multiple_of(BLOCK)
    );
    let panel = NV * L::WIDTH;
    let tiles = rows / MR;
    // A block of k of all rows is a line for each, a block of a panel one for each column.
    let mut next_a = Requests {
        next: ahead.map_or(std::ptr::null(), |ahead| ahead.a),
        lines: ahead.map_or(0, |_| rows.div_ceil(tiles * columns.div_ceil(panel))),
    };
    let lines = ahead.map_or(0, |_| panel.div_ceil(tiles));
    let mut column = 0;
    // A panel is used by all strips while it is near.
    while column < columns {
        // Levels whose panel is wider than a block have vectors as wide as one.
        let whole = column + panel <= columns;
        let width = if whole { panel } else { BLOCK };
        let next = match ahead {
            Some(ahead) if column + width == columns => ahead.b,
            _ => b.wrapping_add((column + width) * blocks * BLOCK),
        };
        let mut next_b = Requests { next, lines };
        for row in (0..rows).step_by(MR) {
            let ahead = [&mut next_a, &mut next_b];
            if whole {
                tile::<L, MR, NV>(operands, row, column, ahead);
            } else {
                tile::<L, MR, 1>(operands, row, column, ahead);
            }
        }
        column += width;
    }
}

/// One register block.
#[inline(always)]
unsafe fn tile<L: Lanes, const MR: usize, const NV: usize>(
    operands: &Operands,
    row: usize,
    column: usize,
    [next_a, next_b]: [&mut Requests; 2],
) {
    let Operands { blocks, c_stride, .. } = *operands;
    let mut a = operands.a.add(row / STRIP * STRIP * blocks * BLOCK + row % STRIP * BLOCK);
    let mut b = operands.b.add(column * blocks * BLOCK);
    let c = operands.c.add(row * c_stride + column);
    let mut sums = [[L::splat(0.0); NV]; MR];
    for _ in 0..blocks {
        next_a.send::<L>();
        next_b.send::<L>();
        for k in 0..BLOCK {
            let mut row_of_b = [L::splat(0.0); NV];
            for (v, lanes) in row_of_b.iter_mut().enumerate() {
                *lanes = L::load(b.add(v * L::WIDTH));
            }
            b = b.add(NV * L::WIDTH);
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = L::splat(*a.add(r * BLOCK + k));
                for (sum, lanes) in sums.iter_mut().zip(row_of_b) {
                    *sum = value.mul_add(lanes, *sum);
                }
            }
        }
        a = a.wrapping_add(STRIP * BLOCK);
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            sum.store(c.add(r * c_stride + v * L::WIDTH));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fp32::dispatch, level::Level};

    #[test]
    fn the_product_is_that_of_the_plain_loops_at_every_level() {
        for level in Level::available() {
            let Some(kernels) = dispatch::kernels(level) else { continue };
            for (rows, channels) in [(12, 16), (12, 48), (24, 80), (36, 64)] {
                let a: Vec<f32> =
                    (0..rows * channels).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
                let b: Vec<f32> =
                    (0..channels * channels).map(|i| ((i * 53) % 97) as f32 / 48.0 - 1.0).collect();
                let mut expected = vec![0.0; rows * channels];
                crate::fp32::scalar::product(&a, &b, channels, &mut expected);

                let (mut packed, mut found) =
                    (vec![0.0; rows * channels], vec![0.0; rows * channels]);
                pack_rows(&a, channels, STRIP, 0, &mut packed);
                let panels = Panels::new(channels, channels, kernels.panel, |k, column| {
                    b[k * channels + column]
                });
                kernels.product(&packed, rows, &panels, &mut found);
                // 80 terms of at most 1: rounding stays far below this.
                let error =
                    found.iter().zip(&expected).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
                assert!(error < 1e-5, "{level} {rows}x{channels}: {error}");
            }
        }
    }

    #[test]
    fn what_is_asked_for_ahead_changes_nothing_wherever_it_lies() {
        let (rows, channels) = (24, 80);
        let a: Vec<f32> = (0..rows * channels).map(|i| (i % 13) as f32 - 6.0).collect();
        for level in Level::available() {
            let Some(kernels) = dispatch::kernels(level) else { continue };
            let panels =
                Panels::new(channels, channels, kernels.panel, |k, column| (k ^ column) as f32);
            let product = |ahead| {
                let mut output = vec![f32::NAN; rows * channels];
                let operands = Operands {
                    a: a.as_ptr(),
                    rows,
                    blocks: panels.blocks,
                    b: panels.values.as_ptr(),
                    columns: channels,
                    c: output.as_mut_ptr(),
                    c_stride: channels,
                    ahead,
                };
                // SAFETY: the table is this processor's, and the operands are those vectors.
                unsafe { (kernels.product)(&operands) };
                output
            };
            let expected = product(None);
            assert!(expected.iter().all(|value| value.is_finite()), "{level}: all is written");
            let nowhere = std::ptr::without_provenance(0x1234_5678);
            for (a, b) in [(a.as_ptr(), panels.values.as_ptr()), (nowhere, std::ptr::null())] {
                assert_eq!(product(Some(Ahead { a, b })), expected, "{level}");
            }
        }
    }
}
