//! The loss: content features, style statistics, and the gradient of the style loss.

use impasto_kernels::{Layer, Moments, Precision};
use impasto_types::{LossNorm, Optimize};

/// Second and first moments of one layer's feature maps over a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerStatistics {
    /// The sum of the pixels' weights: how many the layer has, where none is masked.
    pub weight: f64,
    /// The Gram matrix `F^T F / weight`: channels by channels, symmetric.
    pub gram: Vec<f32>,
    /// The mean of each channel.
    pub mean: Vec<f32>,
}

impl LayerStatistics {
    /// From sums over a picture.
    pub fn of(moments: &Moments) -> Self {
        let (gram, mean) = moments.normalized();
        Self { weight: moments.weight, gram, mean }
    }
}

/// What the content loss is measured by: sums over the content's features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContentSums {
    /// How many values there are, each by its pixel's weight.
    values: f64,
    squares: f64,
    /// Of squared distances to each channel's mean.
    deviations: f64,
}

impl ContentSums {
    /// The sums over values that `each` gives in order, a pixel's channels side by side. Pixels
    /// count by their `weights`, where there are any.
    pub fn of(
        channels: usize,
        weights: Option<&[f32]>,
        each: impl FnOnce(&mut dyn FnMut(f32)),
    ) -> Self {
        let (mut values, mut squares) = (0.0, 0.0);
        let mut sums = vec![0.0_f64; channels];
        let (mut pixel, mut channel) = (0, 0);
        each(&mut |value| {
            let value = f64::from(value);
            let weight = weights.map_or(1.0, |weights| f64::from(weights[pixel]));
            values += weight;
            squares += weight * (value * value);
            sums[channel] += weight * value;
            channel += 1;
            if channel == channels {
                (pixel, channel) = (pixel + 1, 0);
            }
        });
        Self::new(values, squares, &sums)
    }

    /// From the number of values, the sum of their squares, and each channel's sum.
    pub(crate) fn new(values: f64, squares: f64, sums: &[f64]) -> Self {
        let pixels = values / sums.len() as f64;
        let pixels = if pixels > 0.0 { pixels } else { 1.0 };
        let deviations = squares - sums.iter().map(|sum| sum * sum / pixels).sum::<f64>();
        Self { values, squares, deviations }
    }

    /// What a sum of squared differences to these features is multiplied by.
    pub fn weight(&self, recipe: &Optimize) -> f64 {
        // A flat picture has no variance, and a black one next to no features: below this a feature
        // counts as noise.
        let floor = 1e-3 * self.values.max(1.0);
        let scale = match recipe.loss_norm {
            LossNorm::Absolute => self.values.max(1.0),
            LossNorm::Relative => self.squares.max(floor),
            LossNorm::Variance => self.deviations.max(floor),
        };
        f64::from(recipe.content_weight) / scale
    }

    /// The largest loss that rounding can leave of none, where the features are kept so.
    pub(crate) fn rounding(&self, recipe: &Optimize, kept: Precision) -> f64 {
        let relative = match kept {
            Precision::Fp32 => ROUNDING,
            Precision::Bf16 => BF16_ROUNDING,
        };
        self.weight(recipe) * relative * relative * self.squares
    }
}

/// The relative error of sums in single precision: two ways to cut one picture differ by less.
const ROUNDING: f64 = 1e-5;

/// Half of a bf16 number's last digit, relative.
const BF16_ROUNDING: f64 = 1.0 / 256.0;

/// What one layer's statistics are to become, and how strongly.
#[derive(Debug, Clone)]
pub struct StyleTarget {
    pub(crate) gram: Vec<f32>,
    pub(crate) mean: Vec<f32>,
    pub(crate) deviation: Vec<f64>,
    /// Of `sum((G - gram)^2)`.
    pub(crate) gram_weight: f64,
    /// Of `sum((mean - mean_target)^2)`.
    pub(crate) mean_weight: f64,
    /// Of `sum((deviation - deviation_target)^2)`.
    pub(crate) deviation_weight: f64,
}

/// How statistics pull on feature maps: the gradient at a feature map `F` is `F * gram + mean`.
#[derive(Debug, Clone)]
pub struct Pull {
    pub loss: f64,
    /// Channels by channels, symmetric.
    pub gram: Vec<f32>,
    pub mean: Vec<f32>,
}

