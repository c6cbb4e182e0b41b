//! What the facts add up to: all jobs and tasks, who holds which lease, and what waits.
//!
//! [`Ledger::apply`] is the only way to change it but for signs of life, so a replay arrives where
//! the live run did.

use std::collections::{BTreeMap, BTreeSet};

use impasto_types::{JobId, LeaseId, TaskIndex, WorkerName};

use crate::job::{Job, Phase};
use crate::task::{Lease, Task, TaskKey, TaskState, Tries};
use crate::waiting::Waiting;
use crate::{Fact, Millis};

/// A fact that cannot follow from those before it: the log is damaged or not this core's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("job {0} is submitted a second time")]
    JobAgain(JobId),
    #[error("job {0} has more than {max} tasks", max = u32::MAX)]
    TooManyTasks(JobId),
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    #[error("there is no task {task} in job {job}", task = .task.0)]
    NoSuchTask { job: JobId, task: TaskIndex },
    #[error("task {task} of job {job} cannot {what}", task = .task.0)]
    NotNow { job: JobId, task: TaskIndex, what: &'static str },
}

#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) jobs: BTreeMap<JobId, Job>,
    keys: BTreeMap<String, JobId>,
    pub(crate) waiting: Waiting,
    holdings: BTreeMap<WorkerName, Holding>,
}

/// The leases of one worker, connected or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Holding {
    pub(crate) tasks: BTreeSet<TaskKey>,
    pub(crate) memory_bytes: u64,
    /// Whether its one task is to be left alone.
    pub(crate) alone: bool,
}

impl Ledger {
    pub(crate) fn new(ageing_ms: Millis) -> Self {
        Self {
            jobs: BTreeMap::new(),
            keys: BTreeMap::new(),
            waiting: Waiting::new(ageing_ms),
            holdings: BTreeMap::new(),
        }
    }

    /// Takes a fact in. On an error nothing has changed.
    pub(crate) fn apply(&mut self, fact: &Fact) -> Result<(), ReplayError> {
        match fact {
            Fact::JobSubmitted { job, at, submission } => {
                if self.jobs.contains_key(job) {
                    return Err(ReplayError::JobAgain(*job));
                }
                if u32::try_from(submission.tasks.len()).is_err() {
                    return Err(ReplayError::TooManyTasks(*job));
                }
                self.keys.insert(submission.key.clone(), *job);
                self.jobs.insert(*job, Job::new(*job, *at, submission));
                for key in self.keys_where(*job, |state| matches!(state, TaskState::Ready { .. })) {
                    self.waiting.enter(&self.jobs, key);
                }
                self.job_mut(*job)?.settle(*at);
            }
            Fact::JobCanceled { job, at } => {
                self.job_mut(*job)?.phase = Phase::Canceling;
                for key in self.keys_where(*job, |state| matches!(state, TaskState::Ready { .. })) {
                    self.set_state(key, TaskState::Canceled);
                }
                self.job_mut(*job)?.settle(*at);
            }
            Fact::JobRetried { job, at } => {
                let retried = self.job_mut(*job)?;
                retried.phase =
                    if retried.counts.leased > 0 { Phase::Running } else { Phase::Queued };
                for key in self.keys_where(*job, |state| {
                    matches!(state, TaskState::Failed { .. } | TaskState::Canceled)
                }) {
                    self.task_mut(key)?.tries = Tries::default();
                    self.set_state(key, TaskState::Ready { not_before: 0, message: String::new() });
                }
                self.job_mut(*job)?.settle(*at);
            }
            Fact::TaskLeased { lease, worker, at } => self.lease(*lease, worker, *at)?,
            Fact::TaskSucceeded { job, task, at, worker, result } => {
                let key = TaskKey { job: *job, task: *task };
                self.require_open(key, "succeed")?;
                self.set_state(
                    key,
                    TaskState::Succeeded { result: result.clone(), worker: worker.clone() },
                );
                self.job_mut(*job)?.settle(*at);
            }
            Fact::AttemptEnded { lease, at, worker, kind, message, counted, not_before } => {
                let key = TaskKey::from(*lease);
                if self.task(key).and_then(Task::lease).is_none_or(|held| held.id != *lease) {
                    return Err(ReplayError::NotNow {
                        job: lease.job,
                        task: lease.task,
                        what: "end an attempt that it has not",
                    });
                }
                let tries = &mut self.task_mut(key)?.tries;
                tries.counted += u32::from(*counted);
                tries.setbacks = tries.setbacks.saturating_add(1);
                tries.alone |= *counted && kind.is_none();
                if !tries.avoid.contains(worker) {
                    tries.avoid.push(worker.clone());
                    tries.avoid.sort_unstable();
                }
                let canceling = self.job_mut(lease.job)?.phase == Phase::Canceling;
                let waits = TaskState::Ready { not_before: *not_before, message: message.clone() };
                self.set_state(key, if canceling { TaskState::Canceled } else { waits });
                self.job_mut(lease.job)?.settle(*at);
            }
            Fact::TaskFailed { job, task, at, message } => {
                let key = TaskKey { job: *job, task: *task };
                self.require_open(key, "fail")?;
                self.set_state(key, TaskState::Failed { message: message.clone() });
                self.job_mut(*job)?.settle(*at);
            }
        }
        Ok(())
    }

