//! A core with a virtual clock, all its facts and its latest effects.

use impasto_types::{
    Attempt, BlobRef, Capabilities, Digest, Epoch, FailureKind, Hello, JobId, JobState, LeaseId,
    LeaseOutcome, Losses, Method, MethodVersion, Order, Output, RunReport, TaskEvent, TaskIndex,
    TaskResult, WorkerId,
};

use super::plain;
use crate::{
    Config, Core, Effect, Fact, HEARTBEAT_MS, Input, JobView, Millis, Needs, Snapshot, Submission,
    TaskView, invariants,
};

pub(super) const GIB: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct Farm {
    pub(super) core: Core,
    pub(super) now: Millis,
    pub(super) facts: Vec<Fact>,
    /// The effects of the last input.
    pub(super) effects: Vec<Effect>,
    epoch: u64,
    connections: u64,
}

impl Farm {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let core = Core::new(config, Epoch(1), 7);
        Self {
            core,
            now: 1_000_000,
            facts: Vec::new(),
            effects: Vec::new(),
            epoch: 1,
            connections: 0,
        }
    }

    /// Also checks that the core decides as a plain scheduler would.
    pub(super) fn handle(&mut self, input: Input) {
        let mut plain = self.core.clone();
        plain::handle(&mut plain, self.now, input.clone());
        self.core.handle(self.now, input);
        let mut facts = self.core.drain_facts();
        assert_eq!(facts, plain.drain_facts());
        self.facts.append(&mut facts);
        self.effects = self.core.drain_effects();
        if let Err(broken) = invariants::check_all(&self.core) {
            panic!("{broken}");
        }
    }

    /// Lets time pass, with a tick at each timeout of the core.
    pub(super) fn pass(&mut self, ms: Millis) {
        let end = self.now + ms;
        let mut effects = Vec::new();
        while let Some(at) = self.core.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.handle(Input::Tick);
            effects.append(&mut self.effects);
        }
        self.now = end;
        self.effects = effects;
    }

    /// Lets time pass while a worker sends heartbeats.
    pub(super) fn beat(&mut self, worker: WorkerId, ms: Millis) {
        let end = self.now + ms;
        let mut effects = Vec::new();
        while self.now < end {
            self.pass(HEARTBEAT_MS.min(end - self.now));
            effects.append(&mut self.effects);
            for lease in self.leases(worker) {
                self.handle(Input::Heartbeat { worker, lease, progress: None });
                effects.append(&mut self.effects);
            }
        }
        self.effects = effects;
    }

    /// Restarts the coordinator from a snapshot of its first facts, possibly none, and the facts
    /// since. The epoch decides where they are split.
    pub(super) fn restart(&mut self) {
        self.epoch += 1;
        let mut core = Core::new(*self.core.config(), Epoch(self.epoch), self.epoch);
        let (before, since) = self
            .facts
            .split_at(self.facts.len() * (self.epoch as usize % 4) / 3 % self.facts.len().max(1));
        core.restore(stored(before)).expect("it is of this version");
        for fact in since {
            core.replay(fact).expect("its own facts");
        }
        core.resume(self.now);
        self.core = core;
    }

    pub(super) fn submit(&mut self, submission: Submission) -> JobId {
        self.handle(Input::Submit { request: 1, submission });
        let submitted = self.effects.iter().find_map(|effect| match effect {
            Effect::Submitted { job, .. } => Some(*job),
            _ => None,
        });
        submitted.expect("a reply")
    }

    /// Connects a worker with these slots, 8 GiB and version 1 of optimisation, which asks for work
    /// at once.
    pub(super) fn worker(&mut self, name: &str, slots: u32) -> WorkerId {
        let worker = self.connect(name, capabilities(slots, 8), &[]);
        self.handle(Input::Credits { worker, free_slots: slots });
        worker
    }

    /// Connects a worker that does not ask for work yet.
    pub(super) fn connect(
        &mut self,
        name: &str,
        capabilities: Capabilities,
        held: &[LeaseId],
    ) -> WorkerId {
        self.connect_as(Hello { held: held.to_vec(), ..hello(name, capabilities) })
    }

    pub(super) fn connect_as(&mut self, hello: Hello) -> WorkerId {
        self.connections += 1;
        let worker = WorkerId(self.connections);
        self.handle(Input::Connect { worker, hello });
        worker
    }

    /// The leases of this connection's worker, according to the core.
    pub(super) fn leases(&self, worker: WorkerId) -> Vec<LeaseId> {
        let workers = self.core.workers();
        let info =
            workers.into_iter().find(|info| self.core.connection(&info.name) == Some(worker));
        info.map(|info| info.leases).unwrap_or_default()
    }

    pub(super) fn report(&mut self, worker: WorkerId, lease: LeaseId, outcome: LeaseOutcome) {
        self.handle(Input::Report { worker, lease, outcome });
        let acknowledged = Effect::Order { worker, order: Order::Acknowledge { lease } };
        assert!(
            self.effects.contains(&acknowledged),
            "every report of a connected worker is acknowledged"
        );
    }

    /// The grants of the last input, or while time passed.
    pub(super) fn granted(&self) -> Vec<(WorkerId, LeaseId)> {
        let grants = self.effects.iter().filter_map(|effect| match effect {
            Effect::Order { worker, order: Order::Grant(grant) } => Some((*worker, grant.lease)),
            _ => None,
        });
        grants.collect()
    }

    /// The only grant.
    pub(super) fn grant(&self) -> (WorkerId, LeaseId) {
        let granted = self.granted();
        assert_eq!(granted.len(), 1, "{:?}", self.effects);
        granted[0]
    }

    pub(super) fn job(&self, job: JobId) -> JobView {
        self.core.job(job).expect("a known job")
    }

    pub(super) fn state(&self, job: JobId) -> JobState {
        self.job(job).summary.state
    }

    pub(super) fn task(&self, job: JobId, task: u32) -> TaskEvent {
        self.job(job).tasks[task as usize].event.clone()
    }
}

