//! The first guess at the inverse Hessian, as tensor operations: see the optimiser's
//! `smoothing.rs`, whose tables it takes.

use candle_core::{Device, Result, Tensor};
use impasto_cuda::halving::{self, HalvedAxis};

use super::tile_pass::Kernels;
use crate::optimize::optimizer::smoothing::{self, EVEN, Frame, WEIGHT};

/// The operator `M` for pictures (height, width, 3) of one size.
pub(super) enum Smoothing {
    Composed(Vec<Level>),
    /// Each time across and down.
    Fused(Vec<(HalvedAxis, HalvedAxis)>),
}

/// One halving.
pub(super) struct Level {
    across: Axis,
    down: Axis,
}

/// Which lines of one axis make which lines of its half, and the other way round.
struct Axis {
    axis: usize,
    /// For each place of the filter: the fine line that each coarse one reads there, and its
    /// weight.
    taps: Vec<(Tensor, Tensor)>,
    /// Whether each filter is that of an even length.
    is_even: bool,
    /// For each of the coarse lines that a fine one is part of: which it is, and the share.
    spread: Vec<(Tensor, Tensor)>,
}

impl Smoothing {
    pub(super) fn new(frame: Frame, kernels: Kernels, device: &Device) -> Result<Self> {
        if kernels == Kernels::Fused {
            let axis = |axis: &smoothing::Axis| {
                HalvedAxis::new(&axis.taps, &axis.filters, &axis.spread, device)
            };
            let level = |(across, down): (smoothing::Axis, smoothing::Axis)| {
                Ok((axis(&across)?, axis(&down)?))
            };
            return Ok(Self::Fused(
                smoothing::halvings(frame).into_iter().map(level).collect::<Result<_>>()?,
            ));
        }
        let level = |(across, down): (smoothing::Axis, smoothing::Axis)| {
            Ok(Level { across: Axis::new(&across, 1, device)?, down: Axis::new(&down, 0, device)? })
        };
        Ok(Self::Composed(
            smoothing::halvings(frame).into_iter().map(level).collect::<Result<_>>()?,
        ))
    }

    /// `M picture`.
    pub(super) fn apply(&self, picture: &Tensor) -> Result<Tensor> {
        match self {
            Self::Composed(levels) => smoothed(levels, WEIGHT, picture),
            Self::Fused(levels) => smoothed_by_kernels(levels, WEIGHT, picture),
        }
    }
}

/// A picture plus its versions at `levels`, the first with this weight, each further one with twice
/// the weight of the one before.
fn smoothed(levels: &[Level], weight: f32, picture: &Tensor) -> Result<Tensor> {
    let Some((Level { across, down }, coarser)) = levels.split_first() else {
        return Ok(picture.clone());
    };
    let halved = smoothed(coarser, 2.0, &across.halved(&down.halved(picture)?)?)?;
    let enlarged = down.enlarged(&across.enlarged(&halved)?)?;
    picture + (enlarged * (4.0 * f64::from(weight)))?
}

fn smoothed_by_kernels(
    levels: &[(HalvedAxis, HalvedAxis)],
    weight: f32,
    picture: &Tensor,
) -> Result<Tensor> {
    let Some(((across, down), coarser)) = levels.split_first() else { return Ok(picture.clone()) };
    let half = halving::halve(picture, across, down)?;
    halving::enlarge(
        picture,
        &smoothed_by_kernels(coarser, 2.0, &half)?,
        across,
        down,
        4.0 * weight,
    )
}

impl Axis {
    fn new(table: &smoothing::Axis, axis: usize, device: &Device) -> Result<Self> {
        let lines = |lines: Vec<usize>| {
            let len = lines.len();
            Tensor::from_vec(
                lines.into_iter().map(|line| line as u32).collect::<Vec<_>>(),
                len,
                device,
            )
        };
        let along = |weights: Vec<f32>| {
            let len = weights.len();
            Tensor::from_vec(weights, if axis == 0 { (len, 1, 1) } else { (1, len, 1) }, device)
        };
        let taps = (0..4)
            .map(|tap| {
                let weights = table.filters.iter().map(|filter| filter[tap]).collect();
                Ok((lines(table.taps.iter().map(|taps| taps[tap]).collect())?, along(weights)?))
            })
            .collect::<Result<_>>()?;
        let merged: Vec<_> = table.spread.iter().map(|shares| merged(shares)).collect();
        let most = merged.iter().map(Vec::len).max().unwrap_or(0);
        let spread = (0..most)
            .map(|which| {
                let (line, share): (Vec<_>, Vec<_>) = merged
                    .iter()
                    .map(|shares| shares.get(which).copied().unwrap_or((0, 0.0)))
                    .unzip();
                Ok((lines(line)?, along(share)?))
            })
            .collect::<Result<_>>()?;
        let is_even = table.filters.iter().all(|filter| *filter == EVEN);
        Ok(Self { axis, taps, is_even, spread })
    }

    /// Summed in the host's order.
    fn halved(&self, picture: &Tensor) -> Result<Tensor> {
        let read = |tap: usize| picture.index_select(&self.taps[tap].0, self.axis);
        if self.is_even {
            let outer = ((read(0)? + read(3)?)? * f64::from(EVEN[0]))?;
            let inner = ((read(1)? + read(2)?)? * f64::from(EVEN[1]))?;
            return outer + inner;
        }
        let part = |tap: usize| read(tap)?.broadcast_mul(&self.taps[tap].1);
        (part(0)? + part(3)?)? + (part(1)? + part(2)?)?
    }

    /// The transpose of [`Axis::halved`].
    fn enlarged(&self, halved: &Tensor) -> Result<Tensor> {
        let part = |(lines, share): &(Tensor, Tensor)| {
            halved.index_select(lines, self.axis)?.broadcast_mul(share)
        };
        let (first, rest) = self
            .spread
            .split_first()
            .ok_or_else(|| candle_core::Error::Msg("an axis without lines".to_owned()))?;
        rest.iter().try_fold(part(first)?, |sum, next| sum + part(next)?)
    }
}

/// The same shares, those of one line added up.
fn merged(shares: &[(usize, f32)]) -> Vec<(usize, f32)> {
    let mut merged: Vec<(usize, f32)> = Vec::new();
    for &(line, share) in shares {
        match merged.iter_mut().find(|(known, _)| *known == line) {
            Some((_, sum)) => *sum += share,
            None => merged.push((line, share)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    #[test]
    fn it_is_the_operator_of_the_host() -> Result<()> {
        for (width, height, wrap_x, wrap_y) in [
            (32, 48, false, false),
            (17, 33, false, true),
            (31, 40, true, true),
            (5, 90, false, true),
        ] {
            let frame = Frame { width, height, wrap_x, wrap_y };
            let mut noise = Noise::new(3);
            let mut picture: Vec<f32> = (0..frame.len()).map(|_| noise.normal()).collect();
            let tensor = Tensor::from_slice(&picture, (height, width, 3), &Device::Cpu)?;
            smoothing::Smoothing::new(frame).apply(&mut picture);
            for kernels in [Kernels::Composed, Kernels::Fused] {
                let found = Smoothing::new(frame, kernels, &Device::Cpu)?
                    .apply(&tensor)?
                    .flatten_all()?
                    .to_vec1::<f32>()?;
                let apart =
                    found.iter().zip(&picture).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                // Values are of the order of a hundred; sums are taken in another order.
                assert!(apart < 1e-4, "{frame:?} {kernels:?}: {apart}");
            }
        }
        Ok(())
    }
}
