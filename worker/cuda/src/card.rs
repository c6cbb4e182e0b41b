//! Opens a GPU and sets its memory pool up for passes of the same sizes.

use candle_core::cuda_backend::cudarc::driver::CudaContext;
use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::{Device, Error, Result};

/// The card of this index, with a stream of its own: what is computed on several handles of one
/// card runs side by side.
///
/// Memory that tensors free stays with this process for the next ones. By default the driver would
/// reclaim it at every synchronisation, which is twice in an iteration.
///
/// # Errors
/// Where the driver fails.
pub fn open(index: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(index)?;
    let card = device.as_cuda_device()?;
    // SAFETY: a tensor is used on the stream of its own handle alone: candle refuses operations
    // between handles, and so does `launch::run`.
    unsafe { card.disable_event_tracking() };
    let context = card.cuda_stream().context().clone();
    if let Some(pool) = pool(&context)? {
        let mut keep = u64::MAX;
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        // SAFETY: the attribute takes a number of 64 bits.
        unsafe { sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut keep).cast()) }
            .result()
            .map_err(Error::wrap)?;
    }
    Ok(device)
}

/// Returns the memory that is kept for future tensors to the driver, for all handles that this
/// process has of the card. Does nothing for other devices.
///
/// # Errors
/// Where the driver fails.
pub fn trim(device: &Device) -> Result<()> {
    let Device::Cuda(card) = device else { return Ok(()) };
    device.synchronize()?;
    if let Some(pool) = pool(card.cuda_stream().context())? {
        // SAFETY: the pool is the card's own, and what tensors hold stays with them.
        unsafe { sys::cuMemPoolTrimTo(pool, 0) }.result().map_err(Error::wrap)?;
    }
    Ok(())
}

/// The memory pool of tensors, on a card that has pools.
fn pool(context: &CudaContext) -> Result<Option<sys::CUmemoryPool>> {
    if !context.has_async_alloc() {
        return Ok(None);
    }
    // SAFETY: the card is there, as its context is.
    unsafe { result::device::get_default_mem_pool(context.cu_device()) }
        .map(Some)
        .map_err(Error::wrap)
}
