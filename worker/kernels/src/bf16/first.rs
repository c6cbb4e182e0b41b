//! The first convolution: three channels in.
//!
//! Forward, the 27 values around a pixel (9 taps of 3 channels) are the row of a product. A pixel
//! is split into two bf16 numbers, the rounded value and the rounding error, so that it has 16 bits
//! and a small step of an optimiser is not lost; both are multiplied by the same weights. Backward
//! is a convolution like any other, of whose output channels three are kept.

use crate::{
    bf16::{
        convolution,
        kernels::{Kernels, Product, Ready},
        layout::Layout,
        line::{CHANNELS, Line, POSITIONS, Shared, Sums},
        weights::Weights,
    },
    threads::{Output, Threads},
};

/// Positions of a product for 16 output channels.
const NARROW: usize = 2 * POSITIONS;

/// Rows of one piece of work.
const ROWS: usize = 8;

/// Floats of scratch that a thread needs: padded rows of pixels.
pub(crate) fn scratch_floats(layout: &Layout) -> usize {
    (ROWS + 2) * pitch(layout)
}

/// Floats of a padded row: a pixel on either side, and what the last block of positions reads
/// behind it.
fn pitch(layout: &Layout) -> usize {
    ((layout.width() + 2 + POSITIONS + 3) * 3).next_multiple_of(16)
}

/// Computes the features of the first convolution but for their border.
pub(crate) fn forward(
    threads: &mut Threads,
    kernels: &'static Kernels,
    layout: &Layout,
    pixels: &[f32],
    (weights, bias): (&Weights, &[f32]),
    output: &mut [Line],
) {
    let output = Shared::new(output);
    let (width, height, pitch) = (layout.width(), layout.height(), pitch(layout));
    threads.each(height.div_ceil(ROWS), |index, scratch| {
        let ready = kernels.ready();
        let rows = index * ROWS..height.min((index + 1) * ROWS);
        for (row, padded) in
            (rows.start as isize - 1..).zip(scratch.chunks_exact_mut(pitch).take(rows.len() + 2))
        {
            pad(layout, pixels, row, padded);
        }
        let mut sums = Sums::ZERO;
        let mut lines = [[Line::ZERO; 2]; POSITIONS];
        for (padded, y) in scratch.windows(3 * pitch).step_by(pitch).zip(rows) {
            for x in (0..width).step_by(POSITIONS) {
                let count = POSITIONS.min(width - x);
                let around = [0, 1, 2].map(|row| padded[row * pitch + 3 * x..].as_ptr());
                // SAFETY: the processor has the kernels' instructions, and padded rows go on for a
                // block of positions.
                unsafe { (kernels.gather)(around, &mut lines) };
                for block in 0..weights.out_blocks() {
                    multiply(&ready, &lines, weights.of(block), &mut sums);
                    let target = output
                        .at(block * layout.plane() + layout.at(x as isize, y as isize), count);
                    // SAFETY: as above; each piece writes its own rows.
                    unsafe { (kernels.rectify)(&sums, &bias.as_chunks().0[block], target, count) };
                }
            }
        }
    });
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

/// Copies a row of pixels, with a pixel on either side as the edges say, and zeros behind.
fn pad(layout: &Layout, pixels: &[f32], row: isize, padded: &mut [f32]) {
    let width = layout.width();
    padded.fill(0.0);
    let Some(row) = layout.row(row) else { return };
    let row = &pixels[row * width * 3..][..width * 3];
    padded[3..][..3 * width].copy_from_slice(row);
    for (place, source) in [0, width + 1].into_iter().zip(layout.beyond()) {
        if let Some(source) = source {
            padded[3 * place..][..3].copy_from_slice(&row[3 * source..][..3]);
        }
    }
}

/// Computes the gradient of the pixels, height * width * 3.
pub(crate) fn backward(
    threads: &mut Threads,
    kernels: &'static Kernels,
    layout: &Layout,
    (input, weights): (&[Line], &Weights),
    gradient: &mut [f32],
) {
    let (width, height, (across, down)) = (layout.width(), layout.height(), layout.frame());
    if (across, down) == (0, 0) {
        return backward_framed(threads, kernels, layout, (input, weights), gradient);
    }
    let framed_width = width + 2 * across;
    let mut framed = vec![0.0; framed_width * (height + 2 * down) * 3];
    backward_framed(threads, kernels, layout, (input, weights), &mut framed);
    // Columns first, corners included; then the rows, which bring the corners home.
    let mut fold = |from: usize, to: usize| {
        for channel in 0..3 {
            framed[3 * to + channel] += framed[3 * from + channel];
        }
    };
    if across > 0 {
        for row in 0..height + 2 * down {
            for (from, to) in [0, width + 1].into_iter().zip(layout.beyond().into_iter().flatten())
            {
                fold(row * framed_width + from, row * framed_width + across + to);
            }
        }
    }
    if down > 0 {
        for (from, to) in [-1, height as isize].map(|row| ((row + 1) as usize, layout.row(row))) {
            for column in to.map_or(0..0, |_| 0..framed_width) {
                fold(
                    from * framed_width + column,
                    (down + to.unwrap_or(0)) * framed_width + column,
                );
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
                convolution::convolve(&ready, layout, (input, weights), 0, start, &mut sums);
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