impl StyleTarget {
    /// The layers' targets, from the statistics of several style images, shallowest layer first,
    /// and their weights.
    ///
    /// Styles blend by their statistics: the blend is that of a picture in which each style covers
    /// its share. Layers of weight zero are left out, and so are deep ones without statistics; a
    /// layer's share of the loss does not depend on which others are left out.
    pub fn layers(recipe: &Optimize, styles: &[(Vec<LayerStatistics>, f32)]) -> Vec<(Layer, Self)> {
        let total: f32 = styles.iter().map(|(_, weight)| weight).sum();
        let measured = styles.iter().map(|(statistics, _)| statistics.len()).min().unwrap_or(0);
        let layer_total: f64 = recipe.style_layers.iter().map(|&weight| f64::from(weight)).sum();
        Layer::STYLE
            .into_iter()
            .enumerate()
            .take(measured)
            .filter(|&(index, _)| recipe.style_layers[index] > 0.0 && recipe.style_weight > 0.0)
            .map(|(index, layer)| {
                let parts = || {
                    styles
                        .iter()
                        .map(|(statistics, weight)| (&statistics[index], f64::from(weight / total)))
                };
                let gram =
                    blend(parts().map(|(statistics, share)| (statistics.gram.as_slice(), share)));
                let mean =
                    blend(parts().map(|(statistics, share)| (statistics.mean.as_slice(), share)));
                (
                    layer,
                    Self::new(
                        recipe,
                        f64::from(recipe.style_layers[index]),
                        layer_total,
                        gram,
                        mean,
                    ),
                )
            })
            .collect()
    }

    fn new(
        recipe: &Optimize,
        layer_weight: f64,
        layer_total: f64,
        gram: Vec<f32>,
        mean: Vec<f32>,
    ) -> Self {
        let channels = mean.len();
        let deviation: Vec<f64> =
            (0..channels).map(|c| deviation(gram[c * channels + c], mean[c])).collect();
        let style = f64::from(recipe.style_weight) * layer_weight;
        let stats = style * f64::from(recipe.stats_weight);
        let squares = |values: &[f32]| {
            values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().max(1e-12)
        };
        match recipe.loss_norm {
            LossNorm::Absolute => {
                let count = channels as f64;
                let per_channel = stats / (count * count) / count;
                Self {
                    gram_weight: style / (count * count) / (count * count),
                    mean_weight: per_channel,
                    deviation_weight: per_channel,
                    gram,
                    mean,
                    deviation,
                }
            }
            LossNorm::Relative | LossNorm::Variance => Self {
                gram_weight: style / layer_total / squares(&gram),
                mean_weight: stats / layer_total / squares(&mean),
                deviation_weight: stats
                    / layer_total
                    / deviation.iter().map(|d| d * d).sum::<f64>().max(1e-12),
                gram,
                mean,
                deviation,
            },
        }
    }

    /// The largest loss that rounding can leave of none.
    pub(crate) fn rounding(&self) -> f64 {
        let squared = ROUNDING * ROUNDING;
        let gram: f64 = self.gram.iter().map(|&v| f64::from(v).powi(2)).sum();
        let mean: f64 = self.mean.iter().map(|&v| f64::from(v).powi(2)).sum();
        // A deviation is the root of a difference: where that is small, its error is large.
        let channels = self.mean.len();
        let deviation = self.deviation.iter().enumerate().map(|(c, deviation)| {
            let error = 2.0 * ROUNDING * f64::from(self.gram[c * channels + c]);
            (error / deviation.max(error.sqrt())).powi(2)
        });
        squared * (self.gram_weight * gram + self.mean_weight * mean)
            + self.deviation_weight * deviation.sum::<f64>()
    }

    /// The loss of `statistics`, and how it pulls on the feature maps that they were taken from.
    pub fn pull(&self, statistics: &LayerStatistics) -> Pull {
        let channels = self.mean.len();
        // A mask may leave a layer of a tiny picture without a pixel that counts.
        let per_pixel = if statistics.weight > 0.0 { 1.0 / statistics.weight } else { 0.0 };
        let mut loss = 0.0;
        // With D = dL/dG symmetric and G = F^T F / n, dL/dF = F * 2 D / n.
        let factor = (4.0 * self.gram_weight * per_pixel) as f32;
        let mut squares = 0.0;
        let mut gram: Vec<f32> = Vec::with_capacity(channels * channels);
        for (now, target) in
            statistics.gram.chunks_exact(channels).zip(self.gram.chunks_exact(channels))
        {
            let mut row = 0.0;
            gram.extend(now.iter().zip(target).map(|(&now, &target)| {
                let difference = now - target;
                row += f64::from(difference) * f64::from(difference);
                factor * difference
            }));
            squares += row;
        }
        loss += self.gram_weight * squares;
        let mean = (0..channels)
            .map(|c| {
                let now = f64::from(statistics.mean[c]);
                let difference = now - f64::from(self.mean[c]);
                loss += self.mean_weight * difference * difference;
                let mut pull = 2.0 * self.mean_weight * difference;
                if self.deviation_weight > 0.0 {
                    let diagonal = c * channels + c;
                    let deviation = deviation(statistics.gram[diagonal], statistics.mean[c]);
                    let difference = deviation - self.deviation[c];
                    loss += self.deviation_weight * difference * difference;
                    // deviation^2 = G_cc - mean^2, so d deviation = (dG_cc / 2 - mean dmean) /
                    // deviation.
                    let slope = 2.0 * self.deviation_weight * difference / deviation;
                    gram[diagonal] += (slope * per_pixel) as f32;
                    pull -= slope * now;
                }
                (pull * per_pixel) as f32
            })
            .collect();
        Pull { loss, gram, mean }
    }
}

