//! How a kernel is run over tensors, on a card or on the host.

use std::ffi::c_void;

use candle_core::op::BackpropOp;
use candle_core::{CpuStorage, DType, Device, Error, Result, Shape, Storage, Tensor, bail};
use half::bf16;

/// A kernel's name, and itself where it was compiled for the host.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    name: &'static str,
    on_host: Option<HostKernel>,
}

type HostKernel = unsafe extern "C" fn(*const c_void, u32);

/// Declares constants for kernels by their names.
macro_rules! kernels {
    ($($constant:ident = $name:ident;)*) => {
        #[cfg(feature = "host")]
        mod on_host {
            unsafe extern "C" {
                $(pub(super) fn $name(parameters: *const std::ffi::c_void, threads: u32);)*
            }
        }
        $(
            #[cfg(feature = "host")]
            const $constant: $crate::launch::Kernel =
                $crate::launch::Kernel::new(stringify!($name), Some(on_host::$name));
            #[cfg(not(feature = "host"))]
            const $constant: $crate::launch::Kernel =
                $crate::launch::Kernel::new(stringify!($name), None);
        )*
    };
}
pub(crate) use kernels;

impl Kernel {
    pub(crate) const fn new(name: &'static str, on_host: Option<HostKernel>) -> Self {
        Self { name, on_host }
    }
}

/// The address of a tensor's values on the device; 0 for a tensor that is missing.
pub(crate) type Address = u64;

/// A tensor that a kernel writes, every value of it.
pub(crate) struct Output {
    dtype: DType,
    shape: Shape,
}

impl Output {
    pub(crate) fn new(dtype: DType, shape: impl Into<Shape>) -> Self {
        Self { dtype, shape: shape.into() }
    }
}

/// A kernel's parameters: plain values in the order and of the sizes that the kernel declares.
///
/// # Safety
/// The type is `repr(C)` and laid out as the kernel's structure is.
pub(crate) unsafe trait Parameters: Copy {}

/// Runs `threads` threads of a kernel. `parameters` makes the kernel's parameters of the addresses
/// of `inputs` and `outputs`, in their order. Inputs that are not contiguous are copied first.
///
/// # Errors
/// Where inputs lie on different devices or on one that the kernel was not compiled for, or the
/// device fails.
///
/// # Safety
/// With these parameters the kernel reads nothing but what lies in the inputs and writes nothing
/// but outputs, those whole.
pub(crate) unsafe fn run<P: Parameters, const I: usize, const O: usize>(
    kernel: Kernel,
    device: &Device,
    inputs: [Option<&Tensor>; I],
    outputs: [Option<Output>; O],
    threads: usize,
    parameters: impl FnOnce([Address; I], [Address; O]) -> P,
) -> Result<[Option<Tensor>; O]> {
    let Ok(threads) = u32::try_from(threads) else {
        bail!("{threads} threads are more than a kernel counts")
    };
    for input in inputs.iter().flatten() {
        if !input.device().same_device(device) {
            bail!(
                "a tensor lies on {:?} instead of {:?}",
                input.device().location(),
                device.location()
            );
        }
    }
    let inputs: [Option<Tensor>; I] = contiguous(inputs)?;
    match device {
        // SAFETY: the caller vouches for the parameters.
        Device::Cpu => unsafe { run_on_host(kernel, &inputs, outputs, threads, parameters) },
        #[cfg(feature = "cuda")]
        // SAFETY: the caller vouches for the parameters.
        Device::Cuda(device) => unsafe {
            cuda::run(kernel, device, &inputs, outputs, threads, parameters)
        },
        other => bail!("kernels for CUDA do not run on {:?}", other.location()),
    }
}

fn contiguous<const I: usize>(inputs: [Option<&Tensor>; I]) -> Result<[Option<Tensor>; I]> {
    let mut copies = [const { None }; I];
    for (copy, input) in copies.iter_mut().zip(inputs) {
        *copy = input.map(Tensor::contiguous).transpose()?;
    }
    Ok(copies)
}

