//! How long the core waits for what, and how often it tries.

use impasto_types::Backoff;

use crate::Millis;

/// How often a worker is to say that it is alive.
pub const HEARTBEAT_MS: Millis = 5_000;
/// How long a lease lives without a word from its worker: several heartbeats, so that a lost
/// message or a busy machine is not a death.
pub const LEASE_MS: Millis = 30_000;
/// How long a vanished worker may take to come back: a process that restarts, or a network that
/// blinks.
pub const RECONNECT_GRACE_MS: Millis = 20_000;

/// As many ended jobs as a list shows.
pub const KEEP_JOBS: usize = 1_000;
/// Thirty days.
pub const KEEP_JOBS_MS: Millis = 30 * 24 * 3_600_000;

const _: () = assert!(HEARTBEAT_MS * 3 <= LEASE_MS, "two heartbeats may get lost");
const _: () = assert!(
    HEARTBEAT_MS < RECONNECT_GRACE_MS,
    "a worker that is cut off has the time to notice and to connect again"
);

/// The core's figures. [`Config::default`] suits a farm; tests and the simulator make them smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    pub heartbeat_ms: Millis,
    /// An attempt that was not heard of for this long has ended.
    pub lease_ms: Millis,
    /// After a disconnect or a restart, how long a vanished worker's leases wait to be taken up
    /// again before their attempts have ended.
    pub reconnect_grace_ms: Millis,
    /// How many counted attempts a task has.
    pub max_attempts: u32,
    /// The first delay after an attempt that ended; each further one is twice as long, up to
    /// `backoff_max_ms`.
    pub backoff_first_ms: Millis,
    pub backoff_max_ms: Millis,
    /// How long a task that no connected worker could ever run waits for one that can, before it
    /// fails. Long enough for a farm that is coming up.
    pub unschedulable_grace_ms: Millis,
    /// A project that was not served for this long has its priority raised by one; for twice this,
    /// by two; and so on.
    pub ageing_ms: Millis,
    /// How long a lost worker stays on the list.
    pub forget_lost_ms: Millis,
    /// How many ended jobs are remembered, and for how long after their end.
    pub keep_jobs: usize,
    pub keep_jobs_ms: Millis,
}

/// Figures that contradict each other.
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
            ageing_ms: 600_000,
            forget_lost_ms: 600_000,
            keep_jobs: KEEP_JOBS,
            keep_jobs_ms: KEEP_JOBS_MS,
        }
    }
}

impl Config {
    /// Whether the figures fit together; for figures that come from a file.
    pub fn check(self) -> Result<Self, ConfigError> {
        let positive = [
            ("heartbeat_ms", self.heartbeat_ms),
            ("max_attempts", u64::from(self.max_attempts)),
            ("backoff_first_ms", self.backoff_first_ms),
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

    /// The delay before attempt number `nth` + 1 after `nth` that ended, without jitter.
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
    fn figures_that_contradict_each_other_are_refused() {
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
