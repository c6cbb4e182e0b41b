//! The first guess at the inverse Hessian: a picture plus ever smoother versions of itself.
//!
//! The curvature of the loss is largest along structures of 4 to 12 pixels, to which the network's
//! features respond most, and up to a hundred times less along coarser ones (measured: the ratio of
//! the change of gradient to the step, by spatial frequency). L-BFGS that begins from a multiple of
//! the identity has to learn that from its pairs, one direction at a time; begun from
//!
//! `M = I + sum over k = 1..5 of w_k U_k D_k`
//!
//! it knows it from the first step. `D_k` halves a picture `k` times with the binomial filter (1 3
//! 3 1)/8, which is a tent over two lines of the half; `U_k` is its transpose times `4^k`, so that
//! a flat picture keeps its level, and `w_k` doubles with each halving. Each term is a matrix times
//! its transpose, so `M` is symmetric and positive definite, as the recursion asks, at every size
//! and with every border. At 256 pixels, preset `gatys`, the loss after 40, 100 and 300 steps is
//! 0.56, 0.59 and 0.75 of what it is without.
//!
//! A length that is odd has no half. It is put to the next whole number of lines by the same tent,
//! which then lies between the lines: its weights still add up to one for each line, so that no
//! line moves farther than another. (With a last line of its own, as a half of an odd length has it
//! by the even one's filter, the picture's last line moved twice as far at each halving, and a step
//! left it as a hard rim, or across the seam of a picture that repeats.)
//!
//! Tried without gain: weights that grow by 1 or 4 instead of 2 (slower at 70 steps, and at 4 also
//! in the first ten); three times more weight on chroma, which curves less than luminance (no gain
//! beside the smoothing); damping of the highest frequencies (slower).

use rayon::prelude::*;

/// How often a picture is halved: at 32 pixels forms are as large as what relu4_2 sees.
const LEVELS: usize = 5;

/// The weight of the picture halved once. It doubles with each further halving.
pub(crate) const WEIGHT: f32 = 2.0;

/// No picture is halved whose shorter side is less.
const LEAST_SIDE: usize = 8;

/// The weights of four lines that make one.
pub(crate) type Filter = [f32; 4];

/// That of an even length.
pub(crate) const EVEN: Filter = [0.125, 0.375, 0.375, 0.125];

const CHANNELS: usize = 3;

/// A picture's size, and whether it continues at the opposite border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) wrap_x: bool,
    pub(crate) wrap_y: bool,
}

impl Frame {
    /// Values of such a picture: three a pixel.
    pub(crate) fn len(self) -> usize {
        self.width * self.height * CHANNELS
    }
}

/// The operator `M` for pictures of one size, and the room that it works in.
#[derive(Debug)]
pub(crate) struct Smoothing {
    levels: Vec<Level>,
}

/// One halving.
#[derive(Debug)]
struct Level {
    across: Axis,
    down: Axis,
    /// The halved picture.
    halved: Vec<f32>,
}

impl Smoothing {
    pub(crate) fn new(frame: Frame) -> Self {
        let level = |(across, down): (Axis, Axis)| {
            let halved = vec![0.0; across.coarse() * down.coarse() * CHANNELS];
            Level { across, down, halved }
        };
        Self { levels: halvings(frame).into_iter().map(level).collect() }
    }

    /// The bytes that it takes for pictures of `len` values.
    pub(crate) fn bytes(len: usize) -> u64 {
        // A quarter, a sixteenth and so on.
        len as u64 * 4 / 3
    }

    /// `picture = M picture`.
    pub(crate) fn apply(&mut self, picture: &mut [f32]) {
        halve_and_add(&mut self.levels, WEIGHT, picture);
    }
}

/// How a picture is halved again and again: each time across and down.
pub(crate) fn halvings(frame: Frame) -> Vec<(Axis, Axis)> {
    let (mut width, mut height) = (frame.width, frame.height);
    let mut levels = Vec::new();
    while levels.len() < LEVELS && width.min(height) >= LEAST_SIDE {
        let (across, down) = (Axis::new(width, frame.wrap_x), Axis::new(height, frame.wrap_y));
        (width, height) = (across.coarse(), down.coarse());
        levels.push((across, down));
    }
    levels
}

