//! A frozen 3x3 convolution over channels-last maps.

use candle_core::{DType, Device, Result, Tensor};

use crate::launch::check;

/// One direction of a layer: its weights on a device.
#[derive(Debug)]
pub struct Convolution {
    /// (outputs, 3, 3, inputs).
    weights: Tensor,
}

impl Convolution {
    /// From weights (outputs, inputs, 3, 3) in single precision.
    ///
    /// # Errors
    /// Where the shape is another, or the device fails.
    pub fn new(weights: &Tensor, dtype: DType) -> Result<Self> {
        check(weights.dims4()?.2 == 3 && weights.dims4()?.3 == 3, "weights are not of a 3x3 convolution")?;
        Ok(Self { weights: weights.permute((0, 2, 3, 1))?.contiguous()?.to_dtype(dtype)? })
    }

    /// Bytes of the device's memory that it takes.
    pub fn bytes(&self) -> u64 {
        (self.weights.elem_count() * self.weights.dtype().size_in_bytes()) as u64
    }
}

/// Convolves a framed map (height + 2, width + 2, inputs): (height, width, outputs), and so many lines of zeros more on either side, `(x, y)`, as `beyond` says.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn convolve(framed: &Tensor, convolution: &Convolution, beyond: (usize, usize)) -> Result<Tensor> {
    let (height, width, inputs) = framed.dims3()?;
    let weights = &convolution.weights;
    check(weights.dim(3)? == inputs && weights.dtype() == framed.dtype(), "a map does not fit its convolution")?;
    check(height + 2 * beyond.1 > 2 && width + 2 * beyond.0 > 2, "a framed map has no pixels")?;
    match framed.device() {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => cuda::convolve(device, &framed.contiguous()?, weights, beyond),
        Device::Cpu => {
            // candle's CPU convolves no bf16 numbers.
            let maps = framed.to_dtype(DType::F32)?.permute((2, 0, 1))?.unsqueeze(0)?;
            let maps = maps.pad_with_zeros(2, beyond.1, beyond.1)?.pad_with_zeros(3, beyond.0, beyond.0)?;
            let weights = weights.to_dtype(DType::F32)?.permute((0, 3, 1, 2))?.contiguous()?;
            let convolved = maps.contiguous()?.conv2d(&weights, 0, 1, 1, 1)?;
            convolved.squeeze(0)?.permute((1, 2, 0))?.contiguous()?.to_dtype(framed.dtype())
        }
        other => candle_core::bail!("convolutions for CUDA do not run on {:?}", other.location()),
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::Arc;

    use candle_core::cuda_backend::cudarc::cudnn::{
        ConvDescriptor, ConvForward, Cudnn, CudnnDataType, FilterDescriptor, TensorDescriptor, sys,
    };
    use candle_core::cuda_backend::cudarc::driver::DeviceRepr;
    use candle_core::cuda_backend::{CudaDType, CudaDevice, DeviceId};
    use candle_core::op::BackpropOp;
    use candle_core::{CudaStorage, Error, Storage, WithDType, bail};

    use super::*;

    /// Plans that a thread keeps: as many as layers, directions, scales and kinds of tiles of a few pictures.
    const MOST_PLANS: usize = 1024;

    /// A workspace beyond this is not worth what an algorithm may win by it.
    const MOST_WORKSPACE_BYTES: usize = 256 << 20;

    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    struct Key {
        device: DeviceId,
        dtype: DType,
        height: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
        beyond: (usize, usize),
    }

    /// A convolution of one size, ready to run.
    struct Plan<T: CudnnDataType> {
        convolution: ConvDescriptor<f32>,
        x: TensorDescriptor<T>,
        weights: FilterDescriptor<T>,
        y: TensorDescriptor<T>,
        algorithm: sys::cudnnConvolutionFwdAlgo_t,
        workspace_bytes: usize,
    }

    /// cuDNN's handles belong to a thread, and so do the plans that are made with them.
    #[derive(Default)]
    struct Library {
        handles: HashMap<DeviceId, Arc<Cudnn>>,
        f32: HashMap<Key, Arc<Plan<f32>>>,
        bf16: HashMap<Key, Arc<Plan<half::bf16>>>,
    }

    thread_local! {
        static LIBRARY: RefCell<Library> = RefCell::default();
    }

    pub(super) fn convolve(device: &CudaDevice, framed: &Tensor, weights: &Tensor, beyond: (usize, usize)) -> Result<Tensor> {
        let (height, width, inputs) = framed.dims3()?;
        let key = Key { device: device.id(), dtype: framed.dtype(), height, width, inputs, outputs: weights.dim(0)?, beyond };
        let sides = (height + 2 * beyond.1 - 2, width + 2 * beyond.0 - 2);
        let storage = LIBRARY.with_borrow_mut(|library| {
            let Library { handles, f32, bf16 } = library;
            match key.dtype {
                DType::F32 => run(planned(f32, handles, device, key)?.as_ref(), device, framed, weights, sides.0 * sides.1 * key.outputs),
                DType::BF16 => run(planned(bf16, handles, device, key)?.as_ref(), device, framed, weights, sides.0 * sides.1 * key.outputs),
                other => bail!("no convolution takes {other:?}"),
            }
        })?;
        Ok(Tensor::from_storage(Storage::Cuda(storage), (sides.0, sides.1, key.outputs), BackpropOp::none(), false))
    }

    fn planned<T: CudnnDataType>(
        plans: &mut HashMap<Key, Arc<Plan<T>>>,
        handles: &mut HashMap<DeviceId, Arc<Cudnn>>,
        device: &CudaDevice,
        key: Key,
    ) -> Result<Arc<Plan<T>>> {
        if let Some(plan) = plans.get(&key) {
            return Ok(plan.clone());
        }
        let handle = match handles.get(&key.device) {
            Some(handle) => handle.clone(),
            None => {
                let handle = Cudnn::new(device.cuda_stream()).map_err(Error::wrap)?;
                handles.insert(key.device, handle.clone());
                handle
            }
        };
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        let plan = Arc::new(Plan::new(&handle, key)?);
        plans.insert(key, plan.clone());
        Ok(plan)
    }

    impl<T: CudnnDataType> Plan<T> {
        fn new(handle: &Arc<Cudnn>, key: Key) -> Result<Self> {
            let channels_last = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
            let Key { height, width, inputs, outputs, beyond: (beyond_x, beyond_y), .. } = key;
            let int = |len: usize| i32::try_from(len).map_err(Error::wrap);
            let (y_height, y_width) = (height + 2 * beyond_y - 2, width + 2 * beyond_x - 2);
            let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
            let mut convolution =
                handle.create_conv2d::<f32>([int(beyond_y)?, int(beyond_x)?], [1, 1], [1, 1], mode).map_err(Error::wrap)?;
            // Otherwise the factors of single precision products are rounded to ten bits of digits.
            let math = match key.dtype {
                DType::F32 => sys::cudnnMathType_t::CUDNN_FMA_MATH,
                _ => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
            };
            convolution.set_math_type(math).map_err(Error::wrap)?;
            let x = handle.create_4d_tensor(channels_last, [1, int(inputs)?, int(height)?, int(width)?]).map_err(Error::wrap)?;
            let weights = handle.create_4d_filter(channels_last, [int(outputs)?, int(inputs)?, 3, 3]).map_err(Error::wrap)?;
            let y = handle.create_4d_tensor(channels_last, [1, int(outputs)?, int(y_height)?, int(y_width)?]).map_err(Error::wrap)?;
            let launch = ConvForward { conv: &convolution, x: &x, w: &weights, y: &y };
            let (algorithm, workspace_bytes) = algorithm(&launch)?;
            Ok(Self { convolution, x, weights, y, algorithm, workspace_bytes })
        }
    }

    /// What the library takes for the fastest, unless its workspace is too large.
    fn algorithm<T: CudnnDataType>(launch: &ConvForward<'_, T, f32, T>) -> Result<(sys::cudnnConvolutionFwdAlgo_t, usize)> {
        use sys::cudnnConvolutionFwdAlgo_t::{CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM};
        let fastest = launch.pick_algorithm().ok();
        let others = [CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM];
        let fits = |&algorithm: &sys::cudnnConvolutionFwdAlgo_t| {
            let bytes = launch.get_workspace_size(algorithm).ok()?;
            (bytes <= MOST_WORKSPACE_BYTES).then_some((algorithm, bytes))
        };
        let found = fastest.iter().chain(&others).find_map(fits);
        found.ok_or_else(|| Error::Msg("cuDNN has no convolution for channels-last maps of this type and size".to_owned()))
    }

    fn run<T>(plan: &Plan<T>, device: &CudaDevice, framed: &Tensor, weights: &Tensor, values: usize) -> Result<CudaStorage>
    where
        T: CudnnDataType + WithDType + CudaDType + DeviceRepr,
    {
        let ((x, x_layout), (filter, filter_layout)) = (framed.storage_and_layout(), weights.storage_and_layout());
        let (Storage::Cuda(x), Storage::Cuda(filter)) = (&*x, &*filter) else { bail!("a map does not lie on the card") };
        let x = x.as_cuda_slice::<T>()?.slice(x_layout.start_offset()..);
        let filter = filter.as_cuda_slice::<T>()?.slice(filter_layout.start_offset()..);
        // SAFETY: the convolution writes all of it.
        let mut y = unsafe { device.alloc::<T>(values) }?;
        let mut workspace = match plan.workspace_bytes {
            0 => None,
            // SAFETY: the library reads nothing there that it has not written.
            bytes => Some(unsafe { device.alloc::<u8>(bytes) }?),
        };
        let Plan { convolution, x: x_size, weights, y: y_size, algorithm, .. } = plan;
        let launch = ConvForward { conv: convolution, x: x_size, w: weights, y: y_size };
        let scales = (T::from_f64(1.0), T::from_f64(0.0));
        // SAFETY: types, sizes and the workspace are those of the plan, which was made for them.
        unsafe { launch.launch(*algorithm, workspace.as_mut(), scales, &x, &filter, &mut y) }.map_err(Error::wrap)?;
        Ok(CudaStorage::wrap_cuda_slice(y, device.clone()))
    }
}
