//! Expiry of the coordinator's blobs and results, except those that jobs need.
//!
//! Blobs that jobs need are held ([`impasto_blobs::Hold`]), so that other processes that clean up
//! the same folder keep them too. A job's inputs are held before the check that they exist, until
//! the core has accepted the job. From then on each pass holds the blobs that the core reports as
//! in use.
//!
//! When the disk is too full for an upload, a pass frees some of it, if the settings limit the size
//! of the store at all: what it removes can be painted again, and a full disk stops everybody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use impasto_blobs::{BlobStore, BlobStoreError, CacheLimits, Expired, Expiry, ExpiryError, Hold};
use impasto_types::{ByteSize, error_text};
use tokio_util::sync::CancellationToken;

use crate::driver::{Away, Driver};
use crate::room::Room;

/// The time between passes. A pass lists every file, which takes some ten seconds for a million.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The least time between passes, when the disk stays full.
const BREATH: Duration = Duration::from_secs(60);

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
    pub(crate) room: Room,
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
    /// Runs a pass at once and then every hour, or when the disk is full, until the coordinator
    /// closes.
    pub(crate) async fn run(self) {
        let (mut held, mut is_short) = (None, false);
        loop {
            match self.pass(&mut held, is_short).await {
                Ok(expired) => report(&expired),
                Err(CleanUpError::Away(Away::Stopped)) => return,
                Err(error) => {
                    tracing::warn!(cause = %error_text(&error), "cannot clean up the store")
                }
            }
            let pause = async {
                tokio::time::sleep(BREATH).await;
                tokio::time::timeout(INTERVAL - BREATH, self.room.wait_for_shortage()).await.is_ok()
            };
            match self.closing.run_until_cancelled(pause).await {
                Some(called) => is_short = called,
                None => return,
            }
        }
    }

    async fn pass(&self, held: &mut Option<Hold>, is_short: bool) -> Result<Expired, CleanUpError> {
        // The core knows the jobs of these holds, so its answer includes their blobs.
        let accepted = self.accepted.take();
        match self.hold_in_use().await {
            // The previous hold is released only now that the new one exists.
            Ok(hold) => *held = Some(hold),
            Err(error) => {
                // Together with these, the previous one suffices: on a full disk nothing can be
                // held, and clean-up is needed most.
                self.accepted.add(accepted);
                if !is_short || held.is_none() {
                    return Err(error);
                }
            }
        }
        let expiry = Expiry { spare: SPARE, ..Expiry::of(self.limits) };
        let Some(ByteSize(max_size)) = self.limits.max_size.filter(|_| is_short) else {
            return Ok(self.blobs.expire(expiry).await?);
        };
        let counted = self.blobs.expire(Expiry { dry_run: true, ..expiry }).await?;
        let target = counted.before.total().bytes.saturating_sub(self.room.shortage());
        let max_size = Some(ByteSize(max_size.min(target)));
        let limits = CacheLimits { max_size, ..self.limits };
        Ok(self.blobs.expire(Expiry { limits, ..expiry }).await?)
    }

    async fn hold_in_use(&self) -> Result<Hold, CleanUpError> {
        let in_use = self.driver.blobs_in_use().await?;
        Ok(self.blobs.hold(in_use).await?)
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