/// # Safety
/// As [`run`].
unsafe fn run_on_host<P: Parameters, const I: usize, const O: usize>(
    kernel: Kernel,
    inputs: &[Option<Tensor>; I],
    outputs: [Option<Output>; O],
    threads: u32,
    parameters: impl FnOnce([Address; I], [Address; O]) -> P,
) -> Result<[Option<Tensor>; O]> {
    let Some(on_host) = kernel.on_host else {
        bail!("this program was built without the kernels for the host")
    };
    let held: Vec<_> =
        inputs.iter().map(|input| input.as_ref().map(Tensor::storage_and_layout)).collect();
    let mut read = [0; I];
    for (address, held) in read.iter_mut().zip(&held) {
        let Some((storage, layout)) = held else { continue };
        let Storage::Cpu(storage) = &**storage else {
            bail!("a tensor of the processor does not lie there")
        };
        let at = layout.start_offset();
        *address = match storage {
            CpuStorage::F32(values) => values[at..].as_ptr() as Address,
            CpuStorage::F64(values) => values[at..].as_ptr() as Address,
            CpuStorage::BF16(values) => values[at..].as_ptr() as Address,
            CpuStorage::U8(values) => values[at..].as_ptr() as Address,
            CpuStorage::U32(values) => values[at..].as_ptr() as Address,
            other => {
                bail!("no kernel takes {:?}", candle_core::backend::BackendStorage::dtype(other))
            }
        };
    }
    let mut written = outputs.map(|output| {
        output.map(|Output { dtype, shape }| (rubbish(dtype, shape.elem_count()), shape))
    });
    let mut write = [0; O];
    for (address, written) in write.iter_mut().zip(&mut written) {
        *address = match written.as_mut().map(|(storage, _)| storage) {
            None => 0,
            Some(CpuStorage::F32(values)) => values.as_mut_ptr() as Address,
            Some(CpuStorage::F64(values)) => values.as_mut_ptr() as Address,
            Some(CpuStorage::BF16(values)) => values.as_mut_ptr() as Address,
            Some(CpuStorage::U8(values)) => values.as_mut_ptr() as Address,
            Some(_) => bail!("no kernel writes such a tensor"),
        };
    }
    let parameters = parameters(read, write);
    // SAFETY: the parameters are laid out as the kernel's, it uses the addresses as the caller
    // vouches, and what they point to is held until it is done: the inputs by their guards, the
    // outputs by this function.
    unsafe { on_host((&raw const parameters).cast(), threads) };
    Ok(written.map(|written| {
        written.map(|(storage, shape)| {
            Tensor::from_storage(Storage::Cpu(storage), shape, BackpropOp::none(), false)
        })
    }))
}

/// Values that no kernel writes, so that tests see what was not written.
fn rubbish(dtype: DType, len: usize) -> CpuStorage {
    match dtype {
        DType::U8 => CpuStorage::U8(vec![0xAA; len]),
        DType::BF16 => CpuStorage::BF16(vec![bf16::NAN; len]),
        DType::F64 => CpuStorage::F64(vec![f64::NAN; len]),
        _ => CpuStorage::F32(vec![f32::NAN; len]),
    }
}

/// The tensor of an output that was requested.
pub(crate) fn made(output: Option<Tensor>) -> Result<Tensor> {
    output.ok_or_else(|| Error::Msg("an output that was asked for is missing".to_owned()))
}

/// Fails with `what` where `holds` is false.
pub(crate) fn check(holds: bool, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Msg(what.to_owned())) }
}

#[cfg(feature = "cuda")]
mod cuda {
    use candle_core::cuda_backend::cudarc::driver::{
        CudaSlice, DevicePtr, DevicePtrMut, DeviceRepr, LaunchConfig, PushKernelArg,
    };
    use candle_core::cuda_backend::{CudaDType, CudaDevice};
    use candle_core::{CudaStorage, WithDType};

    use super::*;

    /// The kernels, as assembly that the driver translates for its card.
    mod assembly {
        #![allow(unreachable_pub)]

        include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
    }

    /// Threads of a block: as many as the kernels are compiled for.
    const BLOCK: u32 = 256;

    #[repr(transparent)]
    #[derive(Clone, Copy)]
    struct Argument<P>(P);

    // SAFETY: parameters are plain values that are laid out as the kernel expects them.
    unsafe impl<P: Parameters> DeviceRepr for Argument<P> {}

