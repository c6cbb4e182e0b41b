//! The state that follows from the facts: all jobs and tasks, which worker holds which lease, and
//! what waits.
//!
//! Except for heartbeats, it changes only in [`Ledger::apply`], so a replay reaches the same state.

use std::collections::{BTreeMap, BTreeSet};

use impasto_types::{JobId, LeaseId, TaskIndex, WorkerName};

use crate::dependents::unfinished;
use crate::fact::AttemptEnded;
use crate::job::{Job, Phase};
use crate::task::{Lease, Task, TaskKey, TaskState, Tries};
use crate::waiting::Waiting;
use crate::{Fact, Millis, SubmissionError};

/// A fact that cannot follow the earlier ones: the log is damaged or belongs to another core.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("job {0} is submitted a second time")]
    JobAgain(JobId),
    #[error("job {job} is invalid")]
    Submission { job: JobId, source: SubmissionError },
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    #[error("job {0} is forgotten before it has ended")]
    NotEnded(JobId),
    #[error("there is no task {task} in job {job}", task = .task.0)]
    NoSuchTask { job: JobId, task: TaskIndex },
    #[error("task {task} of job {job} cannot {what}", task = .task.0)]
    NotNow { job: JobId, task: TaskIndex, what: &'static str },
}

#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) jobs: BTreeMap<JobId, Job>,
    keys: BTreeMap<String, JobId>,
    /// The highest job number so far.
    last_job: JobId,
    /// The jobs that have ended, in the order in which they ended.
    ended: BTreeSet<(Millis, JobId)>,
    pub(crate) waiting: Waiting,
    holdings: BTreeMap<WorkerName, Holding>,
    changes: Changes,
}

/// What has changed since the last call of [`Ledger::take_changes`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// In the order in which they changed, without the tasks of new jobs.
    pub(crate) tasks: Vec<TaskKey>,
    /// Workers whose holdings changed.
    pub(crate) holders: BTreeSet<WorkerName>,
}

/// The leases of one worker, connected or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Holding {
    pub(crate) tasks: BTreeSet<TaskKey>,
    pub(crate) memory_bytes: u64,
    /// Whether its only task must run alone.
    pub(crate) alone: bool,
}

impl Ledger {
    pub(crate) fn new(ageing_ms: Millis) -> Self {
        Self {
            jobs: BTreeMap::new(),
            keys: BTreeMap::new(),
            last_job: JobId(0),
            ended: BTreeSet::new(),
            waiting: Waiting::new(ageing_ms),
            holdings: BTreeMap::new(),
            changes: Changes::default(),
        }
    }

    /// Applies a fact. On an error nothing has changed.
    pub(crate) fn apply(&mut self, fact: &Fact) -> Result<(), ReplayError> {
        match fact {
            Fact::JobSubmitted { job, at, submission } => {
                if *job <= self.last_job {
                    return Err(ReplayError::JobAgain(*job));
                }
                let refused = |source| ReplayError::Submission { job: *job, source };
                submission.check().map_err(refused)?;
                self.take_in(Job::new(*job, *at, submission));
                self.settle(*job, *at)?;
            }
            Fact::JobCanceled { job, at } => {
                self.job_mut(*job)?.phase = Phase::Canceling;
                for key in self.keys_where(*job, waits) {
                    self.set_state(key, TaskState::Canceled);
                }
                self.settle(*job, *at)?;
            }
            Fact::JobRetried { job, at } => {
                let retried = self.job_mut(*job)?;
                let before = retried.phase;
                retried.phase =
                    if retried.counts.leased > 0 { Phase::Running } else { Phase::Queued };
                if let Phase::Ended { at, .. } = before {
                    self.ended.remove(&(at, *job));
                }
                for key in self.keys_where(*job, |state| {
                    matches!(state, TaskState::Failed { .. } | TaskState::Canceled)
                }) {
                    self.task_mut(key)?.tries = Tries::default();
                    let open = self.open_inputs(key);
                    self.set_state(key, TaskState::waiting_for(open));
                }
                self.settle(*job, *at)?;
            }
            Fact::JobForgotten { job, at: _ } => {
                let Phase::Ended { at, .. } = self.job_mut(*job)?.phase else {
                    return Err(ReplayError::NotEnded(*job));
                };
                self.ended.remove(&(at, *job));
                if let Some(job) = self.jobs.remove(job) {
                    self.keys.remove(&job.key);
                }
            }
            Fact::TaskLeased { lease, worker, at, process } => {
                self.lease(*lease, worker, *at, *process)?;
            }
            Fact::TaskSucceeded { job, task, at, worker, result } => {
                let key = TaskKey { job: *job, task: *task };
                self.require_open(key, "succeed")?;
                self.set_state(
                    key,
                    TaskState::Succeeded { result: result.clone(), worker: worker.clone() },
                );
                self.unblock_dependents(key);
                self.settle(*job, *at)?;
            }
            Fact::AttemptEnded(ended) => self.end_attempt(ended)?,
            Fact::TaskFailed { job, task, at, message } => {
                let key = TaskKey { job: *job, task: *task };
                self.require_open(key, "fail")?;
                self.set_state(key, TaskState::Failed { message: message.clone() });
                self.fail_dependents(key, message);
                self.settle(*job, *at)?;
            }
        }
        Ok(())
    }

