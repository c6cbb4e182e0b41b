//! Kernels over pictures and vectors of their size, (height, width, 3) in single precision.

use candle_core::{DType, Result, Tensor};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};

kernels! {
    FREE = impasto_free;
    ADAM = impasto_adam;
    VARIATION = impasto_variation;
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Free {
    picture: Address,
    gradient: Address,
    free: Address,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Free {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Adam {
    picture: Address,
    gradient: Address,
    first: Address,
    second: Address,
    average: Address,
    next: Address,
    next_first: Address,
    next_second: Address,
    next_average: Address,
    rates: AdamRates,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Adam {}

/// What a step of Adam is scaled by.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct AdamRates {
    pub beta_1: f32,
    pub beta_2: f32,
    /// The share of the past in the average of pictures.
    pub averaging: f32,
    /// The step in levels, divided by what frees the first moment of its start at zero.
    pub step: f32,
    /// What frees the second moment of it.
    pub free: f32,
    pub epsilon: f32,
}

/// What Adam remembers, each in the shape of the picture.
#[derive(Debug, Clone)]
pub struct AdamState {
    pub first: Tensor,
    pub second: Tensor,
    pub average: Option<Tensor>,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Variation {
    picture: Address,
    gradient: Address,
    sum: Address,
    squares: Address,
    height: i32,
    width: i32,
    wraps_x: i32,
    wraps_y: i32,
    scale: f32,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Variation {}

/// A gradient with zero where a value stands at a bound, 0 or 255, and the loss falls only beyond
/// it.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn free(picture: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    check_vectors(&[picture, gradient])?;
    let parameters =
        |[picture, gradient]: [Address; 2], [free]: [Address; 1]| Free { picture, gradient, free };
    let outputs = [Some(Output::new(DType::F32, picture.shape()))];
    // SAFETY: the kernel has a thread for each value.
    let [free] = unsafe {
        run(
            FREE,
            picture.device(),
            [Some(picture), Some(gradient)],
            outputs,
            picture.elem_count(),
            parameters,
        )
    }?;
    made(free)
}

/// The picture after a step of Adam, within 0 and 255, and what Adam remembers then.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn adam(
    picture: &Tensor,
    gradient: &Tensor,
    state: &AdamState,
    rates: AdamRates,
) -> Result<(Tensor, AdamState)> {
    let AdamState { first, second, average } = state;
    check_vectors(&[picture, gradient, first, second, average.as_ref().unwrap_or(first)])?;
    let parameters = |[picture, gradient, first, second, average]: [Address; 5],
                      outputs: [Address; 4]| {
        let [next, next_first, next_second, next_average] = outputs;
        Adam {
            picture,
            gradient,
            first,
            second,
            average,
            next,
            next_first,
            next_second,
            next_average,
            rates,
        }
    };
    let vector = || Output::new(DType::F32, picture.shape());
    let inputs = [Some(picture), Some(gradient), Some(first), Some(second), average.as_ref()];
    let outputs =
        [Some(vector()), Some(vector()), Some(vector()), average.as_ref().map(|_| vector())];
    // SAFETY: the kernel has a thread for each value.
    let outputs =
        unsafe { run(ADAM, picture.device(), inputs, outputs, picture.elem_count(), parameters) }?;
    let [next, first, second, average] = outputs;
    Ok((made(next)?, AdamState { first: made(first)?, second: made(second)?, average }))
}

/// `gradient` plus that of `scale` times the picture's total variation, and of each pixel its
/// squared differences to the next along both axes, (height, width). Along an axis that wraps, the
/// first pixel is next to the last.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn variation(
    picture: &Tensor,
    gradient: &Tensor,
    wraps_x: bool,
    wraps_y: bool,
    scale: f32,
) -> Result<(Tensor, Tensor)> {
    check_vectors(&[picture, gradient])?;
    let (height, width, channels) = picture.dims3()?;
    check(channels == 3, "a picture has three channels")?;
    let parameters = |[picture, gradient]: [Address; 2], [sum, squares]: [Address; 2]| Variation {
        picture,
        gradient,
        sum,
        squares,
        height: height as i32,
        width: width as i32,
        wraps_x: i32::from(wraps_x),
        wraps_y: i32::from(wraps_y),
        scale,
    };
    let outputs = [
        Some(Output::new(DType::F32, picture.shape())),
        Some(Output::new(DType::F32, (height, width))),
    ];
    // SAFETY: the kernel has a thread for each pixel, and reads its neighbours within the picture.
    let [sum, squares] = unsafe {
        run(
            VARIATION,
            picture.device(),
            [Some(picture), Some(gradient)],
            outputs,
            height * width,
            parameters,
        )
    }?;
    Ok((made(sum)?, made(squares)?))
}

pub(crate) fn check_vectors(vectors: &[&Tensor]) -> Result<()> {
    let fit = vectors
        .iter()
        .all(|vector| vector.dims() == vectors[0].dims() && vector.dtype() == DType::F32);
    check(fit, "vectors of a picture differ in shape, or are not in single precision")
}
