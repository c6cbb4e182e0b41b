//! Means and deviations of colours and of VGG-19's features: what a restyler takes of a style.

use impasto_kernels::Moments;
use impasto_kernels::networks::DecoderLayout;
use rayon::prelude::*;

use crate::{Image, Mask};

const BLOCK: usize = DecoderLayout::BLOCK_PX;

/// How many sizes of features there are, the colours among them.
const LEVELS: usize = DecoderLayout::READ.len();

/// The most that deviations are multiplied with: in a channel that hardly varies, it is rounding
/// that does.
const MOST_GAIN: f64 = 16.0;

/// What is added to a variance.
const EPSILON: f64 = 1e-5;

/// Pixels that a thread restyles at a time.
const PIECE_PIXELS: usize = 256;

/// Mean and deviation of each channel at each level of a decoder, the finest first, over a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureStatistics {
    levels: [Channels; LEVELS],
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Channels {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Channels {
    /// From sums over pixels whose weights sum to `weight`: of values, and of their squares.
    fn of_sums(weight: f64, sums: &[f64], squares: impl Iterator<Item = f64>) -> Self {
        let weight = if weight > 0.0 { weight } else { 1.0 };
        let mean: Vec<f64> = sums.iter().map(|sum| sum / weight).collect();
        let variances = squares.zip(&mean).map(|(square, mean)| square / weight - mean * mean);
        let deviation = variances.map(|variance| (variance.max(0.0) + EPSILON).sqrt()).collect();
        Self { mean, deviation }
    }

    fn of_moments(moments: &Moments) -> Self {
        let channels = moments.channels();
        // Rows of the upper triangle begin with its diagonal.
        let diagonal = (0..channels).scan(0, |place, channel| {
            let own = *place;
            *place += channels - channel;
            Some(moments.products[own])
        });
        Self::of_sums(moments.weight, &moments.sum, diagonal)
    }

    fn of_colors(image: &Image, weights: Option<&Mask>) -> Self {
        let (mut weight, mut sums, mut squares) = (0.0, [0.0; 3], [0.0; 3]);
        for (place, pixel) in image.rgb.chunks_exact(3).enumerate() {
            let own = weights.map_or(1.0, |mask| f64::from(mask.weights()[place]));
            weight += own;
            for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(pixel) {
                let value = f64::from(*value);
                *sum += own * value;
                *square += own * value * value;
            }
        }
        Self::of_sums(weight, &sums, squares.into_iter())
    }
}

impl FeatureStatistics {
    /// Of a picture, from its colours and the sums over its features at
    /// [`DecoderLayout::LAYERS`]. A pixel's colours count by its weight.
    ///
    /// # Panics
    /// If there are other sums.
    pub fn of(image: &Image, weights: Option<&Mask>, moments: [&Moments; LEVELS - 1]) -> Self {
        let [second, third, fourth] = moments.map(Channels::of_moments);
        let levels = [Channels::of_colors(image, weights), second, third, fourth];
        let channels = levels.each_ref().map(|own| own.mean.len());
        assert_eq!(channels, DecoderLayout::READ, "features of a decoder's layers");
        Self { levels }
    }

    /// Of a picture's colours and features as they are, the finest level first.
    pub fn of_maps(maps: &[Vec<f32>; LEVELS]) -> Self {
        let levels = std::array::from_fn(|level| {
            let channels = DecoderLayout::READ[level];
            let (mut sums, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
            for pixel in maps[level].chunks_exact(channels) {
                for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(pixel) {
                    let value = f64::from(*value);
                    *sum += value;
                    *square += value * value;
                }
            }
            let pixels = maps[level].len() / channels;
            Channels::of_sums(pixels as f64, &sums, squares.into_iter())
        });
        Self { levels }
    }

    /// Means and deviations of a mixture, each by its weight.
    pub fn mixed(parts: &[(f32, Self)]) -> Self {
        let levels = std::array::from_fn(|level| {
            let sum = |of: &dyn Fn(&Channels) -> &[f64]| {
                let mut sums = vec![0.0; DecoderLayout::READ[level]];
                for (weight, part) in parts {
                    let own = sums.iter_mut().zip(of(&part.levels[level]));
                    own.for_each(|(sum, value)| *sum += f64::from(*weight) * value);
                }
                sums
            };
            Channels { mean: sum(&|own| &own.mean), deviation: sum(&|own| &own.deviation) }
        });
        Self { levels }
    }
}

/// How features get other statistics, and the size that a decoder reads them in: one product and
/// one sum for each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTransfer {
    /// Of each level: products and sums.
    levels: [(Vec<f32>, Vec<f32>); LEVELS],
}

impl FeatureTransfer {
    /// From the statistics of a picture to those of a style (Huang and Belongie, 2017).
    pub fn new(from: &FeatureStatistics, to: &FeatureStatistics) -> Self {
        let levels = std::array::from_fn(|level| {
            let (from, to) = (&from.levels[level], &to.levels[level]);
            let size = f64::from(DecoderLayout::SCALES[level]);
            // Colours lie around zero.
            let middle = if level == 0 { 1.0 } else { 0.0 };
            let pairs = from.mean.iter().zip(&from.deviation);
            let pairs = pairs.zip(to.mean.iter().zip(&to.deviation));
            pairs
                .map(|((mean, deviation), (to_mean, to_deviation))| {
                    let gain = (to_deviation / deviation).min(MOST_GAIN);
                    let (product, sum) = (gain / size, (to_mean - gain * mean) / size - middle);
                    (product as f32, sum as f32)
                })
                .unzip()
        });
        Self { levels }
    }

    /// Of each level, the finest first: products and sums, one for each channel.
    pub(super) fn levels(&self) -> &[(Vec<f32>, Vec<f32>); LEVELS] {
        &self.levels
    }

    /// What the restyled picture begins with: the colours of a picture, restyled and blurred over
    /// blocks of [`DecoderLayout::BLOCK_PX`] pixels, which its sides are multiples of.
    pub fn colors(&self, image: &Image) -> Vec<f32> {
        let &Image { width, height, ref rgb } = image;
        let (across, down) = (width / BLOCK, height / BLOCK);
        let (products, sums) = &self.levels[0];
        let level = DecoderLayout::SCALES[0];
        let mut blocks = vec![0.0_f32; 3 * across * down];
        blocks.par_chunks_mut((3 * across).max(1)).enumerate().for_each(|(y, blocks)| {
            for row in rgb[BLOCK * y * 3 * width..].chunks_exact(3 * width).take(BLOCK) {
                for (x, pixel) in row.chunks_exact(3).enumerate() {
                    let own = blocks[x / BLOCK * 3..].iter_mut().zip(pixel);
                    own.take(3).for_each(|(sum, value)| *sum += value);
                }
            }
            for (place, block) in blocks.iter_mut().enumerate() {
                let mean = *block / (BLOCK * BLOCK) as f32;
                *block = level * (mean * products[place % 3] + sums[place % 3] + 1.0);
            }
        });
        let columns: Vec<_> = (0..width).map(|x| between(x, across)).collect();
        let mut colors = vec![0.0; 3 * width * height];
        colors.par_chunks_mut((3 * width).max(1)).enumerate().for_each(|(y, row)| {
            let (above, below, share_y) = between(y, down);
            for (pixel, (left, right, share_x)) in row.chunks_exact_mut(3).zip(&columns) {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let at = |x: usize, y: usize| blocks[3 * (y * across + x) + channel];
                    let along = |y| at(*left, y) + share_x * (at(*right, y) - at(*left, y));
                    *value = along(above) + share_y * (along(below) - along(above));
                }
            }
        });
        colors
    }

    /// Restyles a picture's colours and features in place, the finest level first, each
    /// `height * width * channels`.
    pub fn apply(&self, maps: &mut [Vec<f32>; LEVELS]) {
        for (map, (products, sums)) in maps.iter_mut().zip(&self.levels) {
            map.par_chunks_mut(PIECE_PIXELS * products.len()).for_each(|piece| {
                for pixel in piece.chunks_exact_mut(products.len()) {
                    for ((value, product), sum) in pixel.iter_mut().zip(products).zip(sums) {
                        *value = *value * product + sum;
                    }
                }
            });
        }
    }
}