impl Drop for Farm {
    /// Checks that a replay reaches the same state.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut replayed = Core::new(*self.core.config(), Epoch(99), 0);
        for fact in &self.facts {
            replayed.replay(fact).expect("its own facts");
        }
        assert_eq!(durable(&replayed), durable(&self.core));
    }
}

/// The snapshot of a core with these facts, written to JSON and read back.
fn stored(facts: &[Fact]) -> Snapshot {
    let mut core = Core::new(Config::default(), Epoch(1), 1);
    for fact in facts {
        core.replay(fact).expect("the facts of a core");
    }
    let text = serde_json::to_string(&core.snapshot()).expect("it serialises");
    serde_json::from_str(&text).expect("it parses")
}

/// The durable state of a core.
pub(super) fn durable(core: &Core) -> Vec<JobView> {
    let without_progress = |task: TaskView| match task.event {
        TaskEvent::Leased { worker, attempt, progress: _ } => {
            TaskView { event: TaskEvent::Leased { worker, attempt, progress: None }, ..task }
        }
        _ => task,
    };
    let jobs = core.jobs().filter_map(|summary| core.job(summary.job));
    jobs.map(|job| JobView { tasks: job.tasks.into_iter().map(without_progress).collect(), ..job })
        .collect()
}

pub(super) fn capabilities(slots: u32, gib: u64) -> Capabilities {
    Capabilities {
        slots,
        memory_bytes: gib * GIB,
        methods: vec![method(1)],
        device: "cpu".to_owned(),
        devices: vec![],
    }
}

pub(super) fn hello(name: &str, capabilities: Capabilities) -> Hello {
    let name = name.parse().expect("a worker's name");
    Hello { name, instance: 1, capabilities, held: Vec::new(), blobs: Vec::new() }
}

/// The welcome to worker `a` in the first epoch.
pub(super) fn welcome(worker: WorkerId, stale: Vec<LeaseId>) -> Effect {
    welcome_as("a", worker, stale)
}

pub(super) fn welcome_as(name: &str, worker: WorkerId, stale: Vec<LeaseId>) -> Effect {
    let name = name.parse().expect("a worker's name");
    let order = Order::Welcome { epoch: Epoch(1), heartbeat_ms: HEARTBEAT_MS, name, stale };
    Effect::Order { worker, order }
}

pub(super) fn revoke(worker: WorkerId, lease: LeaseId) -> Effect {
    Effect::Order { worker, order: Order::Revoke { lease } }
}

/// A job of tasks with different actions.
pub(super) fn submission(key: &str, tasks: u32) -> Submission {
    let tasks = (0..tasks).map(|task| needs(&format!("{key} {task}"))).collect();
    Submission {
        key: key.to_owned(),
        project: "village".to_owned(),
        priority: 0,
        spec: Digest::of(b"spec"),
        tasks,
    }
}

/// This version of optimisation.
pub(super) fn method(version: u32) -> MethodVersion {
    MethodVersion { method: Method::Optimize, version }
}

pub(super) fn needs(action: &str) -> Needs {
    let action = Digest::of(action.as_bytes());
    Needs {
        action,
        method: method(1),
        least_memory_bytes: GIB,
        work: 100,
        inputs: vec![],
        after: vec![],
        cached: None,
    }
}

pub(super) fn result(text: &str) -> TaskResult {
    let report = RunReport {
        iterations: 1,
        losses: Some(Losses { total: 1.0, content: 0.5, style: 0.5 }),
        compute_ms: 5,
        device: "cpu".to_owned(),
        warning: None,
    };
    TaskResult { outputs: vec![Output::picture(BlobRef::of(text.as_bytes()), 1, 1)], report }
}

pub(super) fn succeeded() -> LeaseOutcome {
    LeaseOutcome::Succeeded(result("picture"))
}

pub(super) fn returned() -> LeaseOutcome {
    LeaseOutcome::Returned { checkpoint: None }
}

pub(super) fn failed(kind: FailureKind) -> LeaseOutcome {
    LeaseOutcome::Failed { kind, message: "no luck".to_owned() }
}

pub(super) fn lease(job: u64, task: u32, attempt: u32) -> LeaseId {
    LeaseId { job: JobId(job), task: TaskIndex(task), attempt: Attempt(attempt), epoch: Epoch(1) }
}
