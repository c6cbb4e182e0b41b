//! The life of a lease: heartbeats, reports, and expiry.

use impasto_types::{
    Attempt, BlobRef, FailureKind, LeaseId, LeaseOutcome, Order, Progress, TaskEvent, TaskResult,
    WorkerId, WorkerName,
};

use crate::core::Core;
use crate::job::Phase;
use crate::task::{Task, TaskKey};
use crate::timers::Timer;
use crate::{Effect, Fact, Millis};

/// An attempt that ended without a result.
struct Setback {
    lease: LeaseId,
    worker: WorkerName,
    kind: Option<FailureKind>,
    message: String,
    /// Whether it uses up one of the task's attempts.
    counted: bool,
    /// The delay before the next attempt, without jitter.
    delay_ms: Millis,
    checkpoint: Option<BlobRef>,
}

impl Core {
    pub(crate) fn heartbeat(
        &mut self,
        worker: WorkerId,
        lease: LeaseId,
        progress: Option<Progress>,
    ) {
        let Some(name) = self.hear(worker) else { return };
        let now = self.now;
        let Some(live) = self.ledger.live_lease(lease, &name) else {
            self.order(worker, Order::Revoke { lease });
            return;
        };
        live.heard = now;
        if let Some(progress) = progress {
            live.progress = Some(progress);
            self.tell(Effect::Task {
                job: lease.job,
                task: lease.task,
                event: TaskEvent::Progress(progress),
            });
        }
        if self.is_canceling(lease) {
            self.order(worker, Order::Revoke { lease });
        }
    }

    /// A report on a stale lease changes nothing, but is acknowledged so that the worker drops it.
    /// A report from an unknown connection is not acknowledged: the worker repeats it on its newer
    /// connection.
    pub(crate) fn report(&mut self, worker: WorkerId, lease: LeaseId, outcome: LeaseOutcome) {
        let Some(name) = self.hear(worker) else { return };
        if self.ledger.live_lease(lease, &name).is_some() {
            match outcome {
                LeaseOutcome::Succeeded(result) => self.succeed(worker, name, lease, result),
                LeaseOutcome::Failed { kind: FailureKind::Input, message } => {
                    self.fail(lease, name, message)
                }
                LeaseOutcome::Failed { kind: FailureKind::Transient, message } => {
                    let delay_ms = self.config.backoff_ms(self.setbacks(lease) + 1);
                    self.set_back(Setback {
                        lease,
                        worker: name,
                        kind: Some(FailureKind::Transient),
                        message,
                        counted: true,
                        delay_ms,
                        checkpoint: None,
                    });
                }
                LeaseOutcome::Failed { kind: FailureKind::Shortage, message } => {
                    let delay_ms = self.config.backoff_ms(self.setbacks(lease) + 1);
                    self.set_back(Setback {
                        lease,
                        worker: name,
                        kind: Some(FailureKind::Shortage),
                        message,
                        counted: false,
                        delay_ms,
                        checkpoint: None,
                    });
                }
                LeaseOutcome::Returned { checkpoint } => {
                    // The first return causes no delay. Further ones do, or a worker that returns
                    // every task at once would cause a busy loop.
                    let delay_ms = self.config.backoff_ms(self.setbacks(lease));
                    let message = format!("worker {name} returned it");
                    self.set_back(Setback {
                        lease,
                        worker: name,
                        kind: None,
                        message,
                        counted: false,
                        delay_ms,
                        checkpoint,
                    });
                }
            }
        }
        self.order(worker, Order::Acknowledge { lease });
    }

    /// Ends an attempt that its worker did not report on. It counts, so that a task that crashes
    /// its workers is not retried on all of them.
    pub(crate) fn lose_lease(&mut self, lease: LeaseId, worker: &WorkerName, message: String) {
        let delay_ms = self.config.backoff_ms(self.setbacks(lease) + 1);
        self.set_back(Setback {
            lease,
            worker: worker.clone(),
            kind: None,
            message,
            counted: true,
            delay_ms,
            checkpoint: None,
        });
    }

    /// The worker has reconnected and continues this lease.
    pub(crate) fn take_up(&mut self, worker: WorkerId, lease: LeaseId) {
        let now = self.now;
        if let Some(live) = self
            .ledger
            .jobs
            .get_mut(&lease.job)
            .and_then(|job| job.task_mut(lease.task)?.lease_mut())
        {
            live.heard = now;
        }
        self.listen_for(lease);
        if self.is_canceling(lease) {
            self.order(worker, Order::Revoke { lease });
        }
    }

