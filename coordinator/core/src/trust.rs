//! Which workers are trusted with tasks, by their records.

use std::collections::{BTreeMap, BTreeSet};

use impasto_types::{MethodVersion, WorkerId, WorkerName};

use crate::class::Demand;
use crate::record::{Record, Trust};
use crate::workers::{Worker, Workers};
use crate::{Config, Millis};

/// The connected workers that could run a task, regardless of their load.
#[derive(Debug, Default)]
pub(crate) struct Able {
    pub(crate) connected: usize,
    pub(crate) draining: usize,
    /// The others that are benched, with the reasons.
    pub(crate) benched: Vec<(WorkerName, String)>,
}

impl Workers {
    /// The record of a connected or lost worker.
    pub(crate) fn record(&self, name: &WorkerName) -> Option<&Record> {
        match self.named(name) {
            Some(id) => Some(&self.connected.get(&id)?.record),
            None => Some(&self.lost.get(name)?.record),
        }
    }

    pub(crate) fn note_success(&mut self, id: WorkerId) {
        let Some(worker) = self.connected.get_mut(&id) else { return };
        worker.tasks_done += 1;
        worker.record.succeeded();
        worker.trust = Trust::Full;
        self.rank(id);
    }

    /// Notes a failed attempt of a worker. Returns when its bench ends, if that benches it.
    pub(crate) fn note_failure(
        &mut self,
        name: &WorkerName,
        config: &Config,
        now: Millis,
        reason: &str,
        may_bench: bool,
    ) -> Option<Millis> {
        let record = match self.by_name.get(name) {
            Some(id) => &mut self.connected.get_mut(id)?.record,
            None => &mut self.lost.get_mut(name)?.record,
        };
        let until = record.failed(config, now, reason, may_bench);
        self.trust(name, now);
        until
    }

    /// Looks at a worker's record again.
    pub(crate) fn trust(&mut self, name: &WorkerName, now: Millis) {
        let Some(id) = self.named(name) else { return };
        let Some(worker) = self.connected.get_mut(&id) else { return };
        worker.trust = worker.record.trust(now);
        self.rank(id);
    }

    /// Whether there is another worker that takes tasks.
    pub(crate) fn has_another(&self, name: &WorkerName) -> bool {
        let takes = |worker: &Worker| worker.trust == Trust::Full && !worker.draining;
        self.connected.values().any(|worker| takes(worker) && worker.name != *name)
    }

    /// Whether a worker whose name is `wanted` could run this, now or later.
    pub(crate) fn anyone_trusted(
        &self,
        demand: &Demand,
        wanted: impl Fn(&WorkerName) -> bool,
    ) -> bool {
        let able = |worker: &&Worker| {
            worker.trust == Trust::Full
                && !worker.draining
                && demand.is_met_by(&worker.capabilities)
                && wanted(&worker.name)
        };
        self.connected.values().any(|worker| able(&worker))
    }

    /// By method, how much memory a task can get of the connected workers.
    pub(crate) fn capacities(&self) -> BTreeMap<MethodVersion, BTreeSet<u64>> {
        let mut capacities: BTreeMap<MethodVersion, BTreeSet<u64>> = BTreeMap::new();
        for Worker { capabilities, .. } in self.connected.values() {
            for method in &capabilities.methods {
                capacities.entry(*method).or_default().insert(capabilities.task_memory_bytes());
            }
        }
        capacities
    }

    /// The connected workers that could run this.
    pub(crate) fn able(&self, demand: &Demand) -> Able {
        let mut able = Able::default();
        for worker in self.connected.values() {
            if !demand.is_met_by(&worker.capabilities) {
                continue;
            }
            able.connected += 1;
            match worker.record.bench() {
                _ if worker.draining => able.draining += 1,
                Some(bench) => able.benched.push((worker.name.clone(), bench.reason.clone())),
                None => {}
            }
        }
        able
    }

    /// The workers whose credit does not add up.
    pub(crate) fn with_lost_credit(&self) -> impl Iterator<Item = &WorkerName> {
        let adds_up = |worker: &&Worker| {
            worker.credits as usize + worker.granted.len() == worker.asked as usize
        };
        self.connected.values().filter(move |worker| !adds_up(worker)).map(|worker| &worker.name)
    }

    /// The free workers that their records deny a task.
    pub(crate) fn free_without_trust(&self, now: Millis) -> impl Iterator<Item = &WorkerName> {
        self.free.iter().filter_map(move |(leases, id)| {
            let worker = self.connected.get(id)?;
            match worker.record.trust(now) {
                Trust::Full => None,
                Trust::Probe => (*leases > 0).then_some(&worker.name),
                Trust::None => Some(&worker.name),
            }
        })
    }
}
