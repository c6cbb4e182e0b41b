//! One direct convolution: nine products per block of channels, and the epilogue before a sum is
//! rounded and stored.
//!
//! It is computed in pieces (see `cut.rs`). A piece takes the blocks of output channels one after
//! the other, and for each all its positions. Maps that pooling would make four times as large are
//! never whole: what a piece reads of such a gradient is computed before it, and what it writes of
//! such features is pooled after it, both in memory of its own that stays in the second cache. So
//! are the features that the first convolution computes again.

use crate::{
    bf16::{
        cut::{Cut, Piece, Run},
        features::{Features, Source},
        first::Room,
        kernels::{Kernels, Ready},
        layout::Layout,
        line::{Bits, CHANNELS, LONG, Line, POSITIONS, Shared, Sums, lines_of},
        pool::{Part, Pooling, Unpooled},
        product::{Read, convolve, convolve_long},
        seed::Seeds,
        weights::Weights,
    },
    threads::Threads,
};

/// The least blocks of output channels for which a piece unpools what it reads: that takes a
/// fifteenth of their products' time.
const UNPOOLED_BLOCKS: usize = 4;

/// What to compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution<'a> {
    pub(crate) layout: &'a Layout,
    /// What to convolve; without it, the sums are those of the seeds.
    pub(crate) input: Option<(Input<'a>, &'a Weights)>,
    pub(crate) out_channels: usize,
    pub(crate) epilogue: Epilogue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    Map(&'a [Line]),
    /// The gradient of features that were pooled.
    Unpooled(Unpooled<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Epilogue<'a> {
    /// Forward: add the bias, then ReLU; and mark where features are positive.
    Rectify { bias: &'a [f32], marks: Option<Shared<'a, Bits>> },
    /// Forward: the same, and pool. The output is the pooled map.
    Pool { bias: &'a [f32], pooling: Pooling<'a>, routes: Shared<'a, Bits> },
    /// Backward, through the ReLU that left these bits.
    Gate(&'a [Bits]),
    /// Backward, with the seeds of a layer and through its ReLU.
    Seed { features: Source<'a>, seeds: Option<&'a Seeds<'a>> },
    /// Backward, to a pooled map.
    Plain,
}

/// What of a convolution takes scratch memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    /// It reads a gradient that it unpools.
    pub(crate) unpools: bool,
    /// It pools what it writes.
    pub(crate) pools: bool,
    /// It computes features again.
    pub(crate) recomputes: bool,
}

impl Own {
    /// The cut, lines of what is read, and lines of what is written or computed again.
    fn cut(
        self,
        layout: &Layout,
        frame: (usize, usize),
        (in_blocks, blocks): (usize, usize),
    ) -> (Cut, usize, usize) {
        let least_blocks = if self.recomputes {
            blocks
        } else if self.unpools {
            UNPOOLED_BLOCKS
        } else {
            1
        };
        let cut = Cut::new(layout, frame, (in_blocks, blocks), least_blocks);
        let read = if self.unpools { in_blocks * cut.panel_lines() } else { 0 };
        let own = match (self.pools, self.recomputes) {
            (_, true) => blocks * cut.own_lines(),
            (true, false) => cut.own_lines(),
            (false, false) => 0,
        };
        (cut, read, own)
    }

    /// Floats of scratch that a thread needs, for so many blocks of channels in and out.
    pub(crate) fn scratch_floats(self, layout: &Layout, blocks: (usize, usize)) -> usize {
        let frame = if self.pools { (0, 0) } else { layout.frame() };
        let (_, read, own) = self.cut(layout, frame, blocks);
        (read + own) * size_of::<Line>() / size_of::<f32>()
    }
}

impl Convolution<'_> {
    fn own(&self) -> Own {
        let source =
            if let Epilogue::Seed { features, .. } = self.epilogue { Some(features) } else { None };
        Own {
            unpools: matches!(self.input, Some((Input::Unpooled(_), _))),
            pools: matches!(self.epilogue, Epilogue::Pool { .. }),
            recomputes: matches!(source, Some(Source::First(_))),
        }
    }
}

/// Computes the whole output but for its border; with a frame, that is part of it.
pub(crate) fn run(
    threads: &mut Threads,
    kernels: &'static Kernels,
    job: &Convolution<'_>,
    output: &mut [Line],
) {
    let layout = job.layout;
    let blocks = job.out_channels / CHANNELS;
    let in_blocks = job.input.map_or(blocks, |(_, weights)| weights.in_blocks());
    let frame = match job.epilogue {
        Epilogue::Rectify { .. } | Epilogue::Pool { .. } => (0, 0),
        Epilogue::Gate(_) | Epilogue::Seed { .. } | Epilogue::Plain => layout.frame(),
    };
    let written =
        if let Epilogue::Pool { pooling, .. } = job.epilogue { pooling.pooled } else { layout };
    assert!(output.len() >= written.lines(job.out_channels), "an output of whole planes");
    if let Some((input, weights)) = job.input {
        let whole = match input {
            Input::Map(map) => map.len() >= layout.lines(in_blocks * CHANNELS),
            Input::Unpooled(_) => true,
        };
        assert!(whole && weights.out_blocks() == blocks, "an input of whole planes");
    }
    let (mut cut, read, own) = job.own().cut(layout, frame, (in_blocks, blocks));
    if let Epilogue::Pool { pooling, .. } = job.epilogue {
        cut = cut.in_windows(pooling.columns, pooling.rows);
    }
    let output = Shared::new(output);
    threads.each(cut.pieces(), |index, scratch| {
        let (panel, rest) = lines_of(scratch).split_at_mut(read);
        let ready = kernels.ready();
        let panel = Panel { lines: panel, block: cut.panel_lines() };
        let own = Panel { lines: &mut rest[..own], block: cut.own_lines() };
        piece(&ready, job, &cut.piece(index), &output, panel, own);
    });
}

/// Memory of a piece: so many lines for each block of channels.
struct Panel<'a> {
    lines: &'a mut [Line],
    block: usize,
}

/// Computes one piece.
fn piece(
    ready: &Ready,
    job: &Convolution<'_>,
    piece: &Piece,
    output: &Shared<'_>,
    panel: Panel<'_>,
    mut own: Panel<'_>,
) {
    if let Some((Input::Unpooled(unpooled), weights)) = &job.input {
        for block in 0..weights.in_blocks() {
            let lines = &mut panel.lines[block * panel.block..][..panel.block];
            unpool(ready.kernels(), unpooled, piece, block, lines);
        }
    }
    if let Epilogue::Seed { features: Source::First(first), .. } = &job.epilogue {
        let mut room = Room::new();
        for (index, row) in piece.rows.clone().enumerate() {
            let to = &mut own.lines[index * piece.pitch..];
            first.row((ready, &mut room), (piece.columns.clone(), row), to, own.block);
        }
    }
    let read = |place: usize, own: usize| match job.input {
        Some((Input::Map(map), weights)) => Some((Read::of(job.layout, map, place), weights)),
        Some((Input::Unpooled(_), weights)) => {
            let (row, block) = (piece.pitch, panel.block);
            Some((Read { lines: panel.lines, first: own, row, block }, weights))
        }
        None => None,
    };
    let (mut sums, mut seeded) = ([Sums::ZERO; LONG], Sums::ZERO);
    for block in piece.blocks.clone() {
        let runs = piece.runs(job.layout);
        for long in runs.flat_map(|run| run.in_steps_of(LONG * POSITIONS)) {
            let is_whole = long.len == LONG * POSITIONS;
            if let (true, Some((read, weights))) = (is_whole, read(long.place, long.own)) {
                convolve_long(ready, read, weights, block, &mut sums);
            }
            for (run, sums) in long.in_steps_of(POSITIONS).zip(&mut sums) {
                match read(run.place, run.own) {
                    None => *sums = Sums::ZERO,
                    Some(_) if is_whole => {}
                    Some((read, weights)) => convolve(ready, read, weights, block, sums),
                }
                finish(ready, job, (block, run), output, sums, &mut seeded, &mut own);
            }
        }
        if let Epilogue::Pool { pooling, routes, .. } = &job.epilogue {
            let features = Part {
                lines: own.lines,
                pitch: piece.pitch,
                origin: (piece.columns.start as usize, piece.rows.start as usize),
            };
            for y in piece.windows.1.clone() {
                let windows = (piece.windows.0.clone(), y);
                pooling.forward(ready.kernels(), windows, (block, features), routes, output);
            }
        }
    }
}

/// Computes what a piece reads of a gradient, in one block of channels.
fn unpool(
    kernels: &Kernels,
    unpooled: &Unpooled<'_>,
    piece: &Piece,
    block: usize,
    lines: &mut [Line],
) {
    let rows = piece.rows.start - 1..piece.rows.end + 1;
    for (row, lines) in rows.zip(lines.chunks_exact_mut(piece.pitch)) {
        let columns = piece.columns.start - 1..piece.columns.end + 1;
        let lines = &mut lines[..columns.len()];
        unpooled.row(kernels, block, (columns, row), lines);
    }
}

/// Rounds the sums of some positions of a block of channels, and stores them.
fn finish(
    ready: &Ready,
    job: &Convolution<'_>,
    (block, run): (usize, Run),
    output: &Shared<'_>,
    sums: &mut Sums,
    seeded: &mut Sums,
    own: &mut Panel<'_>,
) {
    let (kernels, Run { place, len, .. }) = (ready.kernels(), run);
    let first = block * job.layout.plane() + place;
    match job.epilogue {
        Epilogue::Rectify { bias, marks } => {
            let lines = output.at(first, len);
            // SAFETY: the processor has the kernels' instructions; the lines and bits are of this
            // piece, and of no other.
            unsafe {
                (kernels.rectify)(sums, &bias.as_chunks().0[block], lines, len);
                if let Some(marks) = marks {
                    (kernels.open)(lines, marks.at(first, len), len);
                }
            }
        }
        Epilogue::Pool { bias, .. } => {
            let lines = &mut own.lines[run.own..][..len];
            // SAFETY: as above.
            unsafe { (kernels.rectify)(sums, &bias.as_chunks().0[block], lines.as_mut_ptr(), len) }
        }
        Epilogue::Gate(bits) => {
            let bits = &bits[first..][..len];
            // SAFETY: as above.
            unsafe { (kernels.gate)(sums, bits.as_ptr(), output.at(first, len), len) }
        }
        Epilogue::Seed { features, seeds } => {
            let features = match features {
                Source::Kept(map) => Features { lines: &map[place..], block: job.layout.plane() },
                Source::First(_) => Features { lines: &own.lines[run.own..], block: own.block },
            };
            if let Some(seeds) = seeds {
                let places = (block, place..place + len);
                seeds.add(ready, job.layout, places, features, seeded, sums);
            }
            let gates = &features.lines[block * features.block..][..len];
            let mut bits = [0; POSITIONS];
            // SAFETY: as above.
            unsafe {
                (kernels.open)(gates.as_ptr(), bits.as_mut_ptr(), len);
                (kernels.gate)(sums, bits.as_ptr(), output.at(first, len), len);
            }
        }
        // SAFETY: as above.
        Epilogue::Plain => unsafe { (kernels.round)(sums, output.at(first, len), len) },
    }
}