    /// Sets the timer that notices when heartbeats stop.
    pub(crate) fn listen_for(&mut self, lease: LeaseId) {
        self.timers.set(
            self.now.saturating_add(self.config.lease_ms),
            Timer::Silence(lease.into(), lease.attempt),
        );
    }

    /// Ends a lease without heartbeats. If its worker sent nothing else either, the connection is
    /// closed.
    pub(crate) fn check_silence(&mut self, key: TaskKey, attempt: Attempt, due: Millis) {
        let Some(lease) =
            self.ledger.task(key).and_then(Task::lease).filter(|lease| lease.id.attempt == attempt)
        else {
            return;
        };
        // A disconnected worker has a grace period instead.
        let Some(worker) = self.workers.named(&lease.worker) else { return };
        let (id, name, heard) = (lease.id, lease.worker.clone(), lease.heard);
        let lease_ms = self.config.lease_ms;
        if heard.saturating_add(lease_ms) > self.now {
            self.timers.set(heard.saturating_add(lease_ms), Timer::Silence(key, attempt));
        } else if self.was_asleep_since(due) {
            self.listen_again(id, &name);
        } else if self
            .workers
            .get(worker)
            .is_some_and(|worker| worker.heard.saturating_add(lease_ms) <= self.now)
        {
            self.dismiss(worker);
        } else {
            self.order(worker, Order::Revoke { lease: id });
            self.lose_lease(
                id,
                &name,
                format!("worker {name} sent no heartbeat for {} s", lease_ms / 1_000),
            );
        }
    }

    fn listen_again(&mut self, lease: LeaseId, name: &WorkerName) {
        let now = self.now;
        if let Some(live) = self.ledger.live_lease(lease, name) {
            live.heard = now;
        }
        self.listen_for(lease);
    }

    /// Accepts the result for this task and for all others that wait for the same action.
    fn succeed(&mut self, worker: WorkerId, name: WorkerName, lease: LeaseId, result: TaskResult) {
        let Some(action) = self.ledger.task(lease.into()).map(|task| task.needs.action) else {
            return;
        };
        if let Some(connected) = self.workers.get_mut(worker) {
            connected.tasks_done += 1;
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

    /// Fails the task without a retry, since the fault is in its input.
    fn fail(&mut self, lease: LeaseId, worker: WorkerName, message: String) {
        if self.is_canceling(lease) {
            let kind = Some(FailureKind::Input);
            let checkpoint = None;
            self.set_back(Setback {
                lease,
                worker,
                kind,
                message,
                counted: true,
                delay_ms: 0,
                checkpoint,
            });
        } else {
            self.record(Fact::TaskFailed {
                job: lease.job,
                task: lease.task,
                at: self.now,
                message,
            });
        }
    }

    /// Ends the attempt, and fails the task if this was its last. In a canceling job the task is
    /// canceled instead.
    fn set_back(&mut self, setback: Setback) {
        let Setback { lease, worker, kind, message, counted, delay_ms, checkpoint } = setback;
        let at = self.now;
        let spent = self.ledger.task(lease.into()).map_or(0, |task| task.tries.counted)
            + u32::from(counted);
        if counted && spent >= self.config.max_attempts && !self.is_canceling(lease) {
            self.record(Fact::TaskFailed { job: lease.job, task: lease.task, at, message });
        } else {
            let not_before = at.saturating_add(self.chance.jitter(delay_ms));
            self.record(Fact::AttemptEnded {
                lease,
                at,
                worker,
                kind,
                message,
                counted,
                not_before,
                checkpoint,
            });
        }
    }

    /// Notes a sign of life from a connected worker, and returns its name.
    fn hear(&mut self, worker: WorkerId) -> Option<WorkerName> {
        let now = self.now;
        let connected = self.workers.get_mut(worker)?;
        connected.heard = now;
        Some(connected.name.clone())
    }

    fn setbacks(&self, lease: LeaseId) -> u32 {
        self.ledger.task(lease.into()).map_or(0, |task| task.tries.setbacks)
    }

    fn is_canceling(&self, lease: LeaseId) -> bool {
        self.ledger.jobs.get(&lease.job).is_some_and(|job| job.phase == Phase::Canceling)
    }
}
