//! A card, opened for passes that come again and again.

use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::{Device, Error, Result};

/// The card of this index, with a stream of its own: what is computed on several handles of one card runs side by side.
///
/// Memory that tensors let go stays with this process for the next ones. By default the driver would take it back whenever the host waits for the card, which is twice in an iteration.
///
/// # Errors
/// Where the driver fails.
pub fn open(index: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(index)?;
    let card = device.as_cuda_device()?;
    // SAFETY: a tensor is used on the stream of its own handle alone: candle refuses operations between handles, and so does `launch::run`.
    unsafe { card.disable_event_tracking() };
    let context = card.cuda_stream().context().clone();
    if context.has_async_alloc() {
        let mut keep = u64::MAX;
        // SAFETY: the pool is the card's own, and the attribute takes a number of 64 bits.
        unsafe {
            let pool = result::device::get_default_mem_pool(context.cu_device()).map_err(Error::wrap)?;
            let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
            sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut keep).cast()).result().map_err(Error::wrap)?;
        }
    }
    Ok(device)
}
