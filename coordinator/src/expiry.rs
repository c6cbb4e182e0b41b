//! The coordinator's limits on what it keeps: blobs and results expire, but not what jobs need.
//!
//! What jobs need is held ([`impasto_blobs::Hold`]), so that another process that cleans up the
//! same folder knows it too. A job's inputs are held from before they are looked for until the core
//! has accepted the job; from then on the core knows them, and each pass holds what the core names.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use impasto_blobs::{BlobStore, BlobStoreError, CacheLimits, Expired, Expiry, ExpiryError, Hold};
use impasto_types::{ByteSize, error_text};
use tokio_util::sync::CancellationToken;

use crate::driver::{Driver, Stopped};

/// A pass lists every file; a store of a million is looked through in some ten seconds.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// A client that was told which blobs are missing uploads those before it submits, and workers
/// upload results before they report them: what was used within this time is not touched.
const SPARE: Duration = Duration::from_secs(60 * 60);

/// The holds of jobs that the core has accepted since the last pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct AcceptedHolds {
    holds: Arc<Mutex<Vec<Hold>>>,
}

impl AcceptedHolds {
    pub(crate) fn add(&self, holds: impl IntoIterator<Item = Hold>) {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).extend(holds);
    }

    fn take(&self) -> Vec<Hold> {
        std::mem::take(&mut self.holds.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Cleans up now and then.
#[derive(Debug)]
pub(crate) struct CleanUp {
    pub(crate) blobs: BlobStore,
    pub(crate) driver: Driver,
    pub(crate) accepted: AcceptedHolds,
    pub(crate) limits: CacheLimits,
    pub(crate) closing: CancellationToken,
}

/// Why a pass came to nothing. The next one may do better.
#[derive(Debug, thiserror::Error)]
enum CleanUpError {
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error("cannot hold what jobs need")]
    Hold(#[from] BlobStoreError),
    #[error(transparent)]
    Expiry(#[from] ExpiryError),
}

impl CleanUp {
    /// Makes a pass at once and then every hour, until the coordinator closes.
    pub(crate) async fn run(self) {
        let mut held = None;
        loop {
            match self.pass(&mut held).await {
                Ok(expired) => report(&expired),
                Err(CleanUpError::Stopped(_)) => return,
                Err(error) => tracing::warn!(cause = %error_text(&error), "nothing expires"),
            }
            let pause = tokio::time::sleep(INTERVAL);
            if self.closing.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    async fn pass(&self, held: &mut Option<Hold>) -> Result<Expired, CleanUpError> {
        // Jobs whose holds are here are known to the core, so its answer covers them.
        let accepted = self.accepted.take();
        let in_use = self.driver.blobs_in_use().await?;
        match self.blobs.hold(in_use).await {
            // The hold before this one ends only when this one has begun.
            Ok(hold) => *held = Some(hold),
            Err(error) => {
                self.accepted.add(accepted);
                return Err(error.into());
            }
        }
        let expiry = Expiry { spare: SPARE, ..Expiry::of(self.limits) };
        Ok(self.blobs.expire(expiry).await?)
    }
}

fn report(expired: &Expired) {
    let Expired { before, removed, spared, .. } = expired;
    if removed.files > 0 || spared.files > 0 {
        tracing::info!(
            removed_files = removed.files,
            removed = %ByteSize(removed.bytes),
            in_use = %ByteSize(spared.bytes),
            left = %ByteSize(before.total().bytes - removed.bytes),
            "the store was beyond its limits"
        );
    }
}