    /// # Safety
    /// As [`super::run`].
    pub(super) unsafe fn run<P: Parameters, const I: usize, const O: usize>(
        kernel: Kernel,
        device: &CudaDevice,
        inputs: &[Option<Tensor>; I],
        outputs: [Option<Output>; O],
        threads: u32,
        parameters: impl FnOnce([Address; I], [Address; O]) -> P,
    ) -> Result<[Option<Tensor>; O]> {
        let function = device.get_or_load_custom_func(kernel.name, "impasto", assembly::KERNELS)?;
        let stream = device.cuda_stream();
        let held: Vec<_> =
            inputs.iter().map(|input| input.as_ref().map(Tensor::storage_and_layout)).collect();
        // Guards that keep other streams from the tensors until the kernel has finished.
        let mut guards = Vec::new();
        let mut read = [0; I];
        for (address, held) in read.iter_mut().zip(&held) {
            let Some((storage, layout)) = held else { continue };
            let Storage::Cuda(storage) = &**storage else {
                bail!("a tensor of the card does not lie there")
            };
            macro_rules! of {
                ($type:ty) => {{
                    let (pointer, guard) = storage.as_cuda_slice::<$type>()?.device_ptr(&stream);
                    guards.push(guard);
                    pointer + (layout.start_offset() * size_of::<$type>()) as Address
                }};
            }
            *address = match candle_core::backend::BackendStorage::dtype(storage) {
                DType::F32 => of!(f32),
                DType::F64 => of!(f64),
                DType::BF16 => of!(bf16),
                DType::U8 => of!(u8),
                DType::U32 => of!(u32),
                other => bail!("no kernel takes {other:?}"),
            };
        }
        let mut written = [const { None }; O];
        for (written, output) in written.iter_mut().zip(outputs) {
            let Some(Output { dtype, shape }) = output else { continue };
            let len = shape.elem_count();
            let storage = match dtype {
                DType::F32 => room::<f32>(device, len)?,
                DType::F64 => room::<f64>(device, len)?,
                DType::BF16 => room::<bf16>(device, len)?,
                DType::U8 => room::<u8>(device, len)?,
                other => bail!("no kernel writes {other:?}"),
            };
            *written = Some((storage, shape));
        }
        let mut write_guards = Vec::new();
        let mut write = [0; O];
        for (address, written) in write.iter_mut().zip(&mut written) {
            let Some((storage, _)) = written else { continue };
            macro_rules! of {
                ($type:ty) => {{
                    let slice: &mut CudaSlice<$type> = storage.as_cuda_slice_mut::<$type>()?;
                    let (pointer, guard) = slice.device_ptr_mut(&stream);
                    write_guards.push(guard);
                    pointer
                }};
            }
            *address = match candle_core::backend::BackendStorage::dtype(storage) {
                DType::F32 => of!(f32),
                DType::F64 => of!(f64),
                DType::BF16 => of!(bf16),
                DType::U8 => of!(u8),
                other => bail!("no kernel writes {other:?}"),
            };
        }
        let argument = Argument(parameters(read, write));
        let config = LaunchConfig {
            grid_dim: (threads.div_ceil(BLOCK).max(1), 1, 1),
            block_dim: (BLOCK, 1, 1),
            shared_mem_bytes: 0,
        };
        let mut builder = function.builder();
        builder.arg(&argument);
        builder.arg(&threads);
        // SAFETY: the parameters are laid out as the kernel's and it uses their addresses as the
        // caller vouches. Inputs and outputs are held until the launch is in the stream, and are
        // freed in that stream's order.
        unsafe { builder.launch(config) }.map_err(Error::wrap)?;
        drop(write_guards);
        drop(guards);
        Ok(written.map(|written| {
            written.map(|(storage, shape)| {
                Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false)
            })
        }))
    }

    fn room<T: WithDType + CudaDType + DeviceRepr>(
        device: &CudaDevice,
        len: usize,
    ) -> Result<CudaStorage> {
        // SAFETY: the values are not read before the kernel has written them all.
        let slice = unsafe { device.alloc::<T>(len) }?;
        Ok(CudaStorage::wrap_cuda_slice(slice, device.clone()))
    }
}