/// The blocks of an axis between whose middles a pixel lies, and its share of the second.
fn between(pixel: usize, blocks: usize) -> (usize, usize, f32) {
    let place = (2 * pixel + 1) as f32 / (2 * BLOCK) as f32 - 0.5;
    let first = place.max(0.0) as usize;
    let second = (first + 1).min(blocks - 1);
    (first.min(second), second, (place - first as f32).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Features that vary from pixel to pixel, and their statistics.
    fn picture(seed: u32, pixels: usize) -> ([Vec<f32>; LEVELS], FeatureStatistics) {
        let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) ^ seed) >> 24;
        let maps: [Vec<f32>; LEVELS] = std::array::from_fn(|level| {
            let floats = pixels * DecoderLayout::READ[level];
            (0..floats).map(|i| value(i * (level + 1)) as f32).collect()
        });
        let statistics = FeatureStatistics::of_maps(&maps);
        (maps, statistics)
    }

    #[test]
    fn sums_over_features_say_what_the_features_say() {
        let (maps, expected) = picture(5, 60);
        let moments = |level: usize| {
            let channels = DecoderLayout::READ[level];
            let mut moments = Moments::empty(channels);
            moments.weight = 60.0;
            for pixel in maps[level].chunks_exact(channels) {
                let mut place = 0;
                for (channel, value) in pixel.iter().enumerate() {
                    moments.sum[channel] += f64::from(*value);
                    moments.products[place] += f64::from(value * value);
                    place += channels - channel;
                }
            }
            moments
        };
        let sums = [moments(1), moments(2), moments(3)];
        let image = Image { width: 60, height: 1, rgb: maps[0].clone() };
        assert_eq!(FeatureStatistics::of(&image, None, sums.each_ref()), expected);
    }

    #[test]
    fn blurred_colours_are_restyled_and_go_over_into_each_other() {
        let gray = |level: f32| {
            FeatureStatistics::of_maps(&std::array::from_fn(|at| {
                // Two pixels, ten levels apart from their mean.
                let own = |sign: f32| vec![level + 10.0 * sign; DecoderLayout::READ[at]];
                [own(-1.0), own(1.0)].concat()
            }))
        };
        let transfer = FeatureTransfer::new(&gray(50.0), &gray(150.0));
        // Two blocks beside each other, one 40 and one 60.
        let row = [[40.0; 24], [60.0; 24]].concat();
        let image = Image { width: 16, height: 8, rgb: row.repeat(8) };
        let colors = transfer.colors(&image);
        let at = |x: usize| colors[3 * (5 * 16 + x)];
        for (x, expected) in [(0, 140.0), (3, 140.0), (7, 148.75), (8, 151.25), (15, 160.0)] {
            assert!((at(x) - expected).abs() < 0.01, "{x}: {}", at(x));
        }
    }

    #[test]
    fn what_is_restyled_has_the_styles_means_and_deviations() {
        let (mut maps, own) = picture(7, 300);
        let (_, style) = picture(90, 200);
        FeatureTransfer::new(&own, &style).apply(&mut maps);
        for (level, (map, expected)) in maps.iter().zip(&style.levels).enumerate() {
            let (channels, size) = (DecoderLayout::READ[level], DecoderLayout::SCALES[level]);
            let middle = if level == 0 { 1.0 } else { 0.0 };
            for channel in [0, channels / 2, channels - 1] {
                let values: Vec<f64> = map[channel..]
                    .iter()
                    .step_by(channels)
                    .map(|value| (f64::from(*value) + middle) * f64::from(size))
                    .collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
                let deviation = (square / values.len() as f64).sqrt();
                assert!((mean - expected.mean[channel]).abs() < 0.01, "{level} {channel}: {mean}");
                let apart = (deviation - expected.deviation[channel]).abs();
                assert!(apart < 0.01, "{level} {channel}: {deviation}");
            }
        }
    }

    #[test]
    fn a_flat_channel_is_no_cause_for_noise() {
        let (mut maps, style) = picture(3, 100);
        let image = Image { width: 10, height: 10, rgb: vec![100.0; 300] };
        let flat = |level: usize| {
            let mut moments = Moments::empty(DecoderLayout::READ[level]);
            moments.weight = 100.0;
            moments
        };
        let sums = [flat(1), flat(2), flat(3)];
        let own = FeatureStatistics::of(&image, None, sums.each_ref());
        maps.iter_mut().for_each(|map| map.fill(1e-4));
        FeatureTransfer::new(&own, &style).apply(&mut maps);
        let mean = style.levels[3].mean[5] as f32 / DecoderLayout::SCALES[3];
        assert!((maps[3][5] - mean).abs() < 1e-3, "{} {mean}", maps[3][5]);
    }

    #[test]
    fn a_mixture_lies_between_its_parts() {
        let ((_, first), (_, second)) = (picture(1, 50), picture(2, 80));
        let both = FeatureStatistics::mixed(&[(0.25, first.clone()), (0.75, second.clone())]);
        let of = |own: &FeatureStatistics| own.levels[2].mean[9];
        assert!((of(&both) - 0.25 * of(&first) - 0.75 * of(&second)).abs() < 1e-9);
        assert_eq!(FeatureStatistics::mixed(&[(1.0, first.clone())]), first);
    }

    #[test]
    fn colours_count_by_their_weights() {
        let image = Image { width: 2, height: 1, rgb: vec![10.0, 20.0, 30.0, 200.0, 0.0, 90.0] };
        let mask = Mask::new(2, 1, vec![1.0, 0.0]).expect("a mask");
        let own = Channels::of_colors(&image, Some(&mask));
        assert_eq!(own.mean, [10.0, 20.0, 30.0]);
        assert!(own.deviation.iter().all(|deviation| *deviation < 0.01), "{:?}", own.deviation);
    }
}
