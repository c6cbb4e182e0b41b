//! The first convolution: three channels in.
//!
//! Forward, the 27 values around a pixel (9 taps of 3 channels) are the row of a product. A pixel
//! is split into two bf16 numbers, the rounded value and the rounding error, so that it has 16 bits
//! and a small step of an optimiser is not lost; both are multiplied by the same weights. Backward
//! is a convolution like any other, of whose output channels three are kept.
//!
//! Its features take more memory than all others together that are kept, and their product is a
//! fiftieth of a pass: so they are computed again, to the same bits, for their statistics and in
//! the backward.

use std::ops::Range;

use crate::{
    bf16::{
        kernels::{Kernels, Product, Ready},
        layout::Layout,
        line::{CHANNELS, Line, POSITIONS, Shared, Sums, floats_of},
        product::{Read, convolve},
        weights::{self, Weights},
    },
    threads::{Output, Threads},
};

/// Positions of a product for 16 output channels.
const NARROW: usize = 2 * POSITIONS;

/// Rows of one piece of work.
const ROWS: usize = 8;

/// The first convolution of a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First<'a> {
    pub(crate) layout: &'a Layout,
    /// height * width * 3.
    pub(crate) pixels: &'a [f32],
    pub(crate) prepared: &'a weights::Convolution,
}

/// What a block of positions is computed in, to be used again: it need not be cleared.
#[derive(Debug)]
pub(crate) struct Room {
    gathered: [[Line; 2]; POSITIONS],
    sums: Sums,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { gathered: [[Line::ZERO; 2]; POSITIONS], sums: Sums::ZERO }
    }
}

/// The pixels around a block of positions, one more on either side, in three rows.
type Around = [[f32; 3 * (POSITIONS + 2)]; 3];

impl First<'_> {
    /// Computes the whole map but for its border.
    pub(crate) fn forward(
        &self,
        threads: &mut Threads,
        kernels: &'static Kernels,
        output: &mut [Line],
    ) {
        let output = Shared::new(output);
        let (width, height) = (self.layout.width(), self.layout.height());
        threads.each(height.div_ceil(ROWS), |index, _| {
            let (ready, mut room) = (kernels.ready(), Room::new());
            for y in index * ROWS..height.min((index + 1) * ROWS) {
                for x in (0..width).step_by(POSITIONS) {
                    let count = POSITIONS.min(width - x);
                    let place = self.layout.at(x as isize, y as isize);
                    self.run_to(&ready, &mut room, (x, y), count, |block| {
                        output.at(block * self.layout.plane() + place, count)
                    });
                }
            }
        });
    }

    /// The features of up to 32 pixels of a row, `block` lines from one block of channels to the
    /// next.
    pub(crate) fn run(
        &self,
        (ready, room): (&Ready, &mut Room),
        at: (usize, usize),
        count: usize,
        to: &mut [Line],
        block: usize,
    ) {
        let to = Shared::new(to);
        self.run_to(ready, room, at, count, |index| to.at(index * block, count));
    }

    /// The same for some columns of a row, border included.
    pub(crate) fn row(
        &self,
        (ready, room): (&Ready, &mut Room),
        (columns, row): (Range<isize>, isize),
        to: &mut [Line],
        block: usize,
    ) {
        // Outside a border of zeros there is nothing to gate.
        let Some(row) = self.layout.row(row) else { return };
        let width = self.layout.width() as isize;
        let mut column = columns.start;
        while column < columns.end {
            let inside = (0..width).contains(&column);
            let end = if inside { columns.end.min(width) } else { column + 1 };
            let count = POSITIONS.min((end - column) as usize);
            if let Some(source) = self.layout.column(column) {
                let to = &mut to[(column - columns.start) as usize..];
                self.run((ready, room), (source, row), count, to, block);
            }
            column += count as isize;
        }
    }

    fn run_to(
        &self,
        ready: &Ready,
        room: &mut Room,
        (x, y): (usize, usize),
        count: usize,
        to: impl Fn(usize) -> *mut Line,
    ) {
        let (kernels, Self { layout, pixels, prepared }) = (ready.kernels(), self);
        let width = layout.width();
        let rows = [-1, 0, 1].map(|beside| layout.row(y as isize + beside));
        let copied: Around;
        let around = match rows {
            [Some(upper), Some(middle), Some(lower)] if x > 0 && x + count < width => {
                [upper, middle, lower]
                    .map(|row| &pixels[3 * (row * width + x - 1)..][..3 * (count + 2)])
            }
            rows => {
                copied = self.copied(rows, x, count);
                copied.each_ref().map(<[f32; 3 * (POSITIONS + 2)]>::as_slice)
            }
        };
        let Room { gathered, sums } = room;
        // SAFETY: the processor has the kernels' instructions, and each row holds two pixels more
        // than positions.
        unsafe { (kernels.gather)(around.map(<[f32]>::as_ptr), &mut gathered[..count]) };
        for block in 0..prepared.forward.out_blocks() {
            multiply(ready, gathered, prepared.forward.of(block), sums);
            let bias = &prepared.bias.as_chunks().0[block];
            // SAFETY: as above; the caller says where it has room for so many lines.
            unsafe { (kernels.rectify)(sums, bias, to(block), count) }
        }
    }

    /// What lies around a block of positions, as the edges say.
    fn copied(&self, rows: [Option<usize>; 3], x: usize, count: usize) -> Around {
        let mut around = [[0.0; 3 * (POSITIONS + 2)]; 3];
        for (row, values) in rows.into_iter().zip(&mut around) {
            let Some(row) = row else { continue };
            let columns = x as isize - 1..(x + count + 1) as isize;
            for (column, pixel) in columns.zip(values.as_chunks_mut::<3>().0) {
                if let Some(column) = self.layout.column(column) {
                    let place = 3 * (row * self.layout.width() + column);
                    pixel.copy_from_slice(&self.pixels[place..][..3]);
                }
            }
        }
        around
    }
}

