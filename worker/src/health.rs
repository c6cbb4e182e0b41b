//! Watches the health of the devices, and retires a device with a fault.

use std::sync::Arc;
use std::time::Duration;

use impasto_types::DeviceHealth;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::attempt::Workshop;

/// How often drivers are queried: heat changes within seconds, and a query takes milliseconds.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// Queries the health of the painter's devices until the worker ends, and retires those with a
/// fault.
pub(crate) fn watch_health(
    workshop: Arc<Workshop>,
    shutdown: CancellationToken,
) -> watch::Receiver<Vec<DeviceHealth>> {
    let (news, health) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let watching = async {
            let mut turns = tokio::time::interval(HEALTH_INTERVAL);
            loop {
                turns.tick().await;
                let painter = workshop.painter.clone();
                // A faulty driver may block for long.
                let Ok(health) = tokio::task::spawn_blocking(move || painter.health()).await else {
                    return;
                };
                for (device, health) in
                    health.iter().enumerate().filter(|(_, health)| !health.fault.is_empty())
                {
                    if workshop.pool.retire(device) {
                        warn!(device, fault = health.fault, "a device takes no more tasks");
                    }
                }
                news.send_replace(health);
            }
        };
        tokio::select! {
            () = watching => {}
            () = news.closed() => {}
            () = shutdown.cancelled() => {}
        }
    });
    health
}
