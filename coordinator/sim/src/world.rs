//! The simulated farm: its events in the order of virtual time.

use std::collections::{BTreeMap, VecDeque};

use impasto_core::{Config, Effect, Input, Millis, Submission};
use impasto_types::{
    BlobRef, Capabilities, Digest, FailureKind, Grant, JobId, LeaseId, LeaseOutcome, MethodVersion,
    Order, WorkerId,
};

use crate::agenda::{Agenda, BEGIN_MS, Deed, Event};
use crate::chance::Chance;
use crate::coordinator::{Coordinator, Fate, Wrong};
use crate::links::{Links, Passed};
use crate::sickness::{Sickness, Surroundings};
use crate::work::{GIB, TaskKind, picture, submissions};
use crate::worker::Worker;
use crate::{Failure, Options, Summary};

/// How many of the last events a failure shows.
const LOG_LINES: usize = 1_000;
/// How long everything may take to end after the last fault: many times as long as all tasks, one
/// after another with the most attempts and the longest delays.
const CALM_LIMIT_MS: Millis = 30 * 24 * 3_600_000;

/// Simulates a farm: `options.steps` events with faults, then without faults until every job has
/// ended.
///
/// # Errors
/// A check failed, or a job did not end.
pub fn run(seed: u64, options: Options) -> Result<Summary, Failure> {
    let mut world = World::new(seed, options);
    match world.play() {
        Ok(()) => Ok(world.summary(seed)),
        Err(wrong) => Err(Failure { seed, events: world.events, wrong, log: world.log.into() }),
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) chance: Chance,
    events: u64,
    pub(crate) agenda: Agenda,
    pub(crate) coordinator: Coordinator,
    pub(crate) workers: Vec<Worker>,
    connections: BTreeMap<WorkerId, usize>,
    pub(crate) submissions: Vec<Submission>,
    /// The job of each submission whose client got the reply.
    jobs: BTreeMap<usize, JobId>,
    /// The client of each job.
    clients: BTreeMap<JobId, usize>,
    pub(crate) around: Surroundings,
    pub(crate) links: Links,
    /// The results that each granted task reads.
    pub(crate) reads: BTreeMap<LeaseId, Vec<BlobRef>>,
    actions: BTreeMap<(JobId, u32), Digest>,
    /// Whether faults happen.
    pub(crate) stormy: bool,
    pub(crate) crashes: u64,
    resumed: u64,
    log: VecDeque<String>,
}

impl World {
    fn new(seed: u64, options: Options) -> Self {
        let mut chance = Chance::new(seed);
        let workers = (0..options.workers).map(|index| {
            // Two workers on a host ask for the same name.
            let host = format!("host-{}", index / 2).parse().expect("letters and digits");
            let capabilities = Capabilities {
                slots: 1 + index % 3,
                memory_bytes: (4 + u64::from(index % 2) * 8) * GIB,
                methods: MethodVersion::all(),
                device: "simulated".to_owned(),
                devices: Vec::new(),
            };
            Worker::new(u64::from(index), host, capabilities)
        });
        let workers: Vec<Worker> = workers.collect();
        let submissions = submissions(&mut chance, options.tasks);
        // Few enough that some jobs are forgotten while others run.
        let config = Config { keep_jobs: 4, keep_jobs_ms: 2_000_000, ..Config::default() };
        let mut world = Self {
            options,
            chance,
            events: 0,
            agenda: Agenda::new(),
            coordinator: Coordinator::new(config, options.plant, BEGIN_MS),
            workers,
            connections: BTreeMap::new(),
            submissions,
            jobs: BTreeMap::new(),
            clients: BTreeMap::new(),
            around: Surroundings::default(),
            links: Links::default(),
            reads: BTreeMap::new(),
            actions: BTreeMap::new(),
            stormy: true,
            crashes: 0,
            resumed: 0,
            log: VecDeque::new(),
        };
        for worker in 0..world.workers.len() {
            let delay_ms = world.chance.between(0, 5_000);
            world.agenda.plan(delay_ms, Event::WorkerStarts(worker));
        }
        for client in 0..world.submissions.len() {
            let delay_ms = world.chance.between(0, 120_000);
            world.agenda.plan(delay_ms, Event::ClientSubmits(client));
        }
        world.agenda.plan(1_000, Event::Fault);
        world
    }