    pub(crate) fn task(&self, key: TaskKey) -> Option<&Task> {
        self.jobs.get(&key.job)?.task(key.task)
    }

    /// The task's lease, if `lease` is the one that it has and `worker` the one that holds it.
    pub(crate) fn live_lease(&mut self, lease: LeaseId, worker: &WorkerName) -> Option<&mut Lease> {
        let held = self.jobs.get_mut(&lease.job)?.task_mut(lease.task)?.lease_mut()?;
        (held.id == lease && held.worker == *worker).then_some(held)
    }

    /// What the worker holds; nothing is `None`.
    pub(crate) fn holding(&self, worker: &WorkerName) -> Option<&Holding> {
        self.holdings.get(worker)
    }

    pub(crate) fn holdings(&self) -> &BTreeMap<WorkerName, Holding> {
        &self.holdings
    }

    /// The leases that the worker holds, in order.
    pub(crate) fn leases_of(&self, worker: &WorkerName) -> Vec<LeaseId> {
        let tasks = self.holdings.get(worker).into_iter().flat_map(|holding| &holding.tasks);
        tasks.filter_map(|key| Some(self.task(*key)?.lease()?.id)).collect()
    }

    pub(crate) fn job_with_key(&self, key: &str) -> Option<JobId> {
        self.keys.get(key).copied()
    }

    /// The number of the next job to come.
    pub(crate) fn next_job(&self) -> JobId {
        JobId(self.jobs.last_key_value().map_or(0, |(job, _)| job.0) + 1)
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

    /// The one place where a task's state changes: counts, holdings and what waits follow.
    fn set_state(&mut self, key: TaskKey, state: TaskState) {
        self.waiting.leave(&self.jobs, key);
        let Some(job) = self.jobs.get_mut(&key.job) else { return };
        let Some(task) = job.tasks.get_mut(key.task.0 as usize) else { return };
        let memory_bytes = task.needs.memory_bytes;
        *job.counts.of(&task.state) -= 1;
        *job.counts.of(&state) += 1;
        let before = std::mem::replace(&mut task.state, state);
        let after = task.lease();
        if let TaskState::Leased(lease) = before
            && let Some(holding) = self.holdings.get_mut(&lease.worker)
        {
            holding.tasks.remove(&key);
            holding.memory_bytes = holding.memory_bytes.saturating_sub(memory_bytes);
            if holding.tasks.is_empty() {
                self.holdings.remove(&lease.worker);
            }
        }
        if let Some(lease) = after {
            let holding = self.holdings.entry(lease.worker.clone()).or_default();
            holding.tasks.insert(key);
            holding.memory_bytes = holding.memory_bytes.saturating_add(memory_bytes);
            holding.alone |= task.tries.alone;
        }
        self.waiting.enter(&self.jobs, key);
    }

    /// Refuses a task that has ended already.
    fn require_open(&mut self, key: TaskKey, what: &'static str) -> Result<(), ReplayError> {
        match self.task_mut(key)?.state {
            TaskState::Ready { .. } | TaskState::Leased(_) => Ok(()),
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
