//! A coordinator around the core under test: its disk, crashes and restarts, with their checks.

use std::collections::{BTreeMap, BTreeSet};

use impasto_core::{
    AttemptEnded, Config, Core, Effect, Fact, Input, JobView, Millis, Snapshot, TaskView, Timeline,
    invariants,
};
use impasto_types::{
    BlobRef, Epoch, FailureKind, Grant, JobId, LeaseId, LeaseOutcome, Order, TaskEvent, TaskIndex,
    TaskResult, WorkerInfo, WorkerName,
};

use crate::Plant;
use crate::credit::Credit;
use crate::guilt::Guilt;
use crate::idle::Needs;
use crate::work::picture;
pub use crate::wrong::Wrong;

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
/// before it is granted. Credit is counted beside the core, time has to pass as the steady clock
/// does, and no task may fail for good on a sick machine if a healthy one could try it. After every
/// restart the core has to equal the one that crashed, both from all facts and from a snapshot and
/// the facts since. No task may crash more workers than it has attempts, and one more.
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
    timeline: Timeline,
    /// The last time that was passed to the core, and what the steady clock said.
    passed: (Millis, Millis),
    credit: Credit,
    guilt: Guilt,
    needs: Needs,
    /// Leases whose grants were not sent.
    unsent: BTreeSet<LeaseId>,
    /// How often the result of a task was lost and made again.
    made_again: BTreeMap<(JobId, TaskIndex), u32>,
    inputs: u64,
}

