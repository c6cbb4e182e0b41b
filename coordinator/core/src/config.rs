//! Timeouts and limits of the core.

use impasto_types::Backoff;

use crate::Millis;

/// The interval at which workers send heartbeats.
pub const HEARTBEAT_MS: Millis = 5_000;
/// How long a lease lasts without a heartbeat. Several heartbeats fit in, so a lost message or a
/// busy machine does not end it.
pub const LEASE_MS: Millis = 30_000;
/// How long a disconnected worker has to reconnect, for example after a restart or a network
/// failure.
pub const RECONNECT_GRACE_MS: Millis = 20_000;

/// As many ended jobs as a list shows.
pub const KEEP_JOBS: usize = 1_000;
/// Thirty days.
pub const KEEP_JOBS_MS: Millis = 30 * 24 * 3_600_000;

const _: () = assert!(HEARTBEAT_MS * 3 <= LEASE_MS, "a lease survives two lost heartbeats");
const _: () = assert!(
    HEARTBEAT_MS < RECONNECT_GRACE_MS,
    "a disconnected worker has time to notice and to reconnect"
);

/// Timeouts and limits. [`Config::default`] suits a farm; tests and the simulator use smaller
/// values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    pub heartbeat_ms: Millis,
    /// An attempt ends if its worker sends no heartbeat for this long.
    pub lease_ms: Millis,
    /// After a disconnect or a restart, how long a worker has to reconnect before its leases end.
    pub reconnect_grace_ms: Millis,
    /// How many attempts a task may use up.
    pub max_attempts: u32,
    /// The delay after the first attempt that ended without a result. It doubles with each further
    /// one, up to `backoff_max_ms`.
    pub backoff_first_ms: Millis,
    pub backoff_max_ms: Millis,
    /// How long a task that no connected worker could ever run waits for a suitable one before it
    /// fails. Long enough for a farm to start up.
    pub unschedulable_grace_ms: Millis,
    /// How many failed attempts in a row bench a worker.
    pub bench_after: u32,
    /// How long a worker is benched first. The time doubles with each further failure, up to
    /// `bench_longest_ms`.
    pub bench_first_ms: Millis,
    pub bench_longest_ms: Millis,
    /// How long a task waits for a client to send missing inputs again before it fails.
    pub input_grace_ms: Millis,
    /// How long a job's task list may be unreadable before it counts as damaged.
    pub unreadable_grace_ms: Millis,
    /// The waiting time that raises a project's priority by one.
    pub ageing_ms: Millis,
    /// How long a lost worker stays on the list.
    pub forget_lost_ms: Millis,
    /// How many ended jobs are remembered, and for how long after their end.
    pub keep_jobs: usize,
    pub keep_jobs_ms: Millis,
}

/// Settings that are zero or contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("a lease of {lease_ms} ms is shorter than three heartbeats of {heartbeat_ms} ms")]
    LeaseTooShort { lease_ms: Millis, heartbeat_ms: Millis },
    #[error("backoff_first_ms is {first_ms}, but backoff_max_ms is only {max_ms}")]
    BackoffTooShort { first_ms: Millis, max_ms: Millis },
    #[error("{0} is 0")]
    Zero(&'static str),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heartbeat_ms: HEARTBEAT_MS,
            lease_ms: LEASE_MS,
            reconnect_grace_ms: RECONNECT_GRACE_MS,
            max_attempts: 3,
            backoff_first_ms: 1_000,
            backoff_max_ms: 60_000,
            unschedulable_grace_ms: 60_000,
            bench_after: 3,
            bench_first_ms: 30_000,
            bench_longest_ms: 600_000,
            input_grace_ms: 300_000,
            unreadable_grace_ms: 600_000,
            ageing_ms: 600_000,
            forget_lost_ms: 600_000,
            keep_jobs: KEEP_JOBS,
            keep_jobs_ms: KEEP_JOBS_MS,
        }
    }
}

impl Config {
    /// Checks settings that were read from a file.
    ///
    /// # Errors
    /// A setting that is zero or contradicts another.
    pub fn check(self) -> Result<Self, ConfigError> {
        let positive = [
            ("heartbeat_ms", self.heartbeat_ms),
            ("max_attempts", u64::from(self.max_attempts)),
            ("backoff_first_ms", self.backoff_first_ms),
            ("bench_after", u64::from(self.bench_after)),
            ("bench_first_ms", self.bench_first_ms),
            ("ageing_ms", self.ageing_ms),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Zero(name));
        }
        if self.heartbeat_ms.saturating_mul(3) > self.lease_ms {
            return Err(ConfigError::LeaseTooShort {
                lease_ms: self.lease_ms,
                heartbeat_ms: self.heartbeat_ms,
            });
        }
        if self.backoff_first_ms > self.backoff_max_ms {
            return Err(ConfigError::BackoffTooShort {
                first_ms: self.backoff_first_ms,
                max_ms: self.backoff_max_ms,
            });
        }
        Ok(self)
    }

    /// The delay after the `nth` attempt that ended without a result, without jitter.
    pub(crate) fn backoff_ms(&self, nth: u32) -> Millis {
        match nth {
            0 => 0,
            nth => {
                let (first_ms, longest_ms) = (self.backoff_first_ms, self.backoff_max_ms);
                Backoff { first_ms, longest_ms }.delay_ms(nth - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_limit() {
        let config = Config::default();
        for (nth, expected) in
            [(0, 0), (1, 1_000), (2, 2_000), (6, 32_000), (7, 60_000), (u32::MAX, 60_000)]
        {
            assert_eq!(config.backoff_ms(nth), expected, "after {nth}");
        }
    }

    #[test]
    fn contradictory_settings_are_refused() {
        assert_eq!(Config::default().check(), Ok(Config::default()));
        let short = Config { lease_ms: 14_999, ..Config::default() };
        assert_eq!(
            short.check(),
            Err(ConfigError::LeaseTooShort { lease_ms: 14_999, heartbeat_ms: 5_000 })
        );
        assert_eq!(
            Config { max_attempts: 0, ..Config::default() }.check(),
            Err(ConfigError::Zero("max_attempts"))
        );
    }
}
