//! How statistics pull on features, worked out on the device: see the engine's `objective.rs`, whose formulas these are.
//!
//! A layer's statistics are a matrix of a quarter million numbers. To fetch them and to send back how they pull would take longer than the whole pass over a small picture; of all this
//! the host gets three sums a layer.

use candle_core::{DType, Device, Result, Tensor};
use impasto_kernels::Layer;

use super::network::Network;
use super::statistics::{DeviceMoments, Sums};
use crate::objective::{LEAST_DEVIATION, StyleTarget};

/// What one layer's statistics are to become, on a device.
pub(super) struct DeviceTarget {
    pub(super) layer: Layer,
    /// (channels, channels).
    gram: Tensor,
    /// (channels, 1), as the deviations.
    mean: Tensor,
    deviation: Tensor,
    /// Ones on the diagonal, (channels, channels).
    identity: Tensor,
    weights: Weights,
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
    /// (channels, 1).
    mean: Tensor,
}

impl DeviceTarget {
    pub(super) fn new(layer: Layer, target: &StyleTarget, device: &Device) -> Result<Self> {
        let channels = target.mean.len();
        let deviation: Vec<f32> = target.deviation.iter().map(|&value| value as f32).collect();
        Ok(Self {
            layer,
            gram: Tensor::from_slice(&target.gram, (channels, channels), device)?,
            mean: Tensor::from_slice(&target.mean, (channels, 1), device)?,
            deviation: Tensor::from_vec(deviation, (channels, 1), device)?,
            identity: Tensor::eye(channels, DType::F32, device)?,
            weights: Weights { gram: target.gram_weight, mean: target.mean_weight, deviation: target.deviation_weight },
        })
    }

    /// How statistics pull. What their loss is summed from is added to `sums`: as many sums as [`DeviceTarget::loss`] takes.
    pub(super) fn pull(&self, moments: &DeviceMoments, network: &Network, sums: &mut Sums) -> Result<Option<DevicePull>> {
        let Some((gram, mean)) = moments.normalized()? else { return Ok(None) };
        let Weights { gram: gram_weight, mean: mean_weight, deviation: deviation_weight } = self.weights;
        let per_pixel = 1.0 / moments.pixels as f64;
        let difference = (&gram - &self.gram)?;
        sums.add(&difference.sqr()?)?;
        let mut gram_pull = (difference * (4.0 * gram_weight * per_pixel))?;
        let difference = (&mean - &self.mean)?;
        sums.add(&difference.sqr()?)?;
        let mut mean_pull = (difference * (2.0 * mean_weight))?;
        if deviation_weight > 0.0 {
            let second = (&gram * &self.identity)?.sum_keepdim(1)?;
            let deviation = ((second - mean.sqr()?)?.maximum(0.0_f32)?.sqrt()? + LEAST_DEVIATION)?;
            let difference = (&deviation - &self.deviation)?;
            sums.add(&difference.sqr()?)?;
            let slope = ((difference / deviation)? * (2.0 * deviation_weight))?;
            gram_pull = (gram_pull + self.identity.broadcast_mul(&(&slope * per_pixel)?)?)?;
            mean_pull = (mean_pull - (slope * mean)?)?;
        }
        let (gram, mean) = (gram_pull.to_dtype(network.dtype)?, (mean_pull * per_pixel)?.to_dtype(network.dtype)?);
        Ok(Some(DevicePull { layer: self.layer, gram, mean }))
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
    /// The gradient at features (1, channels, height, width).
    pub(super) fn at(&self, features: &Tensor) -> Result<Tensor> {
        let (_, channels, height, width) = features.dims4()?;
        let product = self.gram.matmul(&features.reshape((channels, height * width))?)?;
        product.broadcast_add(&self.mean)?.reshape((1, channels, height, width))
    }
}