    pub(crate) fn task(&self, key: TaskKey) -> Option<&Task> {
        self.jobs.get(&key.job)?.task(key.task)
    }

    /// The task's lease, if it is still `lease` and held by `worker`.
    pub(crate) fn live_lease(&mut self, lease: LeaseId, worker: &WorkerName) -> Option<&mut Lease> {
        let held = self.jobs.get_mut(&lease.job)?.task_mut(lease.task)?.lease_mut()?;
        (held.id == lease && held.worker == *worker).then_some(held)
    }

    /// What the worker holds; `None` if nothing.
    pub(crate) fn holding(&self, worker: &WorkerName) -> Option<&Holding> {
        self.holdings.get(worker)
    }

    pub(crate) fn holdings(&self) -> &BTreeMap<WorkerName, Holding> {
        &self.holdings
    }

    /// The leases that the worker holds, in the order of their tasks.
    pub(crate) fn leases_of(&self, worker: &WorkerName) -> Vec<LeaseId> {
        let tasks = self.holdings.get(worker).into_iter().flat_map(|holding| &holding.tasks);
        tasks.filter_map(|key| Some(self.task(*key)?.lease()?.id)).collect()
    }

    pub(crate) fn job_with_key(&self, key: &str) -> Option<JobId> {
        self.keys.get(key).copied()
    }

    /// The highest job number so far.
    pub(crate) fn last_job(&self) -> JobId {
        self.last_job
    }

    /// When the first of the ended jobs ended, this job, and the number of ended jobs.
    pub(crate) fn first_ended(&self) -> Option<(Millis, JobId, usize)> {
        self.ended.first().map(|(at, job)| (*at, *job, self.ended.len()))
    }

    pub(crate) fn remember_job(&mut self, job: JobId) {
        self.last_job = self.last_job.max(job);
    }

    /// Adds the job to those that may be forgotten.
    pub(crate) fn note_end(&mut self, at: Millis, job: JobId) {
        self.ended.insert((at, job));
    }

    /// The jobs that may be forgotten, in the order in which they ended.
    pub(crate) fn ended(&self) -> &BTreeSet<(Millis, JobId)> {
        &self.ended
    }

    pub(crate) fn name(&mut self, key: String, job: JobId) {
        self.keys.insert(key, job);
    }

    /// The tasks of a job whose state is `wanted`.
    pub(crate) fn keys_where(
        &self,
        job: JobId,
        wanted: impl Fn(&TaskState) -> bool,
    ) -> Vec<TaskKey> {
        let tasks = self.jobs.get(&job).into_iter().flat_map(Job::keyed_tasks);
        tasks.filter(|(_, task)| wanted(&task.state)).map(|(key, _)| key).collect()
    }