impl Coordinator {
    /// A coordinator that starts when both clocks say `now`.
    pub fn new(config: Config, plant: Option<Plant>, now: Millis) -> Self {
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
            timeline: Timeline::begin(now, now, 0),
            passed: (now, now),
            credit: Credit::default(),
            guilt: Guilt::default(),
            needs: Needs::default(),
            unsent: BTreeSet::new(),
            made_again: BTreeMap::new(),
            inputs: 0,
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
    /// `clocks` are the steady clock and the wall clock, `healthy` the connected workers that are
    /// well.
    pub fn handle(
        &mut self,
        clocks: (Millis, Millis),
        input: Input,
        fate: Fate,
        healthy: &BTreeSet<WorkerName>,
    ) -> Result<Vec<Effect>, Wrong> {
        let now = self.pass_time(clocks)?;
        self.credit.hear(&self.core, &input);
        let starved = self.starved(&input);
        let submitted = match &input {
            Input::Submit { submission, .. } => Some(submission.clone()),
            _ => None,
        };
        let input = self.spoil(input);
        let reported = match &input {
            Input::Report { lease, .. } => self.leased.get(&(lease.job, lease.task)).copied(),
            _ => None,
        };
        let by = reported.and_then(|lease| self.holder_of(lease));
        self.core.handle(now, input);
        invariants::check_all(&self.core)?;
        if let Some(wanted) = self.core.next_timeout().filter(|wanted| *wanted <= now) {
            return Err(Wrong::TimerStuck { wanted, now });
        }
        let facts = self.core.drain_facts();
        let effects = self.core.drain_effects();
        for effect in &effects {
            if let (Effect::Submitted { job, known: false, .. }, Some(job_of)) =
                (effect, &submitted)
            {
                self.needs.learn(*job, job_of);
            }
        }
        if self.plant == Some(Plant::EffectsFirst) {
            self.check_grants(&effects)?;
        }
        if fate == Fate::EndsBeforeAppend {
            self.come_up(clocks)?;
            return Ok(Vec::new());
        }
        self.credit.tell(&effects);
        self.inputs += 1;
        if let Some((worker, is, should)) = self.credit.lost(&self.core) {
            return Err(Wrong::LostCredit { worker, is, should });
        }
        for fact in &facts {
            self.check(fact)?;
            if let (Fact::TaskFailed { job, task, .. }, Some(starved)) = (fact, starved)
                && (*job, *task) == starved
            {
                return Err(Wrong::NotMadeAgain { job: *job, task: *task });
            }
            if let (Fact::TaskFailed { .. }, Some(lease), Some(by)) = (fact, reported, &by)
                && (fact.job(), Some(lease.task)) == (lease.job, task_of(fact))
                && let Some(passed_over) = self.guilt.passed_over(&self.core, lease, by, healthy)
            {
                return Err(Wrong::BlamedTask { lease, by: by.clone(), passed_over });
            }
            self.guilt.take(fact);
        }
        self.disk.extend(facts);
        let covered = self.snapshot.as_ref().map_or(0, |(_, covered)| *covered);
        if self.disk.len() - covered >= FACTS_PER_SNAPSHOT {
            self.snapshot = Some((self.core.snapshot(), self.disk.len()));
        }
        if fate == Fate::EndsAfterAppend {
            let before = durable(&self.core);
            self.come_up(clocks)?;
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
        // It looks at every task, so it is checked only now and then.
        if self.inputs.is_multiple_of(4)
            && let Some((worker, job, task)) = self.needs.idle(&self.core, now)
        {
            return Err(Wrong::Idle { worker, job, task });
        }
        Ok(effects)
    }

    /// These grants were not sent.
    pub fn note_unsent(&mut self, leases: &[LeaseId]) {
        self.unsent.extend(leases);
    }

    /// The blobs of all results on disk.
    pub fn results(&self) -> Vec<BlobRef> {
        self.succeeded.values().flat_map(TaskResult::blobs).collect()
    }

    /// The task of a report that misses results, if they may be made again.
    fn starved(&self, input: &Input) -> Option<(JobId, TaskIndex)> {
        let Input::Report { lease, outcome: LeaseOutcome::Starved { missing }, .. } = input else {
            return None;
        };
        let key = (lease.job, lease.task);
        let reads = |after: &&TaskIndex| {
            let result = self.succeeded.get(&(lease.job, **after));
            result.is_some_and(|result| result.blobs().any(|blob| missing.contains(&blob)))
        };
        let mut lost = self.after.get(&key)?.iter().filter(reads).peekable();
        lost.peek()?;
        let most = self.core.config().max_attempts;
        let times = |after: &TaskIndex| self.made_again.get(&(lease.job, *after));
        lost.all(|after| times(after).is_none_or(|times| *times < most)).then_some(key)
    }

    /// When the core wants its next tick, from now on.
    pub fn due_in_ms(&self, steady: Millis, wall: Millis) -> Option<Millis> {
        let due = self.core.next_timeout()?;
        Some(match self.plant {
            Some(Plant::WallClock) => due.saturating_sub(wall),
            _ => self.timeline.until(due, steady),
        })
    }

    /// A sick worker failed this attempt.
    pub fn note_ruined(&mut self, lease: LeaseId) {
        self.guilt.note(lease);
    }

    /// The time to pass to the core. It has to pass as the steady clock does.
    fn pass_time(&mut self, (steady, wall): (Millis, Millis)) -> Result<Millis, Wrong> {
        let now = match self.plant {
            Some(Plant::WallClock) => wall,
            _ => self.timeline.at(steady),
        };
        let (before, steady_before) = self.passed;
        self.passed = (now, steady);
        let seen_ms = now.wrapping_sub(before) as i64;
        let ms = steady.wrapping_sub(steady_before) as i64;
        if seen_ms == ms { Ok(now) } else { Err(Wrong::BentTime { seen_ms, ms }) }
    }

    /// The input as a driver with the planted bug passes it on.
    fn spoil(&mut self, input: Input) -> Input {
        match input {
            Input::TaskListUnreadable { worker, lease, fault, message } => {
                self.credit.unsent(worker, lease);
                if self.plant == Some(Plant::LostCredit) {
                    let kind = FailureKind::Transient;
                    let outcome = LeaseOutcome::Failed { kind, message };
                    return Input::Report { worker, lease, outcome };
                }
                Input::TaskListUnreadable { worker, lease, fault, message }
            }
            Input::Report {
                worker,
                lease,
                outcome: LeaseOutcome::Failed { kind: FailureKind::Machine, message },
            } if self.plant == Some(Plant::BlamedTasks) => {
                let outcome = LeaseOutcome::Failed { kind: FailureKind::Input, message };
                Input::Report { worker, lease, outcome }
            }
            Input::Submit { request, mut submission } if self.plant == Some(Plant::CoarseNeeds) => {
                for needs in &mut submission.tasks {
                    needs.least_memory_bytes = needs.least_memory_bytes.next_power_of_two();
                }
                Input::Submit { request, submission }
            }
            other => other,
        }
    }

    fn holder_of(&self, lease: LeaseId) -> Option<WorkerName> {
        let holds = |worker: &WorkerInfo| worker.leases.contains(&lease);
        self.core.workers().into_iter().find(holds).map(|worker| worker.name)
    }

    /// Counts a worker that the task of this lease has crashed.
    pub fn count_kill(&mut self, lease: LeaseId) -> Result<(), Wrong> {
        let kills = self.kills.entry((lease.job, lease.task)).or_default();
        *kills += 1;
        let budgets = 1 + self.retries.get(&lease.job).copied().unwrap_or(0);
        // Another worker is asked once beyond the last attempt.
        let attempts = (self.core.config().max_attempts + 1) * budgets;
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
            Fact::AttemptEnded(ended) => {
                let AttemptEnded { lease, lost, .. } = ended;
                self.leased.remove(&(lease.job, lease.task));
                if self.unsent.contains(lease) && ended.counts() {
                    return Err(Wrong::UnsentCharged(*lease));
                }
                for task in lost {
                    self.succeeded.remove(&(lease.job, *task));
                    *self.made_again.entry((lease.job, *task)).or_default() += 1;
                }
            }
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
    fn come_up(&mut self, (steady, wall): (Millis, Millis)) -> Result<(), Wrong> {
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
        self.timeline = Timeline::begin(steady, wall, core.last_at());
        let now = self.timeline.at(steady);
        self.passed = (if self.plant == Some(Plant::WallClock) { wall } else { now }, steady);
        self.credit.forget();
        core.resume(now);
        invariants::check_all(&core)?;
        self.core = core;
        Ok(())
    }
}

fn task_of(fact: &Fact) -> Option<TaskIndex> {
    match fact {
        Fact::TaskFailed { task, .. } => Some(*task),
        _ => None,
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
