//! The state machine as its driver sees it, and the loop that all inputs go through.

use std::collections::BTreeMap;

use impasto_types::{Epoch, JobId, WorkerName};

use crate::chance::Chance;
use crate::class::Demand;
use crate::job::Job;
use crate::ledger::{Ledger, ReplayError};
use crate::task::{Task, TaskKey, TaskState};
use crate::timers::{Timer, Timers};
use crate::workers::Workers;
use crate::{Config, Effect, Fact, Input, JobSummary, JobView, Millis, WorkerView};

/// All jobs and workers of one coordinator.
///
/// To start: [`Core::new`], [`Core::replay`] each stored fact, [`Core::resume`]. Then, for ever:
/// [`Core::handle`] an input, append what [`Core::drain_facts`] gives durably, and carry out what
/// [`Core::drain_effects`] gives; hand in [`Input::Tick`] at [`Core::next_timeout`].
#[derive(Debug, Clone)]
pub struct Core {
    pub(crate) config: Config,
    pub(crate) epoch: Epoch,
    pub(crate) chance: Chance,
    /// The driver's clock, but that it never runs backwards.
    pub(crate) now: Millis,
    pub(crate) ledger: Ledger,
    pub(crate) workers: Workers,
    /// Until when the leases of a vanished worker wait for it.
    pub(crate) absent: BTreeMap<WorkerName, Millis>,
    /// Until when tasks that no worker could run wait for one that can.
    pub(crate) stranded: BTreeMap<Demand, Millis>,
    pub(crate) timers: Timers,
    facts: Vec<Fact>,
    effects: Vec<Effect>,
}

impl Core {
    /// `epoch` has to be higher than that of any core before on the same facts. `seed` only spreads
    /// retries.
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
            timers: Timers::default(),
            facts: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Takes in a fact from before a restart.
    pub fn replay(&mut self, fact: &Fact) -> Result<(), ReplayError> {
        self.ledger.apply(fact)
    }

    /// Ends the replay: from now on, the workers that held leases have `reconnect_grace_ms` to take
    /// them up again.
    pub fn resume(&mut self, now: Millis) {
        self.now = self.now.max(now);
        let holders: Vec<WorkerName> = self.ledger.holdings().keys().cloned().collect();
        for name in holders {
            self.await_return(name);
        }
    }

    /// Takes in what has happened at `now`, and whatever has fallen due.
    pub fn handle(&mut self, now: Millis, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Submit { request, submission } => self.submit(request, submission),
            Input::Cancel { request, job } => self.cancel(request, job),
            Input::Retry { request, job } => self.retry(request, job),
            Input::Connect { worker, name, capabilities, held } => {
                self.connect(worker, name, capabilities, &held)
            }
            Input::Disconnect { worker } => self.disconnect(worker),
            Input::Credits { worker, free_slots } => self.credits(worker, free_slots),
            Input::Heartbeat { worker, lease, progress } => self.heartbeat(worker, lease, progress),
            Input::Health { worker, devices } => self.workers.set_health(worker, devices, self.now),
            Input::Report { worker, lease, outcome } => self.report(worker, lease, outcome),
            Input::Drain { worker } => self.workers.drain(worker),
            Input::Tick => {}
        }
        // What was said just now is no longer overdue, so timers come second.
        while let Some((due, timer)) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Silence(key, attempt) => self.check_silence(key, attempt, due),
                Timer::Absence(name) => self.check_absence(name, due),
                Timer::Stranded(demand) => self.check_stranded(demand),
                Timer::Forget(name) => self.workers.forget(&name, self.now),
            }
        }
        self.schedule();
    }

    /// What has become true since the last call; to be appended durably, all or nothing, before the
    /// effects are carried out.
    pub fn drain_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// What is to be done since the last call, in order. Any of it may be lost.
    pub fn drain_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When to hand in [`Input::Tick`] if nothing else comes before.
    pub fn next_timeout(&self) -> Option<Millis> {
        self.timers.next().into_iter().chain(self.ledger.waiting.next_release()).min()
    }

    pub fn config(&self) -> &Config {
        &self.config
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
    pub fn workers(&self) -> Vec<WorkerView> {
        self.workers.views(|name| self.ledger.leases_of(name))
    }

    /// Makes a fact true, and tells of it.
    pub(crate) fn record(&mut self, fact: Fact) {
        let job = fact.job();
        let state_before = self.ledger.jobs.get(&job).map(Job::state);
        let touched = self.touched_by(&fact);
        let holders: Vec<WorkerName> = match &fact {
            Fact::TaskLeased { worker, .. } => vec![worker.clone()],
            _ => touched
                .iter()
                .filter_map(|key| Some(self.ledger.task(*key)?.lease()?.worker.clone()))
                .collect(),
        };
        self.ledger.apply(&fact).expect("the core's own facts follow from its state");
        self.facts.push(fact);
        for name in holders {
            self.workers.load(&name, self.ledger.holding(&name));
        }
        for key in touched {
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

    /// The tasks whose state the fact will change. Those of a new job are no news: nobody watches
    /// it yet.
    fn touched_by(&self, fact: &Fact) -> Vec<TaskKey> {
        match fact {
            Fact::JobSubmitted { .. } => Vec::new(),
            Fact::JobCanceled { job, .. } => {
                self.ledger.keys_where(*job, |state| matches!(state, TaskState::Ready { .. }))
            }
            Fact::JobRetried { job, .. } => self.ledger.keys_where(*job, |state| {
                matches!(state, TaskState::Failed { .. } | TaskState::Canceled)
            }),
            Fact::TaskSucceeded { job, task, .. } | Fact::TaskFailed { job, task, .. } => {
                vec![TaskKey { job: *job, task: *task }]
            }
            Fact::TaskLeased { lease, .. } | Fact::AttemptEnded { lease, .. } => {
                vec![TaskKey::from(*lease)]
            }
        }
    }
}
