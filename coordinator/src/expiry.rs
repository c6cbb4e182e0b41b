//! Expiry of the coordinator's blobs and results, except those that jobs need.
//!
//! Blobs that jobs need are held ([`impasto_blobs::Hold`]), so that other processes that clean up
//! the same folder keep them too. A job's inputs are held before the check that they exist, until
//! the core has accepted the job. From then on each pass holds the blobs that the core reports as
//! in use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use impasto_blobs::{BlobStore, BlobStoreError, CacheLimits, Expired, Expiry, ExpiryError, Hold};
use impasto_types::{ByteSize, error_text};
use tokio_util::sync::CancellationToken;

use crate::driver::{Away, Driver};

/// The time between passes. A pass lists every file, which takes some ten seconds for a million.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Files used within this time are kept, since clients upload missing blobs before they submit, and
/// workers upload results before they report them.
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

/// The regular clean-up.
#[derive(Debug)]
pub(crate) struct CleanUp {
    pub(crate) blobs: BlobStore,
    pub(crate) driver: Driver,
    pub(crate) accepted: AcceptedHolds,
    pub(crate) limits: CacheLimits,
    pub(crate) closing: CancellationToken,
}

/// Why a pass failed. The next one may succeed.
#[derive(Debug, thiserror::Error)]
enum CleanUpError {
    #[error(transparent)]
    Away(#[from] Away),
    #[error("cannot hold the blobs that jobs need")]
    Hold(#[from] BlobStoreError),
    #[error(transparent)]
    Expiry(#[from] ExpiryError),
}

impl CleanUp {
    /// Runs a pass at once and then every hour, until the coordinator closes.
    pub(crate) async fn run(self) {
        let mut held = None;
        loop {
            match self.pass(&mut held).await {
                Ok(expired) => report(&expired),
                Err(CleanUpError::Away(Away::Stopped)) => return,
                Err(error) => {
                    tracing::warn!(cause = %error_text(&error), "cannot clean up the store")
                }
            }
            let pause = tokio::time::sleep(INTERVAL);
            if self.closing.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    async fn pass(&self, held: &mut Option<Hold>) -> Result<Expired, CleanUpError> {
        // The core knows the jobs of these holds, so its answer includes their blobs.
        let accepted = self.accepted.take();
        let in_use = self.driver.blobs_in_use().await?;
        match self.blobs.hold(in_use).await {
            // The previous hold is released only now that the new one exists.
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
