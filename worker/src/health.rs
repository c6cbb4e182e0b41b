//! The health of the devices: the painter is asked again and again, and a device with a fault is
//! retired.

use std::sync::Arc;
use std::time::Duration;

use impasto_types::DeviceHealth;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::attempt::Workshop;

/// How often drivers are asked how their cards fare: heat changes within seconds, and the question
/// costs milliseconds.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// Asks the painter again and again how its devices fare, until the worker ends, and retires those
/// with a fault.
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
                // A driver that is unwell may take its time.
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
