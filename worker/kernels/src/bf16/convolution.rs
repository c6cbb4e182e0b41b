//! One direct convolution: nine products per block of channels, and the epilogue before a sum is
//! rounded and stored.
//!
//! Work is cut into pieces of rows (and of columns, where rows are long), so that the lines that a
//! piece reads stay in the second cache beside the weights of one block of output channels. A piece
//! takes the blocks of output channels one after the other, and for each all its positions. The cut
//! depends on the sizes alone. Whole rows are one run of positions, border in between included: of
//! a row, two positions are wasted, however short it is.
//!
//! A gradient overwrites the features that gate it. That needs no second map, and the line that is
//! written was just read. A seed needs all channels of a position, so its piece keeps a copy of the
//! features that it is about to overwrite.

use std::ops::Range;

use crate::{
    bf16::{
        kernels::{Kernels, Product, Ready},
        layout::Layout,
        line::{CHANNELS, Line, POSITIONS, Shared, Sums},
        pool::Pooling,
        seed::{Features, Seeds},
        weights::Weights,
    },
    threads::Threads,
};

/// What a piece may read, in bytes: it shares a second cache of 2 MiB with the weights (up to 288
/// KiB), and with another thread where two run on one core. It is eight rows of VGG-19's stages at
/// 512 x 512, of which the last block of positions wastes a thirtieth at most.
const PANEL_BYTES: usize = 704 << 10;

/// With fewer pieces than this, threads would be idle while the last one is computed.
const PIECES: usize = 32;

/// Blocks of positions that are computed together, where a run has as many.
const LONG: usize = 3;

/// Rows of a piece that is cut across.
const ROWS: usize = 8;

/// What to compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution<'a> {
    pub(crate) layout: &'a Layout,
    /// The map to convolve; without one, the sums are those of the seeds.
    pub(crate) input: Option<(&'a [Line], &'a Weights)>,
    pub(crate) out_channels: usize,
    pub(crate) epilogue: Epilogue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Epilogue<'a> {
    /// Forward: add the bias, then ReLU.
    Rectify {
        bias: &'a [f32],
        /// And pool into another map, while a piece's rows are still in the second cache.
        pool: Option<(Pooling<'a>, Shared<'a>)>,
    },
    /// Backward, into features: where they are positive, the gradient with its seeds takes their
    /// place; elsewhere zero.
    Gate { seeds: Option<&'a Seeds<'a>> },
    /// Backward, into a pooled map.
    Plain,
}

/// Floats of scratch that a thread needs for a layer with seeds.
pub(crate) fn scratch_floats(layout: &Layout, in_channels: usize, out_channels: usize) -> usize {
    let out_blocks = out_channels / CHANNELS;
    let cut = Cut::new(layout, layout.frame(), in_channels / CHANNELS, out_blocks, true);
    cut.copied(layout) * out_blocks * size_of::<Line>() / size_of::<f32>()
}

/// Computes the whole output but for its border; with a frame, that is part of it.
pub(crate) fn run(
    threads: &mut Threads,
    kernels: &'static Kernels,
    job: &Convolution<'_>,
    output: &mut [Line],
) {
    let layout = job.layout;
    let out_blocks = job.out_channels / CHANNELS;
    let in_blocks = job.input.map_or(out_blocks, |(_, weights)| weights.in_blocks());
    let frame =
        if matches!(job.epilogue, Epilogue::Rectify { .. }) { (0, 0) } else { layout.frame() };
    assert!(output.len() >= layout.lines(job.out_channels), "an output of whole planes");
    if let Some((input, weights)) = job.input {
        assert!(
            input.len() >= layout.lines(in_blocks * CHANNELS) && weights.out_blocks() == out_blocks,
            "an input of whole planes"
        );
    }
    // Pieces that copy features must not have them overwritten by others.
    let seeded = matches!(job.epilogue, Epilogue::Gate { seeds: Some(_) });
    let pool = if let Epilogue::Rectify { pool, .. } = job.epilogue { pool } else { None };
    let mut cut = Cut::new(layout, frame, in_blocks, out_blocks, seeded);
    cut.pooling = pool.map(|(pooling, _)| pooling).filter(|_| cut.across() == 1);
    let output = Shared::new(output);
    threads.each(cut.pieces(), |index, scratch| {
        let ready = kernels.ready();
        piece(&ready, job, &cut, &cut.piece(index), &output, scratch);
    });
    if let Some((pooling, pooled)) = pool.filter(|_| cut.pooling.is_none()) {
        pooling.forward(threads, kernels, &output, &pooled);
    }
}

