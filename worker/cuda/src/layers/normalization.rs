//! Instance normalisation: each channel by its own mean and variance over the whole map. Moments
//! are taken of parts of a map and merged in order.

use candle_core::{DType, Device, Result, Tensor};

use super::{Affine, FOUR, check_map};
use crate::launch::{Address, Output, Parameters, check, kernels, made, run};

kernels! {
    MEASURE = impasto_measure;
    MERGE_PARTS = impasto_merge_parts;
    NORMALIZE = impasto_normalize;
}

/// Pixels that one thread measures, about.
const PART_PIXELS: usize = 256;

/// Enough parts to use a whole card.
const MOST_PARTS: usize = 1 << 15;

/// Parts that one thread merges.
const PARTS_EACH: usize = 32;

/// Values of a part: pixels, mean and spread.
const PART_VALUES: usize = 3;

#[repr(C)]
#[derive(Clone, Copy)]
struct Measure {
    map: Address,
    parts: Address,
    pixels: u64,
    channels: i32,
    count: u32,
}

// SAFETY: laid out as in kernels/layers.h.
unsafe impl Parameters for Measure {}

#[repr(C)]
#[derive(Clone, Copy)]
struct MergeParts {
    parts: Address,
    fewer: Address,
    channels: i32,
    count: u32,
    each: u32,
}

// SAFETY: laid out as in kernels/layers.h.
unsafe impl Parameters for MergeParts {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Normalize {
    parts: Address,
    gamma: Address,
    beta: Address,
    scale: Address,
    shift: Address,
    epsilon: f64,
    flat: f64,
    channels: i32,
    count: u32,
}

// SAFETY: laid out as in kernels/layers.h.
unsafe impl Parameters for Normalize {}

/// The factors of a normalisation, one for each channel, in single precision.
#[derive(Debug)]
pub struct Factors {
    gamma: Tensor,
    beta: Tensor,
}

impl Factors {
    /// Those of several layers, gamma and beta of each.
    ///
    /// # Errors
    /// Where they are of different channels, or the device fails.
    pub fn all(layers: &[[&[f32]; 2]], device: &Device) -> Result<Vec<Self>> {
        // Sent at once, since each way to a card takes its time.
        let sent = {
            let all = layers.as_flattened().concat();
            let len = all.len();
            Tensor::from_vec(all, len, device)?
        };
        let mut start = 0;
        let mut next = |values: &[f32]| {
            let own = sent.narrow(0, start, values.len());
            start += values.len();
            own
        };
        let layer = |[gamma, beta]: &[&[f32]; 2]| {
            check(gamma.len() == beta.len(), "factors are not of the same channels")?;
            Ok(Self { gamma: next(gamma)?, beta: next(beta)? })
        };
        layers.iter().map(layer).collect()
    }
}

/// The normalisation of a map: each channel gets a mean of 0 and a deviation of 1, then `gamma` and
/// `beta`. `epsilon` is added to variances; a channel whose variance is below `flat` has none.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn normalization(map: &Tensor, factors: &Factors, epsilon: f64, flat: f64) -> Result<Affine> {
    let (height, width, channels) = check_map(map)?;
    let Factors { gamma, beta } = factors;
    check(gamma.dims() == [channels], "factors do not fit their map")?;
    let parts = merged(measured(map, height * width, channels)?)?;
    let count = parts.dim(0)?;
    let parameters = |[parts, gamma, beta]: [Address; 3], [scale, shift]: [Address; 2]| Normalize {
        parts,
        gamma,
        beta,
        scale,
        shift,
        epsilon,
        flat,
        channels: channels as i32,
        count: count as u32,
    };
    let len = channels.next_multiple_of(FOUR);
    let vector = || Some(Output::new(DType::F32, len));
    let inputs = [Some(&parts), Some(gamma), Some(beta)];
    // SAFETY: the kernel has a thread for each value of its outputs, and those of channels read
    // their factors and their own of each part.
    let [scale, shift] =
        unsafe { run(NORMALIZE, map.device(), inputs, [vector(), vector()], len, parameters) }?;
    Ok(Affine { scale: made(scale)?, shift: made(shift)? })
}

/// The moments of parts of a map: (parts, channels, [`PART_VALUES`]) in double precision.
fn measured(map: &Tensor, pixels: usize, channels: usize) -> Result<Tensor> {
    let count = pixels.div_ceil(PART_PIXELS).min(MOST_PARTS);
    let parameters = |[map]: [Address; 1], [parts]: [Address; 1]| Measure {
        map,
        parts,
        pixels: pixels as u64,
        channels: channels as i32,
        count: count as u32,
    };
    let outputs = [Some(Output::new(DType::F64, (count, channels, PART_VALUES)))];
    // SAFETY: the kernel has a thread for each channel of each part. There are no more parts than
    // pixels, so each has a first one, and reads no pixel beyond the last.
    let [parts] =
        unsafe { run(MEASURE, map.device(), [Some(map)], outputs, count * channels, parameters) }?;
    made(parts)
}

/// So few parts that one thread merges the rest.
fn merged(parts: Tensor) -> Result<Tensor> {
    let (count, channels, _) = parts.dims3()?;
    if count <= 2 * PARTS_EACH {
        return Ok(parts);
    }
    let fewer = count.div_ceil(PARTS_EACH);
    let parameters = |[parts]: [Address; 1], [fewer]: [Address; 1]| MergeParts {
        parts,
        fewer,
        channels: channels as i32,
        count: count as u32,
        each: PARTS_EACH as u32,
    };
    let outputs = [Some(Output::new(DType::F64, (fewer, channels, PART_VALUES)))];
    // SAFETY: the kernel has a thread for each channel of each merged part, and reads no part
    // beyond the last.
    let [fewer] = unsafe {
        run(MERGE_PARTS, parts.device(), [Some(&parts)], outputs, fewer * channels, parameters)
    }?;
    merged(made(fewer)?)
}
