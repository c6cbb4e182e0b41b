//! Pooling over 2x2 windows with stride 2, and its gradient.
//!
//! A picture of odd size keeps its last row and column: the last window holds the pixels that there are.

use crate::workers::Workers;

/// How a 2x2 window becomes one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// The largest value; the gradient goes to the first one in reading order.
    Max,
    /// Twice the mean of the pixels there are: the factor keeps features about as large as under [`Pool::Max`], for which the
    /// network was trained.
    Average,
}

/// The size of a map after pooling.
pub(crate) fn pooled(len: usize) -> usize {
    len.div_ceil(2)
}

/// The map to pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
}

impl Map {
    pub(crate) fn floats(&self) -> usize {
        self.width * self.height * self.channels
    }

    fn row(&self) -> usize {
        self.width * self.channels
    }

    fn pooled_row(&self) -> usize {
        pooled(self.width) * self.channels
    }

    pub(crate) fn pooled_floats(&self) -> usize {
        pooled(self.height) * self.pooled_row()
    }
}

/// `output` = the pooled features.
pub(crate) fn forward(workers: &mut Workers, pool: Pool, map: Map, features: &[f32], output: &mut [f32]) {
    let channels = map.channels;
    workers.each_piece(&mut output[..map.pooled_floats()], map.pooled_row(), |y, output, _| {
        // One row of the last, odd window: reading it twice changes neither the maximum nor the mean.
        let rows = &features[2 * y * map.row()..map.floats().min((2 * y + 2) * map.row())];
        let (upper, lower) = (&rows[..map.row()], &rows[rows.len() - map.row()..]);
        for (x, output) in output.chunks_exact_mut(channels).enumerate() {
            let (left, right) = (2 * x * channels, (2 * x + 1).min(map.width - 1) * channels);
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
    workers.each_piece(&mut gradient[..map.floats()], 2 * map.row(), |y, gradient, _| {
        let features = &features[2 * y * map.row()..][..gradient.len()];
        let pooled = &pooled[y * map.pooled_row()..][..map.pooled_row()];
        let height = gradient.len() / map.row();
        for (x, pooled) in pooled.chunks_exact(channels).enumerate() {
            let width = 2.min(map.width - 2 * x);
            let place = |pixel: usize| (pixel / width * map.width + 2 * x + pixel % width) * channels;
            match pool {
                Pool::Max => to_first_largest(width * height, place, features, pooled, gradient),
                Pool::Average => {
                    let share = 2.0 / (width * height) as f32;
                    for pixel in 0..width * height {
                        let target = &mut gradient[place(pixel)..][..channels];
                        target.iter_mut().zip(pooled).for_each(|(target, value)| *target = share * value);
                        crate::scalar::gate(target, &features[place(pixel)..][..channels]);
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
        crate::scalar::gate(target, own);
        for other in (0..pixels).filter(|other| *other != pixel) {
            let earlier = other < pixel;
            for ((target, own), other) in target.iter_mut().zip(own).zip(&features[place(other)..][..channels]) {
                let wins = if earlier { own > other } else { own >= other };
                *target = if wins { *target } else { 0.0 };
            }
        }
    }
}
