//! The public interface of the state machine, and the loop that handles every input.

use std::collections::BTreeMap;

use impasto_types::{
    Digest, Epoch, Hello, JobId, JobSummary, MethodVersion, Order, WorkerId, WorkerInfo, WorkerName,
};

use crate::chance::Chance;
use crate::class::Demand;
use crate::held::Held;
use crate::job::Job;
use crate::ledger::{Ledger, ReplayError};
use crate::task::Task;
use crate::timers::{Timer, Timers};
use crate::workers::Workers;
use crate::{Config, Effect, Fact, Input, JobView, Millis, Snapshot, SnapshotVersionError};

/// All jobs and workers of one coordinator.
///
/// To start: [`Core::new`], [`Core::restore`] the last snapshot if there is one, [`Core::replay`]
/// each fact since, [`Core::resume`]. Then, in a loop: [`Core::handle`] an input, append the facts
/// of [`Core::drain_facts`] durably, and carry out the effects of [`Core::drain_effects`]. At
/// [`Core::next_timeout`] the input is [`Input::Tick`].
#[derive(Debug, Clone)]
pub struct Core {
    pub(crate) config: Config,
    pub(crate) epoch: Epoch,
    pub(crate) chance: Chance,
    /// The driver's time, which never decreases.
    pub(crate) now: Millis,
    pub(crate) ledger: Ledger,
    pub(crate) workers: Workers,
    /// When each disconnected worker's grace period ends.
    pub(crate) absent: BTreeMap<WorkerName, Millis>,
    /// When tasks fail for lack of a worker, by the demand that no worker meets.
    pub(crate) stranded: BTreeMap<Demand, Millis>,
    /// What `stranded` was last compared with: the largest memory of workers, by method.
    pub(crate) largest: BTreeMap<MethodVersion, u64>,
    /// Jobs whose task list could not be read.
    pub(crate) held: BTreeMap<JobId, Held>,
    /// The time of the last fact.
    last_at: Millis,
    pub(crate) timers: Timers,
    facts: Vec<Fact>,
    effects: Vec<Effect>,
}

