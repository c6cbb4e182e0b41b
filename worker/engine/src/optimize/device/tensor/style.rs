//! The gradient of the style loss with respect to the statistics, computed on the device by the
//! formulas of `objective.rs`.
//!
//! A layer's statistics are a matrix of a quarter million numbers. To transfer them to the host and
//! their gradient back would take longer than the whole pass over a small picture, so only three
//! sums per layer are transferred.

use candle_core::{DType, Result, Tensor};
use impasto_cuda::maps::Pulled;
use impasto_cuda::products;
use impasto_kernels::Layer;

use super::device_mask::spread;
use super::network::Network;
use super::statistics::{DeviceMoments, Sums, per_pixel};
use super::tile_pass::Kernels;
use crate::optimize::objective::{LEAST_DEVIATION, StyleTarget};

/// What one layer's statistics are to become, on a device.
pub(super) struct DeviceTarget {
    pub(super) layer: Layer,
    wanted: Wanted,
    weights: Weights,
}

enum Wanted {
    Composed {
        /// (channels, channels).
        gram: Tensor,
        /// (channels, 1), as the deviations.
        mean: Tensor,
        deviation: Tensor,
        /// Ones on the diagonal, (channels, channels).
        identity: Tensor,
    },
    Fused(products::Target),
}

/// Of the sums of squared differences of Gram matrices, means and deviations.
#[derive(Debug, Clone, Copy)]
struct Weights {
    gram: f64,
    mean: f64,
    deviation: f64,
}

/// How a layer's statistics pull on its features: the gradient at `F` is `gram F + mean`.
pub(super) struct DevicePull {
    pub(super) layer: Layer,
    /// (channels, channels), symmetric, in the type of the features.
    gram: Tensor,
    /// (channels, 1) in that type; with fused kernels (channels) in single precision.
    mean: Tensor,
    kernels: Kernels,
}

impl DeviceTarget {
    pub(super) fn new(layer: Layer, target: &StyleTarget, network: &Network) -> Result<Self> {
        let device = &network.device;
        let channels = target.mean.len();
        let deviation: Vec<f32> = target.deviation.iter().map(|&value| value as f32).collect();
        let weights = Weights {
            gram: target.gram_weight,
            mean: target.mean_weight,
            deviation: target.deviation_weight,
        };
        let gram = Tensor::from_slice(&target.gram, (channels, channels), device)?;
        let wanted = match network.kernels() {
            Kernels::Composed => Wanted::Composed {
                gram,
                mean: Tensor::from_slice(&target.mean, (channels, 1), device)?,
                deviation: Tensor::from_vec(deviation, (channels, 1), device)?,
                identity: Tensor::eye(channels, DType::F32, device)?,
            },
            Kernels::Fused => Wanted::Fused(products::Target {
                gram,
                mean: Tensor::from_slice(&target.mean, channels, device)?,
                deviation: Tensor::from_vec(deviation, channels, device)?,
                gram_weight: weights.gram as f32,
                mean_weight: weights.mean as f32,
                deviation_weight: weights.deviation as f32,
                least_deviation: LEAST_DEVIATION as f32,
            }),
        };
        Ok(Self { layer, wanted, weights })
    }

    /// How statistics pull. What their loss is summed from is added to `sums`: as many sums as
    /// [`DeviceTarget::loss`] takes.
    pub(super) fn pull(
        &self,
        moments: &DeviceMoments,
        network: &Network,
        sums: &mut Sums,
    ) -> Result<Option<DevicePull>> {
        let Weights { gram: gram_weight, mean: mean_weight, deviation: deviation_weight } =
            self.weights;
        let (wanted_gram, wanted_mean, wanted_deviation, identity) = match &self.wanted {
            Wanted::Composed { gram, mean, deviation, identity } => {
                (gram, mean, deviation, identity)
            }
            Wanted::Fused(target) => {
                let Some(moments_sums) = moments.sums() else { return Ok(None) };
                let pull =
                    products::pull(moments_sums, per_pixel(moments.weight), target, network.dtype)?;
                for squares in &pull.squares[..if deviation_weight > 0.0 { 3 } else { 2 }] {
                    sums.add(squares)?;
                }
                let kernels = network.kernels();
                return Ok(Some(DevicePull {
                    layer: self.layer,
                    gram: pull.at,
                    mean: pull.everywhere,
                    kernels,
                }));
            }
        };
        let Some((gram, mean)) = moments.normalized()? else { return Ok(None) };
        let per_pixel = per_pixel(moments.weight);
        let difference = (&gram - wanted_gram)?;
        sums.add(&difference.sqr()?)?;
        let mut gram_pull = (difference * (4.0 * gram_weight * per_pixel))?;
        let difference = (&mean - wanted_mean)?;
        sums.add(&difference.sqr()?)?;
        let mut mean_pull = (difference * (2.0 * mean_weight))?;
        if deviation_weight > 0.0 {
            let second = (&gram * identity)?.sum_keepdim(1)?;
            let deviation = ((second - mean.sqr()?)?.maximum(0.0_f32)?.sqrt()? + LEAST_DEVIATION)?;
            let difference = (&deviation - wanted_deviation)?;
            sums.add(&difference.sqr()?)?;
            let slope = ((difference / deviation)? * (2.0 * deviation_weight))?;
            gram_pull = (gram_pull + identity.broadcast_mul(&(&slope * per_pixel)?)?)?;
            mean_pull = (mean_pull - (slope * mean)?)?;
        }
        let (gram, mean) =
            (gram_pull.to_dtype(network.dtype)?, (mean_pull * per_pixel)?.to_dtype(network.dtype)?);
        Ok(Some(DevicePull { layer: self.layer, gram, mean, kernels: network.kernels() }))
    }

    /// The loss, from the sums that [`DeviceTarget::pull`] added.
    pub(super) fn loss(&self, sums: &mut impl Iterator<Item = f64>) -> f64 {
        let Weights { gram, mean, deviation } = self.weights;
        let weights = [gram, mean, deviation];
        let used = if deviation > 0.0 { &weights[..] } else { &weights[..2] };
        used.iter().zip(sums).map(|(weight, sum)| weight * sum).sum()
    }
}

impl DevicePull {
    /// The gradient at features; each pixel's by its weight, where weights are given, (height,
    /// width).
    pub(super) fn at(&self, features: &Tensor, weights: Option<Tensor>) -> Result<Pulled> {
        if self.kernels == Kernels::Fused {
            return Ok(Pulled {
                at: products::pulled(features, &self.gram)?,
                everywhere: Some(self.mean.clone()),
                weights,
            });
        }
        let (_, channels, height, width) = features.dims4()?;
        let product = self.gram.matmul(&features.reshape((channels, height * width))?)?;
        let at = product.broadcast_add(&self.mean)?.reshape((1, channels, height, width))?;
        weighed(at, weights)
    }
}

/// A layer's gradient, each pixel's by its weight: for maps that lie channels first.
pub(super) fn weighed(at: Tensor, weights: Option<Tensor>) -> Result<Pulled> {
    let at = match weights {
        Some(weights) => {
            let weights = spread(&weights, Kernels::Composed.axes())?.to_dtype(at.dtype())?;
            at.broadcast_mul(&weights)?
        }
        None => at,
    };
    Ok(Pulled { at, everywhere: None, weights: None })
}
