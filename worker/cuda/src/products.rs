//! Matrix products whose factors may be bf16 and whose results are in single precision, and how
//! statistics pull.

#[cfg(feature = "cuda")]
mod cublas;

use candle_core::{DType, Device, Result, Tensor};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};
use crate::maps::{LANES, check_weights, map, typed};

kernels! {
    PULL_F32 = impasto_pull_f32;
    PULL_BF16 = impasto_pull_bf16;
    ADD_PARTS = impasto_add_parts;
    WEIGH_F32 = impasto_weigh_f32;
    WEIGH_BF16 = impasto_weigh_bf16;
}

/// Rows that one product adds up by itself. A card's units for matrices cut off what they cannot
/// hold instead of rounding it, so sums over all pixels at once would come out too small; and
/// several products keep a card busy where one small matrix would not.
const STRETCH: usize = 4096;

/// Parts that a thread adds up in a round.
const PARTS_EACH: usize = 16;

/// Threads that keep a card busy.
const BUSY: usize = 1 << 16;

#[repr(C)]
#[derive(Clone, Copy)]
struct Pull {
    sums: Address,
    gram: Address,
    mean: Address,
    deviation: Address,
    pull: Address,
    everywhere: Address,
    gram_squares: Address,
    mean_squares: Address,
    deviation_squares: Address,
    channels: i32,
    per_pixel: f32,
    gram_weight: f32,
    mean_weight: f32,
    deviation_weight: f32,
    least_deviation: f32,
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for Pull {}

#[repr(C)]
#[derive(Clone, Copy)]
struct AddParts {
    parts: Address,
    sums: Address,
    count: u32,
    len: u32,
    each: u32,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for AddParts {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Weigh {
    features: Address,
    weights: Address,
    weighted: Address,
    channels: i32,
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for Weigh {}

/// What a layer's statistics are to become, per pixel, and what the loss weighs: see [`pull`].
#[derive(Debug)]
pub struct Target {
    /// (channels, channels).
    pub gram: Tensor,
    /// (channels).
    pub mean: Tensor,
    /// (channels).
    pub deviation: Tensor,
    pub gram_weight: f32,
    pub mean_weight: f32,
    pub deviation_weight: f32,
    /// What is added to each deviation, so that none is zero.
    pub least_deviation: f32,
}

/// How a layer's statistics pull on its features: the gradient at `F`, (pixels, channels), is `F at
/// + everywhere`. And the squares that the loss is made of, to be summed.
#[derive(Debug)]
pub struct StatisticsPull {
    /// (channels, channels), in the type of the features.
    pub at: Tensor,
    /// (channels).
    pub everywhere: Tensor,
    /// Of the differences of Gram matrices, means and deviations.
    pub squares: [Tensor; 3],
}

/// The sums of products of channels over all pixels, (channels, channels), and below them those of
/// channels: (channels + 1, channels) in single precision, from features (height, width, channels).
/// Each pixel counts by its weight, where `weights`, (height, width) in single precision, are
/// given.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn gram(features: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
    let (height, width, channels) = features.dims3()?;
    let features = features.contiguous()?;
    let rows = features.reshape((height * width, channels))?;
    // One factor is weighted and the other is not.
    let weighted = match weights {
        Some(weights) => weigh(&features, weights)?.reshape((height * width, channels))?,
        None => rows.clone(),
    };
    let parts = match rows.device() {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => cublas::gram_parts(device, &weighted, &rows)?,
        _ => gram_parts(&weighted, &rows)?,
    };
    add_parts(&parts)
}

/// Features (height, width, channels), each pixel multiplied by its weight, in their own type.
fn weigh(features: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let (height, width, channels) = map(features)?;
    check_weights(Some(weights), height, width)?;
    let parameters = |[features, weights]: [Address; 2], [weighted]: [Address; 1]| Weigh {
        features,
        weights,
        weighted,
        channels: channels as i32,
    };
    let dtype = features.dtype();
    let outputs = [Some(Output::new(dtype, (height, width, channels)))];
    let threads = height * width * channels / LANES;
    let kernel = typed(dtype, WEIGH_F32, WEIGH_BF16)?;
    let inputs = [Some(features), Some(weights)];
    // SAFETY: the kernel has a thread for each eight values of the features, and reads the weight
    // of their pixel.
    let [weighted] =
        unsafe { run(kernel, features.device(), inputs, outputs, threads, parameters) }?;
    made(weighted)
}

/// The sum over the first dimension.
pub(crate) fn add_parts(parts: &Tensor) -> Result<Tensor> {
    let (count, shape) = (parts.dim(0)?, &parts.dims()[1..]);
    let len: usize = shape.iter().product();
    // In several rounds where one would keep few threads busy for long.
    let each = if count <= 2 * PARTS_EACH || len >= BUSY { count.max(1) } else { PARTS_EACH };
    let sums = count.div_ceil(each).max(1);
    let shape: Vec<_> = std::iter::once(sums).chain(shape.iter().copied()).collect();
    let parameters = |[parts]: [Address; 1], [sums]: [Address; 1]| AddParts {
        parts,
        sums,
        count: count as u32,
        len: len as u32,
        each: each as u32,
    };
    let outputs = [Some(Output::new(DType::F32, shape))];
    // SAFETY: the kernel has a thread for each value of each sum, and reads it in that sum's parts.
    let [summed] =
        unsafe { run(ADD_PARTS, parts.device(), [Some(parts)], outputs, sums * len, parameters) }?;
    let summed = made(summed)?;
    if sums == 1 { summed.squeeze(0) } else { add_parts(&summed) }
}

/// The products of `weighted` with `rows`, and the sums of `weighted`, of each stretch by itself,
/// the last of which may be shorter: (stretches, channels + 1, channels).
fn gram_parts(weighted: &Tensor, rows: &Tensor) -> Result<Tensor> {
    let (pixels, channels) = rows.dims2()?;
    let part = |first: usize| {
        let stretch =
            |of: &Tensor| of.narrow(0, first, STRETCH.min(pixels - first))?.to_dtype(DType::F32);
        let (weighted, rows) = (stretch(weighted)?, stretch(rows)?);
        Tensor::cat(&[weighted.t()?.matmul(&rows)?, weighted.sum_keepdim(0)?], 0)
    };
    let parts = (0..pixels).step_by(STRETCH).map(part).collect::<Result<Vec<_>>>()?;
    if parts.is_empty() {
        Tensor::zeros((0, channels + 1, channels), DType::F32, rows.device())
    } else {
        Tensor::stack(&parts, 0)
    }
}

/// `a b` in single precision, from (rows, inner) and (inner, columns) in one type.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ((rows, inner), (_, columns)) = (a.dims2()?, b.dims2()?);
    check(b.dim(0)? == inner && a.dtype() == b.dtype(), "factors do not fit each other")?;
    match a.device() {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => cublas::product(device, a, b),
        _ => {
            let _ = (rows, columns);
            a.to_dtype(DType::F32)?.matmul(&b.to_dtype(DType::F32)?)
        }
    }
}

/// `features at`, of what [`pull`] gives: the gradient at features (height, width, channels), in
/// their type, but for what is added everywhere.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn pulled(features: &Tensor, at: &Tensor) -> Result<Tensor> {
    let (height, width, channels) = features.dims3()?;
    let rows = features.contiguous()?.reshape((height * width, channels))?;
    let pulled = match rows.device() {
        // candle's CPU multiplies no bf16 numbers.
        Device::Cpu => product(&rows, at)?.to_dtype(features.dtype())?,
        _ => rows.matmul(at)?,
    };
    pulled.reshape((height, width, channels))
}

/// How sums, as [`gram`] gives them, pull on features of this type; times `per_pixel` they are
/// means.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn pull(
    sums: &Tensor,
    per_pixel: f64,
    target: &Target,
    dtype: DType,
) -> Result<StatisticsPull> {
    let channels = sums.dim(1)?;
    let is_f32 = [sums, &target.gram, &target.mean, &target.deviation]
        .iter()
        .all(|tensor| tensor.dtype() == DType::F32);
    let fits = sums.dims() == [channels + 1, channels]
        && target.gram.dims() == [channels, channels]
        && target.mean.dims() == [channels]
        && target.deviation.dims() == [channels]
        && channels.is_multiple_of(LANES);
    check(fits && is_f32, "statistics do not fit their target")?;
    let parameters = |[sums, gram, mean, deviation]: [Address; 4], outputs: [Address; 5]| {
        let [pull, everywhere, gram_squares, mean_squares, deviation_squares] = outputs;
        Pull {
            sums,
            gram,
            mean,
            deviation,
            pull,
            everywhere,
            gram_squares,
            mean_squares,
            deviation_squares,
            channels: channels as i32,
            per_pixel: per_pixel as f32,
            gram_weight: target.gram_weight,
            mean_weight: target.mean_weight,
            deviation_weight: target.deviation_weight,
            least_deviation: target.least_deviation,
        }
    };
    let inputs = [Some(sums), Some(&target.gram), Some(&target.mean), Some(&target.deviation)];
    let vector = || Some(Output::new(DType::F32, channels));
    let threads = channels * channels / LANES;
    let outputs = [
        Some(Output::new(dtype, (channels, channels))),
        vector(),
        Some(Output::new(DType::F32, threads)),
        vector(),
        vector(),
    ];
    // SAFETY: the kernel has a thread for each eight values of the pull; those of each row's first
    // eight write the vectors whole.
    let outputs = unsafe {
        run(typed(dtype, PULL_F32, PULL_BF16)?, sums.device(), inputs, outputs, threads, parameters)
    }?;
    let [at, everywhere, gram_squares, mean_squares, deviation_squares] = outputs;
    let squares = [made(gram_squares)?, made(mean_squares)?, made(deviation_squares)?];
    Ok(StatisticsPull { at: made(at)?, everywhere: made(everywhere)?, squares })
}