/// Computes one piece.
fn piece(
    ready: &Ready,
    job: &Convolution<'_>,
    cut: &Cut<'_>,
    piece: &Piece,
    output: &Shared<'_>,
    scratch: &mut [f32],
) {
    let seeds = match job.epilogue {
        Epilogue::Gate { seeds } => seeds,
        Epilogue::Rectify { .. } | Epilogue::Plain => None,
    };
    let runs = piece.runs(job.layout);
    let features = seeds.map(|seeds| (seeds, Copied::new(job, cut, runs.clone(), output, scratch)));
    let (mut sums, mut seeded) = ([Sums::ZERO; LONG], Sums::ZERO);
    for block in piece.blocks.clone() {
        let mut before = 0;
        for run in runs.clone() {
            let mut start = run.start;
            while start < run.end {
                let blocks = if run.end - start >= LONG * POSITIONS { LONG } else { 1 };
                match job.input {
                    Some(input) if blocks == LONG => {
                        convolve_long(ready, job.layout, input, block, start, &mut sums);
                    }
                    Some(input) => {
                        convolve(ready, job.layout, input, block, start, &mut sums[0]);
                    }
                    None => sums[..blocks].fill(Sums::ZERO),
                }
                for sums in &mut sums[..blocks] {
                    let count = POSITIONS.min(run.end - start);
                    if let Some((seeds, features)) = &features {
                        let features = features.at(before + start - run.start);
                        seeds.add(
                            ready,
                            job.layout,
                            (block, start..start + count),
                            features,
                            &mut seeded,
                            sums,
                        );
                    }
                    finish(ready.kernels(), job, block, start, count, output, sums);
                    start += count;
                }
            }
            before += run.len();
        }
        if let Epilogue::Rectify { pool: Some((pooling, pooled)), .. } = &job.epilogue {
            for y in piece.pooled.clone() {
                pooling.forward_row(ready.kernels(), block, y, output, pooled);
            }
        }
    }
}

/// The sums of three blocks of positions from `start` on, for a block of output channels.
fn convolve_long(
    ready: &Ready,
    layout: &Layout,
    (input, weights): (&[Line], &Weights),
    block: usize,
    start: usize,
    sums: &mut [Sums; LONG],
) {
    let product = product(layout, (input, weights), block, start, LONG * POSITIONS);
    // SAFETY: the thread is ready, and all that the product reads lies within the map and the
    // weights, as asserted there.
    unsafe { (ready.kernels().convolve_long)(&product, sums) }
}

/// The sums of the 32 positions from `start` on, for a block of output channels; or of 64, where
/// these are 16.
pub(crate) fn convolve(
    ready: &Ready,
    layout: &Layout,
    (input, weights): (&[Line], &Weights),
    block: usize,
    start: usize,
    sums: &mut Sums,
) {
    let product = product(layout, (input, weights), block, start, 2 * POSITIONS);
    // SAFETY: the thread is ready, and all that the product reads lies within the map and the
    // weights, as asserted there.
    unsafe {
        match weights.is_narrow() {
            false => (ready.kernels().convolve)(&product, sums),
            true => (ready.kernels().convolve_narrow)(&product, sums),
        }
    }
}

/// The product for some positions from `start` on and a block of output channels.
fn product(
    layout: &Layout,
    (input, weights): (&[Line], &Weights),
    block: usize,
    start: usize,
    positions: usize,
) -> Product {
    let (stride, plane) = (layout.stride(), layout.plane());
    // The upper left tap of the first position; the lower right one of the last lies within the
    // map, which holds a block more than its planes.
    let first = start - stride - 1;
    debug_assert!(
        (weights.in_blocks() - 1) * plane + start + stride + 1 + positions <= input.len()
    );
    Product {
        lines: &raw const input[first],
        position: size_of::<Line>(),
        row: stride * size_of::<Line>(),
        block: plane * size_of::<Line>(),
        blocks: weights.in_blocks(),
        weights: weights.of(block).as_ptr(),
    }
}

fn finish(
    kernels: &Kernels,
    job: &Convolution<'_>,
    block: usize,
    start: usize,
    count: usize,
    output: &Shared<'_>,
    sums: &Sums,
) {
    let lines = output.at(block * job.layout.plane() + start, count);
    match job.epilogue {
        Epilogue::Rectify { bias, .. } => {
            let bias = &bias.as_chunks().0[block];
            // SAFETY: the processor has the kernels' instructions; the lines are of this piece, and
            // of no other.
            unsafe { (kernels.rectify)(sums, bias, lines, count) }
        }
        // SAFETY: as above.
        Epilogue::Gate { .. } => unsafe { (kernels.gate)(sums, lines, lines, count) },
        // SAFETY: as above.
        Epilogue::Plain => unsafe { (kernels.round)(sums, lines, count) },
    }
}

/// The features of a piece, all channels, taken before their gradient overwrites them.
struct Copied<'a> {
    lines: &'a [Line],
    block: usize,
}

impl<'a> Copied<'a> {
    fn new(
        job: &Convolution<'_>,
        cut: &Cut<'_>,
        runs: impl Iterator<Item = Range<usize>> + Clone,
        features: &Shared<'_>,
        scratch: &'a mut [f32],
    ) -> Self {
        let blocks = job.out_channels / CHANNELS;
        let block = cut.copied(job.layout);
        let lines = crate::bf16::line::lines_of(scratch);
        for (index, lines) in lines.chunks_exact_mut(block).take(blocks).enumerate() {
            let mut before = 0;
            for run in runs.clone() {
                let from = features.at(index * job.layout.plane() + run.start, run.len());
                // SAFETY: only this piece uses these positions, and it writes none of them before
                // it has copied all.
                lines[before..before + run.len()]
                    .copy_from_slice(unsafe { std::slice::from_raw_parts(from, run.len()) });
                before += run.len();
            }
        }
        Self { lines: &lines[..blocks * block], block }
    }

