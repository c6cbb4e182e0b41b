//! The specification of the kernels: plain loops that sum in the same order as the others.
//!
//! The products differ from those of the vector and tile forms by rounding alone: those sum the
//! even and the odd channels of a block separately or with fused operations, and flush numbers
//! below 2^-126 to zero.

use crate::{
    bf16::{
        kernels::{Kernels, Product, Tiles},
        line::{Bits, CHANNELS, LONG, Line, POSITIONS, Sums},
    },
    feature_map::{narrow, widen},
};

/// The plain kernels: every processor runs them.
pub(crate) static KERNELS: Kernels = Kernels {
    begin: nothing,
    end: nothing,
    convolve,
    convolve_long,
    convolve_narrow,
    multiply,
    rectify,
    open,
    gate,
    round,
    largest,
    mean,
    spread,
    add,
    pair,
    turn,
    gather,
    total,
};

fn nothing() {}

unsafe fn convolve(product: &Product, sums: &mut Sums) {
    multiply_taps::<9, 32>(product, sums);
}

unsafe fn convolve_long(product: &Product, sums: &mut [Sums; LONG]) {
    for (index, sums) in sums.iter_mut().enumerate() {
        multiply_taps::<9, 32>(&product.moved(index), sums);
    }
}

unsafe fn convolve_narrow(product: &Product, sums: &mut Sums) {
    multiply_taps::<9, 16>(product, sums);
}

unsafe fn multiply(product: &Product, sums: &mut Sums) {
    multiply_taps::<1, 32>(product, sums);
}

unsafe fn multiply_taps<const TAPS: usize, const OUTPUTS: usize>(
    product: &Product,
    sums: &mut Sums,
) {
    *sums = Sums::ZERO;
    for block in 0..product.blocks {
        for tap in 0..TAPS {
            let weights = std::slice::from_raw_parts(
                product.weights.add((block * TAPS + tap) * OUTPUTS),
                OUTPUTS,
            );
            for (position, sums) in sums.0.as_flattened_mut().chunks_exact_mut(OUTPUTS).enumerate()
            {
                let offset = block * product.block
                    + tap / 3 * product.row
                    + (tap % 3 + position) * product.position;
                let line = &*product.lines.byte_add(offset);
                for (pair, values) in line.0.chunks_exact(2).enumerate() {
                    let values = [widen(values[0]), widen(values[1])];
                    for (half, sums) in sums.chunks_exact_mut(16).enumerate() {
                        for (sum, weights) in
                            sums.iter_mut().zip(weights[half * 16 + pair].0.chunks_exact(2))
                        {
                            *sum += values[0] * widen(weights[0]) + values[1] * widen(weights[1]);
                        }
                    }
                }
            }
        }
    }
}

unsafe fn rectify(sums: &Sums, bias: &[f32; CHANNELS], lines: *mut Line, count: usize) {
    for (sums, line) in sums.0.iter().zip(std::slice::from_raw_parts_mut(lines, count)) {
        for ((sum, bias), bits) in sums.iter().zip(bias).zip(&mut line.0) {
            let sum = sum + bias;
            // A NaN loses its sign with the zeros: features are never negative, so that they can be
            // compared as integers.
            *bits = narrow(if sum < 0.0 { 0.0 } else { sum }) & 0x7FFF;
        }
    }
}

unsafe fn open(lines: *const Line, bits: *mut Bits, count: usize) {
    let bits = std::slice::from_raw_parts_mut(bits, count);
    for (line, bits) in std::slice::from_raw_parts(lines, count).iter().zip(bits) {
        *bits = bits_of(|i| positive(line.0[i]));
    }
}

unsafe fn gate(sums: &Sums, bits: *const Bits, lines: *mut Line, count: usize) {
    for (position, sums) in sums.0.iter().enumerate().take(count) {
        *lines.add(position) = only(&Line::narrowed(sums), *bits.add(position));
    }
}

unsafe fn round(sums: &Sums, lines: *mut Line, count: usize) {
    for (sums, line) in sums.0.iter().zip(std::slice::from_raw_parts_mut(lines, count)) {
        *line = Line::narrowed(sums);
    }
}

