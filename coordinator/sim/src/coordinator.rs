//! A coordinator around the core under test: its disk, crashes and restarts, with their checks.

use std::collections::BTreeMap;

use impasto_core::{
    Config, Core, Effect, Fact, Input, JobView, Millis, Snapshot, TaskView, invariants,
};
use impasto_types::{Epoch, Grant, JobId, LeaseId, Order, TaskEvent, TaskIndex, TaskResult};

use crate::Plant;
use crate::work::picture;

/// How many facts a snapshot replaces: few, so that most restarts begin with one.
const FACTS_PER_SNAPSHOT: usize = 50;

/// Whether and when a coordinator crashes while it handles an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Lives,
    /// Its facts and effects are lost with it.
    EndsBeforeAppend,
    /// Its facts are on disk, but its effects are lost.
    EndsAfterAppend,
}

/// The core and its disk. After every input the core's invariants are checked. The facts on disk,
/// independently of the core's own state, have to show that no task is leased twice at once or
/// succeeds twice, that each result is of the live lease, and that all inputs of a task are on disk
/// before it is granted. After every restart the core has to equal the one that crashed, both from
/// all facts and from a snapshot and the facts since. No task may crash more workers than it has
/// attempts.
#[derive(Debug)]
pub struct Coordinator {
    core: Core,
    disk: Vec<Fact>,
    /// The last snapshot, and how many facts it covers.
    snapshot: Option<(Snapshot, usize)>,
    epoch: u64,
    leased: BTreeMap<(JobId, TaskIndex), LeaseId>,
    /// The results on disk of tasks that succeeded by a fact of their own.
    succeeded: BTreeMap<(JobId, TaskIndex), TaskResult>,
    /// How many times each job was retried. Each retry gives its tasks fresh attempts.
    retries: BTreeMap<JobId, u32>,
    kills: BTreeMap<(JobId, TaskIndex), u32>,
    /// The tasks whose results each task reads.
    after: BTreeMap<(JobId, TaskIndex), Vec<TaskIndex>>,
    plant: Option<Plant>,
    forgotten: u64,
}

/// A violation of what must hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error(transparent)]
    Broken(#[from] invariants::Broken),
    #[error(transparent)]
    Replay(#[from] impasto_core::ReplayError),
    #[error(transparent)]
    Snapshot(#[from] impasto_core::SnapshotVersionError),
    #[error("{lease} begins while {live} is live")]
    LeasedTwice { lease: LeaseId, live: LeaseId },
    #[error("task {task} of job {job} took a result that is not of its live lease", task = .task.0)]
    StaleResult { job: JobId, task: TaskIndex },
    #[error("task {task} of job {job} succeeded twice", task = .task.0)]
    SucceededTwice { job: JobId, task: TaskIndex },
    #[error(
        "{lease} is granted, but what it reads of task {after} is not durable",
        after = .after.0
    )]
    NotDurable { lease: LeaseId, after: TaskIndex },
    #[error("the replay of {facts} facts differs from the run in job {job}")]
    ReplayDiffers { facts: usize, job: JobId },
    #[error(
        "a snapshot of {covered} facts, and those up to {facts}, differ from a replay of them all"
    )]
    SnapshotDiffers { facts: usize, covered: usize },
    #[error(
        "task {task} of job {job} crashed {kills} workers, but has {attempts} attempts",
        task = .task.0
    )]
    TooManyKills { job: JobId, task: TaskIndex, kills: u32, attempts: u32 },
    #[error("the core asks for a tick at {wanted}, but has handled an input at {now}")]
    TimerStuck { wanted: Millis, now: Millis },
}

impl Coordinator {
    pub fn new(config: Config, plant: Option<Plant>) -> Self {
        let core = Core::new(config, Epoch(1), 1);
        Self {
            core,
            disk: Vec::new(),
            snapshot: None,
            epoch: 1,
            leased: BTreeMap::new(),
            succeeded: BTreeMap::new(),
            retries: BTreeMap::new(),
            kills: BTreeMap::new(),
            after: BTreeMap::new(),
            plant,
            forgotten: 0,
        }
    }

    pub fn core(&self) -> &Core {
        &self.core
    }