/// Adds to `picture` its versions at `levels`, the first with this weight.
fn halve_and_add(levels: &mut [Level], weight: f32, picture: &mut [f32]) {
    let Some((level, coarser)) = levels.split_first_mut() else { return };
    level.halve(picture);
    // The coarser ones are weighted relative to this one, so that one multiplication weights them
    // all.
    halve_and_add(coarser, 2.0, &mut level.halved);
    level.add_enlarged(weight, picture);
}

impl Level {
    fn halve(&mut self, picture: &[f32]) {
        let Self { across, down, halved } = self;
        let (wide, narrow) = (across.fine() * CHANNELS, across.coarse() * CHANNELS);
        let rows = down.taps.par_iter().zip(&down.filters);
        halved.par_chunks_exact_mut(narrow).zip(rows).for_each_init(
            || vec![0.0; wide],
            |column_sums, (row, (taps, filter))| {
                let [a, b, c, d] = taps.map(|y| &picture[y * wide..][..wide]);
                for (i, sum) in column_sums.iter_mut().enumerate() {
                    *sum = filtered(filter, [a[i], b[i], c[i], d[i]]);
                }
                let (pixels, _) = row.as_chunks_mut::<CHANNELS>();
                let columns = across.taps.iter().zip(&across.filters);
                for (pixel, (taps, filter)) in pixels.iter_mut().zip(columns) {
                    let [a, b, c, d] = taps.map(|x| pixel_at(column_sums, x));
                    for channel in 0..CHANNELS {
                        pixel[channel] =
                            filtered(filter, [a[channel], b[channel], c[channel], d[channel]]);
                    }
                }
            },
        );
    }

    /// Adds the transpose of [`Self::halve`], applied to what it left, times 4 and `weight`.
    fn add_enlarged(&self, weight: f32, picture: &mut [f32]) {
        let Self { across, down, halved } = self;
        let (wide, narrow) = (across.fine() * CHANNELS, across.coarse() * CHANNELS);
        picture.par_chunks_exact_mut(wide).zip(&down.spread).for_each_init(
            || vec![0.0; narrow],
            |column_sums, (row, spread)| {
                column_sums.fill(0.0);
                for &(y, share) in spread {
                    let scale = 4.0 * weight * share;
                    for (sum, &value) in column_sums.iter_mut().zip(&halved[y * narrow..][..narrow])
                    {
                        *sum += scale * value;
                    }
                }
                let (pixels, _) = row.as_chunks_mut::<CHANNELS>();
                for (pixel, spread) in pixels.iter_mut().zip(&across.spread) {
                    for &(x, share) in spread {
                        let from = pixel_at(column_sums, x);
                        for channel in 0..CHANNELS {
                            pixel[channel] += share * from[channel];
                        }
                    }
                }
            },
        );
    }
}

/// In an order in which the even filter costs two products.
#[inline(always)]
fn filtered(filter: &Filter, [a, b, c, d]: [f32; 4]) -> f32 {
    if *filter == EVEN {
        EVEN[0] * (a + d) + EVEN[1] * (b + c)
    } else {
        (filter[0] * a + filter[3] * d) + (filter[1] * b + filter[2] * c)
    }
}

fn pixel_at(row: &[f32], x: usize) -> [f32; CHANNELS] {
    let (pixels, _) = row.as_chunks::<CHANNELS>();
    pixels[x]
}

/// Which lines of one axis make which lines of its half, and the other way round.
#[derive(Debug)]
pub(crate) struct Axis {
    /// For each coarse line the fine ones under the filter.
    pub(crate) taps: Vec<[usize; 4]>,
    /// And their weights.
    pub(crate) filters: Vec<Filter>,
    /// For each fine line the coarse ones that it is part of, and its share.
    pub(crate) spread: Vec<Vec<(usize, f32)>>,
}

