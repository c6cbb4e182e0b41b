//! How a convolution is cut into pieces of work.
//!
//! A piece is some rows (and columns, where rows are long) of some blocks of output channels, so
//! that the lines that it reads stay in the second cache beside the weights of one block. The cut
//! depends on the sizes alone. Whole rows are one run of positions, border in between included: of
//! a row, two positions are wasted, however short it is.
//!
//! Lines of a piece's own, read or written, lie as in the map where it has whole rows, else in rows
//! with one column more on either side.

use std::ops::Range;

use crate::bf16::{
    layout::Layout,
    line::{Line, POSITIONS},
    pool::Windows,
};

/// What a piece may read, in bytes: it shares a second cache of 2 MiB with the weights (up to 288
/// KiB), and with another thread where two run on one core. It is eight rows of VGG-19's stages at
/// 512 x 512, of which the last block of positions wastes a thirtieth at most.
const PANEL_BYTES: usize = 704 << 10;

/// With fewer pieces than this, threads would be idle while the last one is computed.
const PIECES: usize = 32;

/// Rows of a piece that is cut across.
const ROWS: usize = 8;

/// The cut of a convolution.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The positions of the output, frame included.
    columns: Range<isize>,
    rows: Range<isize>,
    blocks: usize,
    /// What a piece has of each.
    piece_columns: usize,
    piece_rows: usize,
    piece_blocks: usize,
    /// Lines from one of a piece's own rows to the next.
    pitch: usize,
    /// Where the output is pooled, pieces are whole windows: those across, and those down.
    windows: Option<(Windows, Windows)>,
}

/// One piece: its positions and blocks of output channels.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) columns: Range<isize>,
    pub(crate) rows: Range<isize>,
    /// Where the output is pooled, its windows.
    pub(crate) windows: (Range<usize>, Range<usize>),
    pub(crate) blocks: Range<usize>,
    /// Lines from one of its own rows to the next.
    pub(crate) pitch: usize,
    whole_rows: bool,
}

/// Positions in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Where the first lies in a plane, and where in the piece's own lines.
    pub(crate) place: usize,
    pub(crate) own: usize,
    pub(crate) len: usize,
}

impl Cut {
    /// Of an output with a frame of this width. A piece that prepares what it reads or writes for
    /// all its blocks has `least_blocks` of them at least.
    pub(crate) fn new(
        layout: &Layout,
        (across, down): (usize, usize),
        (in_blocks, blocks): (usize, usize),
        least_blocks: usize,
    ) -> Self {
        let columns = -(across as isize)..(layout.width() + across) as isize;
        let rows = -(down as isize)..(layout.height() + down) as isize;
        let lines = PANEL_BYTES / (in_blocks * size_of::<Line>());
        let fitting = (lines / layout.stride()).saturating_sub(2);
        let (piece_rows, piece_columns) = if fitting >= ROWS / 2 {
            let enough = if least_blocks >= blocks {
                rows.len().div_ceil(PIECES / 3).max(ROWS / 2)
            } else {
                rows.len().div_ceil(PIECES).max(ROWS)
            };
            (fitting.min(enough) / 2 * 2, columns.len())
        } else {
            (ROWS, (lines / (ROWS + 2) / POSITIONS * POSITIONS).max(POSITIONS))
        };
        let cuts = rows.len().div_ceil(piece_rows) * columns.len().div_ceil(piece_columns);
        let piece_blocks = blocks.div_ceil(PIECES.div_ceil(cuts)).max(least_blocks.min(blocks));
        let pitch = if piece_columns < columns.len() { piece_columns + 2 } else { layout.stride() };
        let windows = None;
        Self { columns, rows, blocks, piece_columns, piece_rows, piece_blocks, pitch, windows }
    }

    /// The same in whole windows, across and down.
    pub(crate) fn in_windows(self, across: Windows, down: Windows) -> Self {
        Self { windows: Some((across, down)), ..self }
    }

