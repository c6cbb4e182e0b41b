//! Back: the gradient of a layer's loss, the ReLU mask and what was read beyond the border.

use candle_core::{DType, Result, Tensor, bail};

use super::{
    Edges, LANES, Route, Sides, check_above, check_bias, check_mask, check_weights, map, typed,
};
use crate::launch::{Address, Output, Parameters, check, kernels, made, run};

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
    GATE_F32 = impasto_gate_f32;
    GATE_BF16 = impasto_gate_bf16;
    GATE_POOLED_F32 = impasto_gate_pooled_f32;
    GATE_POOLED_BF16 = impasto_gate_pooled_bf16;
}

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
