//! The low frequencies of a plane: what is left of it when one steps back.
//!
//! A plane is projected on the waves of at most so many cycles along each axis: sines and cosines
//! where the axis wraps, and where it ends the cosines of its mirror image, so that nothing is
//! assumed beyond a border. Waves of an axis are orthogonal over any number of pixels, so this is
//! an exact projection, done twice it changes nothing, and a wave's weight is that of the same wave
//! at any other size: a [`LowPass`] is a few hundred numbers, measured at one size and laid out at
//! another.
//!
//! Sums are in double precision and in the order of pixels, whatever the number of threads. A plane
//! costs about forty multiplications a pixel.

use std::f64::consts::PI;

use rayon::prelude::*;

/// Which waves are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Waves {
    /// The most cycles across and down. Waves on the diagonal are kept within their ellipse.
    pub(crate) cycles: (usize, usize),
    /// Whether the axes wrap.
    pub(crate) wraps: (bool, bool),
}

/// The weights of a plane's low waves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LowPass {
    waves: Waves,
    /// A row for each wave down, a column for each across.
    weights: Vec<f64>,
}

impl LowPass {
    /// Of a plane of this width and height, by what it has at each pixel.
    pub(crate) fn of(
        (width, height): (usize, usize),
        waves: Waves,
        value: impl Fn(usize) -> f32 + Sync,
    ) -> Self {
        let (across, down) = (Axis::new(width, waves, 0), Axis::new(height, waves, 1));
        let mut rows = vec![0.0; height * across.count];
        rows.par_chunks_exact_mut(across.count).enumerate().for_each(|(y, sums)| {
            for x in 0..width {
                let value = f64::from(value(y * width + x));
                sums.iter_mut().zip(across.at(x)).for_each(|(sum, wave)| *sum += value * wave);
            }
        });
        let mut weights = vec![0.0; across.count * down.count];
        for (y, row) in rows.chunks_exact(across.count).enumerate() {
            for (sums, wave) in weights.chunks_exact_mut(across.count).zip(down.at(y)) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += wave * value);
            }
        }
        for (j, weights) in weights.chunks_exact_mut(across.count).enumerate() {
            for (i, weight) in weights.iter_mut().enumerate() {
                let is_within = across.share(i).powi(2) + down.share(j).powi(2) <= 1.0 + 1e-9;
                let norm = across.norm(i) * down.norm(j);
                *weight = if is_within { *weight / norm } else { 0.0 };
            }
        }
        Self { waves, weights: resized(weights, (across.count, down.count), waves) }
    }

    /// The plane of these waves, in any size.
    pub(crate) fn plane(&self, size: (usize, usize)) -> Vec<f32> {
        let laid = self.laid(size);
        let mut plane = vec![0.0; size.0 * size.1];
        let rows = plane.par_chunks_exact_mut(size.0).enumerate();
        rows.for_each(|(y, row)| row.copy_from_slice(&laid.row(y)));
        plane
    }

    /// The same, to be had row by row: a large plane need not be there at once.
    pub(crate) fn laid(&self, (width, height): (usize, usize)) -> Laid<'_> {
        let (across, down) = (Axis::new(width, self.waves, 0), Axis::new(height, self.waves, 1));
        Laid { low: self, across, down }
    }

    pub(crate) fn mean(&self) -> f64 {
        self.weights[0]
    }

    /// The mean square of the plane without its mean.
    pub(crate) fn variance(&self) -> f64 {
        let stride = count(self.waves, 0);
        let square = |at: usize| if at == 0 { 1.0 } else { 0.5 };
        let squares = self.weights.iter().enumerate().skip(1);
        squares.map(|(at, w)| w * w * square(at % stride) * square(at / stride)).sum()
    }

    /// The same waves, each weight from those of two planes. The mean's weight comes first.
    ///
    /// # Panics
    /// If they do not have the same waves.
    pub(crate) fn with(&self, other: &Self, weight: impl Fn(usize, f64, f64) -> f64) -> Self {
        assert_eq!(self.waves, other.waves, "planes of the same waves");
        let pairs = self.weights.iter().zip(&other.weights).enumerate();
        let weights = pairs.map(|(at, (own, other))| weight(at, *own, *other)).collect();
        Self { waves: self.waves, weights }
    }
}

/// A plane in some size.
pub(crate) struct Laid<'a> {
    low: &'a LowPass,
    across: Axis,
    down: Axis,
}

impl Laid<'_> {
    /// A row of the plane.
    pub(crate) fn row(&self, y: usize) -> Vec<f32> {
        let mut sums = vec![0.0; self.across.count];
        let stride = count(self.low.waves, 0);
        for (weights, wave) in self.low.weights.chunks_exact(stride).zip(self.down.at(y)) {
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += wave * weight);
        }
        let value = |x| sums.iter().zip(self.across.at(x)).map(|(sum, wave)| sum * wave).sum();
        (0..self.across.len)
            .map(|x| {
                let value: f64 = value(x);
                value as f32
            })
            .collect()
    }
}

/// How many waves are kept along an axis (0 across, 1 down) that is long enough.
fn count(waves: Waves, axis: usize) -> usize {
    2 * [waves.cycles.0, waves.cycles.1][axis] + 1
}

/// The weights of a short plane, which lacks the highest waves, with zeros for those.
fn resized(weights: Vec<f64>, (across, down): (usize, usize), waves: Waves) -> Vec<f64> {
    let full = (count(waves, 0), count(waves, 1));
    if (across, down) == full {
        return weights;
    }
    let mut all = vec![0.0; full.0 * full.1];
    for (to, from) in all.chunks_exact_mut(full.0).zip(weights.chunks_exact(across)) {
        to[..across].copy_from_slice(from);
    }
    all
}

