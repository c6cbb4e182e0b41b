//! Requests of clients.

use impasto_types::{JobId, Order};

use crate::core::Core;
use crate::job::Phase;
use crate::task::TaskState;
use crate::{Effect, Fact, Millis, RequestId, Submission};

impl Core {
    pub(crate) fn submit(&mut self, request: RequestId, submission: Submission) {
        if let Some(job) = self.ledger.job_with_key(&submission.key) {
            self.tell(Effect::Submitted { request, job, known: true });
            return;
        }
        let job = JobId(self.ledger.last_job().0 + 1);
        self.tell(Effect::Submitted { request, job, known: false });
        self.record(Fact::JobSubmitted { job, at: self.now, submission });
    }

    /// Cancels waiting tasks at once and asks workers to stop the others. A result that still
    /// arrives is kept.
    pub(crate) fn cancel(&mut self, request: RequestId, job: JobId) {
        let Some(phase) = self.ledger.jobs.get(&job).map(|job| job.phase) else {
            self.tell(Effect::NoSuchJob { request, job });
            return;
        };
        match phase {
            Phase::Queued | Phase::Running => {
                self.record(Fact::JobCanceled { job, at: self.now });
                self.revoke_leases_of(job);
            }
            // A second cancel repeats the orders, which may have been lost.
            Phase::Canceling => self.revoke_leases_of(job),
            Phase::Ended { .. } => {}
        }
        self.tell(Effect::Changed { request, job });
    }

    pub(crate) fn retry(&mut self, request: RequestId, job: JobId) {
        let Some(retried) = self.ledger.jobs.get(&job) else {
            self.tell(Effect::NoSuchJob { request, job });
            return;
        };
        if retried.phase == Phase::Canceling || retried.counts.failed + retried.counts.canceled > 0
        {
            self.record(Fact::JobRetried { job, at: self.now });
        }
        self.tell(Effect::Changed { request, job });
    }

    /// Forgets ended jobs beyond the limits on number and age, in the order in which they ended.
    pub(crate) fn forget_jobs(&mut self) {
        while let Some((ended_at, job, count)) = self.ledger.first_ended()
            && (count > self.config.keep_jobs || self.forget_at(ended_at) <= self.now)
        {
            self.record(Fact::JobForgotten { job, at: self.now });
        }
    }

    /// When the next job reaches the age limit.
    pub(crate) fn next_forgotten_at(&self) -> Option<Millis> {
        self.ledger.first_ended().map(|(ended_at, ..)| self.forget_at(ended_at))
    }

    fn forget_at(&self, ended_at: Millis) -> Millis {
        ended_at.saturating_add(self.config.keep_jobs_ms)
    }

    fn revoke_leases_of(&mut self, job: JobId) {
        for key in self.ledger.keys_where(job, |state| matches!(state, TaskState::Leased(_))) {
            if let Some(lease) = self.ledger.task(key).and_then(|task| task.lease())
                && let Some(worker) = self.workers.named(&lease.worker)
            {
                let lease = lease.id;
                self.order(worker, Order::Revoke { lease });
            }
        }
    }
}