/// What is added to every deviation, so that it can be divided by. Feature maps are of the order of
/// 1 to 1000.
pub(crate) const LEAST_DEVIATION: f64 = 1e-2;

/// A channel's deviation from its second and first moment; never zero.
fn deviation(second_moment: f32, mean: f32) -> f64 {
    (f64::from(second_moment) - f64::from(mean) * f64::from(mean)).max(0.0).sqrt() + LEAST_DEVIATION
}

/// The weighted sum of vectors of one length.
fn blend<'a>(parts: impl Iterator<Item = (&'a [f32], f64)>) -> Vec<f32> {
    let mut sum: Vec<f64> = Vec::new();
    for (values, share) in parts {
        sum.resize(values.len(), 0.0);
        sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += share * f64::from(value));
    }
    sum.into_iter().map(|value| value as f32).collect()
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::noise::Noise;

    const CHANNELS: usize = 5;
    const PIXELS: usize = 11;

    fn features(seed: u64) -> Vec<f32> {
        let mut noise = Noise::new(seed);
        (0..CHANNELS * PIXELS).map(|_| (noise.normal() * 10.0 + 5.0).max(0.0)).collect()
    }

    fn statistics(features: &[f32]) -> LayerStatistics {
        // Summed in double precision: finite differences see every rounding.
        let mut gram = [0.0_f64; CHANNELS * CHANNELS];
        let mut mean = [0.0_f64; CHANNELS];
        for pixel in features.chunks_exact(CHANNELS) {
            for a in 0..CHANNELS {
                mean[a] += f64::from(pixel[a]) / PIXELS as f64;
                for b in 0..CHANNELS {
                    gram[a * CHANNELS + b] +=
                        f64::from(pixel[a]) * f64::from(pixel[b]) / PIXELS as f64;
                }
            }
        }
        let (gram, mean) = (gram.map(|v| v as f32).to_vec(), mean.map(|v| v as f32).to_vec());
        LayerStatistics { weight: PIXELS as f64, gram, mean }
    }

    #[test]
    fn the_pull_is_the_gradient_of_the_style_loss() {
        for norm in [LossNorm::Absolute, LossNorm::Relative, LossNorm::Variance] {
            let recipe = Optimize {
                loss_norm: norm,
                style_weight: 1000.0,
                stats_weight: 3.0,
                ..Optimize::painterly()
            };
            let target = statistics(&features(2));
            let target = StyleTarget::new(&recipe, 1.0, 5.0, target.gram, target.mean);
            let at = features(1);
            let pull = target.pull(&statistics(&at));
            let analytic = |pixel: usize, channel: usize| {
                let row = &at[pixel * CHANNELS..][..CHANNELS];
                pull.mean[channel]
                    + (0..CHANNELS).map(|k| row[k] * pull.gram[k * CHANNELS + channel]).sum::<f32>()
            };
            let places =
                || (0..PIXELS).flat_map(|pixel| (0..CHANNELS).map(move |channel| (pixel, channel)));
            let largest =
                places().map(|(pixel, channel)| analytic(pixel, channel).abs()).fold(0.0, f32::max);
            for (pixel, channel) in places() {
                let moved = |delta: f32| {
                    let mut moved = at.clone();
                    moved[pixel * CHANNELS + channel] += delta;
                    target.pull(&statistics(&moved)).loss
                };
                let finite = ((moved(0.1) - moved(-0.1)) / 0.2) as f32;
                let analytic = analytic(pixel, channel);
                // Statistics are kept in single precision, which the largest slopes of the loss
                // multiply.
                assert!(
                    (finite - analytic).abs() < 1e-2 * finite.abs() + 1e-3 * largest,
                    "{norm:?}: {finite} {analytic} of {largest}"
                );
            }
        }
    }

    #[test]
    fn content_norms() {
        let p = features(3);
        let sums = ContentSums::of(CHANNELS, None, |visit| p.iter().copied().for_each(visit));
        let weight = |loss_norm| {
            sums.weight(&Optimize { loss_norm, content_weight: 3.0, ..Optimize::painterly() })
        };
        let count = p.len() as f64;
        let squares: f64 = p.iter().map(|&v| f64::from(v * v)).sum();
        assert!((weight(LossNorm::Absolute) - 3.0 / count).abs() < 1e-9);
        assert!(
            (weight(LossNorm::Relative) - 3.0 / squares).abs() < 1e-6 * weight(LossNorm::Relative)
        );
        assert!(weight(LossNorm::Variance) > weight(LossNorm::Relative));
    }
}
