//! Resampling, with borders that end or wrap.

use rayon::prelude::*;

use crate::Image;

/// Resizes to `width` by `height`: with the Catmull-Rom cubic where the picture grows, and where it
/// shrinks with a triangle as wide as two result pixels, so that nothing aliases and nothing rings.
/// (The triangle is also what PyTorch programs shrink with, so losses compare.) Along an axis that
/// wraps, a weight beyond the border falls on the opposite edge; elsewhere the filter ends at the
/// border.
pub(crate) fn resize(
    image: &Image,
    width: usize,
    height: usize,
    wrap_x: bool,
    wrap_y: bool,
) -> Image {
    let (from, to) = ((image.width, image.height), (width, height));
    Image { width, height, rgb: resize_plane(&image.rgb, 3, from, to, (wrap_x, wrap_y)) }
}

/// Resizes interleaved `channels` as pictures are resized: `values` has so many for each pixel of
/// `from`, width and height. Along an axis that wraps, opposite edges are neighbours. Where the
/// picture grows, values may overshoot a little; alpha and masks have to be clamped.
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
}

impl Axis {
    /// From end to end.
    pub(crate) fn whole(from: usize, to: usize, wraps: bool) -> Self {
        Self { from, to, ratio: from as f64 / to as f64, start: 0.0, wraps }
    }
}

/// Resamples any number of interleaved channels, as [`resize`] does.
pub(crate) fn resample(values: &[f32], across: &Axis, down: &Axis, channels: usize) -> Vec<f32> {
    let (from_width, from_height, width, height) = (across.from, down.from, across.to, down.to);
    let (across, down) = (taps(across), taps(down));
    let mut narrowed = vec![0.0; width * from_height * channels];
    narrowed.par_chunks_mut(width * channels).enumerate().for_each(|(y, row)| {
        let source = &values[y * from_width * channels..][..from_width * channels];
        for (pixel, taps) in row.chunks_exact_mut(channels).zip(&across) {
            for &(x, weight) in taps {
                for (value, &from) in pixel.iter_mut().zip(&source[x * channels..]) {
                    *value = weight.mul_add(from, *value);
                }
            }
        }
    });
    let mut resized = vec![0.0; width * height * channels];
    resized.par_chunks_mut(width * channels).zip(&down).for_each(|(row, taps)| {
        for &(y, weight) in taps {
            for (value, &from) in row.iter_mut().zip(&narrowed[y * width * channels..]) {
                *value = weight.mul_add(from, *value);
            }
        }
    });
    resized
}

/// For each pixel that is made, the source pixels that it is made of, and their weights, which add
/// up to one.
fn taps(axis: &Axis) -> Vec<Vec<(usize, f32)>> {
    let Axis { from, to, ratio, start, wraps } = *axis;
    // In source pixels: the filter's scale and how far it reaches.
    let (scale, reach, filter): (f64, f64, fn(f64) -> f64) =
        if ratio > 1.0 { (ratio, ratio, triangle) } else { (1.0, 2.0, catmull_rom) };
    (0..to)
        .map(|index| {
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
                .map(|(at, weight)| (at.rem_euclid(from as i64) as usize, (weight / total) as f32))
                .collect()
        })
        .collect()
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
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
    fn a_ramp_stays_a_ramp_inside() {
        let grown = resize(&ramp(16, 16), 32, 32, false, false);
        for x in 8..24 {
            let expected = (x as f32 + 0.5) / 2.0 - 0.5;
            assert!((grown.rgb[(16 * 32 + x) * 3] - expected).abs() < 1e-3);
        }
    }
}
