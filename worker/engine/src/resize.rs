//! Resampling, with borders that end or wrap.

use rayon::prelude::*;

/// Resizes interleaved `channels`, of which `values` has so many for each pixel of `from`, width
/// and height: with the Catmull-Rom cubic where the picture grows, and where it shrinks with a
/// triangle as wide as two result pixels, so that nothing aliases and nothing rings. (The triangle
/// is also what PyTorch programs shrink with, so losses compare.) Along an axis that wraps, a
/// weight beyond the border falls on the opposite edge; elsewhere the filter ends at the border.
/// Where the picture grows, values may overshoot a little, and have to be clamped.
///
/// # Panics
/// If there are not as many values as pixels and channels ask for.
pub fn resize_plane(
    values: &[f32],
    channels: usize,
    from: (usize, usize),
    to: (usize, usize),
    (wrap_x, wrap_y): (bool, bool),
) -> Vec<f32> {
    assert_eq!(values.len(), channels * from.0 * from.1, "values for each pixel");
    if from == to {
        return values.to_vec();
    }
    let (across, down) = (Axis::whole(from.0, to.0, wrap_x), Axis::whole(from.1, to.1, wrap_y));
    resample(values, &across, &down, channels)
}

/// Resizes interleaved `channels` as [`resize_plane`] does, each pixel counting by its weight: what
/// the colours of a picture with straight alpha need, whose `weights` are its alpha. A pixel that
/// is made has the weighted mean of those under the filter; where their weights are equal, all zero
/// among them, it has what [`resize_plane`] gives, to the last bit.
///
/// The cubic that pictures grow by has negative weights too, and a mean by such might divide by
/// next to nothing. Where weights differ, the picture grows by the triangle instead.
///
/// # Panics
/// If there are not as many values or weights as pixels ask for.
pub fn resize_weighted(
    values: &[f32],
    weights: &[f32],
    channels: usize,
    from: (usize, usize),
    to: (usize, usize),
    (wrap_x, wrap_y): (bool, bool),
) -> Vec<f32> {
    assert_eq!(values.len(), channels * from.0 * from.1, "values for each pixel");
    assert_eq!(weights.len(), from.0 * from.1, "a weight for each pixel");
    if from == to {
        return values.to_vec();
    }
    let (across, down) = (Axis::whole(from.0, to.0, wrap_x), Axis::whole(from.1, to.1, wrap_y));
    let (across, down) = (WeightedTaps::of(&across), WeightedTaps::of(&down));
    let (wide, width) = (from.0, to.0);
    let mut narrowed = vec![0.0; width * from.1 * channels];
    let mut narrowed_weights = vec![0.0; width * from.1];
    let rows = narrowed
        .par_chunks_mut(width * channels)
        .zip(narrowed_weights.par_chunks_mut(width))
        .zip(values.par_chunks(wide * channels).zip(weights.par_chunks(wide)));
    rows.for_each(|((row, row_weights), (source, weights))| {
        let made = row.chunks_exact_mut(channels).zip(row_weights).enumerate();
        for (x, (pixel, weight)) in made {
            *weight = across.mean(x, |at| weights[at], |at| &source[at * channels..], pixel);
        }
    });
    let mut resized = vec![0.0; width * to.1 * channels];
    resized.par_chunks_mut(width * channels).enumerate().for_each(|(y, row)| {
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let source = |at: usize| &narrowed[(at * width + x) * channels..];
            down.mean(y, |at| narrowed_weights[at * width + x], source, pixel);
        }
    });
    resized
}

/// The taps of an axis for pixels that count by weights.
struct WeightedTaps {
    /// Those of the filter.
    plain: Vec<Vec<(usize, f32)>>,
    /// Those of a filter without negative weights: the same where the axis shrinks.
    positive: Vec<Vec<(usize, f32)>>,
}

impl WeightedTaps {
    fn of(axis: &Axis) -> Self {
        Self { plain: taps(axis), positive: taps_of(axis, axis.ratio.max(1.0), 1.0, triangle) }
    }

