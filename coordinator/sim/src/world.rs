//! The simulated farm: its events in the order of virtual time, and the faults between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use impasto_core::{Capabilities, Config, Effect, Input, LeaseOutcome, Millis, Submission};
use impasto_types::{Digest, FailureKind, JobId, LeaseId, WorkerId};

use crate::Options;
use crate::chance::Chance;
use crate::coordinator::{Coordinator, Fate, Wrong};
use crate::work::{GIB, TaskKind, picture, submissions};
use crate::worker::{Process, Worker};

/// How many of the last events a failure shows.
const LOG_LINES: usize = 400;
/// How long everything may take to end once the faults have stopped: the slowest task,
/// `max_attempts` times with the longest delays, one after another on one worker, fits many times.
const CALM_LIMIT_MS: Millis = 30 * 24 * 3_600_000;

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub seed: u64,
    pub events: u64,
    /// Virtual time.
    pub elapsed_ms: Millis,
    pub facts: usize,
    pub coordinators: u64,
    pub crashes: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub canceled: u64,
}

/// A run that went wrong; the seed and the options bring it back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: after {events} events: {wrong}")]
pub struct Failure {
    pub seed: u64,
    pub events: u64,
    pub wrong: String,
    /// The last events, oldest first.
    pub log: Vec<String>,
}

/// Simulates a farm: `options.steps` events under faults, then without until every job has ended,
/// which it has to.
pub fn run(seed: u64, options: Options) -> Result<Summary, Failure> {
    let mut world = World::new(seed, options);
    match world.play() {
        Ok(()) => Ok(world.summary(seed)),
        Err(wrong) => Err(Failure { seed, events: world.events, wrong, log: world.log.into() }),
    }
}

#[derive(Debug)]
struct World {
    options: Options,
    chance: Chance,
    now: Millis,
    events: u64,
    agenda: BTreeMap<(Millis, u64), Event>,
    planned: u64,
    coordinator: Coordinator,
    workers: Vec<Worker>,
    connections: BTreeMap<WorkerId, usize>,
    submissions: Vec<Submission>,
    /// What each submission became, as far as its client has heard.
    jobs: BTreeMap<usize, JobId>,
    actions: BTreeMap<(JobId, u32), Digest>,
    /// Whether faults happen.
    stormy: bool,
    crashes: u64,
    log: VecDeque<String>,
}

#[derive(Debug, Clone)]
enum Event {
    /// A message reaches the coordinator of this epoch.
    Arrives {
        epoch: u64,
        input: Input,
    },
    /// An order reaches a worker over this connection.
    Ordered {
        connection: WorkerId,
        effect: Effect,
    },
    WorkerStarts(usize),
    WorkerConnects {
        worker: usize,
        life: u64,
    },
    WorkerBeats {
        worker: usize,
        life: u64,
    },
    /// A worker that was drained ends its process, whether it has finished or not.
    WorkerLeaves {
        worker: usize,
        life: u64,
    },
    RunEnds {
        worker: usize,
        life: u64,
        lease: LeaseId,
    },
    /// A client hands its job in, or again if it has not heard of it.
    ClientSubmits(usize),
    /// Something breaks.
    Fault,
}

impl World {
    fn new(seed: u64, options: Options) -> Self {
        let mut chance = Chance::new(seed);
        let workers = (0..options.workers).map(|index| Worker {
            name: format!("worker-{index}").parse().expect("letters and digits"),
            capabilities: Capabilities {
                slots: 1 + index % 3,
                memory_bytes: (4 + u64::from(index % 2) * 8) * GIB,
                engine_version: 1,
                device: "simulated".to_owned(),
                devices: Vec::new(),
                blobs: BTreeSet::new(),
            },
            life: 0,
            process: Process::Down,
        });
        let workers: Vec<Worker> = workers.collect();
        let submissions = submissions(&mut chance, options.tasks);
        let mut world = Self {
            options,
            chance,
            now: 1_000_000,
            events: 0,
            agenda: BTreeMap::new(),
            planned: 0,
            coordinator: Coordinator::new(Config::default()),
            workers,
            connections: BTreeMap::new(),
            submissions,
            jobs: BTreeMap::new(),
            actions: BTreeMap::new(),
            stormy: true,
            crashes: 0,
            log: VecDeque::new(),
        };
        for worker in 0..world.workers.len() {
            let delay_ms = world.chance.between(0, 5_000);
            world.plan(delay_ms, Event::WorkerStarts(worker));
        }
        for client in 0..world.submissions.len() {
            let delay_ms = world.chance.between(0, 120_000);
            world.plan(delay_ms, Event::ClientSubmits(client));
        }
        world.plan(1_000, Event::Fault);
        world
    }

