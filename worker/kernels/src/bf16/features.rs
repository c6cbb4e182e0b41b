//! The features of a layer, kept or computed again.

use crate::bf16::{
    first::{First, Room},
    kernels::Ready,
    layout::Layout,
    line::{CHANNELS, Line, POSITIONS},
};

/// Where a layer's features come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// A map.
    Kept(&'a [Line]),
    /// Those of the first convolution, from the pixels.
    First(First<'a>),
}

/// The features of some positions: all channels, block by block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Features<'a> {
    pub(crate) lines: &'a [Line],
    /// Lines from one block of channels to the next.
    pub(crate) block: usize,
}

impl<'a> Source<'a> {
    /// The features of up to 32 pixels of a row. `room` is for those that are computed: 32 lines
    /// for each block of channels.
    pub(crate) fn run<'b>(
        &self,
        (ready, first_room): (&Ready, &mut Room),
        layout: &Layout,
        (x, y): (usize, usize),
        count: usize,
        room: &'b mut [Line],
    ) -> Features<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Kept(map) => {
                Features { lines: &map[layout.at(x as isize, y as isize)..], block: layout.plane() }
            }
            Self::First(first) => {
                first.run((ready, first_room), (x, y), count, room, POSITIONS);
                Features { lines: room, block: POSITIONS }
            }
        }
    }
}

impl Features<'_> {
    /// Writes the features of one position to `values`.
    pub(crate) fn read(&self, position: usize, values: &mut [f32]) {
        let lines = self.lines[position..].iter().step_by(self.block);
        for (values, line) in values.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(lines) {
            *values = line.widened();
        }
    }
}
