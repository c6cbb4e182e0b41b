//! Estimates how long painting will still take.

use std::time::Duration;

/// Estimates the time left from the share of the work that is done.
///
/// The first step does not count: it also measures the styles and allocates all buffers, and a
/// resumed run begins with much of its work done.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    first: Option<(f64, Duration)>,
}

impl Pace {
    /// Call it after each step, with the share of the work that is done (0 to 1) and the time since
    /// painting began. `None` before the second step.
    pub fn left(&mut self, done: f64, elapsed: Duration) -> Option<Duration> {
        let Some((first_done, first_elapsed)) = self.first else {
            self.first = Some((done, elapsed));
            return None;
        };
        let took = elapsed.saturating_sub(first_elapsed).as_secs_f64();
        let left = took * (1.0 - done) / (done - first_done);
        Duration::try_from_secs_f64(left).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_work() {
        let mut pace = Pace::default();
        for (done, elapsed_ms, left_ms) in [
            // Half of the time went into measuring the styles.
            (0.1, 2000, None),
            (0.2, 3000, Some(8000)),
            (0.6, 7000, Some(4000)),
            (1.0, 11_000, Some(0)),
        ] {
            let left = pace.left(done, Duration::from_millis(elapsed_ms));
            let left = left.map(|left| (left.as_secs_f64() * 1e3).round() as u64);
            assert_eq!(left, left_ms, "{done}");
        }
    }

    #[test]
    fn no_progress_gives_no_estimate() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(0.5, Duration::from_secs(1)), None);
        assert_eq!(pace.left(0.5, Duration::from_secs(2)), None, "no work was done meanwhile");
        assert_eq!(pace.left(f64::NAN, Duration::from_secs(3)), None);
        assert_eq!(pace.left(0.4, Duration::from_secs(4)), None, "work was undone");
    }
}
