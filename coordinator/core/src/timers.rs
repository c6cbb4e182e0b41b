//! What is to be looked at when. A timer is a hint: whoever handles it checks whether its reason
//! still stands, so none is ever taken back.

use std::collections::BTreeSet;

use impasto_types::{Attempt, WorkerName};

use crate::Millis;
use crate::class::Demand;
use crate::task::TaskKey;

/// What may have fallen due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// This attempt may have been silent for too long.
    Silence(TaskKey, Attempt),
    /// This worker may have been away for too long.
    Absence(WorkerName),
    /// Tasks with this demand may have waited too long for a worker that can run them.
    Stranded(Demand),
    /// This lost worker may leave the list.
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

    /// The next timer that is due at `now`, with the time that it was set for.
    pub(crate) fn pop_due(&mut self, now: Millis) -> Option<(Millis, Timer)> {
        if self.next()? > now { None } else { self.0.pop_first() }
    }
}
