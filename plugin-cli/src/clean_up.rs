//! Keeping the cache within its limits.

use std::path::Path;
use std::time::{Duration, Instant};

use impasto_blobs::{Expired, Expiry};
use impasto_build::Outcome;
use impasto_types::{ByteSize, error_text};

use crate::Context;

/// A cache of a hundred thousand files is looked through in less; what is left over goes after the
/// next build.
const LONGEST: Duration = Duration::from_secs(2);

/// What was used within this time may belong to a build beside this one that has not begun to
/// paint.
const SPARE: Duration = Duration::from_secs(60 * 60);

/// Removes what is beyond the configured limits, after a build that has added to the cache. A cache
/// that cannot be cleaned up costs disk, not the build.
pub(crate) fn clean_up(outcome: &Outcome, cache_dir: &Path, context: &Context) {
    if outcome.painted + outcome.cached == 0 {
        return;
    }
    let until = Some(Instant::now() + LONGEST);
    let expiry = Expiry { spare: SPARE, until, ..Expiry::of(context.config.cache) };
    let screen = &context.screen;
    match expiry.run(cache_dir) {
        Ok(Expired { cut_short: true, .. }) => screen.detail(
            "there was no time to look through the whole cache; `impasto cache prune` takes it",
        ),
        Ok(Expired { removed, .. }) if removed.files > 0 => screen.detail(format_args!(
            "removed {} files, {}, from the cache",
            removed.files,
            ByteSize(removed.bytes)
        )),
        Ok(_) => {}
        Err(error) => screen.detail(format_args!("cannot clean up: {}", error_text(&error))),
    }
}
