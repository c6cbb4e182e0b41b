//! The products on a card, by cuBLAS.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaStream, DevicePtr, DevicePtrMut, SyncOnDrop,
};
use candle_core::op::BackpropOp;
use candle_core::{CudaStorage, DType, Error, Result, Shape, Storage, Tensor, bail};
use half::bf16;

use super::STRETCH;
use crate::launch::check;

/// Several products of matrices that lie one after the other.
struct Products {
    /// Whether the first factors lie transposed.
    transposed: bool,
    count: usize,
    rows: usize,
    inner: usize,
    columns: usize,
    /// From one first factor to the next, in values; and so for the products.
    stride_a: usize,
    stride_product: usize,
}

/// See [`super::product`].
pub(super) fn product(device: &CudaDevice, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ((rows, inner), (_, columns)) = (a.dims2()?, b.dims2()?);
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    // SAFETY: the product writes all of it.
    let mut product = unsafe { device.alloc::<f32>(rows * columns) }?;
    let shape = Products {
        transposed: false,
        count: 1,
        rows,
        inner,
        columns,
        stride_a: 0,
        stride_product: 0,
    };
    // SAFETY: the tensors have these shapes, and the product has room for all rows.
    unsafe { multiply(device, (&a, 0), (&b, 0), (&mut product, 0), &shape) }?;
    tensor(device, product, (rows, columns))
}

/// See [`super::gram_parts`].
pub(super) fn gram_parts(device: &CudaDevice, weighted: &Tensor, rows: &Tensor) -> Result<Tensor> {
    let (pixels, channels) = rows.dims2()?;
    let count = pixels.div_ceil(STRETCH);
    let part = (channels + 1) * channels;
    // SAFETY: the products below write all of it.
    let mut parts = unsafe { device.alloc::<f32>(count * part) }?;
    let ones = Tensor::ones(STRETCH.min(pixels), rows.dtype(), rows.device())?;
    let whole = pixels / STRETCH;
    for (first, count, inner) in [(0, whole, STRETCH), (whole, 1, pixels % STRETCH)] {
        if count * inner == 0 {
            continue;
        }
        let at = first * STRETCH * channels;
        let squares = Products {
            transposed: true,
            count,
            rows: channels,
            inner,
            columns: channels,
            stride_a: inner * channels,
            stride_product: part,
        };
        let sums = Products { transposed: false, rows: 1, stride_a: 0, ..squares };
        // SAFETY: a stretch begins at each multiple of its length and is within the rows; ones
        // are as long as it. Each part has room for its products and, behind them, for its
        // sums.
        unsafe {
            multiply(device, (weighted, at), (rows, at), (&mut parts, first * part), &squares)?;
            multiply(
                device,
                (&ones, 0),
                (weighted, at),
                (&mut parts, first * part + channels * channels),
                &sums,
            )?;
        }
    }
    tensor(device, parts, (count, channels + 1, channels))
}

fn tensor(device: &CudaDevice, values: CudaSlice<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(values, device.clone()));
    Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
}

/// `a b`, from so many values on in each. Second factors follow on one another without a gap.
///
/// # Safety
/// All matrices lie within their tensors, which are in one piece.
unsafe fn multiply(
    device: &CudaDevice,
    (a, a_at): (&Tensor, usize),
    (b, b_at): (&Tensor, usize),
    (product, product_at): (&mut CudaSlice<f32>, usize),
    shape: &Products,
) -> Result<()> {
    let &Products { transposed, count, rows, inner, columns, stride_a, stride_product } = shape;
    check(
        [count, rows, inner, columns].iter().all(|&len| len <= i32::MAX as usize),
        "a matrix is larger than cuBLAS counts",
    )?;
    let stream = device.cuda_stream();
    let ((a_storage, a_layout), (b_storage, b_layout)) =
        (a.storage_and_layout(), b.storage_and_layout());
    let (Storage::Cuda(a_storage), Storage::Cuda(b_storage)) = (&*a_storage, &*b_storage) else {
        bail!("a factor does not lie on the card")
    };
    let (a, kind, _a) = address(a_storage, a_layout.start_offset() + a_at, &stream)?;
    let (b, kind_b, _b) = address(b_storage, b_layout.start_offset() + b_at, &stream)?;
    check(kind == kind_b, "factors are of different types")?;
    let (c, _c) = product.device_ptr_mut(&stream);
    let c = c + (product_at * size_of::<f32>()) as u64;
    let (one, zero) = (1.0_f32, 0.0_f32);
    // cuBLAS counts columns first, and so sees every matrix transposed: it computes `C^T = B^T
    // A^T`.
    let (turned_a, step_a) = if transposed {
        (sys::cublasOperation_t::CUBLAS_OP_T, rows)
    } else {
        (sys::cublasOperation_t::CUBLAS_OP_N, inner)
    };
    // SAFETY: the caller vouches for where matrices lie; that memory is held until the call is
    // in the stream.
    unsafe {
        result::gemm_strided_batched_ex(
            *device.cublas_handle().handle(),
            sys::cublasOperation_t::CUBLAS_OP_N,
            turned_a,
            columns as i32,
            rows as i32,
            inner as i32,
            (&raw const one).cast(),
            b as *const _,
            kind,
            columns as i32,
            (inner * columns) as i64,
            a as *const _,
            kind,
            step_a as i32,
            stride_a as i64,
            (&raw const zero).cast(),
            c as *mut _,
            sys::cudaDataType_t::CUDA_R_32F,
            columns as i32,
            stride_product as i64,
            count as i32,
            sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    }
    .map_err(Error::wrap)
}

fn address<'a>(
    storage: &'a CudaStorage,
    at: usize,
    stream: &'a CudaStream,
) -> Result<(u64, sys::cudaDataType_t, SyncOnDrop<'a>)> {
    Ok(match storage.dtype() {
        DType::F32 => {
            let (pointer, guard) = storage.as_cuda_slice::<f32>()?.device_ptr(stream);
            (pointer + (at * size_of::<f32>()) as u64, sys::cudaDataType_t::CUDA_R_32F, guard)
        }
        DType::BF16 => {
            let (pointer, guard) = storage.as_cuda_slice::<bf16>()?.device_ptr(stream);
            (pointer + (at * size_of::<bf16>()) as u64, sys::cudaDataType_t::CUDA_R_16BF, guard)
        }
        other => bail!("no product takes {other:?}"),
    })
}