/// The waves along an axis of some length, at each of its pixels.
struct Axis {
    len: usize,
    cycles: usize,
    count: usize,
    wraps: bool,
    waves: Vec<f64>,
}

impl Axis {
    fn new(len: usize, waves: Waves, axis: usize) -> Self {
        let cycles = [waves.cycles.0, waves.cycles.1][axis];
        let wraps = [waves.wraps.0, waves.wraps.1][axis];
        // A pixel is the least half of a cycle.
        let most = if wraps { 2 * (len.saturating_sub(1) / 2) + 1 } else { len };
        let count = count(waves, axis).min(most);
        let wave = |at: usize, k: usize| {
            let place = (at as f64 + 0.5) / len as f64;
            if wraps && k % 2 == 1 {
                (PI * (k + 1) as f64 * place).sin()
            } else {
                (PI * k as f64 * place).cos()
            }
        };
        let waves = (0..len).flat_map(|at| (0..count).map(move |k| wave(at, k))).collect();
        Self { len, cycles, count, wraps, waves }
    }

    fn at(&self, pixel: usize) -> &[f64] {
        &self.waves[pixel * self.count..][..self.count]
    }

    /// The sum of a wave's squares.
    fn norm(&self, wave: usize) -> f64 {
        self.len as f64 * if wave == 0 { 1.0 } else { 0.5 }
    }

    /// A wave's cycles as a share of the most.
    fn share(&self, wave: usize) -> f64 {
        let halves = if self.wraps { 2 * wave.div_ceil(2) } else { wave };
        halves as f64 / (2 * self.cycles).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    const TILE: Waves = Waves { cycles: (8, 8), wraps: (true, true) };
    const PICTURE: Waves = Waves { cycles: (8, 8), wraps: (false, false) };

    /// Sizes odd and even, and one that is too short for all waves.
    const SIZES: [(usize, usize); 4] = [(48, 40), (37, 51), (64, 19), (16, 33)];

    fn of(size: (usize, usize), waves: Waves, plane: &[f32]) -> Vec<f32> {
        LowPass::of(size, waves, |at| plane[at]).plane(size)
    }

    fn near(found: &[f32], expected: &[f32]) {
        let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-4, "{far}");
    }

    fn wave((width, height): (usize, usize), across: f64, down: f64) -> Vec<f32> {
        let place = |at: usize, len: usize| 2.0 * PI * (at as f64 + 0.5) / len as f64;
        (0..width * height)
            .map(|at| {
                let (x, y) = (place(at % width, width), place(at / width, height));
                (x * across + y * down + 0.7).sin() as f32 + 3.0
            })
            .collect()
    }

    #[test]
    fn a_low_wave_is_kept_and_a_high_one_leaves_its_mean() {
        for size in SIZES {
            for (across, down) in [(0.0, 0.0), (7.0, 0.0), (0.0, 5.0), (3.0, 6.0), (5.0, -5.0)] {
                let low = wave(size, across, down);
                near(&of(size, TILE, &low), &low);
            }
        }
        // The second is within both axes' limits, but beyond their ellipse.
        for (across, down) in [(9.0, 0.0), (7.0, 7.0), (2.0, 10.0)] {
            let size = (48, 41);
            near(&of(size, TILE, &wave(size, across, down)), &vec![3.0; 48 * 41]);
        }
    }

    #[test]
    fn a_ramp_between_borders_stays_and_across_a_wrap_it_rings() {
        let size = (64, 24);
        let ramp: Vec<f32> = (0..64 * 24).map(|at| (at % 64) as f32 / 64.0).collect();
        let far = |waves| {
            let low = of(size, waves, &ramp);
            low.iter().zip(&ramp).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(far(PICTURE) < 0.02 && far(TILE) > 0.2, "{} {}", far(PICTURE), far(TILE));
    }

    #[test]
    fn it_is_a_projection_and_the_same_on_any_number_of_threads() {
        let mut noise = Noise::new(5);
        for size in SIZES {
            let plane: Vec<f32> = (0..size.0 * size.1).map(|_| noise.normal()).collect();
            for waves in [TILE, PICTURE, Waves { cycles: (3, 11), wraps: (true, false) }] {
                let once = of(size, waves, &plane);
                near(&of(size, waves, &once), &once);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
                assert!(pool.install(|| of(size, waves, &plane)) == once);
            }
        }
    }

    #[test]
    fn a_plane_has_the_same_waves_in_another_size() {
        let measured = LowPass::of((60, 44), TILE, |at| wave((60, 44), 3.0, 2.0)[at]);
        near(&measured.plane((97, 40)), &wave((97, 40), 3.0, 2.0));
        assert!((measured.mean() - 3.0).abs() < 1e-6 && (measured.variance() - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_variance_is_that_of_the_plane() {
        let mut noise = Noise::new(9);
        for waves in [TILE, PICTURE] {
            let plane: Vec<f32> = (0..40 * 50).map(|_| noise.normal()).collect();
            let low = LowPass::of((40, 50), waves, |at| plane[at]);
            let laid = low.plane((40, 50));
            let mean = laid.iter().map(|v| f64::from(*v)).sum::<f64>() / 2000.0;
            let squares = laid.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / 2000.0;
            assert!((low.mean() - mean).abs() < 1e-6);
            assert!((low.variance() / squares - 1.0).abs() < 1e-4, "{} {squares}", low.variance());
        }
    }
}
