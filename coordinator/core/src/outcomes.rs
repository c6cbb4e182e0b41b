//! How attempts end: what it costs the task, and what it says about the worker.
//!
//! An attempt is charged to its task only if the task may be at fault. A worker's own trouble and
//! the coordinator's are not; a failure that several workers report is. Before a task fails for
//! good by the report of a worker that has not succeeded lately, another worker gets a try; so it
//! does before anyone is believed that the input is at fault.

use std::collections::BTreeSet;

use impasto_types::{
    BlobRef, FailureKind, LeaseId, LeaseOutcome, Order, TaskIndex, TaskResult, WorkerId, WorkerName,
};

use crate::class::Demand;
use crate::core::Core;
use crate::fact::AttemptEnded;
use crate::task::{Task, TaskKey, TaskState, Tries};
use crate::timers::Timer;
use crate::{Effect, Fact, Millis};

/// The longest delay before a task whose inputs are missing looks for them again, as a number of
/// backoffs: a client sends them within seconds.
const STARVED_BACKOFFS: u32 = 4;

impl Core {
    /// A report on a stale lease changes nothing, but is acknowledged so that the worker drops it.
    /// A report from an unknown connection is not acknowledged: the worker repeats it on its newer
    /// connection.
    pub(crate) fn report(&mut self, worker: WorkerId, lease: LeaseId, outcome: LeaseOutcome) {
        let Some(name) = self.hear(worker) else { return };
        if self.ledger.live_lease(lease, &name).is_some() {
            self.list_was_read(lease.job);
            self.end(worker, name, lease, outcome);
        }
        self.order(worker, Order::Acknowledge { lease });
    }

    fn end(&mut self, worker: WorkerId, name: WorkerName, lease: LeaseId, outcome: LeaseOutcome) {
        match outcome {
            LeaseOutcome::Succeeded(result) => self.succeed(worker, name, lease, result),
            LeaseOutcome::Failed { kind, message } => match kind {
                FailureKind::Input => self.fail(lease, name, message),
                FailureKind::Transient => self.charge(lease, name, Some(kind), message),
                FailureKind::Machine => self.excuse(lease, name, message),
                FailureKind::Shortage => {
                    let ended = AttemptEnded::free(lease, self.now, name, Some(kind), message);
                    self.set_back(ended, self.setbacks(lease) + 1);
                }
                FailureKind::Coordinator => {
                    let ended = AttemptEnded::free(lease, self.now, name, Some(kind), message);
                    let ended = AttemptEnded { spared: true, ..ended };
                    self.set_back(ended, self.setbacks(lease) + 1);
                }
            },
            LeaseOutcome::Starved { missing } => self.starve(lease, name, missing),
            LeaseOutcome::Returned { checkpoint } => {
                let message = format!("worker {name} returned it");
                let ended = AttemptEnded::free(lease, self.now, name, None, message);
                // The first return causes no delay. Further ones do, or a worker that returns every
                // task at once would cause a busy loop.
                self.set_back(AttemptEnded { checkpoint, ..ended }, self.setbacks(lease));
            }
        }
    }

    /// Ends an attempt that its worker did not report on. It counts, so that a task that crashes
    /// its workers is not retried on all of them.
    pub(crate) fn lose_lease(&mut self, lease: LeaseId, worker: &WorkerName, message: String) {
        self.charge(lease, worker.clone(), None, message);
    }

    /// Accepts the result for this task and for all others that wait for the same action.
    fn succeed(&mut self, worker: WorkerId, name: WorkerName, lease: LeaseId, result: TaskResult) {
        let Some(action) = self.ledger.task(lease.into()).map(|task| task.needs.action) else {
            return;
        };
        self.workers.note_success(worker);
        for accuser in self.tries(lease).accusers.iter().filter(|accuser| **accuser != name) {
            let reason = format!("it found fault with an input that worker {name} could paint");
            self.blame(accuser, &reason, true);
        }
        let at = self.now;
        self.record(Fact::TaskSucceeded {
            job: lease.job,
            task: lease.task,
            at,
            worker: Some(name),
            result: result.clone(),
        });
        for TaskKey { job, task } in self.ledger.waiting.waiting_for(&action) {
            self.record(Fact::TaskSucceeded {
                job,
                task,
                at,
                worker: None,
                result: result.clone(),
            });
        }
        self.tell(Effect::Remember { action, result });
    }

