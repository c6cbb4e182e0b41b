//! Workers: which are connected, which are free, and which hold which blobs. None of this is
//! durable: after a restart, workers connect again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use impasto_types::{
    Capabilities, DeviceHealth, Digest, Hello, LeaseId, MethodVersion, WorkerId, WorkerInfo,
    WorkerName, WorkerState,
};

use crate::Millis;
use crate::class::Demand;
use crate::ledger::Holding;
use crate::record::{Bench, Record, Trust};

/// How many blobs are remembered per worker: the inputs of some hundred tasks.
const BLOBS_REMEMBERED: usize = 1_024;

#[derive(Debug, Clone, Default)]
pub(crate) struct Workers {
    pub(crate) connected: BTreeMap<WorkerId, Worker>,
    pub(crate) by_name: BTreeMap<WorkerName, WorkerId>,
    pub(crate) lost: BTreeMap<WorkerName, LostWorker>,
    /// Workers that can take a task, by the number of their leases.
    pub(crate) free: BTreeSet<(usize, WorkerId)>,
    pub(crate) holders: BTreeMap<Digest, BTreeSet<WorkerId>>,
    /// By method, the largest memory of a worker that accepts work.
    largest: BTreeMap<MethodVersion, u64>,
}

/// A connected worker.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) name: WorkerName,
    process: Process,
    pub(crate) capabilities: Capabilities,
    pub(crate) tasks_done: u64,
    pub(crate) record: Record,
    /// What its record says, as of the last change or timer.
    pub(crate) trust: Trust,
    /// When its last message arrived.
    pub(crate) heard: Millis,
    health: Vec<DeviceHealth>,
    pub(crate) draining: bool,
    /// How many leases it asked for, and still asks for after the grants since.
    pub(crate) asked: u32,
    pub(crate) credits: u32,
    pub(crate) granted: BTreeSet<LeaseId>,
    pub(crate) leases: usize,
    /// Whether its only lease must run alone.
    alone: bool,
    pub(crate) free_memory_bytes: u64,
    /// Blobs that it probably holds, oldest first.
    blobs: VecDeque<Digest>,
}

/// Identifies a worker's process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) instance: u64,
    /// The name that it asked for, without a number.
    pub(crate) asked: WorkerName,
}

#[derive(Debug, Clone)]
pub(crate) struct LostWorker {
    capabilities: Capabilities,
    tasks_done: u64,
    pub(crate) record: Record,
    instance: u64,
    connection: WorkerId,
    /// Whether it was drained and had finished.
    drained: bool,
    pub(crate) forget_at: Millis,
}

impl Workers {
    pub(crate) fn connect(
        &mut self,
        id: WorkerId,
        name: WorkerName,
        process: Process,
        capabilities: Capabilities,
        blobs: &[Digest],
        now: Millis,
    ) {
        let lost = self.lost.remove(&name);
        let tasks_done = lost.as_ref().map_or(0, |lost| lost.tasks_done);
        let is_same = lost.as_ref().is_some_and(|lost| lost.instance == process.instance);
        let mut record = lost.map(|lost| lost.record).unwrap_or_default();
        record.proven &= is_same;
        self.by_name.insert(name.clone(), id);
        let worker = Worker {
            name,
            process,
            tasks_done,
            trust: record.trust(now),
            record,
            heard: now,
            health: Vec::new(),
            draining: false,
            asked: 0,
            credits: 0,
            granted: BTreeSet::new(),
            leases: 0,
            alone: false,
            free_memory_bytes: capabilities.memory_bytes,
            blobs: VecDeque::new(),
            capabilities,
        };
        self.connected.insert(id, worker);
        self.remember_blobs(id, &blobs[..blobs.len().min(BLOBS_REMEMBERED)]);
        self.measure();
    }

