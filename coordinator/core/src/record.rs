//! What a worker's last attempts say about it. One that fails several attempts in a row gets no
//! tasks for a while, and then a single one to prove itself.

use impasto_types::Backoff;

use crate::{Config, Millis};

/// Kept under the worker's name, over reconnections and restarts of its process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Attempts that failed since the last success.
    pub(crate) failures: u32,
    /// Whether its last attempt succeeded.
    pub(crate) proven: bool,
    bench: Option<Bench>,
    /// How many times it was benched since the last success.
    benches: u32,
}

/// A time without tasks.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    pub(crate) until: Millis,
    /// How the last attempt failed.
    pub(crate) reason: String,
}

impl Bench {
    pub(crate) fn info(&self) -> impasto_types::Bench {
        impasto_types::Bench { until_ms: self.until, reason: self.reason.clone() }
    }
}

/// How many tasks a worker may take, as far as its record is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Full,
    /// One at a time.
    Probe,
    None,
}

impl Record {
    pub(crate) fn succeeded(&mut self) {
        *self = Self { proven: true, ..Self::default() };
    }

    /// Notes a failed attempt. Returns when its bench ends, if it is benched for that.
    pub(crate) fn failed(
        &mut self,
        config: &Config,
        now: Millis,
        reason: &str,
        may_bench: bool,
    ) -> Option<Millis> {
        self.proven = false;
        self.failures = self.failures.saturating_add(1);
        // Attempts that were running when it was benched say nothing new.
        let is_benched = self.trust(now) == Trust::None;
        if !may_bench || is_benched || self.failures < config.bench_after {
            return None;
        }
        let (first_ms, longest_ms) = (config.bench_first_ms, config.bench_longest_ms);
        let until = now.saturating_add(Backoff { first_ms, longest_ms }.delay_ms(self.benches));
        self.benches = self.benches.saturating_add(1);
        self.bench = Some(Bench { until, reason: reason.to_owned() });
        Some(until)
    }

    pub(crate) fn bench(&self) -> Option<&Bench> {
        self.bench.as_ref()
    }

    pub(crate) fn trust(&self, now: Millis) -> Trust {
        match &self.bench {
            None => Trust::Full,
            Some(bench) if bench.until <= now => Trust::Probe,
            Some(_) => Trust::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_bench_a_worker_for_ever_longer_times_until_it_succeeds() {
        let config = Config::default();
        let mut record = Record::default();
        let fail = |record: &mut Record, now| record.failed(&config, now, "disk full", true);
        assert_eq!((fail(&mut record, 0), fail(&mut record, 0)), (None, None));
        assert_eq!(record.trust(0), Trust::Full);
        for (now, until) in [(0, 30_000), (30_000, 90_000), (90_000, 210_000)] {
            assert_eq!(fail(&mut record, now), Some(until));
            assert_eq!(record.trust(until - 1), Trust::None);
            assert_eq!(record.trust(until), Trust::Probe);
        }
        assert_eq!(fail(&mut record, 100_000), None, "it ran beside the last");
        assert_eq!(record.trust(210_000), Trust::Probe);
        record.succeeded();
        assert_eq!((record.trust(0), record.failures), (Trust::Full, 0));
        assert_eq!(fail(&mut record, 0), None, "it starts again");
    }
}