    /// Fails the task, since the fault is in its input, if two workers say so, the second of which
    /// has succeeded lately, or no other could look at it: a sick machine may find fault with every
    /// input.
    fn fail(&mut self, lease: LeaseId, worker: WorkerName, message: String) {
        let kind = Some(FailureKind::Input);
        if self.is_canceling(lease) {
            let ended = AttemptEnded::free(lease, self.now, worker, kind, message);
            self.set_back(AttemptEnded { counted: true, ..ended }, 0);
            return;
        }
        let is_proven = self.workers.record(&worker).is_some_and(|record| record.proven);
        let is_confirmed =
            is_proven && self.tries(lease).accusers.iter().any(|other| *other != worker);
        if is_confirmed || !self.has_untried(lease, &worker) {
            self.fail_for_good(lease, message);
            return;
        }
        let ended = AttemptEnded::free(lease, self.now, worker, kind, message);
        self.set_back(ended, 0);
    }

    /// Ends an attempt that counts, by a failure whose cause is unknown. The task fails if this was
    /// its last attempt.
    fn charge(
        &mut self,
        lease: LeaseId,
        worker: WorkerName,
        kind: Option<FailureKind>,
        message: String,
    ) {
        let tries = self.tries(lease);
        let is_last = tries.counted + 1 >= self.config.max_attempts && !self.is_canceling(lease);
        // Another worker is asked once about a task that crashes workers, and as long as there are
        // others if the report is that of a worker that has not succeeded lately.
        let doubtful = match kind {
            None => !tries.reprieved,
            Some(_) => !self.workers.record(&worker).is_some_and(|record| record.proven),
        };
        if tries.reporters.iter().all(|other| *other == worker) {
            // Without another worker, the tasks gain nothing from waiting.
            self.blame(&worker, &message, self.workers.has_another(&worker));
        }
        if is_last && !(doubtful && self.has_untried(lease, &worker)) {
            self.fail_for_good(lease, message);
            return;
        }
        let ended = AttemptEnded::free(lease, self.now, worker, kind, message);
        let ended = AttemptEnded { counted: !is_last, reprieve: is_last, ..ended };
        self.set_back(ended, tries.setbacks + 1);
    }

    /// Ends an attempt that failed by the worker's own trouble. The task fails only if as many
    /// workers as it has attempts report that, although they succeed with other tasks.
    fn excuse(&mut self, lease: LeaseId, worker: WorkerName, message: String) {
        let tries = self.tries(lease);
        let others: Vec<&WorkerName> =
            tries.reporters.iter().filter(|other| **other != worker).collect();
        let is_fine =
            |name: &&WorkerName| self.workers.record(name).is_some_and(|record| record.proven);
        let is_its_own = others.len() as u32 + 1 >= self.config.max_attempts
            && others.iter().all(is_fine)
            && !self.is_canceling(lease)
            && !self.has_untried(lease, &worker);
        self.blame(&worker, &message, true);
        if is_its_own {
            self.fail_for_good(lease, message);
            return;
        }
        let kind = Some(FailureKind::Machine);
        let ended = AttemptEnded::free(lease, self.now, worker, kind, message);
        self.set_back(ended, tries.setbacks + 1);
    }

    /// Lets the task wait for inputs that the store lacks, and fails it if no client has sent them
    /// for a while. Other tasks whose results are among them run again.
    fn starve(&mut self, lease: LeaseId, worker: WorkerName, missing: Vec<BlobRef>) {
        if missing.is_empty() {
            self.doubt(lease, worker);
            return;
        }
        let lost = self.producers(lease, &missing);
        if !lost.is_empty() {
            self.produce_again(lease, worker, lost);
            return;
        }
        let tries = self.tries(lease);
        let grace_ms = self.config.input_grace_ms;
        let waited_ms = tries.missing_since.map_or(0, |since| self.now.saturating_sub(since));
        let named = missing.first().map(|blob| blob.digest.short().to_string());
        let message = format!(
            "{} of its inputs are not in the store, such as {}",
            missing.len(),
            named.unwrap_or_default()
        );
        if waited_ms >= grace_ms && !self.is_canceling(lease) {
            let seconds = grace_ms / 1_000;
            self.fail_for_good(lease, format!("{message}; no client sent them within {seconds} s"));
            return;
        }
        let ended = AttemptEnded::free(lease, self.now, worker, None, message);
        let ended = AttemptEnded { spared: true, missing, ..ended };
        self.set_back(ended, (tries.setbacks + 1).min(STARVED_BACKOFFS));
    }

    /// A worker missed inputs, but the store has them. They may have been sent since it looked, or
    /// the worker is wrong.
    fn doubt(&mut self, lease: LeaseId, worker: WorkerName) {
        let message = format!("worker {worker} missed inputs that are in the store");
        if !self.workers.record(&worker).is_some_and(|record| record.proven) {
            self.blame(&worker, &message, true);
        }
        let kind = Some(FailureKind::Coordinator);
        let ended = AttemptEnded::free(lease, self.now, worker, kind, message);
        self.set_back(ended, self.setbacks(lease) + 1);
    }

