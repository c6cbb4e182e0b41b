//! Polls for conditions that send no event.

use std::thread;
use std::time::{Duration, Instant};

/// Far longer than anything here takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// The pause between two polls.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Polls until there is a value, and returns it.
///
/// # Panics
/// If there is no value within [`PATIENCE`].
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: it did not happen");
        thread::park_timeout(BETWEEN_LOOKS);
    }
}
