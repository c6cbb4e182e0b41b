//! Keeping the cache within its limits.

use std::path::Path;
use std::time::{Duration, Instant};

use impasto_blobs::{Expired, Expiry};
use impasto_build::Outcome;
use impasto_types::{ByteSize, error_text};

use crate::Context;

/// Enough to scan a cache of a hundred thousand files; the next build removes the rest.
const LONGEST: Duration = Duration::from_secs(2);

/// A file used within this time may belong to a concurrent build that has not begun to paint.
const SPARE: Duration = Duration::from_secs(60 * 60);

/// After a build that added to the cache, removes what exceeds the configured limits. If that
/// fails, the build still succeeds.
pub(crate) fn clean_up(outcome: &Outcome, cache_dir: &Path, context: &Context) {
    if outcome.painted + outcome.cached == 0 {
        return;
    }
    let until = Some(Instant::now() + LONGEST);
    let expiry = Expiry { spare: SPARE, until, ..Expiry::of(context.config.cache) };
    let screen = &context.screen;
    match expiry.run(cache_dir) {
        Ok(Expired { cut_short: true, .. }) => screen
            .detail("the cache was cleaned up only in part; `impasto cache prune` does the rest"),
        Ok(Expired { removed, .. }) if removed.files > 0 => screen.detail(format_args!(
            "removed {} files, {}, from the cache",
            removed.files,
            ByteSize(removed.bytes)
        )),
        Ok(_) => {}
        Err(error) => screen.detail(format_args!("cannot clean up: {}", error_text(&error))),
    }
}