    fn play(&mut self) -> Result<(), String> {
        while self.events < self.options.steps {
            self.step()?;
        }
        self.stormy = false;
        self.recover();
        self.note(|| "the faults stop".to_owned());
        let limit = self.agenda.now + CALM_LIMIT_MS;
        while !self.is_over() {
            if self.agenda.now > limit {
                return Err(format!(
                    "not everything ended within {CALM_LIMIT_MS} ms after the last fault: {:?}",
                    self.open_jobs()
                ));
            }
            self.step()?;
        }
        Ok(())
    }

    /// Handles the next event: a planned one, or the core's timeout.
    fn step(&mut self) -> Result<(), String> {
        self.events += 1;
        let planned = self.agenda.next_at();
        let due = self.coordinator.due_in_ms(self.agenda.now, self.wall());
        match due.map(|due_ms| self.agenda.now + due_ms) {
            Some(timeout) if planned.is_none_or(|planned| timeout <= planned) => {
                self.agenda.pass_to(timeout);
                self.tell_core(Input::Tick)?;
            }
            _ => {
                let event = self.agenda.pop().ok_or("no event is left")?;
                self.take(event)?;
            }
        }
        let done = (0..self.workers.len()).filter(|worker| self.workers[*worker].is_done());
        for worker in done.collect::<Vec<_>>() {
            self.end_process(worker);
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            // Messages to a coordinator that has ended are lost.
            Event::Arrives { epoch, input } if epoch == self.coordinator.epoch() => {
                self.tell_core(input)?
            }
            Event::Arrives { .. } => {}
            Event::Ordered { connection, order } => self.obey(connection, order),
            Event::Reads(connection) => self.read_orders(connection),
            Event::Dismissed { connection } => {
                if let Some(worker) = self.connected(connection) {
                    self.cut(worker);
                }
            }
            Event::WorkerStarts(worker) => {
                if !self.workers[worker].is_up() {
                    self.incubate(worker);
                    self.workers[worker].start();
                    self.plan_deed(1, worker, Deed::Connects);
                    self.plan_beat(worker);
                }
            }
            Event::Works { worker, life, deed } => {
                if self.workers[worker].life == life {
                    self.work(worker, deed)?;
                }
            }
            Event::ClientSubmits(client) => {
                if !self.jobs.contains_key(&client) {
                    let submission = self.submissions[client].clone();
                    self.send([Input::Submit { request: client as u64, submission }]);
                    self.agenda.plan(10_000, Event::ClientSubmits(client));
                }
            }
            Event::Supplies(blob) => self.supply(blob),
            Event::Fault => {
                if self.stormy {
                    self.fault();
                    let delay_ms = self.chance.between(100, 20_000);
                    self.agenda.plan(delay_ms, Event::Fault);
                }
            }
        }
        Ok(())
    }

    fn work(&mut self, worker: usize, deed: Deed) -> Result<(), String> {
        match deed {
            Deed::Connects => {
                if self.workers[worker].is_cut() {
                    let connection = WorkerId(self.connections.len() as u64 + 1);
                    self.connections.insert(connection, worker);
                    let hello = self.workers[worker].greet(connection);
                    self.send(hello);
                }
            }
            Deed::Beats => {
                let said = self.workers[worker].beat();
                self.send(said);
                if self.workers[worker].is_out_of_patience() {
                    self.cut(worker);
                } else if self.workers[worker].is_cut() {
                    self.plan_deed(1, worker, Deed::Connects);
                }
                self.plan_beat(worker);
            }
            Deed::Leaves => self.end_process(worker),
            Deed::Ends(lease) => return self.end_run(worker, lease),
            Deed::Stops(lease) => {
                let half = BlobRef::of(format!("half of {lease}").as_bytes());
                let checkpoint = self.chance.happens(700).then_some(half);
                let said =
                    self.workers[worker].run_ended(lease, LeaseOutcome::Returned { checkpoint });
                self.send(said);
            }
        }
        Ok(())
    }

