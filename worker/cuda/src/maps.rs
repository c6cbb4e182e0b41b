//! The kernels between convolutions.

mod activation;
mod gate;

use candle_core::{DType, Result, Tensor, bail};
use impasto_kernels::Edge;

pub use activation::{Activated, Keep, Route, activate, activate_pooled};
pub use gate::{Pulled, Through, gate, gate_pooled};

use crate::launch::{Kernel, check};

/// Channels are computed eight at a time: every map's are a multiple of that.
pub const LANES: usize = 8;

/// What lies beyond the borders of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edges {
    pub x: Edge,
    pub y: Edge,
}

/// The sides of a map in pixels, and after how many of its lines the picture begins anew, so that
/// windows do too; 0 where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    pub width: usize,
    pub height: usize,
    pub seam_x: usize,
    pub seam_y: usize,
}

impl Edges {
    /// How many lines more the gradient that a convolution gives has on each side, (x, y): what was
    /// read by replicating or reflecting has a gradient of its own there.
    pub fn folds(self) -> (usize, usize) {
        let folds = |edge| usize::from(matches!(edge, Edge::Replicate | Edge::Reflect));
        (folds(self.x), folds(self.y))
    }

    pub(crate) fn codes(self) -> (i32, i32) {
        let code = |edge| match edge {
            Edge::Zero => 0,
            Edge::Replicate => 1,
            Edge::Reflect => 2,
            Edge::Wrap => 3,
        };
        (code(self.x), code(self.y))
    }
}

impl Sides {
    /// The sides of the map that this one is pooled to.
    pub fn pooled(self) -> Self {
        let half = |len: usize, seam: usize| seam.div_ceil(2) + (len - seam).div_ceil(2);
        Self {
            width: half(self.width, self.seam_x),
            height: half(self.height, self.seam_y),
            seam_x: self.seam_x.div_ceil(2),
            seam_y: self.seam_y.div_ceil(2),
        }
    }
}

/// The kernel for this type of values.
pub(crate) fn typed(dtype: DType, f32: Kernel, bf16: Kernel) -> Result<Kernel> {
    match dtype {
        DType::F32 => Ok(f32),
        DType::BF16 => Ok(bf16),
        other => bail!("maps are bf16 or single, not {other:?}"),
    }
}

/// Height, width and channels, which the kernels can count.
pub(crate) fn map(map: &Tensor) -> Result<(usize, usize, usize)> {
    let (height, width, channels) = map.dims3()?;
    check(channels > 0 && channels.is_multiple_of(LANES), "channels are not a multiple of eight")?;
    let values = (height + 2).saturating_mul(width + 2).saturating_mul(channels);
    check(
        height > 0 && width > 0 && values <= i32::MAX as usize,
        "a map has no pixels, or too many",
    )?;
    Ok((height, width, channels))
}

fn check_bias(bias: &Tensor, channels: usize) -> Result<()> {
    check(bias.dims() == [channels] && bias.dtype() == DType::F32, "a bias does not fit its map")
}

fn check_sides(sides: Sides, height: usize, width: usize) -> Result<()> {
    let fits = (sides.height, sides.width) == (height, width)
        && sides.seam_x < width
        && sides.seam_y < height;
    check(fits, "sides do not fit their map")
}

fn check_mask(mask: Option<&Tensor>, height: usize, width: usize, channels: usize) -> Result<()> {
    let fits = mask.is_none_or(|mask| {
        mask.dims() == [height, width, channels / LANES] && mask.dtype() == DType::U8
    });
    check(fits, "a mask does not fit its map")
}

/// A weight for each pixel, where there are any.
pub(crate) fn check_weights(weights: Option<&Tensor>, height: usize, width: usize) -> Result<()> {
    let fits = weights
        .is_none_or(|weights| weights.dims() == [height, width] && weights.dtype() == DType::F32);
    check(fits, "weights do not fit their map")
}

fn check_above(above: Option<&Tensor>, sides: Sides, channels: usize, edges: Edges) -> Result<()> {
    let (fold_x, fold_y) = edges.folds();
    let expected = [sides.height + 2 * fold_y, sides.width + 2 * fold_x, channels];
    check(
        above.is_none_or(|above| above.dims() == expected),
        "the gradient from above does not fit its map",
    )
}
