//! The history of L-BFGS, as a tensor (blocks, rows, block length): for each block of the vectors,
//! that block of every row; the last is padded with zeros.

use candle_core::{DType, Result, Tensor};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};
use crate::maps::{LANES, typed};
use crate::products::add_parts;

kernels! {
    PRODUCTS_F32 = impasto_history_products_f32;
    PRODUCTS_BF16 = impasto_history_products_bf16;
    FOLLOW_F32 = impasto_follow_history_f32;
    FOLLOW_BF16 = impasto_follow_history_bf16;
}

/// Threads that share a row's block, as the kernel has it.
const PRODUCT_THREADS: usize = 16;

#[repr(C)]
#[derive(Clone, Copy)]
struct HistoryProducts {
    history: Address,
    vectors: [Address; 2],
    parts: Address,
    rows: u32,
    block_len: u32,
    len: u64,
}

// SAFETY: laid out as in kernels/history.h.
unsafe impl Parameters for HistoryProducts {}

#[repr(C)]
#[derive(Clone, Copy)]
struct FollowHistory {
    start: Address,
    gradient: Address,
    own: Address,
    history: Address,
    scales: Address,
    picture: Address,
    rows: u32,
    block_len: u32,
    len: u64,
    own_scale: f32,
    length: f32,
}

// SAFETY: laid out as in kernels/history.h.
unsafe impl Parameters for FollowHistory {}

/// The inner products of each row with two vectors, (rows, 2) in single precision.
///
/// # Errors
/// Where the vectors are not of the history's length, or the device fails.
pub fn products(history: &Tensor, vectors: [&Tensor; 2]) -> Result<Tensor> {
    let len = vectors[0].elem_count();
    let (blocks, rows, block_len) = measured(history, &vectors)?;
    let parameters = |[history, a, b]: [Address; 3], [parts]: [Address; 1]| HistoryProducts {
        history,
        vectors: [a, b],
        parts,
        rows: rows as u32,
        block_len: block_len as u32,
        len: len as u64,
    };
    let outputs = [Some(Output::new(DType::F32, (blocks * PRODUCT_THREADS, rows, 2)))];
    let inputs = [Some(history), Some(vectors[0]), Some(vectors[1])];
    let kernel = typed(history.dtype(), PRODUCTS_F32, PRODUCTS_BF16)?;
    // SAFETY: the kernel has a thread for each part, and reads the vectors within their length.
    let [parts] = unsafe {
        run(kernel, history.device(), inputs, outputs, blocks * rows * PRODUCT_THREADS, parameters)
    }?;
    add_parts(&made(parts)?)
}

/// `start + length * (own_scale * own + history * scales)` within 0 and 255, where `scales` has one
/// number for each row; a value that [`free`](crate::picture::free) holds stays where it is.
///
/// # Errors
/// Where shapes do not fit, or the device fails.
pub fn follow(
    start: &Tensor,
    gradient: &Tensor,
    own: &Tensor,
    own_scale: f32,
    history: &Tensor,
    scales: &[f32],
    length: f32,
) -> Result<Tensor> {
    let (_, rows, block_len) = measured(history, &[start, gradient, own])?;
    check(scales.len() == rows, "there are not as many scales as rows")?;
    let scales = Tensor::from_slice(scales, rows, history.device())?;
    let len = start.elem_count();
    let parameters = |[start, gradient, own, history, scales]: [Address; 5],
                      [picture]: [Address; 1]| FollowHistory {
        start,
        gradient,
        own,
        history,
        scales,
        picture,
        rows: rows as u32,
        block_len: block_len as u32,
        len: len as u64,
        own_scale,
        length,
    };
    let inputs = [Some(start), Some(gradient), Some(own), Some(history), Some(&scales)];
    let outputs = [Some(Output::new(DType::F32, start.shape()))];
    let kernel = typed(history.dtype(), FOLLOW_F32, FOLLOW_BF16)?;
    // SAFETY: the kernel has a thread for each eight values, and reads and writes vectors within
    // their length and the history within that, filled up to whole blocks.
    let [picture] =
        unsafe { run(kernel, start.device(), inputs, outputs, len.div_ceil(LANES), parameters) }?;
    made(picture)
}

/// Blocks, rows and values of a block, where the history is one of such vectors.
fn measured(history: &Tensor, vectors: &[&Tensor]) -> Result<(usize, usize, usize)> {
    let (blocks, rows, block_len) = history.dims3()?;
    let len = vectors[0].elem_count();
    let fit =
        vectors.iter().all(|vector| vector.elem_count() == len && vector.dtype() == DType::F32);
    let is_history = rows > 0
        && block_len.is_multiple_of(LANES)
        && block_len > 0
        && blocks == len.div_ceil(block_len);
    check(fit && is_history, "vectors do not fit their history")?;
    Ok((blocks, rows, block_len))
}