    fn play(&mut self) -> Result<(), String> {
        while self.events < self.options.steps {
            self.step()?;
        }
        self.stormy = false;
        self.note(|| "the faults stop".to_owned());
        let limit = self.now + CALM_LIMIT_MS;
        while !self.is_over() {
            if self.now > limit {
                return Err(format!(
                    "not everything ended within {CALM_LIMIT_MS} ms after the last fault: {:?}",
                    self.open_jobs()
                ));
            }
            self.step()?;
        }
        Ok(())
    }

    /// Takes the next event: one that is planned, or the core's own timeout.
    fn step(&mut self) -> Result<(), String> {
        self.events += 1;
        let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let timeout = self.coordinator.core().next_timeout();
        match (timeout, planned) {
            (Some(timeout), planned) if planned.is_none_or(|planned| timeout <= planned) => {
                self.now = self.now.max(timeout);
                self.tell_core(Input::Tick)
            }
            _ => {
                let Some(((at, _), event)) = self.agenda.pop_first() else {
                    return Err("nothing is left to happen".to_owned());
                };
                self.now = self.now.max(at);
                self.take(event)
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            // What was on its way to a coordinator that ended is lost.
            Event::Arrives { epoch, input } if epoch == self.coordinator.epoch() => {
                self.tell_core(input)?
            }
            Event::Arrives { .. } => {}
            Event::Ordered { connection, effect } => self.order(connection, effect),
            Event::WorkerStarts(worker) => {
                if matches!(self.workers[worker].process, Process::Down) {
                    self.workers[worker].start();
                    let life = self.workers[worker].life;
                    self.plan(1, Event::WorkerConnects { worker, life });
                    self.plan(
                        self.coordinator.core().config().heartbeat_ms,
                        Event::WorkerBeats { worker, life },
                    );
                }
            }
            Event::WorkerConnects { worker, life } => {
                if self.workers[worker].life == life && self.workers[worker].is_cut() {
                    let connection = WorkerId(self.connections.len() as u64 + 1);
                    self.connections.insert(connection, worker);
                    let hello = self.workers[worker].greet(connection);
                    self.send(hello);
                }
            }
            Event::WorkerBeats { worker, life } => {
                if self.workers[worker].life == life {
                    let said = self.workers[worker].beat();
                    self.send(said);
                    if self.workers[worker].is_cut() {
                        self.plan(1, Event::WorkerConnects { worker, life });
                    }
                    self.plan(
                        self.coordinator.core().config().heartbeat_ms,
                        Event::WorkerBeats { worker, life },
                    );
                }
            }
            Event::WorkerLeaves { worker, life } => {
                if self.workers[worker].life == life {
                    self.crash(worker);
                }
            }
            Event::RunEnds { worker, life, lease } => {
                if self.workers[worker].life == life {
                    self.end_run(worker, lease)?;
                }
            }
            Event::ClientSubmits(client) => {
                if !self.jobs.contains_key(&client) {
                    let submission = self.submissions[client].clone();
                    self.send([Input::Submit { request: client as u64, submission }]);
                    self.plan(10_000, Event::ClientSubmits(client));
                }
            }
            Event::Fault => {
                if self.stormy {
                    self.fault();
                    let delay_ms = self.chance.between(100, 20_000);
                    self.plan(delay_ms, Event::Fault);
                }
            }
        }
        Ok(())
    }

    fn tell_core(&mut self, input: Input) -> Result<(), String> {
        self.note(|| format!("{input:?}"));
        let fate = match self.chance.between(0, 1_000) {
            0 if self.stormy => Fate::EndsBeforeAppend,
            1 if self.stormy => Fate::EndsAfterAppend,
            _ => Fate::Lives,
        };
        let effects = self
            .coordinator
            .handle(self.now, input, fate)
            .map_err(|wrong: Wrong| wrong.to_string())?;
        if fate != Fate::Lives {
            self.note(|| format!("the coordinator ends: {fate:?}"));
            self.cut_all();
        }
        for effect in effects {
            self.note(|| format!("    {effect:?}"));
            match effect {
                Effect::Submitted { request, job, .. } => self.hear_of_job(request as usize, job),
                Effect::Welcome { worker, .. }
                | Effect::Grant { worker, .. }
                | Effect::Revoke { worker, .. }
                | Effect::Acknowledge { worker, .. }
                | Effect::Dismiss { worker } => {
                    self.transmit(|| Event::Ordered { connection: worker, effect: effect.clone() })
                }
                Effect::Changed { .. }
                | Effect::NoSuchJob { .. }
                | Effect::Remember { .. }
                | Effect::Task { .. }
                | Effect::Job { .. } => {}
            }
        }
        Ok(())
    }

    /// A reply reaches a client, or does not: then it asks again, with the same key.
    fn hear_of_job(&mut self, client: usize, job: JobId) {
        for (task, needs) in (0..).zip(&self.submissions[client].tasks) {
            self.actions.insert((job, task), needs.action);
        }
        if !(self.stormy && self.chance.happens(100)) {
            self.jobs.insert(client, job);
        }
    }

    fn order(&mut self, connection: WorkerId, effect: Effect) {
        let Some(worker) = self.connections.get(&connection).copied() else { return };
        if self.workers[worker].connection() != Some(connection) {
            return;
        }
        match effect {
            Effect::Welcome { stale, .. } => {
                let said = self.workers[worker].welcomed(&stale);
                self.send(said);
            }
            Effect::Grant { lease, .. } => {
                if self.workers[worker].begin(lease) {
                    let life = self.workers[worker].life;
                    let run_ms = match self.kind(lease) {
                        TaskKind::Slow => self.chance.between(60_000, 400_000),
                        TaskKind::Quick | TaskKind::Bad | TaskKind::Poison => {
                            self.chance.between(10, 8_000)
                        }
                    };
                    self.plan(run_ms, Event::RunEnds { worker, life, lease });
                }
            }
            Effect::Revoke { lease, .. } => {
                let said = self.workers[worker].end(lease, LeaseOutcome::Returned);
                self.send(said);
            }
            Effect::Acknowledge { lease, .. } => self.workers[worker].acknowledged(lease),
            Effect::Dismiss { .. } => self.cut(worker),
            Effect::Submitted { .. }
            | Effect::Changed { .. }
            | Effect::NoSuchJob { .. }
            | Effect::Remember { .. }
            | Effect::Task { .. }
            | Effect::Job { .. } => {}
        }
    }

    fn end_run(&mut self, worker: usize, lease: LeaseId) -> Result<(), String> {
        let kind = self.kind(lease);
        let runs = matches!(&self.workers[worker].process, Process::Up { running,
            .. } if running.contains(&lease));
        if kind == TaskKind::Poison && runs {
            self.note(|| format!("{lease} brings worker {worker} down"));
            self.crash(worker);
            return self.coordinator.count_kill(lease).map_err(|wrong| wrong.to_string());
        }
        let failed = |kind| LeaseOutcome::Failed { kind, message: "simulated".to_owned() };
        let outcome = match self.chance.between(0, 100) {
            _ if kind == TaskKind::Bad => failed(FailureKind::Input),
            0..6 if self.stormy => failed(FailureKind::Transient),
            6..12 if self.stormy => failed(FailureKind::Shortage),
            12..14 if self.stormy => LeaseOutcome::Returned,
            _ => LeaseOutcome::Succeeded(picture(lease)),
        };
        let said = self.workers[worker].end(lease, outcome);
        self.send(said);
        Ok(())
    }

    /// One thing breaks, or somebody changes their mind.
    fn fault(&mut self) {
        let worker = self.chance.index(self.workers.len());
        match self.chance.between(0, 10) {
            0..2 => self.crash(worker),
            2..5 => self.cut(worker),
            5 => {
                if let Some(connection) = self.workers[worker].connection() {
                    self.send([Input::Drain { worker: connection }]);
                    let (delay_ms, life) =
                        (self.chance.between(1_000, 100_000), self.workers[worker].life);
                    self.plan(delay_ms, Event::WorkerLeaves { worker, life });
                }
            }
            6 => {
                let job = JobId(self.chance.between(0, self.submissions.len() as u64 + 2));
                self.send([Input::Cancel { request: 0, job }]);
            }
            7..9 => {
                let job = JobId(self.chance.between(0, self.submissions.len() as u64 + 2));
                self.send([Input::Retry { request: 0, job }]);
            }
            _ => {}
        }
    }

    fn crash(&mut self, worker: usize) {
        self.crashes += 1;
        let connection = self.workers[worker].crash();
        self.break_off(connection);
        let delay_ms = self.chance.between(500, 40_000);
        self.plan(delay_ms, Event::WorkerStarts(worker));
    }

    fn cut(&mut self, worker: usize) {
        let connection = self.workers[worker].cut();
        self.break_off(connection);
        let delay_ms = self.chance.between(100, 40_000);
        let life = self.workers[worker].life;
        self.plan(delay_ms, Event::WorkerConnects { worker, life });
    }

    fn cut_all(&mut self) {
        for worker in 0..self.workers.len() {
            self.cut(worker);
        }
    }

    /// The coordinator learns that a connection ended, soon, late or never.
    fn break_off(&mut self, connection: Option<WorkerId>) {
        self.send(connection.map(|worker| Input::Disconnect { worker }));
    }

    /// Puts messages to the coordinator on their way.
    fn send(&mut self, inputs: impl IntoIterator<Item = Input>) {
        let epoch = self.coordinator.epoch();
        for input in inputs {
            self.transmit(|| Event::Arrives { epoch, input: input.clone() });
        }
    }

    /// Puts a message on its way: it may get lost, come twice, or come late and so out of order.
    fn transmit(&mut self, message: impl Fn() -> Event) {
        if self.stormy && self.chance.happens(20) {
            return;
        }
        let copies = if self.stormy && self.chance.happens(60) { 2 } else { 1 };
        for _ in 0..copies {
            let slowest_ms = if self.stormy && self.chance.happens(60) { 30_000 } else { 50 };
            let delay_ms = self.chance.between(1, slowest_ms);
            self.plan(delay_ms, message());
        }
    }

    fn plan(&mut self, delay_ms: Millis, event: Event) {
        self.planned += 1;
        self.agenda.insert((self.now + delay_ms, self.planned), event);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:>10} {}", self.now - 1_000_000, line()));
    }