    fn lease(
        &mut self,
        lease: LeaseId,
        worker: &WorkerName,
        at: Millis,
        process: Option<u64>,
    ) -> Result<(), ReplayError> {
        let key = TaskKey::from(lease);
        let refused = ReplayError::NotNow { job: lease.job, task: lease.task, what: "be leased" };
        let task = self.task_mut(key)?;
        if !matches!(task.state, TaskState::Ready { .. }) || lease.attempt.0 <= task.attempt {
            return Err(refused);
        }
        let action = task.needs.action;
        if self.waiting.leased(&action).is_some() {
            return Err(refused);
        }
        let task = self.task_mut(key)?;
        task.attempt = lease.attempt.0;
        let work = task.needs.work;
        self.set_state(
            key,
            TaskState::Leased(Lease {
                id: lease,
                worker: worker.clone(),
                heard: at,
                confirmed: false,
                revoked: false,
                process,
                progress: None,
            }),
        );
        let Some(job) = self.jobs.get_mut(&lease.job) else { return Ok(()) };
        if job.phase == Phase::Queued {
            job.phase = Phase::Running;
        }
        self.waiting.queue.charge(&job.project, work, at);
        Ok(())
    }

    fn end_attempt(&mut self, ended: &AttemptEnded) -> Result<(), ReplayError> {
        let LeaseId { job, task, .. } = ended.lease;
        let key = TaskKey { job, task };
        if self.task(key).and_then(Task::lease).is_none_or(|held| held.id != ended.lease) {
            let what = "end an attempt that is not running";
            return Err(ReplayError::NotNow { job, task, what });
        }
        self.task_mut(key)?.note_setback(ended);
        let canceling = self.job_mut(job)?.phase == Phase::Canceling;
        let AttemptEnded { not_before, message, .. } = ended;
        for producer in &ended.lost {
            self.run_again(TaskKey { job, task: *producer }, message);
        }
        let state = match self.open_inputs(key) {
            _ if canceling => TaskState::Canceled,
            0 => TaskState::Ready { not_before: *not_before, message: message.clone() },
            open => TaskState::Blocked { open },
        };
        self.set_state(key, state);
        self.settle(job, ended.at)
    }

    /// Lets a task run again whose result was lost. Tasks that read it and have not begun wait.
    fn run_again(&mut self, key: TaskKey, message: &str) {
        let open = self.open_inputs(key);
        let Ok(task) = self.task_mut(key) else { return };
        if !matches!(task.state, TaskState::Succeeded { .. }) {
            return;
        }
        task.tries = Tries { losses: task.tries.losses + 1, ..Tries::default() };
        let state = match open {
            0 => TaskState::Ready { not_before: 0, message: message.to_owned() },
            open => TaskState::Blocked { open },
        };
        self.set_state(key, state);
        for dependent in self.dependents_on(key) {
            let open = self.open_inputs(dependent);
            match self.task(dependent).map(|task| &task.state) {
                Some(TaskState::Blocked { .. } | TaskState::Ready { .. }) => {
                    self.set_state(dependent, TaskState::Blocked { open });
                }
                // One that runs may have the result already.
                Some(
                    TaskState::Leased(_)
                    | TaskState::Succeeded { .. }
                    | TaskState::Failed { .. }
                    | TaskState::Canceled,
                )
                | None => {}
            }
        }
    }

    /// How many of the tasks whose results a task reads have not succeeded.
    fn open_inputs(&self, key: TaskKey) -> u32 {
        let Some(job) = self.jobs.get(&key.job) else { return 0 };
        job.task(key.task).map_or(0, |task| unfinished(&job.tasks, &task.needs.after))
    }

    /// What has changed since the last call.
    pub(crate) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// The only place where a task's state changes. Updates counts, holdings and queues.
    pub(crate) fn set_state(&mut self, key: TaskKey, state: TaskState) {
        self.waiting.leave(&self.jobs, key);
        let Some(job) = self.jobs.get_mut(&key.job) else { return };
        let Some(task) = job.tasks.get_mut(key.task.0 as usize) else { return };
        let memory_bytes = task.needs.least_memory_bytes;
        *job.counts.of(&task.state) -= 1;
        *job.counts.of(&state) += 1;
        let before = std::mem::replace(&mut task.state, state);
        if matches!(task.state, TaskState::Succeeded { .. } | TaskState::Failed { .. }) {
            task.checkpoint = None;
        }
        self.changes.tasks.push(key);
        if let TaskState::Leased(lease) = before {
            if let Some(holding) = self.holdings.get_mut(&lease.worker) {
                holding.tasks.remove(&key);
                holding.memory_bytes = holding.memory_bytes.saturating_sub(memory_bytes);
                if holding.tasks.is_empty() {
                    self.holdings.remove(&lease.worker);
                }
            }
            self.changes.holders.insert(lease.worker);
        }
        if let Some(lease) = task.lease() {
            self.changes.holders.insert(lease.worker.clone());
        }
        self.hold(key);
        self.waiting.enter(&self.jobs, key);
    }

