//! All that the facts so far add up to, as one value, so that a store need not keep every fact for
//! ever.
//!
//! A snapshot is stored as JSON, and so is a fact. Later versions read both: a field that is added
//! is an `Option` or has `#[serde(default)]`, and one that is unknown is ignored. What an older
//! program could not even skip raises [`Snapshot::VERSION`].

use impasto_types::{Digest, JobId};
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::dependents::Dependents;
use crate::job::{Counts, Job, Phase};
use crate::ledger::Ledger;
use crate::task::{Task, TaskState};

/// The jobs of a core at one moment. [`Core::restore`](crate::Core::restore) goes on from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    /// The highest number that a job has had, whether or not it is remembered.
    last_job: JobId,
    jobs: Vec<StoredJob>,
}

/// A snapshot that this program does not understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the snapshot is of version {found}, but this program reads version {known}; use the program \
     that wrote it",
    known = Snapshot::VERSION
)]
pub struct SnapshotVersionError {
    pub found: u32,
}

/// A job without what follows from its tasks.
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

    /// The highest number that a job has had, and the jobs.
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

    /// Makes a job and its tasks known.
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
