//! Pooling over 2x2 windows with stride 2, and its gradient.
//!
//! A picture of odd size keeps its last row and column: the last window holds the pixels that there are.

use std::ops::Range;

use crate::{
    shape::{Pool, halve},
    workers::{Output, Workers},
};

/// The map to pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) seam_x: usize,
    pub(crate) seam_y: usize,
    pub(crate) channels: usize,
}

impl Map {
    fn row(&self) -> usize {
        self.width * self.channels
    }

    fn pooled_width(&self) -> usize {
        halve(self.width, self.seam_x, 1)
    }

    fn pooled_height(&self) -> usize {
        halve(self.height, self.seam_y, 1)
    }

    fn pooled_row(&self) -> usize {
        self.pooled_width() * self.channels
    }

    fn columns(&self, x: usize) -> Range<usize> {
        window(x, self.width, self.seam_x)
    }

    fn rows(&self, y: usize) -> Range<usize> {
        window(y, self.height, self.seam_y)
    }
}

/// The pixels along an axis that become one: two, or the one that is left before a seam or the end.
fn window(pooled: usize, len: usize, seam: usize) -> Range<usize> {
    let before = halve(seam, 0, 1);
    if pooled < before {
        2 * pooled..seam.min(2 * pooled + 2)
    } else {
        let start = seam + 2 * (pooled - before);
        start..len.min(start + 2)
    }
}

/// `output` = the pooled features.
pub(crate) fn forward(workers: &mut Workers, pool: Pool, map: Map, features: &[f32], output: &mut [f32]) {
    let channels = map.channels;
    workers.each_piece(&mut output[..map.pooled_height() * map.pooled_row()], map.pooled_row(), |y, output, _| {
        // The one row of an odd window is read twice: that changes neither the maximum nor the mean.
        let rows = map.rows(y);
        let (upper, lower) = (&features[rows.start * map.row()..][..map.row()], &features[(rows.end - 1) * map.row()..][..map.row()]);
        for (x, output) in output.chunks_exact_mut(channels).enumerate() {
            let columns = map.columns(x);
            let (left, right) = (columns.start * channels, (columns.end - 1) * channels);
            let window = [&upper[left..], &upper[right..], &lower[left..], &lower[right..]].map(|pixel| &pixel[..channels]);
            match pool {
                Pool::Max => largest(window, output),
                Pool::Average => mean(window, output),
            }
        }
    });
}

/// `gradient` = the gradient of the features before pooling, already through their ReLU.
pub(crate) fn backward(workers: &mut Workers, pool: Pool, map: Map, features: &[f32], pooled: &[f32], gradient: &mut [f32]) {
    let channels = map.channels;
    let gradient = Output::new(&mut gradient[..map.height * map.row()]);
    workers.each(map.pooled_height(), |y, _| {
        let rows = map.rows(y);
        let features = &features[rows.start * map.row()..rows.end * map.row()];
        // SAFETY: the windows of different rows of the pooled map share no row.
        let gradient = unsafe { gradient.slice(rows.start * map.row(), rows.len() * map.row()) };
        let pooled = &pooled[y * map.pooled_row()..][..map.pooled_row()];
        for (x, pooled) in pooled.chunks_exact(channels).enumerate() {
            let columns = map.columns(x);
            let pixels = rows.len() * columns.len();
            let place = |pixel: usize| (pixel / columns.len() * map.width + columns.start + pixel % columns.len()) * channels;
            match pool {
                Pool::Max => to_first_largest(pixels, place, features, pooled, gradient),
                Pool::Average => {
                    let share = 2.0 / pixels as f32;
                    for pixel in 0..pixels {
                        let target = &mut gradient[place(pixel)..][..channels];
                        target.iter_mut().zip(pooled).for_each(|(target, value)| *target = share * value);
                        crate::fp32::scalar::gate(target, &features[place(pixel)..][..channels]);
                    }
                }
            }
        }
    });
}

fn largest([a, b, c, d]: [&[f32]; 4], output: &mut [f32]) {
    // A NaN wins, so that it is not lost on its way to the loss.
    let larger = |x: f32, y: f32| if x > y || x.is_nan() { x } else { y };
    for ((((output, a), b), c), d) in output.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *output = larger(larger(*a, *b), larger(*c, *d));
    }
}

fn mean([a, b, c, d]: [&[f32]; 4], output: &mut [f32]) {
    for ((((output, a), b), c), d) in output.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *output = 0.5 * ((a + b) + (c + d));
    }
}

/// Features are at least zero after their ReLU, and a window of zeros passes nothing: so "larger than all before, at least as large
/// as all after, and positive" is the first maximum behind its ReLU.
fn to_first_largest(pixels: usize, place: impl Fn(usize) -> usize, features: &[f32], pooled: &[f32], gradient: &mut [f32]) {
    let channels = pooled.len();
    for pixel in 0..pixels {
        let target = &mut gradient[place(pixel)..][..channels];
        target.copy_from_slice(pooled);
        let own = &features[place(pixel)..][..channels];
        crate::fp32::scalar::gate(target, own);
        for other in (0..pixels).filter(|other| *other != pixel) {
            let earlier = other < pixel;
            for ((target, own), other) in target.iter_mut().zip(own).zip(&features[place(other)..][..channels]) {
                let wins = if earlier { own > other } else { own >= other };
                *target = if wins { *target } else { 0.0 };
            }
        }
    }
}