impl Core {
    /// `epoch` has to be higher than that of any earlier core on the same facts. `seed` only
    /// affects the jitter of retries.
    pub fn new(config: Config, epoch: Epoch, seed: u64) -> Self {
        Self {
            config,
            epoch,
            chance: Chance::new(seed),
            now: 0,
            ledger: Ledger::new(config.ageing_ms),
            workers: Workers::default(),
            absent: BTreeMap::new(),
            stranded: BTreeMap::new(),
            largest: BTreeMap::new(),
            held: BTreeMap::new(),
            last_at: 0,
            timers: Timers::default(),
            facts: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Restores a snapshot, before any fact is replayed.
    ///
    /// # Errors
    /// The program does not know the snapshot's version.
    pub fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotVersionError> {
        self.ledger = Ledger::restored(self.config.ageing_ms, snapshot)?;
        // The longest delay of a task, with its jitter.
        let delay_ms = self.config.backoff_max_ms.saturating_mul(2);
        let known = self.ledger.jobs.values().map(|job| job.last_known_at(delay_ms));
        self.last_at = known.max().unwrap_or(0);
        Ok(())
    }

    /// The durable state: what the facts so far add up to.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.ledger)
    }

    /// The number of tasks in memory; a snapshot's size is proportional to it.
    pub fn tasks(&self) -> usize {
        self.ledger.jobs.values().map(|job| job.tasks.len()).sum()
    }

    /// Applies a fact from before a restart.
    ///
    /// # Errors
    /// The fact cannot follow the earlier ones.
    pub fn replay(&mut self, fact: &Fact) -> Result<(), ReplayError> {
        let applied = self.ledger.apply(fact);
        self.last_at = self.last_at.max(fact.at());
        // Nobody watches a job yet, so there are no changes to report.
        self.ledger.take_changes();
        applied
    }

    /// The latest time that the restored state shows to have passed, for
    /// [`Timeline::begin`](crate::Timeline::begin).
    pub fn last_at(&self) -> Millis {
        self.last_at
    }

    /// Ends the replay. From now on, workers that held leases have `reconnect_grace_ms` to
    /// reconnect.
    pub fn resume(&mut self, now: Millis) {
        self.now = self.now.max(now);
        let holders: Vec<WorkerName> = self.ledger.holdings().keys().cloned().collect();
        for name in holders {
            self.await_return(name);
        }
    }

    /// Handles an input at time `now`, and all timers that are due.
    pub fn handle(&mut self, now: Millis, input: Input) {
        self.take(now, input);
        self.schedule();
    }

    /// Handles an input and the timers without leasing anything.
    pub(crate) fn take(&mut self, now: Millis, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Submit { request, submission } => self.submit(request, submission),
            Input::Cancel { request, job } => self.cancel(request, job),
            Input::Retry { request, job } => self.retry(request, job),
            Input::Connect { worker, hello } => self.connect(worker, hello),
            Input::Disconnect { worker } => self.disconnect(worker),
            Input::Credits { worker, free_slots } => self.credits(worker, free_slots),
            Input::Heartbeat { worker, lease, progress } => self.heartbeat(worker, lease, progress),
            Input::Health { worker, devices } => self.workers.set_health(worker, devices, self.now),
            Input::Report { worker, lease, outcome } => self.report(worker, lease, outcome),
            Input::TaskListUnreadable { worker, lease, fault, message } => {
                self.list_unreadable(worker, lease, fault, message);
            }
            Input::NotSent { worker, leases } => self.not_sent(worker, leases),
            Input::Drain { worker, now } => self.drain(worker, now),
            Input::Tick => {}
        }
        // Timers come second: the input may be the heartbeat that one of them waits for.
        while let Some((due, timer)) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Silence(key, attempt) => self.check_silence(key, attempt, due),
                Timer::Absence(name) => self.check_absence(name, due),
                Timer::Stranded(demand) => self.check_stranded(demand),
                Timer::Probe(name) => self.workers.trust(&name, self.now),
                // Scheduling looks at the time.
                Timer::Held(_) => {}
                Timer::Forget(name) => self.workers.forget(&name, self.now),
            }
        }
        self.release_ended();
        self.forget_jobs();
    }

    /// The facts since the last call. Append them durably, all or nothing, before carrying out the
    /// effects.
    pub fn drain_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// The effects since the last call, in order. Each of them may be lost.
    pub fn drain_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When to pass [`Input::Tick`] if no other input comes first.
    pub fn next_timeout(&self) -> Option<Millis> {
        let release = self.ledger.waiting.next_release();
        [self.timers.next(), release, self.next_forgotten_at()].into_iter().flatten().min()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The epoch of new leases.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub fn job(&self, job: JobId) -> Option<JobView> {
        self.ledger.jobs.get(&job).map(Job::view)
    }

    pub fn summary(&self, job: JobId) -> Option<JobSummary> {
        self.ledger.jobs.get(&job).map(Job::summary)
    }

    /// All jobs, newest first.
    pub fn jobs(&self) -> impl Iterator<Item = JobSummary> {
        self.ledger.jobs.values().rev().map(Job::summary)
    }

    /// All workers, by name.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.workers.infos(|name| self.ledger.leases_of(name))
    }

    /// The connection of a worker; `None` if the worker is lost or unknown.
    pub fn connection(&self, worker: &WorkerName) -> Option<WorkerId> {
        self.workers.named(worker)
    }

    /// The connection that a worker with this hello takes the place of.
    pub fn replaced_by(&self, hello: &Hello) -> Option<WorkerId> {
        self.workers.named(&self.name_for(hello))
    }

    /// How many tasks a connected worker still asks for.
    pub fn asks_for(&self, worker: WorkerId) -> Option<u32> {
        Some(self.workers.get(worker)?.credits())
    }

    /// Applies a fact, and emits it with the effects that report its changes.
    pub(crate) fn record(&mut self, fact: Fact) {
        let job = fact.job();
        let state_before = self.ledger.jobs.get(&job).map(Job::state);
        self.ledger.apply(&fact).expect("the core's own facts follow from its state");
        self.facts.push(fact);
        let changes = self.ledger.take_changes();
        for name in changes.holders {
            self.workers.load(&name, self.ledger.holding(&name));
            if self.ledger.holding(&name).is_none() {
                self.absent.remove(&name);
            }
        }
        for key in changes.tasks {
            if let Some(event) = self.ledger.task(key).map(Task::event) {
                self.effects.push(Effect::Task { job: key.job, task: key.task, event });
            }
        }
        if let Some(job) = self.ledger.jobs.get(&job)
            && Some(job.state()) != state_before
        {
            self.effects.push(Effect::Job { summary: job.summary() });
        }
    }

    pub(crate) fn tell(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn order(&mut self, worker: WorkerId, order: Order<Digest>) {
        self.tell(Effect::Order { worker, order });
    }
}