    /// The worker has disconnected. It is listed as lost or drained until it reconnects or is
    /// forgotten.
    pub(crate) fn disconnect(&mut self, id: WorkerId, forget_at: Millis) -> Option<Worker> {
        let worker = self.connected.remove(&id)?;
        self.by_name.remove(&worker.name);
        self.free.remove(&(worker.leases, id));
        for blob in &worker.blobs {
            self.forget_blob(id, blob);
        }
        let lost = LostWorker {
            capabilities: worker.capabilities.clone(),
            tasks_done: worker.tasks_done,
            record: worker.record.clone(),
            instance: worker.process.instance,
            connection: id,
            drained: worker.draining && worker.leases == 0,
            forget_at,
        };
        self.lost.insert(worker.name.clone(), lost);
        self.measure();
        Some(worker)
    }

    pub(crate) fn forget(&mut self, name: &WorkerName, now: Millis) {
        if self.lost.get(name).is_some_and(|lost| lost.forget_at <= now) {
            self.lost.remove(name);
        }
    }

    pub(crate) fn set_credits(&mut self, id: WorkerId, credits: u32) {
        let Some(worker) = self.connected.get_mut(&id) else { return };
        (worker.asked, worker.credits) = (credits, credits);
        worker.granted.clear();
        self.rank(id);
    }

    /// Uses up one of the worker's credits for a lease.
    pub(crate) fn take_credit(&mut self, id: WorkerId, lease: LeaseId) {
        let Some(worker) = self.connected.get_mut(&id) else { return };
        worker.credits = worker.credits.saturating_sub(1);
        worker.granted.insert(lease);
        self.rank(id);
    }

    /// Gives the credit back for a lease that the worker never got, unless the worker has asked
    /// anew since.
    pub(crate) fn give_credit_back(&mut self, id: WorkerId, lease: LeaseId) {
        let Some(worker) = self.connected.get_mut(&id) else { return };
        if worker.granted.remove(&lease) {
            worker.credits += 1;
            self.rank(id);
        }
    }

    pub(crate) fn set_health(&mut self, id: WorkerId, devices: Vec<DeviceHealth>, now: Millis) {
        let Some(worker) = self.connected.get_mut(&id) else { return };
        worker.health = devices;
        worker.heard = now;
    }

    /// Stops new work for the worker. Returns whether it is connected.
    pub(crate) fn drain(&mut self, id: WorkerId) -> bool {
        let Some(worker) = self.connected.get_mut(&id) else { return false };
        worker.draining = true;
        self.rank(id);
        self.measure();
        true
    }

    /// Updates what the worker holds.
    pub(crate) fn load(&mut self, name: &WorkerName, holding: Option<&Holding>) {
        let Some(id) = self.by_name.get(name).copied() else { return };
        let Some(worker) = self.connected.get_mut(&id) else { return };
        self.free.remove(&(worker.leases, id));
        worker.leases = holding.map_or(0, |holding| holding.tasks.len());
        worker.alone = holding.is_some_and(|holding| holding.alone);
        let taken_bytes = holding.map_or(0, |holding| holding.memory_bytes);
        worker.free_memory_bytes = worker.capabilities.memory_bytes.saturating_sub(taken_bytes);
        self.rank(id);
    }

    /// Notes that the worker will fetch these blobs, so later tasks that read them prefer it.
    pub(crate) fn remember_blobs(&mut self, id: WorkerId, blobs: &[Digest]) {
        for blob in blobs {
            let Some(worker) = self.connected.get_mut(&id) else { return };
            if !self.holders.entry(*blob).or_default().insert(id) {
                continue;
            }
            worker.blobs.push_back(*blob);
            if worker.blobs.len() > BLOBS_REMEMBERED
                && let Some(oldest) = worker.blobs.pop_front()
            {
                self.forget_blob(id, &oldest);
            }
        }
    }

