//! Forward: bias, ReLU and pooling of what a convolution gave.

use candle_core::{DType, Result, Tensor};
use impasto_kernels::Pool;

use super::{Edges, LANES, Sides, check_bias, check_sides, map, typed};
use crate::launch::{Address, Output, Parameters, kernels, made, run};

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

kernels! {
    ACTIVATE_F32 = impasto_activate_f32;
    ACTIVATE_BF16 = impasto_activate_bf16;
    ACTIVATE_POOLED_F32 = impasto_activate_pooled_f32;
    ACTIVATE_POOLED_BF16 = impasto_activate_pooled_bf16;
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