    /// Writes the mean at `index` to `pixel`, which is zero, and gives the weight that it counts
    /// by.
    fn mean<'a>(
        &self,
        index: usize,
        weight_at: impl Fn(usize) -> f32,
        source: impl Fn(usize) -> &'a [f32],
        pixel: &mut [f32],
    ) -> f32 {
        let mut add = |at: usize, share: f32| {
            for (value, &from) in pixel.iter_mut().zip(source(at)) {
                *value = share.mul_add(from, *value);
            }
        };
        let plain = &self.plain[index];
        let first = plain.first().map_or(0.0, |&(at, _)| weight_at(at));
        if plain.iter().all(|&(at, _)| weight_at(at) == first) {
            plain.iter().for_each(|&(at, share)| add(at, share));
            return first;
        }
        let positive = &self.positive[index];
        let total: f32 = positive.iter().map(|&(at, share)| share * weight_at(at)).sum();
        if total > 0.0 {
            positive.iter().for_each(|&(at, share)| add(at, share * weight_at(at) / total));
        } else {
            positive.iter().for_each(|&(at, share)| add(at, share));
        }
        total
    }
}

/// One axis of a resampling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    /// How many pixels there are.
    pub(crate) from: usize,
    /// How many are made.
    pub(crate) to: usize,
    /// Pixels there for one that is made.
    pub(crate) ratio: f64,
    /// Where the first one begins.
    pub(crate) start: f64,
    pub(crate) wraps: bool,
    /// By how many pixels what is there and what is made are turned, if the axis wraps.
    pub(crate) turns: (usize, usize),
    pub(crate) enlarging: Enlarging,
}

/// The filter along an axis that grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enlarging {
    /// Catmull-Rom: it hardly rings.
    Cubic,
    /// Lanczos with three lobes: where an axis grows twofold, neighbouring lines that are made
    /// differ as much within a pixel of the source as between two. The cubic's do not: it leaves a
    /// grid.
    Lanczos,
}

impl Axis {
    /// From end to end.
    pub(crate) fn whole(from: usize, to: usize, wraps: bool) -> Self {
        let (ratio, enlarging) = (from as f64 / to as f64, Enlarging::Cubic);
        Self { from, to, ratio, start: 0.0, wraps, turns: (0, 0), enlarging }
    }
}

/// Resamples any number of interleaved channels, as [`resize_plane`] does.
pub(crate) fn resample(values: &[f32], across: &Axis, down: &Axis, channels: usize) -> Vec<f32> {
    Resampling::new(across, down).apply(values, channels)
}

/// A resampling that is applied again and again.
#[derive(Debug, Clone)]
pub(crate) struct Resampling {
    across: Taps,
    down: Taps,
}

/// How the pixels of an axis are made of another's.
#[derive(Debug, Clone)]
pub(crate) struct Taps {
    from: usize,
    /// For each pixel that is made, the source pixels that it is made of, and their weights.
    of: Vec<Vec<(usize, f32)>>,
}

impl Resampling {
    pub(crate) fn new(across: &Axis, down: &Axis) -> Self {
        let taps = |axis: &Axis| Taps { from: axis.from, of: taps(axis) };
        Self { across: taps(across), down: taps(down) }
    }

    /// The adjoint: it carries a gradient at what is made back to what it was made of.
    pub(crate) fn adjoint(&self) -> Self {
        Self { across: self.across.transposed(), down: self.down.transposed() }
    }

    pub(crate) fn across(&self) -> &Taps {
        &self.across
    }

    pub(crate) fn down(&self) -> &Taps {
        &self.down
    }

    pub(crate) fn apply(&self, values: &[f32], channels: usize) -> Vec<f32> {
        let mut made = vec![0.0; self.across.of.len() * self.down.of.len() * channels];
        self.add(values, channels, &mut made);
        made
    }

    /// Adds what is made to what `made` holds.
    pub(crate) fn add(&self, values: &[f32], channels: usize, made: &mut [f32]) {
        let Self { across, down } = self;
        let (from_width, width) = (across.from, across.of.len());
        let mut narrowed = vec![0.0; width * down.from * channels];
        narrowed.par_chunks_mut(width * channels).enumerate().for_each(|(y, row)| {
            let source = &values[y * from_width * channels..][..from_width * channels];
            for (pixel, taps) in row.chunks_exact_mut(channels).zip(&across.of) {
                for &(x, weight) in taps {
                    for (value, &from) in pixel.iter_mut().zip(&source[x * channels..]) {
                        *value = weight.mul_add(from, *value);
                    }
                }
            }
        });
        made.par_chunks_mut(width * channels).zip(&down.of).for_each(|(row, taps)| {
            for &(y, weight) in taps {
                for (value, &from) in row.iter_mut().zip(&narrowed[y * width * channels..]) {
                    *value = weight.mul_add(from, *value);
                }
            }
        });
    }
}

