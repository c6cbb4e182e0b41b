//! Waiting for what only a look can tell.

use std::thread;
use std::time::{Duration, Instant};

/// Far more than anything here takes, also on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// How long to leave the processors to those who are waited for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Looks until there is something, and returns it.
///
/// # Panics
/// Where there is nothing for [`PATIENCE`].
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: it has not come about");
        thread::park_timeout(BETWEEN_LOOKS);
    }
}
