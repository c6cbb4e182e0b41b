//! Machines fall ill, lists cannot be read, inputs and results go missing, and somebody sets the
//! wall clock.

use std::collections::BTreeSet;

use impasto_core::{Input, ListFault, Millis};
use impasto_types::{
    BlobRef, Digest, FailureKind, JobId, LeaseId, LeaseOutcome, TaskEvent, WorkerId, WorkerName,
};

use crate::agenda::Event;
use crate::sickness::{INPUTS, Sickness, input};
use crate::world::World;

/// A client that never reads has a number with this remainder by four.
const DEAF: usize = 3;

impl World {
    pub(crate) fn wall(&self) -> Millis {
        self.agenda.now.saturating_add_signed(self.around.wall_offset_ms)
    }

    /// Sets the wall clock, forward or back.
    pub(crate) fn set_clock(&mut self) {
        let hour_ms = 3_600_000;
        let step_ms = self.chance.between(1_000, 30 * hour_ms) as i64;
        let back = self.chance.between(0, 2) == 0;
        self.around.wall_offset_ms += if back { -step_ms } else { step_ms };
        // Not before the Unix epoch, and not for ever forward.
        self.around.wall_offset_ms =
            self.around.wall_offset_ms.clamp(-100 * hour_ms as i64, 100 * hour_ms as i64);
    }

    /// The coordinator runs out of descriptors for a while, or a list is damaged.
    pub(crate) fn break_reads(&mut self) {
        if self.chance.between(0, 6) == 0 {
            let job = self.some_job();
            self.around.damaged.insert(job);
        } else {
            let ms = self.chance.between(100, 60_000);
            self.around.blind_until = self.agenda.now + ms;
        }
    }

    pub(crate) fn lose_input(&mut self) {
        let nth = self.chance.between(0, INPUTS);
        self.around.missing.insert(input(nth));
    }

    /// A machine falls ill or recovers. The first never falls ill. Machines that fail or crash do
    /// so from the start of a process.
    pub(crate) fn infect(&mut self, worker: usize) {
        if worker > 0 {
            let sick = self.workers[worker].sickness;
            self.workers[worker].sickness = match sick {
                None => Some(Sickness::Full),
                Some(Sickness::Full) => None,
                other => other,
            };
        }
    }

    /// Whether a process that starts now is sick from its start.
    pub(crate) fn incubate(&mut self, worker: usize) {
        let sickness = match self.chance.between(0, 10) {
            _ if worker == 0 || !self.stormy => None,
            0..2 => Some(Sickness::Fails),
            2 if worker < 3 => Some(Sickness::Crashes),
            3 => Some(Sickness::Accuses),
            4 => Some(Sickness::Blind),
            _ => None,
        };
        self.workers[worker].sickness = sickness;
    }

    /// The faults stop: machines recover, and the coordinator reads again.
    pub(crate) fn recover(&mut self) {
        self.around.blind_until = 0;
        for worker in &mut self.workers {
            worker.sickness = None;
        }
    }

    /// The outcome of a run on a sick machine.
    pub(crate) fn ruin(&mut self, sickness: Sickness, lease: LeaseId) -> LeaseOutcome {
        self.coordinator.note_ruined(lease);
        let kind = match sickness {
            // The coordinator has looked: none is missing.
            Sickness::Blind => return LeaseOutcome::Starved { missing: Vec::new() },
            Sickness::Full => FailureKind::Machine,
            Sickness::Fails | Sickness::Crashes => FailureKind::Transient,
            Sickness::Accuses => FailureKind::Input,
        };
        LeaseOutcome::Failed { kind, message: "this machine is sick".to_owned() }
    }

    /// The store loses the result of some task.
    pub(crate) fn lose_result(&mut self) {
        let blobs = self.coordinator.results();
        if !blobs.is_empty() {
            let nth = self.chance.index(blobs.len());
            self.around.lost.insert(blobs[nth]);
        }
    }

    /// What a lease's task reads and the store lacks.
    pub(crate) fn missing_of(&self, lease: LeaseId) -> Vec<BlobRef> {
        let inputs = self.inputs_of(lease);
        let is_missing = |blob: &&BlobRef| inputs.contains(&blob.digest);
        let missing = self.around.missing.iter().filter(is_missing).copied();
        let reads = self.reads.get(&lease).into_iter().flatten();
        let lost = reads.filter(|blob| self.around.lost.contains(blob)).copied();
        missing.chain(lost).collect()
    }

    /// What is wrong with the list of a job, if it cannot be read now.
    pub(crate) fn list_fault(&self, job: JobId) -> Option<ListFault> {
        if self.around.damaged.contains(&job) {
            Some(ListFault::Damaged)
        } else {
            (self.agenda.now < self.around.blind_until).then_some(ListFault::Unavailable)
        }
    }

    /// Tells the core that a grant was not sent.
    pub(crate) fn take_back(&mut self, worker: WorkerId, lease: LeaseId, fault: ListFault) {
        let message = format!("the list is {fault:?}");
        let input = Input::TaskListUnreadable { worker, lease, fault, message };
        let epoch = self.coordinator.epoch();
        let delay_ms = self.chance.between(1, 50);
        self.agenda.plan(delay_ms, Event::Arrives { epoch, input });
    }

    /// A client reads about one of its tasks, unless it never reads.
    pub(crate) fn read(&mut self, job: JobId, event: &TaskEvent) {
        let TaskEvent::Ready { missing, .. } = event else { return };
        let Some(client) = self.client_of(job).filter(|client| client % 4 != DEAF) else { return };
        for blob in missing {
            let delay_ms = self.chance.between(100, 20_000) + client as u64;
            self.agenda.plan(delay_ms, Event::Supplies(*blob));
        }
    }

    pub(crate) fn supply(&mut self, blob: BlobRef) {
        self.around.missing.remove(&blob);
    }

    /// The names of the connected workers whose machines are well.
    pub(crate) fn healthy(&self) -> BTreeSet<WorkerName> {
        let well = self.workers.iter().filter(|worker| worker.sickness.is_none());
        well.filter_map(|worker| worker.welcomed_name()).cloned().collect()
    }

    fn inputs_of(&self, lease: LeaseId) -> Vec<Digest> {
        let client = self.client_of(lease.job);
        let submission = client.map(|client| &self.submissions[client]);
        let task = submission.and_then(|submission| submission.tasks.get(lease.task.0 as usize));
        task.map(|needs| needs.inputs.clone()).unwrap_or_default()
    }
}
