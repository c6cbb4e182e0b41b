//! Waits until files are complete. Pure: the caller passes the time, and a [`Probe`] examines
//! files.
//!
//! An event is only a hint that a path may have changed. A path is *settled* if for a while it had
//! no event and its stamp did not change, and if its picture is complete or the file is gone. An
//! incomplete picture that does not change is probably a stalled copy: it is checked repeatedly,
//! and reported once if it takes too long.

use std::collections::{BTreeMap, BTreeSet};

use impasto_types::AssetPath;

use crate::picture::Completeness;
use crate::stamp::Stamp;

/// Time limits. All times are in milliseconds, from any origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleSettings {
    /// How long a file has to stay unchanged.
    pub settle_ms: u64,
    /// How often an incomplete picture is checked.
    pub recheck_ms: u64,
    /// How long an incomplete picture may stay unchanged before it is given up.
    pub give_up_ms: u64,
    /// How long settled paths wait for others of the same burst.
    pub batch_ms: u64,
}

impl Default for SettleSettings {
    fn default() -> Self {
        Self { settle_ms: 500, recheck_ms: 1_000, give_up_ms: 30_000, batch_ms: 2_000 }
    }
}

/// Examines files for [`Settling`].
pub trait Probe {
    /// The file's current stamp; `None` if it does not exist.
    fn stamp(&mut self, path: &AssetPath) -> Option<Stamp>;
    /// Whether a file that no longer changes is complete.
    fn completeness(&mut self, path: &AssetPath) -> Completeness;
}

/// The paths that may have changed, each with the progress of its wait.
#[derive(Debug, Clone)]
pub struct Settling {
    settings: SettleSettings,
    waiting: BTreeMap<AssetPath, Waiting>,
    /// Settled paths with their stamps, which wait for the rest of their burst.
    settled: BTreeMap<AssetPath, Option<Stamp>>,
    settled_since_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Not examined yet.
    Touched,
    /// Had this stamp, and no event since.
    Still { stamp: Option<Stamp>, since_ms: u64 },
    /// Does not change, but the picture is incomplete.
    Partial { stamp: Stamp, since_ms: u64, look_ms: u64 },
}

/// The result of [`Settling::poll`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Complete, or removed (`None`).
    pub paths: BTreeMap<AssetPath, Option<Stamp>>,
    /// Incomplete for too long, with the reason.
    pub given_up: BTreeMap<AssetPath, (Stamp, String)>,
}

impl Settling {
    pub fn new(settings: SettleSettings) -> Self {
        Self { settings, waiting: BTreeMap::new(), settled: BTreeMap::new(), settled_since_ms: 0 }
    }

    /// The path had an event: restarts its wait.
    pub fn touch(&mut self, path: AssetPath) {
        self.settled.remove(&path);
        self.waiting.insert(path, Waiting::Touched);
    }

    /// The path differs from its known stamp: starts its wait, unless it is already waiting or
    /// settled.
    pub fn notice(&mut self, path: AssetPath) {
        if !self.settled.contains_key(&path) {
            self.waiting.entry(path).or_insert(Waiting::Touched);
        }
    }

    /// The paths that must not be read yet.
    pub fn unsettled(&self) -> BTreeSet<AssetPath> {
        self.waiting.keys().cloned().collect()
    }

    /// When to call [`poll`](Self::poll) next; `None` if no path is waiting.
    pub fn next_ms(&self) -> Option<u64> {
        let looks = self.waiting.values().map(|waiting| waiting.look_ms(&self.settings));
        let batch = (!self.settled.is_empty())
            .then(|| if self.is_burst_over() { 0 } else { self.batch_end_ms() });
        looks.chain(batch).min()
    }

    /// Examines the paths that are due, and returns those that are done.
    pub fn poll(&mut self, now_ms: u64, probe: &mut impl Probe) -> Settled {
        let mut done = Settled::default();
        let due =
            self.waiting.iter().filter(|(_, waiting)| waiting.look_ms(&self.settings) <= now_ms);
        for (path, waiting) in
            due.map(|(path, waiting)| (path.clone(), *waiting)).collect::<Vec<_>>()
        {
            let stamp = probe.stamp(&path);
            match look(&self.settings, now_ms, waiting, stamp, || probe.completeness(&path)) {
                Look::Wait(next) => {
                    self.waiting.insert(path, next);
                }
                Look::Settled => {
                    self.waiting.remove(&path);
                    if self.settled.is_empty() {
                        self.settled_since_ms = now_ms;
                    }
                    self.settled.insert(path, stamp);
                }
                Look::GivenUp(stamp, reason) => {
                    self.waiting.remove(&path);
                    done.given_up.insert(path, (stamp, reason));
                }
            }
        }
        if self.is_burst_over() || self.batch_end_ms() <= now_ms {
            done.paths = std::mem::take(&mut self.settled);
        }
        done
    }

    /// Whether no path is still changing. Incomplete pictures are not waited for, since a copy may
    /// stall for long.
    fn is_burst_over(&self) -> bool {
        self.waiting.values().all(|waiting| matches!(waiting, Waiting::Partial { .. }))
    }

    fn batch_end_ms(&self) -> u64 {
        self.settled_since_ms.saturating_add(self.settings.batch_ms)
    }
}

impl Waiting {
    fn look_ms(&self, settings: &SettleSettings) -> u64 {
        match *self {
            Self::Touched => 0,
            Self::Still { since_ms, .. } => since_ms.saturating_add(settings.settle_ms),
            Self::Partial { look_ms, .. } => look_ms,
        }
    }
}

enum Look {
    Wait(Waiting),
    Settled,
    GivenUp(Stamp, String),
}

/// The next step for a path that is due.
fn look(
    settings: &SettleSettings,
    now_ms: u64,
    waiting: Waiting,
    stamp: Option<Stamp>,
    completeness: impl FnOnce() -> Completeness,
) -> Look {
    let moved = Look::Wait(Waiting::Still { stamp, since_ms: now_ms });
    let partial_since_ms = match waiting {
        Waiting::Touched => return moved,
        Waiting::Still { stamp: before, .. } if before != stamp => return moved,
        Waiting::Partial { stamp: before, .. } if Some(before) != stamp => return moved,
        Waiting::Still { .. } => now_ms,
        Waiting::Partial { since_ms, .. } => since_ms,
    };
    let Some(stamp) = stamp else { return Look::Settled };
    match completeness() {
        Completeness::Whole => Look::Settled,
        Completeness::Partial(reason)
            if now_ms >= partial_since_ms.saturating_add(settings.give_up_ms) =>
        {
            Look::GivenUp(stamp, reason)
        }
        Completeness::Partial(_) => {
            let look_ms = now_ms.saturating_add(settings.recheck_ms);
            Look::Wait(Waiting::Partial { stamp, since_ms: partial_since_ms, look_ms })
        }
    }
}

#[cfg(test)]
#[path = "settling_tests.rs"]
mod tests;
