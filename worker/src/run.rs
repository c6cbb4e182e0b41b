//! Runs a worker, from its settings to its end.

use std::sync::Arc;

use impasto_blobs::BlobStore;
use impasto_painter::{Offer, Painter};
use impasto_proto::client::Blobs;
use impasto_types::DeviceInfo;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::attempt::Workshop;
use crate::blob_cache::BlobCache;
use crate::blob_link::BlobLink;
use crate::connection::connect;
use crate::error::WorkerError;
use crate::pool::Pool;
use crate::settings::Settings;
use crate::worker::Worker;

/// Runs a worker until it is shut down or drained.
///
/// `shutdown` stops it within a few seconds: it stops its attempts between two steps, returns its
/// leases and ends. When an operator drains it through the coordinator, its attempts finish first.
///
/// # Errors
/// If the settings cannot work: an unusable cache or model folder, a missing device, a wrong
/// address, a coordinator that refuses this worker.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> Result<(), WorkerError> {
    let painter = settings.painter()?;
    run_with(settings, Arc::new(painter), None, shutdown).await
}

/// Like [`run`], with a given painter, and with the blobs of a coordinator on the same disk, if
/// there is one: then only messages go over the network.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    settings: Settings,
    painter: Arc<dyn Painter>,
    disk: Option<BlobStore>,
    shutdown: CancellationToken,
) -> Result<(), WorkerError> {
    let cache = BlobCache::open(&settings.cache_dir, settings.cache_bytes)
        .map_err(|source| WorkerError::Cache { path: settings.cache_dir.clone(), source })?;
    let offers = painter.offers();
    let pool = Pool::new(offers.iter().map(|offer| settings.share(offer)));
    for Offer { info, .. } in &offers {
        let DeviceInfo { name, model, memory_bytes, compute_capability: _ } = info;
        info!(name, model, memory_bytes, "paints on");
    }
    let (name, slots) = (&settings.name, pool.lanes());
    info!(%name, coordinator = settings.coordinator, slots, "the worker starts");
    let connected = connect(&settings.coordinator, &shutdown).await;
    let Some(channel) = connected.map_err(WorkerError::Address)? else { return Ok(()) };
    let cache = Arc::new(cache);
    let blobs = match disk {
        Some(store) => BlobLink::Disk(store),
        None => BlobLink::Network { blobs: Blobs::new(channel.clone()), cache: Arc::clone(&cache) },
    };
    let workshop = Workshop { painter, cache, blobs, pool, only: settings.only };
    Worker::new(settings, Arc::new(workshop), channel, shutdown).serve().await
}