    fn is_across(&self) -> bool {
        self.piece_columns < self.columns.len()
    }

    fn across(&self) -> usize {
        match self.windows {
            // Both sides of a seam may end with a window cut short, so whole rows can have more
            // windows than half their columns.
            Some((windows, _)) if self.is_across() => {
                windows.count().div_ceil(self.piece_columns / 2)
            }
            _ => self.columns.len().div_ceil(self.piece_columns),
        }
    }

    fn down(&self) -> usize {
        let (rows, of_piece) = match self.windows {
            Some((_, windows)) => (windows.count(), self.piece_rows / 2),
            None => (self.rows.len(), self.piece_rows),
        };
        rows.div_ceil(of_piece)
    }

    fn deep(&self) -> usize {
        self.blocks.div_ceil(self.piece_blocks)
    }

    pub(crate) fn pieces(&self) -> usize {
        self.down() * self.across() * self.deep()
    }

    pub(crate) fn piece(&self, index: usize) -> Piece {
        let (deep, across) = (self.deep(), self.across());
        let blocks = part(self.blocks, self.piece_blocks, index % deep);
        let (x, y) = (index / deep % across, index / deep / across);
        let (pitch, whole_rows) = (self.pitch, !self.is_across());
        let Some((across, down)) = self.windows else {
            let shifted = |of: &Range<isize>, len, index| {
                let part = part(of.len(), len, index);
                of.start + part.start as isize..of.start + part.end as isize
            };
            let columns = shifted(&self.columns, self.piece_columns, x);
            let rows = shifted(&self.rows, self.piece_rows, y);
            return Piece { columns, rows, windows: (0..0, 0..0), blocks, pitch, whole_rows };
        };
        let windows = (
            if whole_rows {
                0..across.count()
            } else {
                part(across.count(), self.piece_columns / 2, x)
            },
            part(down.count(), self.piece_rows / 2, y),
        );
        let pixels = |pixels: Range<usize>| pixels.start as isize..pixels.end as isize;
        let (columns, rows) =
            (pixels(across.of(windows.0.clone())), pixels(down.of(windows.1.clone())));
        Piece { columns, rows, windows, blocks, pitch, whole_rows }
    }

    /// Lines of a piece's own positions in a block of channels, and what the last block of
    /// positions reads behind them.
    pub(crate) fn own_lines(&self) -> usize {
        self.piece_rows.min(self.rows.len()) * self.pitch + POSITIONS
    }

    /// The same with all that a convolution reads around them.
    pub(crate) fn panel_lines(&self) -> usize {
        (self.piece_rows.min(self.rows.len()) + 2) * self.pitch + POSITIONS + 2
    }
}

/// A part of so many, the last being what is left.
fn part(count: usize, len: usize, index: usize) -> Range<usize> {
    index * len..count.min((index + 1) * len)
}

impl Piece {
    /// The runs of positions: one where the piece has whole rows, else one a row.
    pub(crate) fn runs(&self, layout: &Layout) -> impl Iterator<Item = Run> + Clone + use<> {
        let (first, stride) = (layout.at(self.columns.start, self.rows.start), layout.stride());
        let (rows, columns, pitch) = (self.rows.len(), self.columns.len(), self.pitch);
        debug_assert!(!self.whole_rows || pitch == stride);
        let (count, len) =
            if self.whole_rows { (1, (rows - 1) * stride + columns) } else { (rows, columns) };
        (0..count).map(move |row| Run { place: first + row * stride, own: row * pitch, len })
    }
}

impl Run {
    /// The same, a few positions at a time.
    pub(crate) fn in_steps_of(self, positions: usize) -> impl Iterator<Item = Self> {
        (0..self.len).step_by(positions).map(move |start| Self {
            place: self.place + start,
            own: self.own + start,
            len: positions.min(self.len - start),
        })
    }
}