    fn kind(&self, lease: LeaseId) -> TaskKind {
        self.actions.get(&(lease.job, lease.task.0)).map_or(TaskKind::Quick, TaskKind::of)
    }

    fn is_over(&self) -> bool {
        self.jobs.len() == self.submissions.len() && self.open_jobs().is_empty()
    }

    fn open_jobs(&self) -> Vec<JobId> {
        self.coordinator
            .core()
            .jobs()
            .filter(|job| job.ended_at.is_none())
            .map(|job| job.job)
            .collect()
    }

    fn summary(&self, seed: u64) -> Summary {
        let mut summary = Summary {
            seed,
            events: self.events,
            elapsed_ms: self.now - 1_000_000,
            facts: self.coordinator.facts(),
            coordinators: self.coordinator.epoch(),
            crashes: self.crashes,
            succeeded: 0,
            failed: 0,
            canceled: 0,
        };
        for job in self.coordinator.core().jobs() {
            summary.succeeded += u64::from(job.succeeded);
            summary.failed += u64::from(job.failed);
            summary.canceled += u64::from(job.canceled);
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_dozen_seeds_go_well() {
        for seed in 0..48 {
            if let Err(failure) = run(seed, Options { steps: 1_500, ..Options::default() }) {
                panic!("{failure}\n{}", failure.log.join("\n"));
            }
        }
    }

    #[test]
    fn a_lone_worker_suffices() {
        for seed in 0..24 {
            if let Err(failure) = run(seed, Options { steps: 3_000, workers: 1, tasks: 60 }) {
                panic!("{failure}\n{}", failure.log.join("\n"));
            }
        }
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        let options = Options { steps: 1_000, ..Options::default() };
        assert_eq!(run(7, options), run(7, options));
        assert_ne!(run(7, options), run(8, options));
    }
}
