//! The kernels between convolutions.

use candle_core::{DType, Result, Tensor, bail};
use impasto_kernels::{Edge, Pool};

use crate::launch::{Address, Kernel, Output, Parameters, check, kernels, made, run};

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

/// What is to be kept of a layer's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Framed, for the next convolution.
    pub framed: bool,
    /// As they are, for a loss.
    pub features: bool,
    /// One bit for each value: whether it is above zero.
    pub mask: bool,
}

/// A layer's features after bias and ReLU: what of them was to be kept.
#[derive(Debug, Default)]
pub struct Activated {
    /// (height + 2, width + 2, channels).
    pub framed: Option<Tensor>,
    /// (height, width, channels).
    pub features: Option<Tensor>,
    /// Bytes, (height, width, channels / 8).
    pub mask: Option<Tensor>,
}

/// Where a pooled map's gradient goes.
#[derive(Debug)]
pub enum Route {
    /// To the first maximum of each window in reading order: its place in the window, or 4 where
    /// all are zero; bytes in the shape of the pooled map.
    Winner(Tensor),
    /// In equal shares to each pixel of a window that its ReLU lets through: a mask as that of
    /// [`Activated`].
    Shares(Tensor),
}

/// What the ReLU of a layer let through.
#[derive(Debug, Clone, Copy)]
pub enum Through<'a> {
    Features(&'a Tensor),
    Mask(&'a Tensor),
}

/// What a layer's own loss adds to the gradient at its features.
#[derive(Debug)]
pub struct Pulled {
    /// In the shape and the type of the features.
    pub at: Tensor,
    /// What is added at every pixel, one value a channel, in single precision.
    pub everywhere: Option<Tensor>,
    /// What both are multiplied by: the pixels' weights in a mask, (height, width) in single
    /// precision.
    pub weights: Option<Tensor>,
}

kernels! {
    ACTIVATE_F32 = impasto_activate_f32;
    ACTIVATE_BF16 = impasto_activate_bf16;
    ACTIVATE_POOLED_F32 = impasto_activate_pooled_f32;
    ACTIVATE_POOLED_BF16 = impasto_activate_pooled_bf16;
    GATE_F32 = impasto_gate_f32;
    GATE_BF16 = impasto_gate_bf16;
    GATE_POOLED_F32 = impasto_gate_pooled_f32;
    GATE_POOLED_BF16 = impasto_gate_pooled_bf16;
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Activate {
    convolved: Address,
    bias: Address,
    framed: Address,
    features: Address,
    mask: Address,
    height: i32,
    width: i32,
    channels: i32,
    edge_x: i32,
    edge_y: i32,
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for Activate {}

#[repr(C)]
#[derive(Clone, Copy)]
struct ActivatePooled {
    convolved: Address,
    bias: Address,
    framed: Address,
    winner: Address,
    mask: Address,
    height: i32,
    width: i32,
    channels: i32,
    edge_x: i32,
    edge_y: i32,
    seam_x: i32,
    seam_y: i32,
    pooled_height: i32,
    pooled_width: i32,
    is_max: i32,
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for ActivatePooled {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Gate {
    above: Address,
    pulled: Address,
    everywhere: Address,
    weights: Address,
    features: Address,
    mask: Address,
    framed: Address,
    height: i32,
    width: i32,
    channels: i32,
    edge_x: i32,
    edge_y: i32,
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for Gate {}

#[repr(C)]
#[derive(Clone, Copy)]
struct GatePooled {
    above: Address,
    winner: Address,
    mask: Address,
    framed: Address,
    height: i32,
    width: i32,
    channels: i32,
    edge_x: i32,
    edge_y: i32,
    seam_x: i32,
    seam_y: i32,
    pooled_height: i32,
    pooled_width: i32,
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for GatePooled {}

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

/// The features of what a convolution gave, (height, width, channels): bias, (channels) in single
/// precision, and ReLU.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn activate(convolved: &Tensor, bias: &Tensor, edges: Edges, keep: Keep) -> Result<Activated> {
    let (height, width, channels) = map(convolved)?;
    check_bias(bias, channels)?;
    let dtype = convolved.dtype();
    let outputs = [
        keep.framed.then(|| Output::new(dtype, (height + 2, width + 2, channels))),
        keep.features.then(|| Output::new(dtype, (height, width, channels))),
        keep.mask.then(|| Output::new(DType::U8, (height, width, channels / LANES))),
    ];
    let (edge_x, edge_y) = edges.codes();
    let parameters =
        |[convolved, bias]: [Address; 2], [framed, features, mask]: [Address; 3]| Activate {
            convolved,
            bias,
            framed,
            features,
            mask,
            height: height as i32,
            width: width as i32,
            channels: channels as i32,
            edge_x,
            edge_y,
        };
    let kernel = typed(dtype, ACTIVATE_F32, ACTIVATE_BF16)?;
    let threads = (height + 2) * (width + 2) * channels / LANES;
    // SAFETY: the kernel has a thread for each eight values of the framed map; those of its inside
    // write the other outputs whole, and all read what the source of their pixel names, which is
    // within the map.
    let [framed, features, mask] = unsafe {
        run(kernel, convolved.device(), [Some(convolved), Some(bias)], outputs, threads, parameters)
    }?;
    Ok(Activated { framed, features, mask })
}

/// The same, pooled over windows of 2 x 2, framed. `sides` are those of `convolved`. Windows at an
/// odd end hold the pixels that there are. Averages are doubled, as the network was normalised for.
/// Where gradients go is kept on demand.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn activate_pooled(
    convolved: &Tensor,
    bias: &Tensor,
    edges: Edges,
    pool: Pool,
    sides: Sides,
    keep_route: bool,
) -> Result<(Tensor, Option<Route>)> {
    let (height, width, channels) = map(convolved)?;
    check_bias(bias, channels)?;
    check_sides(sides, height, width)?;
    let dtype = convolved.dtype();
    let pooled = sides.pooled();
    let is_max = pool == Pool::Max;
    let outputs = [
        Some(Output::new(dtype, (pooled.height + 2, pooled.width + 2, channels))),
        (keep_route && is_max)
            .then(|| Output::new(DType::U8, (pooled.height, pooled.width, channels))),
        (keep_route && !is_max).then(|| Output::new(DType::U8, (height, width, channels / LANES))),
    ];
    let (edge_x, edge_y) = edges.codes();
    let parameters =
        |[convolved, bias]: [Address; 2], [framed, winner, mask]: [Address; 3]| ActivatePooled {
            convolved,
            bias,
            framed,
            winner,
            mask,
            height: height as i32,
            width: width as i32,
            channels: channels as i32,
            edge_x,
            edge_y,
            seam_x: sides.seam_x as i32,
            seam_y: sides.seam_y as i32,
            pooled_height: pooled.height as i32,
            pooled_width: pooled.width as i32,
            is_max: i32::from(is_max),
        };
    let kernel = typed(dtype, ACTIVATE_POOLED_F32, ACTIVATE_POOLED_BF16)?;
    let threads = (pooled.height + 2) * (pooled.width + 2) * channels / LANES;
    // SAFETY: the kernel has a thread for each eight values of the framed map; those of its inside
    // write the winners whole, or the bits of each pixel of their windows, which together are the
    // map.
    let [framed, winner, mask] = unsafe {
        run(kernel, convolved.device(), [Some(convolved), Some(bias)], outputs, threads, parameters)
    }?;
    Ok((made(framed)?, winner.map(Route::Winner).or(mask.map(Route::Shares))))
}

/// The gradient before bias and ReLU, framed for the convolution that goes back, from that at the
/// features. `above` is what that convolution of the layer above gave; both it and what the layer's
/// own loss pulls may be missing. `sides` are those of the features.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn gate(
    above: Option<&Tensor>,
    pulled: Option<&Pulled>,
    through: Through<'_>,
    sides: Sides,
    edges: Edges,
) -> Result<Tensor> {
    let Sides { width, height, .. } = sides;
    let (features, mask) = match through {
        Through::Features(features) => (Some(features), None),
        Through::Mask(mask) => (None, Some(mask)),
    };
    let Some(one) = above.or(pulled.map(|pulled| &pulled.at)) else {
        bail!("there is no gradient to gate")
    };
    let (_, _, channels) = map(one)?;
    let dtype = one.dtype();
    check_above(above, sides, channels, edges)?;
    if let Some(Pulled { at, everywhere, weights }) = pulled {
        check(
            at.dims() == [height, width, channels] && at.dtype() == dtype,
            "what pulls does not fit the features",
        )?;
        if let Some(everywhere) = everywhere {
            check_bias(everywhere, channels)?;
        }
        check_weights(weights.as_ref(), height, width)?;
    }
    if let Some(features) = features {
        check(
            features.dims() == [height, width, channels] && features.dtype() == dtype,
            "features do not fit their gradient",
        )?;
    }
    check_mask(mask, height, width, channels)?;
    let (edge_x, edge_y) = edges.codes();
    let inputs = [
        above,
        pulled.map(|pulled| &pulled.at),
        pulled.and_then(|pulled| pulled.everywhere.as_ref()),
        pulled.and_then(|pulled| pulled.weights.as_ref()),
        features,
        mask,
    ];
    let parameters = |[above, pulled, everywhere, weights, features, mask]: [Address; 6],
                      [framed]: [Address; 1]| Gate {
        above,
        pulled,
        everywhere,
        weights,
        features,
        mask,
        framed,
        height: height as i32,
        width: width as i32,
        channels: channels as i32,
        edge_x,
        edge_y,
    };
    let outputs = [Some(Output::new(dtype, (height + 2, width + 2, channels)))];
    let kernel = typed(dtype, GATE_F32, GATE_BF16)?;
    let threads = (height + 2) * (width + 2) * channels / LANES;
    // SAFETY: the kernel has a thread for each eight values of the framed gradient, and reads at
    // the pixel that it stands for, within tensors of that size.
    let [framed] = unsafe { run(kernel, one.device(), inputs, outputs, threads, parameters) }?;
    made(framed)
}

/// The same through a pooling: `above` is the gradient at the pooled map, `sides` are those of the
/// map that was pooled.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn gate_pooled(above: &Tensor, route: &Route, sides: Sides, edges: Edges) -> Result<Tensor> {
    let (_, _, channels) = map(above)?;
    let pooled = sides.pooled();
    check_above(Some(above), pooled, channels, edges)?;
    let (winner, mask) = match route {
        Route::Winner(winner) => (Some(winner), None),
        Route::Shares(mask) => (None, Some(mask)),
    };
    if let Some(winner) = winner {
        let fits =
            winner.dims() == [pooled.height, pooled.width, channels] && winner.dtype() == DType::U8;
        check(fits, "the winners of a pooling do not fit its gradient")?;
    }
    let Sides { width, height, seam_x, seam_y } = sides;
    check_mask(mask, height, width, channels)?;
    let (edge_x, edge_y) = edges.codes();
    let parameters = |[above, winner, mask]: [Address; 3], [framed]: [Address; 1]| GatePooled {
        above,
        winner,
        mask,
        framed,
        height: height as i32,
        width: width as i32,
        channels: channels as i32,
        edge_x,
        edge_y,
        seam_x: seam_x as i32,
        seam_y: seam_y as i32,
        pooled_height: pooled.height as i32,
        pooled_width: pooled.width as i32,
    };
    let outputs = [Some(Output::new(above.dtype(), (height + 2, width + 2, channels)))];
    let kernel = typed(above.dtype(), GATE_POOLED_F32, GATE_POOLED_BF16)?;
    let threads = (height + 2) * (width + 2) * channels / LANES;
    // SAFETY: the kernel has a thread for each eight values of the framed gradient, and reads at
    // the pixel that it stands for and at that pixel's window, within tensors of those sizes.
    let [framed] = unsafe {
        run(kernel, above.device(), [Some(above), winner, mask], outputs, threads, parameters)
    }?;
    made(framed)
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
