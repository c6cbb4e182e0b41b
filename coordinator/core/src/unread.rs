//! Grants that were not sent: their leases end, which is nobody's attempt, and the workers' credit
//! comes back. One reason is that the driver cannot read the list by which a grant names its task.

use impasto_types::{FailureKind, JobId, LeaseId, Order, WorkerId};

use crate::Fact;
use crate::core::Core;
use crate::fact::AttemptEnded;
use crate::held::Held;
use crate::input::ListFault;
use crate::job::Phase;
use crate::task::{Task, TaskKey, TaskState};
use crate::timers::Timer;

impl Core {
    /// A damaged list fails its job. One that cannot be read now holds only this job back.
    pub(crate) fn list_unreadable(
        &mut self,
        worker: WorkerId,
        lease: LeaseId,
        fault: ListFault,
        message: String,
    ) {
        self.workers.give_credit_back(worker, lease);
        // No worker knows this lease, so it ends even if its worker has another connection by now.
        let held = self.ledger.task(lease.into()).and_then(Task::lease);
        if held.is_none_or(|held| held.id != lease) {
            return;
        }
        let is_damaged = match fault {
            ListFault::Damaged => true,
            ListFault::Unavailable => self.hold_back(lease.job, &message),
        };
        if is_damaged && !self.is_canceling(lease) {
            self.fail_job(lease, &message);
        } else {
            self.take_back(lease, message);
        }
    }

    /// The connection ended before these grants were sent.
    pub(crate) fn not_sent(&mut self, worker: WorkerId, leases: Vec<LeaseId>) {
        for lease in leases {
            self.workers.give_credit_back(worker, lease);
            let held = self.ledger.task(lease.into()).and_then(Task::lease);
            if held.is_some_and(|held| held.id == lease) {
                self.take_back(lease, "its grant was not sent".to_owned());
            }
        }
    }

    /// The list was read: the job's grants reach their workers again.
    pub(crate) fn list_was_read(&mut self, job: JobId) {
        self.held.remove(&job);
    }

    /// Whether the job gets no leases until its list is tried again.
    pub fn is_held(&self, job: JobId) -> bool {
        self.held.get(&job).is_some_and(|held| held.until > self.now)
    }

    /// Forgets about jobs that have ended.
    pub(crate) fn release_ended(&mut self) {
        let jobs = &self.ledger.jobs;
        let is_open = |job: &JobId| {
            jobs.get(job).is_some_and(|job| !matches!(job.phase, Phase::Ended { .. }))
        };
        self.held.retain(|job, _| is_open(job));
    }

    /// Holds a job back, longer each time. Returns whether it has been unreadable for so long that
    /// it counts as damaged.
    fn hold_back(&mut self, job: JobId, message: &str) -> bool {
        let now = self.now;
        let (since, mut tries) =
            self.held.get(&job).map_or((now, 0), |held| (held.since, held.tries));
        // Of several grants that crossed, only one makes the time longer.
        if !self.is_held(job) {
            tries += 1;
        }
        let until = now.saturating_add(self.config.backoff_ms(tries));
        self.held.insert(job, Held { since, until, tries, message: message.to_owned() });
        self.timers.set(until, Timer::Held(job));
        now - since >= self.config.unreadable_grace_ms
    }

    /// Ends the lease of a grant that did not reach its worker.
    pub(crate) fn take_back(&mut self, lease: LeaseId, message: String) {
        let Some(held) = self.ledger.task(lease.into()).and_then(Task::lease) else { return };
        let worker = held.worker.clone();
        let not_before = self.held.get(&lease.job).map_or(0, |held| held.until);
        self.record(Fact::AttemptEnded(AttemptEnded {
            spared: true,
            not_before,
            ..AttemptEnded::free(lease, self.now, worker, Some(FailureKind::Coordinator), message)
        }));
    }

    /// Fails a job because of a grant that was not sent. The workers of its other leases stop.
    fn fail_job(&mut self, unsent: LeaseId, message: &str) {
        let is_open = |state: &TaskState| match state {
            TaskState::Blocked { .. } | TaskState::Ready { .. } | TaskState::Leased(_) => true,
            TaskState::Succeeded { .. } | TaskState::Failed { .. } | TaskState::Canceled => false,
        };
        for key in self.ledger.keys_where(unsent.job, is_open) {
            let TaskKey { job, task } = key;
            // Dependents have failed with the tasks that they depend on.
            let Some(state) = self.ledger.task(key).map(|task| &task.state).filter(|s| is_open(s))
            else {
                continue;
            };
            if let TaskState::Leased(lease) = state
                && lease.id != unsent
                && let Some(worker) = self.workers.named(&lease.worker)
            {
                let lease = lease.id;
                self.order(worker, Order::Revoke { lease });
            }
            let message = message.to_owned();
            self.record(Fact::TaskFailed { job, task, at: self.now, message });
        }
    }
}
