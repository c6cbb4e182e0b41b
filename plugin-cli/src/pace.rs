//! How long this machine takes to paint: as it took before, or roughly.

use std::time::Duration;

use impasto_planner::PlannedTask;

use crate::local_cache::LocalCache;

/// How fast this machine paints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Pixels times optimiser steps in a second, see [`impasto_types::TaskSpec::work`].
    work_per_s: f64,
    pub(crate) source: PaceSource,
}

/// Where a pace comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaceSource {
    /// The reports of this many finished assets of the project.
    Measured { assets: usize },
    /// A figure per core, for CPUs with vectors: AVX2, NEON or better.
    Rough { cores: usize },
}

/// The pace per core if nothing was measured: an iteration takes 6 microseconds a pixel and core
/// with AVX-512, as docs/BENCHMARKS.md says, and somewhat more on most machines.
const WORK_PER_CORE_S: f64 = 125_000.0;

/// More reports do not change the pace much, and each is a file.
const MOST_REPORTS: usize = 64;

impl Pace {
    /// The pace of the finished tasks among these, as far as the cache has their reports.
    pub(crate) fn of<'a>(
        tasks: impl IntoIterator<Item = &'a PlannedTask>,
        cache: Option<&LocalCache>,
    ) -> Self {
        let finished = tasks.into_iter().filter(|task| !task.is_stale()).take(MOST_REPORTS);
        let report = |task: &PlannedTask| Some((task.work, cache?.report(task.action)?));
        let reports = finished.filter_map(report);
        let took = reports.map(|(work, report)| (work, report.compute_ms));
        Self::measured(took).unwrap_or_else(Self::rough)
    }

    /// From pairs of work and milliseconds; `None` if there are none that took time.
    fn measured(took: impl Iterator<Item = (u64, u64)>) -> Option<Self> {
        let (mut assets, mut work, mut ms) = (0, 0.0, 0.0);
        for (task_work, task_ms) in took.filter(|(work, ms)| *work > 0 && *ms > 0) {
            assets += 1;
            work += task_work as f64;
            ms += task_ms as f64;
        }
        let source = PaceSource::Measured { assets };
        (assets > 0).then(|| Self { work_per_s: work / ms * 1000.0, source })
    }

    fn rough() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { work_per_s: WORK_PER_CORE_S * cores as f64, source: PaceSource::Rough { cores } }
    }

    /// The time that this much work takes.
    pub(crate) fn time(&self, work: u64) -> Duration {
        Duration::try_from_secs_f64(work as f64 / self.work_per_s).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_follows_from_reports_or_from_the_cores() {
        let pace = Pace::measured([(1000, 10), (3000, 30), (7, 0)].into_iter()).expect("measured");
        assert_eq!(pace.source, PaceSource::Measured { assets: 2 });
        assert_eq!(pace.time(200_000), Duration::from_secs(2));
        assert_eq!(Pace::measured(std::iter::empty()), None);
        let rough = Pace::rough();
        let PaceSource::Rough { cores } = rough.source else { panic!("{rough:?}") };
        assert_eq!(rough.time(125_000 * cores as u64), Duration::from_secs(1));
    }
}