    /// Adds the task to the holdings of the worker that has leased it, if any.
    pub(crate) fn hold(&mut self, key: TaskKey) {
        let Some(task) = self.jobs.get(&key.job).and_then(|job| job.task(key.task)) else { return };
        let Some(lease) = task.lease() else { return };
        let holding = self.holdings.entry(lease.worker.clone()).or_default();
        holding.tasks.insert(key);
        holding.memory_bytes = holding.memory_bytes.saturating_add(task.needs.least_memory_bytes);
        holding.alone |= task.tries.alone;
    }

    /// Makes dependents of a succeeded task ready that wait for no other task.
    fn unblock_dependents(&mut self, producer: TaskKey) {
        for key in self.dependents_on(producer) {
            let Some(task) = self.jobs.get_mut(&key.job).and_then(|job| job.task_mut(key.task))
            else {
                continue;
            };
            // In a canceled job they are no longer blocked.
            let TaskState::Blocked { open } = &mut task.state else { continue };
            *open -= 1;
            if *open == 0 {
                self.set_state(key, TaskState::ready());
            }
        }
    }

    /// Fails the direct and indirect dependents of a failed task.
    fn fail_dependents(&mut self, producer: TaskKey, message: &str) {
        let message = format!("task {}, whose result it needs, failed: {message}", producer.task.0);
        let mut next = self.dependents_on(producer);
        while let Some(key) = next.pop() {
            if matches!(self.task(key).map(|task| &task.state), Some(TaskState::Blocked { .. })) {
                self.set_state(key, TaskState::Failed { message: message.clone() });
                next.extend(self.dependents_on(key));
            }
        }
    }

    fn dependents_on(&self, producer: TaskKey) -> Vec<TaskKey> {
        let job = self.jobs.get(&producer.job);
        let dependents = job.map_or(&[][..], |job| job.dependents.on(producer.task));
        dependents.iter().map(|task| TaskKey { job: producer.job, task: *task }).collect()
    }

    /// Ends the job if nothing is left to wait for.
    fn settle(&mut self, job: JobId, at: Millis) -> Result<(), ReplayError> {
        let settled = self.job_mut(job)?;
        settled.settle(at);
        if let Phase::Ended { at, .. } = settled.phase {
            self.note_end(at, job);
        }
        Ok(())
    }

    /// Refuses a task that has ended.
    fn require_open(&mut self, key: TaskKey, what: &'static str) -> Result<(), ReplayError> {
        match self.task_mut(key)?.state {
            TaskState::Blocked { .. } | TaskState::Ready { .. } | TaskState::Leased(_) => Ok(()),
            TaskState::Succeeded { .. } | TaskState::Failed { .. } | TaskState::Canceled => {
                Err(ReplayError::NotNow { job: key.job, task: key.task, what })
            }
        }
    }

    fn job_mut(&mut self, job: JobId) -> Result<&mut Job, ReplayError> {
        self.jobs.get_mut(&job).ok_or(ReplayError::NoSuchJob(job))
    }

    fn task_mut(&mut self, key: TaskKey) -> Result<&mut Task, ReplayError> {
        self.job_mut(key.job)?
            .task_mut(key.task)
            .ok_or(ReplayError::NoSuchTask { job: key.job, task: key.task })
    }
}

/// Whether a task in this state has neither ended nor been leased.
fn waits(state: &TaskState) -> bool {
    matches!(state, TaskState::Blocked { .. } | TaskState::Ready { .. })
}
