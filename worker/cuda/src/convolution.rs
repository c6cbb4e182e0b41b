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
        check(
            weights.dims4()?.2 == 3 && weights.dims4()?.3 == 3,
            "weights are not of a 3x3 convolution",
        )?;
        Ok(Self { weights: weights.permute((0, 2, 3, 1))?.contiguous()?.to_dtype(dtype)? })
    }

    /// Bytes of the device's memory that it takes.
    pub fn bytes(&self) -> u64 {
        (self.weights.elem_count() * self.weights.dtype().size_in_bytes()) as u64
    }
}

/// Convolves a framed map (height + 2, width + 2, inputs): (height, width, outputs), and so many
/// lines of zeros more on either side, `(x, y)`, as `beyond` says.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn convolve(
    framed: &Tensor,
    convolution: &Convolution,
    beyond: (usize, usize),
) -> Result<Tensor> {
    let (height, width, inputs) = framed.dims3()?;
    let weights = &convolution.weights;
    check(
        weights.dim(3)? == inputs && weights.dtype() == framed.dtype(),
        "a map does not fit its convolution",
    )?;
    check(height + 2 * beyond.1 > 2 && width + 2 * beyond.0 > 2, "a framed map has no pixels")?;
    match framed.device() {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => cuda::convolve(device, &framed.contiguous()?, weights, beyond),
        Device::Cpu => {
            // candle's CPU convolves no bf16 numbers.
            let maps = framed.to_dtype(DType::F32)?.permute((2, 0, 1))?.unsqueeze(0)?;
            let maps = maps
                .pad_with_zeros(2, beyond.1, beyond.1)?
                .pad_with_zeros(3, beyond.0, beyond.0)?;
            let weights = weights.to_dtype(DType::F32)?.permute((0, 3, 1, 2))?.contiguous()?;
            let convolved = maps.contiguous()?.conv2d(&weights, 0, 1, 1, 1)?;
            convolved.squeeze(0)?.permute((1, 2, 0))?.contiguous()?.to_dtype(framed.dtype())
        }
        other => candle_core::bail!("convolutions for CUDA do not run on {:?}", other.location()),
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::collections::hash_map::Entry;
    use std::collections::{BTreeMap, HashMap};
    use std::sync::{Arc, Mutex, PoisonError};

    use candle_core::cuda_backend::cudarc::cudnn::{
        ConvDescriptor, ConvForward, Cudnn, CudnnDataType, FilterDescriptor, TensorDescriptor, sys,
    };
    use candle_core::cuda_backend::cudarc::driver::DeviceRepr;
    use candle_core::cuda_backend::{CudaDType, CudaDevice};
    use candle_core::op::BackpropOp;
    use candle_core::{CudaStorage, Error, Storage, WithDType, bail};

    use super::*;

    /// Plans that are kept: as many as layers, directions, scales and kinds of tiles of a few
    /// pictures.
    const MOST_PLANS: usize = 1024;

    /// The largest workspace in bytes: what a faster algorithm gains is not worth more.
    const MOST_WORKSPACE_BYTES: usize = 256 << 20;

    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    struct Key {
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
        /// With the workspace in bytes that each takes, the fastest first.
        algorithms: Vec<(sys::cudnnConvolutionFwdAlgo_t, usize)>,
    }

    /// cuDNN for one handle of a card: its own handle, and the plans that were made with it.
    struct Library {
        handle: Arc<Cudnn>,
        f32: HashMap<Key, Plan<f32>>,
        bf16: HashMap<Key, Plan<half::bf16>>,
    }

    // SAFETY: cuDNN's handles and descriptors may be used by any thread, though not by two at once:
    // a library is behind a mutex, and nothing of it leaves that.
    unsafe impl Send for Library {}

    /// The library of each card's handle. They are never freed: a handle of a card lasts as long as
    /// its lane, and the library of a card that has failed cannot be closed.
    static LIBRARIES: Mutex<BTreeMap<u64, Arc<Mutex<Library>>>> = Mutex::new(BTreeMap::new());

    pub(super) fn convolve(
        device: &CudaDevice,
        framed: &Tensor,
        weights: &Tensor,
        beyond: (usize, usize),
    ) -> Result<Tensor> {
        let (height, width, inputs) = framed.dims3()?;
        let key =
            Key { dtype: framed.dtype(), height, width, inputs, outputs: weights.dim(0)?, beyond };
        let sides = (height + 2 * beyond.1 - 2, width + 2 * beyond.0 - 2);
        let values = sides.0 * sides.1 * key.outputs;
        let stream = device.cuda_stream();
        // The library looks for the card of the thread that it is called on.
        stream.context().bind_to_thread().map_err(Error::wrap)?;
        let library = Library::of(device)?;
        let mut library = library.lock().unwrap_or_else(PoisonError::into_inner);
        let Library { handle, f32, bf16 } = &mut *library;
        let storage = match key.dtype {
            DType::F32 => run(planned(f32, handle, key)?, device, framed, weights, values),
            DType::BF16 => run(planned(bf16, handle, key)?, device, framed, weights, values),
            other => bail!("no convolution takes {other:?}"),
        }?;
        Ok(Tensor::from_storage(
            Storage::Cuda(storage),
            (sides.0, sides.1, key.outputs),
            BackpropOp::none(),
            false,
        ))
    }

    impl Library {
        fn of(device: &CudaDevice) -> Result<Arc<Mutex<Self>>> {
            let mut libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
            // A stream is one handle's own.
            let stream = device.cuda_stream();
            if let Some(library) = libraries.get(&(stream.cu_stream() as u64)) {
                return Ok(library.clone());
            }
            let handle = Cudnn::new(stream.clone()).map_err(Error::wrap)?;
            let library =
                Arc::new(Mutex::new(Self { handle, f32: HashMap::new(), bf16: HashMap::new() }));
            libraries.insert(stream.cu_stream() as u64, library.clone());
            Ok(library)
        }
    }

    fn planned<'a, T: CudnnDataType>(
        plans: &'a mut HashMap<Key, Plan<T>>,
        handle: &Arc<Cudnn>,
        key: Key,
    ) -> Result<&'a Plan<T>> {
        if plans.len() >= MOST_PLANS && !plans.contains_key(&key) {
            plans.clear();
        }
        Ok(match plans.entry(key) {
            Entry::Occupied(plan) => plan.into_mut(),
            Entry::Vacant(none) => none.insert(Plan::new(handle, key)?),
        })
    }

    impl<T: CudnnDataType> Plan<T> {
        fn new(handle: &Arc<Cudnn>, key: Key) -> Result<Self> {
            let channels_last = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
            let Key { height, width, inputs, outputs, beyond: (beyond_x, beyond_y), .. } = key;
            let int = |len: usize| i32::try_from(len).map_err(Error::wrap);
            let (y_height, y_width) = (height + 2 * beyond_y - 2, width + 2 * beyond_x - 2);
            let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
            let mut convolution = handle
                .create_conv2d::<f32>([int(beyond_y)?, int(beyond_x)?], [1, 1], [1, 1], mode)
                .map_err(Error::wrap)?;
            // Otherwise the factors of single precision products are rounded to ten bits of
            // mantissa (TF32).
            let math = match key.dtype {
                DType::F32 => sys::cudnnMathType_t::CUDNN_FMA_MATH,
                _ => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
            };
            convolution.set_math_type(math).map_err(Error::wrap)?;
            let x = handle
                .create_4d_tensor(channels_last, [1, int(inputs)?, int(height)?, int(width)?])
                .map_err(Error::wrap)?;
            let weights = handle
                .create_4d_filter(channels_last, [int(outputs)?, int(inputs)?, 3, 3])
                .map_err(Error::wrap)?;
            let y = handle
                .create_4d_tensor(channels_last, [1, int(outputs)?, int(y_height)?, int(y_width)?])
                .map_err(Error::wrap)?;
            let launch = ConvForward { conv: &convolution, x: &x, w: &weights, y: &y };
            let y_bytes = y_height * y_width * outputs * key.dtype.size_in_bytes();
            let algorithms = algorithms(&launch, MOST_WORKSPACE_BYTES.min(y_bytes));
            Ok(Self { convolution, x, weights, y, algorithms })
        }
    }

    /// The algorithms that the library's heuristic prefers, then the one that always exists for
    /// channels-last maps; those whose workspace is too large are left out.
    fn algorithms<T: CudnnDataType>(
        launch: &ConvForward<'_, T, f32, T>,
        most_bytes: usize,
    ) -> Vec<(sys::cudnnConvolutionFwdAlgo_t, usize)> {
        use sys::cudnnConvolutionFwdAlgo_t::{
            CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
            CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
        };
        let fastest = launch.pick_algorithm().ok();
        let others = [
            CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
            CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
        ];
        let mut found: Vec<(sys::cudnnConvolutionFwdAlgo_t, usize)> = Vec::new();
        for &algorithm in fastest.iter().chain(&others) {
            let bytes =
                launch.get_workspace_size(algorithm).ok().filter(|&bytes| bytes <= most_bytes);
            let is_new = found.iter().all(|&(known, _)| known != algorithm);
            found.extend(bytes.filter(|_| is_new).map(|bytes| (algorithm, bytes)));
        }
        found
    }

    fn run<T>(
        plan: &Plan<T>,
        device: &CudaDevice,
        framed: &Tensor,
        weights: &Tensor,
        values: usize,
    ) -> Result<CudaStorage>
    where
        T: CudnnDataType + WithDType + CudaDType + DeviceRepr,
    {
        let ((x, x_layout), (filter, filter_layout)) =
            (framed.storage_and_layout(), weights.storage_and_layout());
        let (Storage::Cuda(x), Storage::Cuda(filter)) = (&*x, &*filter) else {
            bail!("a map does not lie on the card")
        };
        let x = x.as_cuda_slice::<T>()?.slice(x_layout.start_offset()..);
        let filter = filter.as_cuda_slice::<T>()?.slice(filter_layout.start_offset()..);
        // SAFETY: the convolution writes all of it.
        let mut y = unsafe { device.alloc::<T>(values) }?;
        let Plan { convolution, x: x_size, weights, y: y_size, algorithms } = plan;
        let launch = ConvForward { conv: convolution, x: x_size, w: weights, y: y_size };
        let scales = (T::from_f64(1.0), T::from_f64(0.0));
        let mut refused = Error::Msg(
            "cuDNN has no convolution for channels-last maps of this type and size".to_owned(),
        );
        for &(algorithm, workspace_bytes) in algorithms {
            let mut workspace = match workspace_bytes {
                0 => None,
                // SAFETY: the library reads nothing there that it has not written.
                bytes => Some(unsafe { device.alloc::<u8>(bytes) }?),
            };
            // SAFETY: types, sizes and the workspace are those of the plan, which was made for
            // them.
            match unsafe {
                launch.launch(algorithm, workspace.as_mut(), scales, &x, &filter, &mut y)
            } {
                Ok(()) => return Ok(CudaStorage::wrap_cuda_slice(y, device.clone())),
                // Status codes from 3000 on: not supported, with the reason.
                Err(error) if (3000..4000).contains(&(error.0 as u32)) => {
                    refused = Error::wrap(error)
                }
                Err(error) => return Err(Error::wrap(error)),
            }
        }
        Err(refused)
    }
}