    pub(crate) fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.connected.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        self.connected.get_mut(&id)
    }

    pub(crate) fn named(&self, name: &WorkerName) -> Option<WorkerId> {
        self.by_name.get(name).copied()
    }

    /// The name of the connected process that sent this hello.
    pub(crate) fn name_of(&self, hello: &Hello) -> Option<&WorkerName> {
        let is_it = |worker: &&Worker| {
            worker.process.instance == hello.instance
                && (worker.name == hello.name || worker.process.asked == hello.name)
        };
        Some(&self.connected.values().find(is_it)?.name)
    }

    /// Whether this hello comes late: the process has had this connection or a later one, and that
    /// has ended.
    pub(crate) fn is_late(&self, id: WorkerId, name: &WorkerName, instance: u64) -> bool {
        let lost = self.lost.get(name);
        lost.is_some_and(|lost| lost.instance == instance && id <= lost.connection)
    }

    pub(crate) fn is_anyone_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// By method, the largest memory of a worker that accepts work. Empty if none does.
    pub(crate) fn largest(&self) -> &BTreeMap<MethodVersion, u64> {
        &self.largest
    }

    /// Whether a worker that accepts work could meet the demand, or none accepts work: then the
    /// farm is down or starting.
    pub(crate) fn could_meet(&self, demand: &Demand) -> bool {
        let most = self.largest.get(&demand.method);
        self.largest.is_empty() || most.is_some_and(|most| *most >= demand.memory_bytes)
    }

    /// All workers as lists show them, by name. `leases_of` returns the leases of each.
    pub(crate) fn infos(&self, leases_of: impl Fn(&WorkerName) -> Vec<LeaseId>) -> Vec<WorkerInfo> {
        let connected = self.connected.values().map(|worker| WorkerInfo {
            name: worker.name.clone(),
            state: match (worker.draining, worker.leases) {
                (true, _) => WorkerState::Draining,
                (false, 0) => WorkerState::Idle,
                (false, _) => WorkerState::Busy,
            },
            capabilities: worker.capabilities.clone(),
            leases: leases_of(&worker.name),
            tasks_done: worker.tasks_done,
            failures: worker.record.failures,
            benched: worker.record.bench().map(Bench::info),
            health: worker.health.clone(),
        });
        let lost = self.lost.iter().map(|(name, lost)| WorkerInfo {
            name: name.clone(),
            state: if lost.drained { WorkerState::Drained } else { WorkerState::Lost },
            capabilities: lost.capabilities.clone(),
            leases: leases_of(name),
            tasks_done: lost.tasks_done,
            failures: lost.record.failures,
            benched: lost.record.bench().map(Bench::info),
            health: Vec::new(),
        });
        let mut infos: Vec<_> = connected.chain(lost).collect();
        infos.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        infos
    }

    /// Updates the worker's entry in `free`.
    pub(crate) fn rank(&mut self, id: WorkerId) {
        let Some(worker) = self.connected.get(&id) else { return };
        if worker.takes_more() {
            self.free.insert((worker.leases, id));
        } else {
            self.free.remove(&(worker.leases, id));
        }
    }

    fn measure(&mut self) {
        self.largest.clear();
        for worker in self.connected.values().filter(|worker| !worker.draining) {
            for method in &worker.capabilities.methods {
                let largest = self.largest.entry(*method).or_default();
                *largest = worker.capabilities.task_memory_bytes().max(*largest);
            }
        }
    }

    fn forget_blob(&mut self, id: WorkerId, blob: &Digest) {
        if let Some(holders) = self.holders.get_mut(blob) {
            holders.remove(&id);
            if holders.is_empty() {
                self.holders.remove(blob);
            }
        }
    }
}

impl Worker {
    /// The number of its process.
    pub(crate) fn instance(&self) -> u64 {
        self.process.instance
    }

    /// How many leases it still asks for.
    pub(crate) fn credits(&self) -> u32 {
        self.credits
    }

    /// Whether it can take another task. Its slots are checked too, since a request for work that
    /// crossed a grant asks for too much.
    fn takes_more(&self) -> bool {
        let trusted = match self.trust {
            Trust::Full => true,
            Trust::Probe => self.leases == 0,
            Trust::None => false,
        };
        trusted
            && !self.draining
            && !self.alone
            && self.credits > 0
            && self.leases < self.capabilities.slots as usize
    }
}
