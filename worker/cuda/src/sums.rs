//! Sums over vectors, fetched together.

use candle_core::{DType, Result, Tensor};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};
use crate::picture::check_vectors;

kernels! {
    SUMS = impasto_sums;
    FEWER_SUMS = impasto_fewer_sums;
}

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
