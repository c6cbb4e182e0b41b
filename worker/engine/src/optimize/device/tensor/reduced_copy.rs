//! The reduced copy of a picture in a device's memory, and the layers that are evaluated there.

use candle_core::{Device, Result, Tensor};

use super::style::DeviceTarget;
use super::tiles::{ACROSS, DOWN, Tiles};
use crate::optimize::device::reduction::Reduction;
use crate::resize::{Resampling, Taps};

/// See the host's copy.
pub(super) struct ReducedCopy {
    pub(super) tiles: Tiles,
    pub(super) style: Vec<DeviceTarget>,
    /// Whether the content is compared with here.
    pub(super) content: bool,
    there: DeviceResampling,
    back: DeviceResampling,
}

impl ReducedCopy {
    pub(super) fn new(
        tiles: Tiles,
        style: Vec<DeviceTarget>,
        content: bool,
        reduction: &Reduction,
        device: &Device,
    ) -> Result<Self> {
        let (there, back) = reduction.resamplings();
        let there = DeviceResampling::new(there, device)?;
        let back = DeviceResampling::new(back, device)?;
        Ok(Self { tiles, style, content, there, back })
    }

    /// What the network sees of a canvas, (height, width, 3).
    pub(super) fn reduced(&self, canvas: &Tensor) -> Result<Tensor> {
        self.there.apply(canvas)
    }

    /// The gradient at a canvas, from that at its copy.
    pub(super) fn carried_back(&self, slope: &Tensor) -> Result<Tensor> {
        self.back.apply(slope)
    }
}

/// See [`Resampling`]: sums of lines that are selected and weighed.
struct DeviceResampling {
    across: Vec<Rank>,
    down: Vec<Rank>,
}

/// One source line and its weight for each line that is made.
struct Rank {
    lines: Tensor,
    weights: Tensor,
}

impl DeviceResampling {
    fn new(resampling: &Resampling, device: &Device) -> Result<Self> {
        let ranks = |taps: &Taps, shape: fn(usize) -> (usize, usize, usize)| {
            let ranks = taps.by_rank().into_iter().map(|(lines, weights)| {
                let shape = shape(weights.len());
                let weights = Tensor::from_vec(weights, shape, device)?;
                Ok(Rank { lines: Tensor::new(lines, device)?, weights })
            });
            ranks.collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            across: ranks(resampling.across(), |len| (1, len, 1))?,
            down: ranks(resampling.down(), |len| (len, 1, 1))?,
        })
    }

    fn apply(&self, values: &Tensor) -> Result<Tensor> {
        let rows = along(values, &self.down, DOWN)?;
        along(&rows, &self.across, ACROSS)
    }
}

fn along(values: &Tensor, ranks: &[Rank], axis: usize) -> Result<Tensor> {
    let values = values.contiguous()?;
    let mut sum: Option<Tensor> = None;
    for Rank { lines, weights } in ranks {
        let part = values.index_select(lines, axis)?.broadcast_mul(weights)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    sum.map_or_else(|| values.zeros_like(), Ok)
}
