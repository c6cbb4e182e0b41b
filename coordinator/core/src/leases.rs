//! The life of a lease: heartbeats and expiry.

use impasto_types::{Attempt, LeaseId, Order, Progress, TaskEvent, WorkerId, WorkerName};

use crate::core::Core;
use crate::job::Phase;
use crate::task::{Task, TaskKey};
use crate::timers::Timer;
use crate::{Effect, Millis};

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
        (live.heard, live.confirmed) = (now, true);
        self.list_was_read(lease.job);
        let Some(live) = self.ledger.live_lease(lease, &name) else { return };
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

    /// The worker has reconnected and continues this lease.
    pub(crate) fn take_up(&mut self, worker: WorkerId, lease: LeaseId) {
        let now = self.now;
        if let Some(live) = self
            .ledger
            .jobs
            .get_mut(&lease.job)
            .and_then(|job| job.task_mut(lease.task)?.lease_mut())
        {
            (live.heard, live.confirmed) = (now, true);
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
        let (confirmed, revoked) = (lease.confirmed, lease.revoked);
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
            let seconds = lease_ms / 1_000;
            if confirmed {
                let message = format!("worker {name} sent no heartbeat for {seconds} s");
                self.lose_lease(id, &name, message);
            } else if revoked {
                let message = format!("worker {name} did not begin it in {} s", 2 * seconds);
                self.pass_over(id, name, message);
            } else {
                // The grant may still wait to be sent; then the revocation takes it back.
                self.listen_again(id, &name);
                if let Some(lease) = self.ledger.live_lease(id, &name) {
                    lease.revoked = true;
                }
            }
        }
    }

    fn listen_again(&mut self, lease: LeaseId, name: &WorkerName) {
        let now = self.now;
        if let Some(live) = self.ledger.live_lease(lease, name) {
            live.heard = now;
        }
        self.listen_for(lease);
    }

    /// Notes a sign of life from a connected worker, and returns its name.
    pub(crate) fn hear(&mut self, worker: WorkerId) -> Option<WorkerName> {
        let now = self.now;
        let connected = self.workers.get_mut(worker)?;
        connected.heard = now;
        Some(connected.name.clone())
    }

    pub(crate) fn is_canceling(&self, lease: LeaseId) -> bool {
        self.ledger.jobs.get(&lease.job).is_some_and(|job| job.phase == Phase::Canceling)
    }
}