    /// How many coordinators have run.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn facts(&self) -> usize {
        self.disk.len()
    }

    /// How many tasks have succeeded, by their own attempt or another task's.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.len() as u64
    }

    /// How many jobs were forgotten.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Handles an input, with a crash if `fate` says so. Returns the effects to carry out.
    pub fn handle(&mut self, now: Millis, input: Input, fate: Fate) -> Result<Vec<Effect>, Wrong> {
        self.core.handle(now, input);
        invariants::check_all(&self.core)?;
        if let Some(wanted) = self.core.next_timeout().filter(|wanted| *wanted <= now) {
            return Err(Wrong::TimerStuck { wanted, now });
        }
        let facts = self.core.drain_facts();
        let effects = self.core.drain_effects();
        if self.plant == Some(Plant::EffectsFirst) {
            self.check_grants(&effects)?;
        }
        if fate == Fate::EndsBeforeAppend {
            self.come_up(now)?;
            return Ok(Vec::new());
        }
        for fact in &facts {
            self.check(fact)?;
        }
        self.disk.extend(facts);
        let covered = self.snapshot.as_ref().map_or(0, |(_, covered)| *covered);
        if self.disk.len() - covered >= FACTS_PER_SNAPSHOT {
            self.snapshot = Some((self.core.snapshot(), self.disk.len()));
        }
        if fate == Fate::EndsAfterAppend {
            let before = durable(&self.core);
            self.come_up(now)?;
            let after = durable(&self.core);
            if let Some((before, _)) =
                before.iter().zip(&after).find(|(before, after)| before != after)
            {
                return Err(Wrong::ReplayDiffers {
                    facts: self.disk.len(),
                    job: before.summary.job,
                });
            }
            return Ok(Vec::new());
        }
        self.check_grants(&effects)?;
        Ok(effects)
    }

    /// Counts a worker that the task of this lease has crashed.
    pub fn count_kill(&mut self, lease: LeaseId) -> Result<(), Wrong> {
        let kills = self.kills.entry((lease.job, lease.task)).or_default();
        *kills += 1;
        let budgets = 1 + self.retries.get(&lease.job).copied().unwrap_or(0);
        let attempts = self.core.config().max_attempts * budgets;
        if *kills > attempts {
            return Err(Wrong::TooManyKills {
                job: lease.job,
                task: lease.task,
                kills: *kills,
                attempts,
            });
        }
        Ok(())
    }

    /// Checks before effects are sent that all inputs of granted tasks are on disk.
    fn check_grants(&self, effects: &[Effect]) -> Result<(), Wrong> {
        for effect in effects {
            let Effect::Order { order: Order::Grant(Grant { lease, resolved, .. }), .. } = effect
            else {
                continue;
            };
            for after in self.after.get(&(lease.job, lease.task)).into_iter().flatten() {
                let durable = self.succeeded.get(&(lease.job, *after));
                let is_told = |result: &TaskResult| {
                    result.blobs().all(|blob| resolved.iter().any(|there| there.blob == blob))
                };
                if !durable.is_some_and(is_told) {
                    return Err(Wrong::NotDurable { lease: *lease, after: *after });
                }
            }
        }
        Ok(())
    }

    fn check(&mut self, fact: &Fact) -> Result<(), Wrong> {
        match fact {
            Fact::TaskLeased { lease, .. } => {
                if let Some(live) = self.leased.insert((lease.job, lease.task), *lease) {
                    return Err(Wrong::LeasedTwice { lease: *lease, live });
                }
            }
            Fact::AttemptEnded { lease, .. } => drop(self.leased.remove(&(lease.job, lease.task))),
            Fact::TaskFailed { job, task, .. } => drop(self.leased.remove(&(*job, *task))),
            Fact::TaskSucceeded { job, task, worker, result, .. } => {
                let live = self.leased.remove(&(*job, *task));
                if worker.is_some() && live.is_none_or(|live| picture(live) != *result) {
                    return Err(Wrong::StaleResult { job: *job, task: *task });
                }
                if self.succeeded.insert((*job, *task), result.clone()).is_some() {
                    return Err(Wrong::SucceededTwice { job: *job, task: *task });
                }
            }
            Fact::JobRetried { job, .. } => *self.retries.entry(*job).or_default() += 1,
            Fact::JobSubmitted { job, submission, .. } => {
                for (task, needs) in (0..).map(TaskIndex).zip(&submission.tasks) {
                    self.after.insert((*job, task), needs.after.clone());
                }
            }
            Fact::JobForgotten { .. } => self.forgotten += 1,
            Fact::JobCanceled { .. } => {}
        }
        Ok(())
    }

    /// Replaces the core by one restored from disk: from the last snapshot and the facts since,
    /// which has to give the same state as all facts.
    fn come_up(&mut self, now: Millis) -> Result<(), Wrong> {
        self.epoch += 1;
        let config = *self.core.config();
        let mut replayed = Core::new(config, Epoch(self.epoch), self.epoch);
        for fact in &self.disk {
            replayed.replay(fact)?;
        }
        let mut core = Core::new(config, Epoch(self.epoch), self.epoch);
        let mut covered = 0;
        if let Some((snapshot, facts)) = &self.snapshot {
            core.restore(snapshot.clone())?;
            covered = *facts;
        }
        for fact in &self.disk[covered..] {
            core.replay(fact)?;
        }
        if core.snapshot() != replayed.snapshot() {
            return Err(Wrong::SnapshotDiffers { facts: self.disk.len(), covered });
        }
        core.resume(now);
        invariants::check_all(&core)?;
        self.core = core;
        Ok(())
    }
}

/// The durable state of a core: everything except the progress of attempts.
fn durable(core: &Core) -> Vec<JobView> {
    let without_progress = |task: TaskView| match task.event {
        TaskEvent::Leased { worker, attempt, progress: _ } => {
            TaskView { event: TaskEvent::Leased { worker, attempt, progress: None }, ..task }
        }
        _ => task,
    };
    let jobs = core.jobs().filter_map(|summary| core.job(summary.job));
    jobs.map(|job| JobView { tasks: job.tasks.into_iter().map(without_progress).collect(), ..job })
        .collect()
}