/// The product of gathered values.
fn multiply(ready: &Ready, lines: &[[Line; 2]; POSITIONS], weights: &[Line], sums: &mut Sums) {
    let line = size_of::<Line>();
    let product = Product {
        lines: lines.as_ptr().cast(),
        position: 2 * line,
        row: 0,
        block: line,
        blocks: 2,
        weights: weights.as_ptr(),
    };
    // SAFETY: the thread is ready; the product reads two lines of each position, and two blocks of
    // weights.
    unsafe { (ready.kernels().multiply)(&product, sums) }
}

/// Lines of room that [`backward`] needs: the gradient with its frame, where it has one.
pub(crate) fn framed_lines(layout: &Layout) -> usize {
    let (across, down) = layout.frame();
    if (across, down) == (0, 0) {
        return 0;
    }
    let pixels = (layout.width() + 2 * across) * (layout.height() + 2 * down);
    (3 * size_of::<f32>() * pixels).div_ceil(size_of::<Line>())
}

/// Computes the gradient of the pixels, height * width * 3.
pub(crate) fn backward(
    threads: &mut Threads,
    kernels: &'static Kernels,
    layout: &Layout,
    (input, weights): (&[Line], &Weights),
    room: &mut [Line],
    gradient: &mut [f32],
) {
    let (width, height, (across, down)) = (layout.width(), layout.height(), layout.frame());
    if (across, down) == (0, 0) {
        return backward_framed(threads, kernels, layout, (input, weights), gradient);
    }
    let framed_width = width + 2 * across;
    let framed = &mut floats_of(room)[..framed_width * (height + 2 * down) * 3];
    backward_framed(threads, kernels, layout, (input, weights), framed);
    // Columns first, corners included; then the rows, which bring the corners home.
    let mut fold = |from: usize, to: usize| {
        for channel in 0..3 {
            framed[3 * to + channel] += framed[3 * from + channel];
        }
    };
    let ends = |len: usize| [(0, -1), (len + 1, len as isize)];
    if across > 0 {
        for row in 0..height + 2 * down {
            for (from, beyond) in ends(width) {
                let Some(to) = layout.column(beyond) else { continue };
                fold(row * framed_width + from, row * framed_width + across + to);
            }
        }
    }
    if down > 0 {
        for (from, beyond) in ends(height) {
            let Some(to) = layout.row(beyond) else { continue };
            for column in 0..framed_width {
                fold(from * framed_width + column, (down + to) * framed_width + column);
            }
        }
    }
    for (y, row) in gradient.chunks_exact_mut(3 * width).enumerate() {
        row.copy_from_slice(&framed[3 * ((y + down) * framed_width + across)..][..3 * width]);
    }
}

/// The same with the frame, in rows.
fn backward_framed(
    threads: &mut Threads,
    kernels: &'static Kernels,
    layout: &Layout,
    (input, weights): (&[Line], &Weights),
    gradient: &mut [f32],
) {
    let (across, down) = layout.frame();
    let (width, height) = (layout.width() + 2 * across, layout.height() + 2 * down);
    let gradient = Output::new(gradient);
    threads.each(height.div_ceil(ROWS), |index, _| {
        let ready = kernels.ready();
        let mut sums = Sums::ZERO;
        for y in index * ROWS..height.min((index + 1) * ROWS) {
            // SAFETY: each piece writes its own rows.
            let row = unsafe { gradient.slice(3 * y * width, 3 * width) };
            for (block, values) in row.chunks_mut(3 * NARROW).enumerate() {
                let start = layout
                    .at((block * NARROW) as isize - across as isize, y as isize - down as isize);
                let read = Read::of(layout, input, start);
                convolve(&ready, read, weights, 0, &mut sums);
                for (values, sums) in
                    values.chunks_exact_mut(3).zip(sums.0.as_flattened().chunks_exact(16))
                {
                    values.copy_from_slice(&sums[..3]);
                }
            }
        }
    });
}

const _: () = assert!(27 <= CHANNELS);