    /// The features from the `index`th position of the piece on.
    fn at(&self, index: usize) -> Features<'a> {
        Features { lines: &self.lines[index..], block: self.block }
    }
}

/// How a convolution is cut.
#[derive(Debug)]
struct Cut<'a> {
    /// The positions of the output, frame included.
    columns: Range<isize>,
    rows: Range<isize>,
    blocks: usize,
    /// What a piece has of each.
    piece_columns: usize,
    piece_rows: usize,
    piece_blocks: usize,
    /// Where pieces have rows to pool, they have those of whole windows.
    pooling: Option<Pooling<'a>>,
}

impl<'a> Cut<'a> {
    /// `whole` says that a piece has all output channels of its positions.
    fn new(
        layout: &Layout,
        (across, down): (usize, usize),
        in_blocks: usize,
        blocks: usize,
        whole: bool,
    ) -> Self {
        let columns = -(across as isize)..(layout.width() + across) as isize;
        let rows = -(down as isize)..(layout.height() + down) as isize;
        let lines = PANEL_BYTES / (in_blocks * size_of::<Line>());
        let fitting = (lines / layout.stride()).saturating_sub(2);
        let (piece_rows, piece_columns) = if fitting >= ROWS / 2 {
            let enough = if whole {
                rows.len().div_ceil(PIECES / 3).max(ROWS / 2)
            } else {
                rows.len().div_ceil(PIECES).max(ROWS)
            };
            (fitting.min(enough) / 2 * 2, columns.len())
        } else {
            (ROWS, (lines / (ROWS + 2) / POSITIONS * POSITIONS).max(POSITIONS))
        };
        let cuts = rows.len().div_ceil(piece_rows) * columns.len().div_ceil(piece_columns);
        let piece_blocks = if whole { blocks } else { blocks.div_ceil(PIECES.div_ceil(cuts)) };
        Self { columns, rows, blocks, piece_columns, piece_rows, piece_blocks, pooling: None }
    }

    fn across(&self) -> usize {
        self.columns.len().div_ceil(self.piece_columns)
    }

    fn deep(&self) -> usize {
        self.blocks.div_ceil(self.piece_blocks)
    }

    fn down(&self) -> usize {
        let (rows, of_piece) = self.pooling.map_or((self.rows.len(), self.piece_rows), |pooling| {
            (pooling.pooled.height(), self.piece_rows / 2)
        });
        rows.div_ceil(of_piece)
    }

    fn pieces(&self) -> usize {
        self.down() * self.across() * self.deep()
    }

    fn piece(&self, index: usize) -> Piece {
        let part = |whole: &Range<isize>, len: usize, index: usize| {
            let start = whole.start + (index * len) as isize;
            start..whole.end.min(start + len as isize)
        };
        let (deep, across) = (self.deep(), self.across());
        let first_block = index % deep * self.piece_blocks;
        let down = index / deep / across;
        let (rows, pooled) = match &self.pooling {
            None => (part(&self.rows, self.piece_rows, down), 0..0),
            Some(pooling) => {
                let pooled = down * (self.piece_rows / 2)
                    ..pooling.pooled.height().min((down + 1) * (self.piece_rows / 2));
                (
                    pooling.rows(pooled.start).start as isize
                        ..pooling.rows(pooled.end - 1).end as isize,
                    pooled,
                )
            }
        };
        Piece {
            columns: part(&self.columns, self.piece_columns, index / deep % across),
            rows,
            pooled,
            blocks: first_block..self.blocks.min(first_block + self.piece_blocks),
            whole_rows: across == 1,
        }
    }

    /// Lines of the copy of a piece's positions in one block of channels, and what the last block
    /// of positions reads behind them.
    fn copied(&self, layout: &Layout) -> usize {
        let row = if self.across() == 1 { layout.stride() } else { self.piece_columns };
        self.piece_rows.min(self.rows.len()) * row + POSITIONS
    }
}

/// One piece: its positions and blocks of output channels.
#[derive(Debug)]
struct Piece {
    columns: Range<isize>,
    rows: Range<isize>,
    /// The rows that its own are pooled to.
    pooled: Range<usize>,
    blocks: Range<usize>,
    whole_rows: bool,
}

impl Piece {
    /// The runs of positions, as places in a plane: one where the piece has whole rows, else one a
    /// row.
    fn runs(&self, layout: &Layout) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let (first, stride) = (layout.at(self.columns.start, self.rows.start), layout.stride());
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let (count, len) =
            if self.whole_rows { (1, (rows - 1) * stride + columns) } else { (rows, columns) };
        (0..count).map(move |row| first + row * stride..first + row * stride + len)
    }
}