impl Axis {
    fn new(fine: usize, wraps: bool) -> Self {
        let line = |at: isize| {
            let last = fine as isize - 1;
            (if wraps { at.rem_euclid(fine as isize) } else { at.clamp(0, last) }) as usize
        };
        let coarse = fine.div_ceil(2);
        // Half of the tent's width, in fine lines: two or a little less.
        let reach = fine as f64 / coarse as f64;
        let (mut taps, mut filters) = (Vec::new(), Vec::new());
        for coarse in 0..coarse {
            let center = (coarse as f64 + 0.5) * reach - 0.5;
            let first = (center - reach).floor() as isize + 1;
            let under = [0, 1, 2, 3].map(|tap| first + tap);
            taps.push(under.map(line));
            filters.push(under.map(|at| {
                let apart = (at as f64 - center).abs() / reach;
                ((1.0 - apart).max(0.0) / reach) as f32
            }));
        }
        let mut spread = vec![Vec::with_capacity(4); fine];
        for (coarse, (taps, filter)) in taps.iter().zip(&filters).enumerate() {
            for (&fine, &share) in taps.iter().zip(filter) {
                spread[fine].push((coarse, share));
            }
        }
        Self { taps, filters, spread }
    }

    fn fine(&self) -> usize {
        self.spread.len()
    }

    fn coarse(&self) -> usize {
        self.taps.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    const FRAMES: [(usize, usize, bool, bool); 5] = [
        (32, 48, false, false),
        (17, 33, false, false),
        (16, 31, true, false),
        (31, 40, true, true),
        (5, 90, false, true),
    ];

    fn product(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    #[test]
    fn it_is_symmetric_and_positive_definite_at_every_size() {
        for (width, height, wrap_x, wrap_y) in FRAMES {
            let frame = Frame { width, height, wrap_x, wrap_y };
            let mut smoothing = Smoothing::new(frame);
            let mut noise = Noise::new(3);
            let mut picture = || (0..frame.len()).map(|_| noise.normal()).collect::<Vec<f32>>();
            let (a, b) = (picture(), picture());
            let (mut ma, mut mb) = (a.clone(), b.clone());
            smoothing.apply(&mut ma);
            smoothing.apply(&mut mb);
            let scale = (product(&ma, &ma) * product(&b, &b)).sqrt();
            assert!((product(&ma, &b) - product(&a, &mb)).abs() < 1e-6 * scale, "{frame:?}");
            // Every term but the first is a square; a picture too small to be halved has the first
            // alone.
            assert!(product(&ma, &a) >= product(&a, &a), "{frame:?}");
        }
    }

    /// Each line has the same part in the halves. A flat step stays flat up to the little by which
    /// a tent between the lines weighs more or less of them, at each of five halvings: 1.1. With a
    /// last line of its own it was 32.
    #[test]
    fn no_line_moves_farther_than_another() {
        for (width, height) in [(193, 131), (161, 161), (176, 208), (17, 320), (31, 33)] {
            for wraps in [false, true] {
                let frame = Frame { width, height, wrap_x: wraps, wrap_y: wraps };
                let mut flat = vec![1.0; frame.len()];
                Smoothing::new(frame).apply(&mut flat);
                let (least, most) = flat
                    .iter()
                    .fold((f32::MAX, 0.0_f32), |(least, most), &v| (least.min(v), most.max(v)));
                assert!(most < 1.15 * least, "{frame:?}: {least} to {most}");
            }
        }
    }

    #[test]
    fn what_tiles_is_smoothed_alike_everywhere() {
        let frame = Frame { width: 64, height: 64, wrap_x: true, wrap_y: true };
        let mut smoothing = Smoothing::new(frame);
        let mut at = |pixel: usize| {
            let mut picture = vec![0.0; frame.len()];
            picture[pixel * CHANNELS] = 1.0;
            smoothing.apply(&mut picture);
            picture
        };
        // Half of a power of two along both axes is a shift that all levels share.
        let (corner, middle) = (at(0), at(32 * 64 + 32));
        for y in 0..64 {
            for x in 0..64 {
                let shifted = ((y + 32) % 64 * 64 + (x + 32) % 64) * CHANNELS;
                assert_eq!(corner[(y * 64 + x) * CHANNELS], middle[shifted]);
            }
        }
    }
}