impl Taps {
    /// The source pixel and its weight that each pixel is first made of, then the second ones and
    /// so on; a pixel that is made of fewer has weights of zero.
    pub(crate) fn by_rank(&self) -> Vec<(Vec<u32>, Vec<f32>)> {
        let ranks = self.of.iter().map(Vec::len).max().unwrap_or(0);
        let rank = |rank: usize| {
            let taps = self.of.iter().map(|taps| taps.get(rank).copied().unwrap_or((0, 0.0)));
            taps.map(|(at, weight)| (at as u32, weight)).unzip()
        };
        (0..ranks).map(rank).collect()
    }

    fn transposed(&self) -> Self {
        let mut of = vec![Vec::new(); self.from];
        for (made, taps) in self.of.iter().enumerate() {
            taps.iter().for_each(|&(at, weight)| of[at].push((made, weight)));
        }
        Self { from: self.of.len(), of }
    }
}

/// For each pixel that is made, the source pixels that it is made of, and their weights, which add
/// up to one.
fn taps(axis: &Axis) -> Vec<Vec<(usize, f32)>> {
    if axis.ratio > 1.0 {
        return taps_of(axis, axis.ratio, 1.0, triangle);
    }
    match axis.enlarging {
        Enlarging::Cubic => taps_of(axis, 1.0, 2.0, catmull_rom),
        Enlarging::Lanczos => taps_of(axis, 1.0, 3.0, lanczos),
    }
}