    fn tell_core(&mut self, input: Input) -> Result<(), String> {
        let mut inputs: VecDeque<Input> = self.driven(input).into();
        while let Some(input) = inputs.pop_front() {
            inputs.extend(self.pass_on(input)?);
        }
        Ok(())
    }

    /// Passes an input to the core, and carries out what follows. Returns what to tell the core of
    /// connections that ended by that.
    fn pass_on(&mut self, input: Input) -> Result<Vec<Input>, String> {
        let mut ended = Vec::new();
        self.note(|| format!("{input:?}"));
        let fate = match self.chance.between(0, 1_000) {
            0 if self.stormy => Fate::EndsBeforeAppend,
            1 if self.stormy => Fate::EndsAfterAppend,
            _ => Fate::Lives,
        };
        let (clocks, healthy) = ((self.agenda.now, self.wall()), self.healthy());
        let effects = self
            .coordinator
            .handle(clocks, input, fate, &healthy)
            .map_err(|wrong: Wrong| wrong.to_string())?;
        if fate != Fate::Lives {
            self.note(|| format!("the coordinator ends: {fate:?}"));
            self.links.forget();
            self.cut_all();
        }
        for effect in effects {
            self.note(|| format!("    {effect:?}"));
            match effect {
                Effect::Submitted { request, job, .. } => self.hear_of_job(request as usize, job),
                Effect::Order { worker, order: Order::Grant(grant) }
                    if let Some(fault) = self.list_fault(grant.lease.job) =>
                {
                    self.take_back(worker, grant.lease, fault);
                }
                Effect::Order { worker, order } => {
                    if let Order::Grant(grant) = &order {
                        let reads = grant.resolved.iter().map(|resolved| resolved.blob);
                        self.reads.insert(grant.lease, reads.collect());
                    }
                    match self.links.pass(worker, order) {
                        Passed::Sent(order) => {
                            let connection = worker;
                            self.transmit(|| Event::Ordered { connection, order: order.clone() });
                        }
                        Passed::Waits => {}
                        Passed::TookBack(lease) => {
                            ended.push(Input::NotSent { worker, leases: vec![lease] });
                        }
                    }
                }
                Effect::Dismiss { worker } => {
                    ended.extend(self.ended(worker));
                    self.transmit(|| Event::Dismissed { connection: worker })
                }
                Effect::Changed { .. }
                | Effect::NoSuchJob { .. }
                | Effect::Remember { .. }
                | Effect::Benched { .. }
                | Effect::Job { .. } => {}
                Effect::Task { job, event, .. } => self.read(job, &event),
            }
        }
        Ok(ended)
    }

    /// Delivers a reply to a client, or loses it: then the client submits again with the same key.
    fn hear_of_job(&mut self, client: usize, job: JobId) {
        for (task, needs) in (0..).zip(&self.submissions[client].tasks) {
            self.actions.insert((job, task), needs.action);
        }
        self.clients.insert(job, client);
        if !(self.stormy && self.chance.happens(100)) {
            self.jobs.insert(client, job);
        }
    }

    /// The worker that now uses this connection.
    fn connected(&self, connection: WorkerId) -> Option<usize> {
        let worker = self.connections.get(&connection).copied()?;
        (self.workers[worker].connection() == Some(connection)).then_some(worker)
    }

    fn obey(&mut self, connection: WorkerId, order: Order<Digest>) {
        let Some(worker) = self.connected(connection) else { return };
        match order {
            Order::Welcome { name, stale, .. } => {
                let said = self.workers[worker].welcomed(name, &stale);
                self.send(said);
                for lease in stale {
                    self.plan_stop(worker, lease);
                }
            }
            Order::Grant(Grant { lease, checkpoint, .. }) => {
                let (begins, said) = self.workers[worker].grant(lease);
                self.send(said);
                if begins {
                    self.resumed += u64::from(checkpoint.is_some());
                    let run_ms = match self.kind(lease) {
                        TaskKind::Slow => self.chance.between(60_000, 400_000),
                        TaskKind::Quick | TaskKind::Bad | TaskKind::Poison => {
                            self.chance.between(10, 8_000)
                        }
                    };
                    self.plan_deed(run_ms, worker, Deed::Ends(lease));
                }
            }
            Order::Revoke { lease } => self.plan_stop(worker, lease),
            Order::Acknowledge { lease } => self.workers[worker].acknowledged(lease),
            Order::Drain => {
                let said = self.workers[worker].drain();
                self.send(said);
            }
        }
    }