    /// Lets tasks run again whose results this one needs and the store has lost. The task fails if
    /// that happens again and again.
    fn produce_again(&mut self, lease: LeaseId, worker: WorkerName, lost: Vec<TaskIndex>) {
        let losses = |producer: &TaskIndex| {
            let key = TaskKey { job: lease.job, task: *producer };
            self.ledger.task(key).map_or(0, |task| task.tries.losses)
        };
        let names: Vec<String> = lost.iter().map(|task| task.0.to_string()).collect();
        let message = format!("the store has lost the results of tasks {}", names.join(", "));
        let is_hopeless = lost.iter().map(losses).max() >= Some(self.config.max_attempts);
        let is_canceling = self.is_canceling(lease);
        if is_hopeless && !is_canceling {
            self.fail_for_good(lease, format!("{message}, which have run again before"));
            return;
        }
        let ended = AttemptEnded::free(lease, self.now, worker, None, message);
        let lost = if is_canceling { Vec::new() } else { lost };
        self.set_back(AttemptEnded { spared: true, lost, ..ended }, 0);
    }

    /// The tasks whose results are among these blobs, of those whose results a task reads.
    fn producers(&self, lease: LeaseId, missing: &[BlobRef]) -> Vec<TaskIndex> {
        let Some(job) = self.ledger.jobs.get(&lease.job) else { return Vec::new() };
        let Some(task) = job.task(lease.task) else { return Vec::new() };
        let is_lost = |after: &&TaskIndex| match job.task(**after).map(|task| &task.state) {
            Some(TaskState::Succeeded { result, .. }) => {
                result.blobs().any(|blob| missing.contains(&blob))
            }
            Some(
                TaskState::Blocked { .. }
                | TaskState::Ready { .. }
                | TaskState::Leased(_)
                | TaskState::Failed { .. }
                | TaskState::Canceled,
            )
            | None => false,
        };
        let lost: BTreeSet<TaskIndex> = task.needs.after.iter().filter(is_lost).copied().collect();
        lost.into_iter().collect()
    }

    /// A worker never got a lease, since its connection ended first.
    pub(crate) fn miss(&mut self, lease: LeaseId, worker: WorkerName) {
        let message = format!("worker {worker} never got it");
        let kind = Some(FailureKind::Coordinator);
        let ended = AttemptEnded::free(lease, self.now, worker, kind, message);
        // With a delay: something in the grant may end the connection.
        self.set_back(AttemptEnded { spared: true, ..ended }, self.setbacks(lease) + 1);
    }

    /// A worker that is alive does not know a lease: its grant was lost, or the worker drops tasks.
    pub(crate) fn pass_over(&mut self, lease: LeaseId, worker: WorkerName, message: String) {
        self.blame(&worker, &message, self.workers.has_another(&worker));
        let kind = Some(FailureKind::Coordinator);
        let ended = AttemptEnded::free(lease, self.now, worker, kind, message);
        self.set_back(ended, self.setbacks(lease) + 1);
    }

    /// Notes a failure of the worker, and benches it if it has failed too often in a row.
    fn blame(&mut self, worker: &WorkerName, reason: &str, may_bench: bool) {
        let until = self.workers.note_failure(worker, &self.config, self.now, reason, may_bench);
        let Some(until) = until else { return };
        self.timers.set(until, Timer::Probe(worker.clone()));
        let failures = self.workers.record(worker).map_or(0, |record| record.failures);
        let (worker, reason) = (worker.clone(), reason.to_owned());
        self.tell(Effect::Benched { worker, failures, until, reason });
    }

    /// Whether a worker that takes tasks now could run the task and has not tried it.
    fn has_untried(&self, lease: LeaseId, worker: &WorkerName) -> bool {
        self.ledger.task(lease.into()).is_some_and(|task| {
            let tried = |name: &WorkerName| name == worker || task.tries.avoid.contains(name);
            self.workers.anyone_trusted(&Demand::of(task), |name| !tried(name))
        })
    }

    /// Ends the attempt after the `nth` setback. In a canceling job the task is canceled instead of
    /// waiting.
    fn set_back(&mut self, ended: AttemptEnded, nth: u32) {
        let delay_ms: Millis = self.chance.jitter(self.config.backoff_ms(nth));
        let not_before = self.now.saturating_add(delay_ms);
        self.record(Fact::AttemptEnded(AttemptEnded { not_before, ..ended }));
    }

    fn fail_for_good(&mut self, lease: LeaseId, message: String) {
        let LeaseId { job, task, .. } = lease;
        self.record(Fact::TaskFailed { job, task, at: self.now, message });
    }

    fn tries(&self, lease: LeaseId) -> Tries {
        self.ledger.task(lease.into()).map(|task| task.tries.clone()).unwrap_or_default()
    }

    fn setbacks(&self, lease: LeaseId) -> u32 {
        self.ledger.task(lease.into()).map_or(0, |task: &Task| task.tries.setbacks)
    }
}
