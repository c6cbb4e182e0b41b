//! Kernels over pictures and vectors of their size, (height, width, 3) in single precision.

use candle_core::{DType, Result, Tensor};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};

kernels! {
    HALVE = impasto_halve;
    ENLARGE = impasto_enlarge;
    FREE = impasto_free;
    ADAM = impasto_adam;
    VARIATION = impasto_variation;
    SUMS = impasto_sums;
    FEWER_SUMS = impasto_fewer_sums;
}

/// How one axis of a picture is halved, and enlarged again.
#[derive(Debug)]
pub struct HalvedAxis {
    /// The four lines that each line of the half is made of: (coarse, 4).
    taps: Tensor,
    /// For each line, which lines of the half it is part of: (fine, spread).
    lines: Tensor,
    /// The shares, of the same shape.
    shares: Tensor,
    fine: usize,
    coarse: usize,
    spread: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Halve {
    picture: Address,
    taps_x: Address,
    taps_y: Address,
    half: Address,
    width: i32,
    coarse_width: i32,
    outer: f32,
    inner: f32,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Halve {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Enlarge {
    picture: Address,
    half: Address,
    lines_x: Address,
    lines_y: Address,
    shares_x: Address,
    shares_y: Address,
    sum: Address,
    width: i32,
    coarse_width: i32,
    spread_x: i32,
    spread_y: i32,
    weight: f32,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Enlarge {}

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

/// Vectors that one kernel sums.
const MOST_SUMS: usize = 32;

#[repr(C)]
#[derive(Clone, Copy)]
struct Sums {
    values: [Address; MOST_SUMS],
    factors: [Address; MOST_SUMS],
    len: [u64; MOST_SUMS],
    parts: Address,
    first: [u32; MOST_SUMS + 1],
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Sums {}

#[repr(C)]
#[derive(Clone, Copy)]
struct FewerSums {
    parts: Address,
    fewer: Address,
    first: [u32; MOST_SUMS + 1],
    fewer_first: [u32; MOST_SUMS + 1],
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for FewerSums {}

impl HalvedAxis {
    /// From the lines that each coarse line is made of, and for each fine line the coarse ones that
    /// it is part of, with the shares.
    ///
    /// # Errors
    /// Where a line is named that does not exist, or the device fails.
    pub fn new(
        taps: &[[usize; 4]],
        spread: &[Vec<(usize, f32)>],
        device: &candle_core::Device,
    ) -> Result<Self> {
        let (fine, coarse) = (spread.len(), taps.len());
        let most = spread.iter().map(Vec::len).max().unwrap_or(0);
        let exist = taps.as_flattened().iter().all(|&line| line < fine)
            && spread.iter().flatten().all(|&(line, _)| line < coarse);
        check(
            exist && fine > 0 && coarse > 0 && most > 0,
            "an axis names lines that do not exist",
        )?;
        let filled = spread.iter().flat_map(|shares| {
            (0..most).map(|which| shares.get(which).copied().unwrap_or((0, 0.0)))
        });
        let (lines, shares): (Vec<_>, Vec<_>) =
            filled.map(|(line, share)| (line as u32, share)).unzip();
        let taps = taps.as_flattened().iter().map(|&line| line as u32).collect::<Vec<_>>();
        Ok(Self {
            taps: Tensor::from_vec(taps, (coarse, 4), device)?,
            lines: Tensor::from_vec(lines, (fine, most), device)?,
            shares: Tensor::from_vec(shares, (fine, most), device)?,
            fine,
            coarse,
            spread: most,
        })
    }
}

/// A picture of half the size, by the filter (outer, inner, inner, outer) along each axis.
///
/// # Errors
/// Where the axes are not the picture's, or the device fails.
pub fn halve(
    picture: &Tensor,
    across: &HalvedAxis,
    down: &HalvedAxis,
    [outer, inner]: [f32; 2],
) -> Result<Tensor> {
    check_picture(picture, down.fine, across.fine)?;
    let parameters = |[picture, taps_x, taps_y]: [Address; 3], [half]: [Address; 1]| Halve {
        picture,
        taps_x,
        taps_y,
        half,
        width: across.fine as i32,
        coarse_width: across.coarse as i32,
        outer,
        inner,
    };
    let inputs = [Some(picture), Some(&across.taps), Some(&down.taps)];
    let outputs = [Some(Output::new(DType::F32, (down.coarse, across.coarse, 3)))];
    // SAFETY: the kernel has a thread for each pixel of the half, and reads the lines that the axes
    // name, which exist.
    let [half] = unsafe {
        run(HALVE, picture.device(), inputs, outputs, down.coarse * across.coarse, parameters)
    }?;
    made(half)
}

/// A picture plus `weight` times its half, enlarged by the transpose of [`halve`].
///
/// # Errors
/// Where the axes are not the pictures', or the device fails.
pub fn enlarge(
    picture: &Tensor,
    half: &Tensor,
    across: &HalvedAxis,
    down: &HalvedAxis,
    weight: f32,
) -> Result<Tensor> {
    check_picture(picture, down.fine, across.fine)?;
    check_picture(half, down.coarse, across.coarse)?;
    let parameters = |[picture, half, lines_x, lines_y, shares_x, shares_y]: [Address; 6],
                      [sum]: [Address; 1]| Enlarge {
        picture,
        half,
        lines_x,
        lines_y,
        shares_x,
        shares_y,
        sum,
        width: across.fine as i32,
        coarse_width: across.coarse as i32,
        spread_x: across.spread as i32,
        spread_y: down.spread as i32,
        weight,
    };
    let inputs = [
        Some(picture),
        Some(half),
        Some(&across.lines),
        Some(&down.lines),
        Some(&across.shares),
        Some(&down.shares),
    ];
    let outputs = [Some(Output::new(DType::F32, picture.shape()))];
    // SAFETY: the kernel has a thread for each pixel, and reads the lines of the half that the axes
    // name, which exist.
    let [sum] = unsafe {
        run(ENLARGE, picture.device(), inputs, outputs, down.fine * across.fine, parameters)
    }?;
    made(sum)
}

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

/// Something to be summed, in single precision.
#[derive(Debug, Clone)]
pub enum Summand {
    /// The values of a tensor.
    Values(Tensor),
    /// The products of two tensors' values.
    Products(Tensor, Tensor),
}

impl Summand {
    fn parts(&self) -> (&Tensor, Option<&Tensor>) {
        match self {
            Self::Values(values) => (values, None),
            Self::Products(values, factors) => (values, Some(factors)),
        }
    }
}

/// Sums, added up in double precision, and beside them some values in single precision, all fetched
/// together, since a fetch waits for all that the device has still to do.
///
/// # Errors
/// Where factors differ in shape, values are not in single precision, or the device fails.
pub fn sums(summands: &[Summand], beside: Option<&Tensor>) -> Result<(Vec<f64>, Vec<f32>)> {
    let mut parts = Vec::new();
    let mut counts = Vec::new();
    for summands in summands.chunks(MOST_SUMS) {
        let (summed, threads) = sum_parts(summands)?;
        parts.push(summed);
        counts.extend(threads);
    }
    if let Some(beside) = beside {
        check(beside.dtype() == DType::F32, "values beside sums are in single precision")?;
        parts.push(beside.flatten_all()?.to_dtype(DType::F64)?);
    }
    if parts.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let parts = Tensor::cat(&parts, 0)?.to_vec1::<f64>()?;
    let mut rest = parts.as_slice();
    let mut sum = |count| {
        let (own, after) = rest.split_at(count);
        rest = after;
        own.iter().sum()
    };
    let sums = counts.into_iter().map(&mut sum).collect();
    Ok((sums, rest.iter().map(|&value| value as f32).collect()))
}

/// Each thread adds up at least so many values.
const VALUES_EACH: usize = 32;

/// Threads that keep a card busy with one vector.
const MOST_THREADS: usize = 1 << 16;

/// Parts of a sum that are fetched.
const MOST_PARTS: usize = 1024;

/// Parts of the sums, one after the other, and how many each has.
fn sum_parts(summands: &[Summand]) -> Result<(Tensor, Vec<usize>)> {
    let threads = |summand: &Summand| {
        summand.parts().0.elem_count().div_ceil(VALUES_EACH).clamp(1, MOST_THREADS)
    };
    let threads: Vec<_> = summands.iter().map(threads).collect();
    let mut inputs = [None; 2 * MOST_SUMS];
    let mut len = [0; MOST_SUMS];
    for (i, summand) in summands.iter().enumerate() {
        let (values, factors) = summand.parts();
        check_vectors(&[values, factors.unwrap_or(values)])?;
        (inputs[i], inputs[MOST_SUMS + i]) = (Some(values), factors);
        len[i] = values.elem_count() as u64;
    }
    let first = ends(&threads);
    let parameters = |inputs: [Address; 2 * MOST_SUMS], [parts]: [Address; 1]| {
        let (values, factors) = inputs.split_at(MOST_SUMS);
        let mut sums = Sums { values: [0; MOST_SUMS], factors: [0; MOST_SUMS], len, parts, first };
        sums.values.copy_from_slice(values);
        sums.factors.copy_from_slice(factors);
        sums
    };
    let total: usize = threads.iter().sum();
    let device = summands[0].parts().0.device();
    // SAFETY: each thread finds its summand, as there are as many as `first` ends with, and reads
    // within its length.
    let [parts] = unsafe {
        run(SUMS, device, inputs, [Some(Output::new(DType::F64, total))], total, parameters)
    }?;
    let parts = made(parts)?;
    if threads.iter().all(|&threads| threads <= MOST_PARTS) {
        return Ok((parts, threads));
    }
    let fewer: Vec<_> = threads.iter().map(|&threads| threads.min(MOST_PARTS)).collect();
    let (total, fewer_first) = (fewer.iter().sum(), ends(&fewer));
    let parameters = |[parts]: [Address; 1], [fewer]: [Address; 1]| FewerSums {
        parts,
        fewer,
        first,
        fewer_first,
    };
    let outputs = [Some(Output::new(DType::F64, total))];
    // SAFETY: each thread finds its sum, as there are as many as `fewer_first` ends with, and reads
    // that sum's parts.
    let [summed] = unsafe { run(FEWER_SUMS, device, [Some(&parts)], outputs, total, parameters) }?;
    Ok((made(summed)?, fewer))
}

/// Where each of several stretches ends that follow on one another, after a zero; and where the
/// last does, over and over.
fn ends(lens: &[usize]) -> [u32; MOST_SUMS + 1] {
    let mut ends = [0; MOST_SUMS + 1];
    let mut total = 0;
    for (i, len) in lens.iter().enumerate() {
        total += len;
        ends[i + 1..].fill(total as u32);
    }
    ends
}

fn check_picture(picture: &Tensor, height: usize, width: usize) -> Result<()> {
    check(
        picture.dims() == [height, width, 3] && picture.dtype() == DType::F32,
        "a picture does not fit its axes",
    )
}

fn check_vectors(vectors: &[&Tensor]) -> Result<()> {
    let fit = vectors
        .iter()
        .all(|vector| vector.dims() == vectors[0].dims() && vector.dtype() == DType::F32);
    check(fit, "vectors of a picture differ in shape, or are not in single precision")
}