    fn end_run(&mut self, worker: usize, lease: LeaseId) -> Result<(), String> {
        let kind = self.kind(lease);
        if kind == TaskKind::Poison && self.workers[worker].running().contains(&lease) {
            self.note(|| format!("{lease} crashes worker {worker}"));
            self.crash(worker);
            return self.coordinator.count_kill(lease).map_err(|wrong| wrong.to_string());
        }
        let sickness = self.workers[worker].sickness.filter(|_| kind != TaskKind::Bad);
        if sickness == Some(Sickness::Crashes) {
            self.crash(worker);
            return Ok(());
        }
        let missing = self.missing_of(lease);
        let failed = |kind| LeaseOutcome::Failed { kind, message: "simulated".to_owned() };
        let outcome = match self.chance.between(0, 100) {
            _ if !missing.is_empty() => LeaseOutcome::Starved { missing },
            _ if let Some(sickness) = sickness => self.ruin(sickness, lease),
            _ if kind == TaskKind::Bad => failed(FailureKind::Input),
            0..6 if self.stormy => failed(FailureKind::Transient),
            6..12 if self.stormy => failed(FailureKind::Shortage),
            12..14 if self.stormy => LeaseOutcome::Returned { checkpoint: None },
            _ => LeaseOutcome::Succeeded(picture(lease)),
        };
        let said = self.workers[worker].run_ended(lease, outcome);
        self.send(said);
        Ok(())
    }

    /// Tells a run to stop, which it does between two steps.
    pub(crate) fn plan_stop(&mut self, worker: usize, lease: LeaseId) {
        let delay_ms = self.chance.between(10, 8_000);
        self.plan_deed(delay_ms, worker, Deed::Stops(lease));
    }

    pub(crate) fn plan_deed(&mut self, delay_ms: Millis, worker: usize, deed: Deed) {
        let life = self.workers[worker].life;
        self.agenda.plan(delay_ms, Event::Works { worker, life, deed });
    }

    fn plan_beat(&mut self, worker: usize) {
        self.plan_deed(self.coordinator.core().config().heartbeat_ms, worker, Deed::Beats);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:>10} {}", self.agenda.now - BEGIN_MS, line()));
    }

    /// The client that submitted this job.
    pub(crate) fn client_of(&self, job: JobId) -> Option<usize> {
        self.clients.get(&job).copied()
    }

    fn kind(&self, lease: LeaseId) -> TaskKind {
        self.actions.get(&(lease.job, lease.task.0)).map_or(TaskKind::Quick, TaskKind::of)
    }

    fn is_over(&self) -> bool {
        self.jobs.len() == self.submissions.len() && self.open_jobs().is_empty()
    }

    fn open_jobs(&self) -> Vec<JobId> {
        let jobs = self.coordinator.core().jobs();
        jobs.filter(|job| job.ended_at_ms.is_none()).map(|job| job.job).collect()
    }

    fn summary(&self, seed: u64) -> Summary {
        let tasks = self.submissions.iter().flat_map(|submission| &submission.tasks);
        Summary {
            seed,
            events: self.events,
            elapsed_ms: self.agenda.now - BEGIN_MS,
            facts: self.coordinator.facts(),
            coordinators: self.coordinator.epoch(),
            crashes: self.crashes,
            dependents: tasks.filter(|needs| !needs.after.is_empty()).count() as u64,
            resumed: self.resumed,
            succeeded: self.coordinator.succeeded(),
            forgotten: self.coordinator.forgotten(),
        }
    }
}

#[cfg(test)]
mod tests;