unsafe fn largest(rows: [*const Line; 2], routes: [*mut Bits; 2], to: &mut [Line]) {
    for (window, to) in to.iter_mut().enumerate() {
        let features = corners(window).map(|(row, column)| (*rows[row].add(column)).0);
        // Features are never negative, and the bits of a NaN are larger than those of any number.
        let largest = |i: usize| features.iter().map(|feature| feature[i]).max().unwrap_or(0);
        // Of equal ones the first gets the gradient.
        let first = |i: usize| features.iter().position(|feature| feature[i] == largest(i));
        for (pixel, (row, column)) in corners(window).into_iter().enumerate().rev() {
            *routes[row].add(column) = bits_of(|i| positive(largest(i)) && first(i) == Some(pixel));
        }
        *to = Line(std::array::from_fn(largest));
    }
}

unsafe fn mean(rows: [*const Line; 2], routes: [*mut Bits; 2], to: &mut [Line]) {
    for (window, to) in to.iter_mut().enumerate() {
        let features = corners(window).map(|(row, column)| *rows[row].add(column));
        for (feature, (row, column)) in features.iter().zip(corners(window)) {
            *routes[row].add(column) = bits_of(|i| positive(feature.0[i]));
        }
        let [a, b, c, d] = features.map(|feature| feature.widened());
        *to = Line::narrowed(&std::array::from_fn(|i| 0.5 * ((a[i] + b[i]) + (c[i] + d[i]))));
    }
}

unsafe fn spread(from: &[Line], routes: *const Bits, share: f32, to: *mut Line) {
    for (pixel, from) in from.iter().flat_map(|from| [from, from]).enumerate() {
        *to.add(pixel) = routed(from, *routes.add(pixel), share);
    }
}

unsafe fn add(sums: &mut Sums, seeds: &Sums, mean: &[f32; CHANNELS]) {
    for (sums, seeds) in sums.0.iter_mut().zip(&seeds.0) {
        for ((sum, seed), mean) in sums.iter_mut().zip(seeds).zip(mean) {
            *sum += seed + mean;
        }
    }
}

unsafe fn pair(pixels: &[Line; POSITIONS], pairs: &mut Tiles) {
    for (pixel, line) in pixels.iter().enumerate() {
        for (channel, bits) in line.0.into_iter().enumerate() {
            pairs[channel / 16 * 16 + pixel / 2].0[channel % 16 * 2 + pixel % 2] = bits;
        }
    }
}

unsafe fn turn(pairs: &Tiles, turned: &mut Tiles, sum: &mut [f32; CHANNELS]) {
    for (channel, (turned, sum)) in turned.iter_mut().zip(sum).enumerate() {
        for (pixel, bits) in turned.0.iter_mut().enumerate() {
            *bits = pairs[channel / 16 * 16 + pixel / 2].0[channel % 16 * 2 + pixel % 2];
            *sum += widen(*bits);
        }
    }
}

unsafe fn gather(rows: [*const f32; 3], to: &mut [[Line; 2]]) {
    for (position, to) in to.iter_mut().enumerate() {
        let mut values = [0.0; CHANNELS];
        for (row, values) in rows.into_iter().zip(values.chunks_exact_mut(9)) {
            values.copy_from_slice(std::slice::from_raw_parts(row.add(3 * position), 9));
        }
        let first = Line::narrowed(&values);
        let rest = std::array::from_fn(|i| values[i] - widen(first.0[i]));
        *to = [first, Line::narrowed(&rest)];
    }
}

unsafe fn total(sums: &Sums, totals: &mut [f64]) {
    for (total, sum) in totals.iter_mut().zip(sums.0.as_flattened()) {
        *total += f64::from(*sum);
    }
}

/// Row and column of the four pixels of a window, in reading order.
fn corners(window: usize) -> [(usize, usize); 4] {
    [(0, 2 * window), (0, 2 * window + 1), (1, 2 * window), (1, 2 * window + 1)]
}

fn positive(bits: u16) -> bool {
    bits as i16 > 0
}

/// One bit for each channel.
fn bits_of(is_open: impl Fn(usize) -> bool) -> Bits {
    (0..CHANNELS).fold(0, |bits, i| bits | Bits::from(is_open(i)) << i)
}

/// A line where its bits are set, elsewhere zero.
fn only(line: &Line, bits: Bits) -> Line {
    Line(std::array::from_fn(|i| if bits >> i & 1 == 1 { line.0[i] } else { 0 }))
}

/// A share of a window's gradient, where the route of a pixel leads there.
pub(crate) fn routed(from: &Line, route: Bits, share: f32) -> Line {
    only(&Line(from.0.map(|bits| narrow(share * widen(bits)))), route)
}
