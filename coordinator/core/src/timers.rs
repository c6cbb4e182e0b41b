//! Timers. Each is only a hint: its handler checks whether the reason still holds, so timers are
//! never canceled.

use std::collections::BTreeSet;

use impasto_types::{Attempt, JobId, WorkerName};

use crate::Millis;
use crate::class::Demand;
use crate::task::TaskKey;

/// What to check.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// This attempt may have had no heartbeat for too long.
    Silence(TaskKey, Attempt),
    /// This worker may have been disconnected for too long.
    Absence(WorkerName),
    /// Tasks with this demand may have waited too long for a suitable worker.
    Stranded(Demand),
    /// This benched worker may get a task to prove itself.
    Probe(WorkerName),
    /// This job may be tried again whose task list could not be read.
    Held(JobId),
    /// This lost worker may be removed from the list.
    Forget(WorkerName),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Timers(BTreeSet<(Millis, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Millis, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(crate) fn next(&self) -> Option<Millis> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Removes the next timer that is due at `now`, and returns it with the time it was set for.
    pub(crate) fn pop_due(&mut self, now: Millis) -> Option<(Millis, Timer)> {
        if self.next()? > now { None } else { self.0.pop_first() }
    }
}