/// The same by a filter of this scale, in source pixels, which reaches as many times as far.
fn taps_of(axis: &Axis, scale: f64, reach: f64, filter: fn(f64) -> f64) -> Vec<Vec<(usize, f32)>> {
    let Axis { from, to, ratio, start, wraps, turns, enlarging: _ } = *axis;
    let reach = scale * reach;
    (0..to)
        .map(|index| {
            let index = (index + to - turns.1) % to;
            let center = start + (index as f64 + 0.5) * ratio - 0.5;
            let around = (center - reach).ceil() as i64..=(center + reach).floor() as i64;
            let inside = |at: &i64| wraps || (0..from as i64).contains(at);
            let weighted: Vec<(i64, f64)> = around
                .filter(inside)
                .map(|at| (at, filter((at as f64 - center) / scale)))
                .filter(|(_, weight)| *weight != 0.0)
                .collect();
            let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
            weighted
                .into_iter()
                .map(|(at, weight)| {
                    let at = (at + turns.0 as i64).rem_euclid(from as i64);
                    (at as usize, (weight / total) as f32)
                })
                .collect()
        })
        .collect()
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Duchon, "Lanczos filtering in one and two dimensions", 1979, with three lobes.
fn lanczos(x: f64) -> f64 {
    // Exact at whole distances, so that equal sizes are copied.
    let sinc = |x: f64| match (x == 0.0, x.fract() == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => {
            let x = std::f64::consts::PI * x;
            x.sin() / x
        }
    };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

/// Catmull and Rom, "A class of local interpolating splines", 1974: the cubic with a = -1/2.
fn catmull_rom(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;

    fn resize(image: &Image, width: usize, height: usize, wrap_x: bool, wrap_y: bool) -> Image {
        let (from, to) = ((image.width, image.height), (width, height));
        Image { width, height, rgb: resize_plane(&image.rgb, 3, from, to, (wrap_x, wrap_y)) }
    }

    fn ramp(width: usize, height: usize) -> Image {
        let rgb = (0..width * height)
            .flat_map(|i| [(i % width) as f32, (i / width) as f32, ((i * 7) % 13) as f32])
            .collect();
        Image { width, height, rgb }
    }

    #[test]
    fn a_flat_picture_stays_flat() {
        let flat = Image::filled(13, 7, [10.0, 20.0, 30.0]);
        for (width, height) in [(5, 3), (13, 7), (40, 31), (1, 1)] {
            for wrap in [false, true] {
                let resized = resize(&flat, width, height, wrap, wrap);
                assert!(
                    resized.rgb.chunks(3).all(|p| p
                        .iter()
                        .zip([10.0, 20.0, 30.0])
                        .all(|(a, b)| (a - b).abs() < 1e-4))
                );
            }
        }
    }

    #[test]
    fn wrapping_commutes_with_a_roll() {
        let image = ramp(16, 8);
        let mut rolled = image.clone();
        for y in 0..8 {
            rolled.rgb[y * 48..(y + 1) * 48].rotate_right(8 * 3);
        }
        let mut small = resize(&image, 8, 4, true, true);
        for y in 0..4 {
            small.rgb[y * 24..(y + 1) * 24].rotate_right(4 * 3);
        }
        let of_rolled = resize(&rolled, 8, 4, true, true);
        assert!(small.rgb.iter().zip(&of_rolled.rgb).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    #[test]
    fn what_is_hardly_there_has_hardly_a_say() {
        // Columns of opaque black and of white at alpha 10 of 255.
        let weight = |at: usize| if at.is_multiple_of(2) { 1.0 } else { 10.0 / 255.0 };
        let level = |at: usize| if at.is_multiple_of(2) { 0.0 } else { 255.0 };
        let weights: Vec<f32> = (0..16 * 4).map(weight).collect();
        let values: Vec<f32> = (0..16 * 4).flat_map(|at| [level(at); 3]).collect();
        let half = resize_weighted(&values, &weights, 3, (16, 4), (8, 2), (true, false));
        // 255 times its share: alpha 10 beside alpha 255.
        assert!(half.iter().all(|value| (value - 2550.0 / 265.0).abs() < 1e-3), "{half:?}");
        let whole = resize_plane(&values, 3, (16, 4), (8, 2), (true, false));
        assert!(whole.iter().all(|value| (value - 127.5).abs() < 1e-3));
    }

    #[test]
    fn equal_weights_are_none_and_unequal_ones_give_colours_that_are_there() {
        let image = ramp(16, 12);
        for (width, height) in [(7, 5), (16, 12), (31, 40), (8, 30), (1, 1)] {
            for wraps in [(false, false), (true, true)] {
                let resized = |weights: &[f32]| {
                    resize_weighted(&image.rgb, weights, 3, (16, 12), (width, height), wraps)
                };
                let plain = resize_plane(&image.rgb, 3, (16, 12), (width, height), wraps);
                assert_eq!(resized(&[1.0; 16 * 12]), plain);
                assert_eq!(resized(&[0.0; 16 * 12]), plain);
                // Nothing of what weighs nothing, beside anything that does.
                let weights: Vec<f32> =
                    (0..16 * 12).map(|at| if at % 16 < 8 { 1e-7 } else { 0.0 }).collect();
                let pixels = resized(&weights);
                let covered = resize_plane(&weights, 1, (16, 12), (width, height), (false, false));
                for (pixel, covered) in pixels.chunks_exact(3).zip(covered) {
                    let expected = if covered > 1e-9 { -0.5..=7.5 } else { -1.0..=16.0 };
                    assert!(wraps.0 || expected.contains(&pixel[0]), "{pixel:?} of {covered}");
                    assert!(pixel.iter().all(|value| (-3.0..18.0).contains(value)), "{pixel:?}");
                }
            }
        }
    }

    #[test]
    fn the_adjoint_carries_gradients_back() {
        let mut noise = crate::noise::Noise::new(8);
        let mut values = |len: usize| (0..len).map(|_| noise.normal()).collect::<Vec<f32>>();
        for (from, to, wraps) in [
            ((33, 40), (16, 21), (true, false)),
            ((16, 16), (48, 31), (false, true)),
            ((50, 7), (13, 7), (true, true)),
        ] {
            let axis = |from, to, wraps| Axis::whole(from, to, wraps);
            let (across, down) = (axis(from.0, to.0, wraps.0), axis(from.1, to.1, wraps.1));
            let resampling = Resampling::new(&across, &down);
            let (picture, slope) = (values(3 * from.0 * from.1), values(3 * to.0 * to.1));
            let product = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
            };
            let made = product(&resampling.apply(&picture, 3), &slope);
            let mut carried = vec![1.0; picture.len()];
            resampling.adjoint().add(&slope, 3, &mut carried);
            carried.iter_mut().for_each(|value| *value -= 1.0);
            let back = product(&picture, &carried);
            assert!((made - back).abs() < 1e-4 * made.abs().max(1.0), "{made} {back}");
            // Each pixel's taps, rank by rank.
            for taps in [resampling.across(), resampling.down()] {
                for (at, own) in taps.of.iter().enumerate() {
                    let ranked = taps.by_rank();
                    let total: f32 = ranked.iter().map(|(_, weights)| weights[at]).sum();
                    assert!(
                        (total - own.iter().map(|(_, weight)| weight).sum::<f32>()).abs() < 1e-6
                    );
                }
            }
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp_inside() {
        let grown = resize(&ramp(16, 16), 32, 32, false, false);
        for x in 8..24 {
            let expected = (x as f32 + 0.5) / 2.0 - 0.5;
            assert!((grown.rgb[(16 * 32 + x) * 3] - expected).abs() < 1e-3);
        }
    }
}
