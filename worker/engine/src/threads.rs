//! What every method's engine has: threads, and what a process takes without a network.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::EngineError;

/// What a process takes before it holds a network or a picture, in bytes.
pub const PROCESS_BYTES: u64 = 64 << 20;

/// So many threads, at least one.
pub(crate) fn pool(threads: usize) -> Result<Arc<ThreadPool>, EngineError> {
    let threads = threads.max(1);
    let builder = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("engine-{index}"));
    builder.build().map(Arc::new).map_err(|source| EngineError::Threads { threads, source })
}
