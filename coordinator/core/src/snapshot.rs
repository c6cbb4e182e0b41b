//! The durable state as one value, so that a store need not keep every fact.
//!
//! Snapshots are stored as JSON, as facts are, and read by every later version: a new field is an
//! `Option` or has `#[serde(default)]`, and readers ignore unknown fields. A change that an older
//! program would misread raises [`Snapshot::VERSION`].

use impasto_types::{Digest, JobId};
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::dependents::Dependents;
use crate::job::{Counts, Job, Phase};
use crate::ledger::Ledger;
use crate::task::{Task, TaskState};

/// The jobs of a core at one moment, for [`Core::restore`](crate::Core::restore).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    /// The highest job number so far, including forgotten jobs.
    last_job: JobId,
    jobs: Vec<StoredJob>,
}

/// The snapshot has a version that this program does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the snapshot is of version {found}, but this program reads version {known}; use the program \
     that wrote it",
    known = Snapshot::VERSION
)]
pub struct SnapshotVersionError {
    pub found: u32,
}

/// A job without the fields that are derived from its tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredJob {
    job: JobId,
    key: String,
    project: String,
    priority: i32,
    spec: Digest,
    submitted_at: Millis,
    phase: Phase,
    tasks: Vec<Task>,
}

impl Snapshot {
    pub const VERSION: u32 = 1;

    pub(crate) fn of(ledger: &Ledger) -> Self {
        let jobs = ledger.jobs.values().map(|job| StoredJob {
            job: job.id,
            key: job.key.clone(),
            project: job.project.clone(),
            priority: job.priority,
            spec: job.spec,
            submitted_at: job.submitted_at,
            phase: job.phase,
            tasks: job.tasks.iter().map(Task::durable).collect(),
        });
        Self { version: Self::VERSION, last_job: ledger.last_job(), jobs: jobs.collect() }
    }

    /// The highest job number so far, and the jobs.
    pub(crate) fn into_jobs(
        self,
    ) -> Result<(JobId, impl Iterator<Item = Job>), SnapshotVersionError> {
        if self.version != Self::VERSION {
            return Err(SnapshotVersionError { found: self.version });
        }
        Ok((self.last_job, self.jobs.into_iter().map(Job::from)))
    }
}

impl From<StoredJob> for Job {
    fn from(stored: StoredJob) -> Self {
        let mut counts = Counts::default();
        for task in &stored.tasks {
            *counts.of(&task.state) += 1;
        }
        Self {
            id: stored.job,
            key: stored.key,
            project: stored.project,
            priority: stored.priority,
            spec: stored.spec,
            submitted_at: stored.submitted_at,
            phase: stored.phase,
            dependents: Dependents::of(&stored.tasks),
            tasks: stored.tasks,
            counts,
        }
    }
}

impl Ledger {
    /// A ledger as it was when the snapshot was taken.
    pub(crate) fn restored(
        ageing_ms: Millis,
        snapshot: Snapshot,
    ) -> Result<Self, SnapshotVersionError> {
        let mut ledger = Self::new(ageing_ms);
        let (last_job, jobs) = snapshot.into_jobs()?;
        for job in jobs {
            ledger.take_in(job);
        }
        ledger.remember_job(last_job);
        Ok(ledger)
    }

    /// Adds a job with its tasks.
    pub(crate) fn take_in(&mut self, job: Job) {
        let id = job.id;
        self.remember_job(id);
        self.name(job.key.clone(), id);
        if let Phase::Ended { at, .. } = job.phase {
            self.note_end(at, id);
        }
        self.jobs.insert(id, job);
        let takes_part =
            |state: &TaskState| matches!(state, TaskState::Ready { .. } | TaskState::Leased(_));
        for key in self.keys_where(id, takes_part) {
            self.hold(key);
            self.waiting.enter(&self.jobs, key);
        }
    }
}
