//! A simulated worker. It keeps its leases and reports with the ledger of the real worker; only
//! connections, beats and the ends of runs are simulated.

use impasto_core::Input;
use impasto_ledger::{Answer, Ledger};
use impasto_types::{
    Capabilities, Hello, LeaseId, LeaseOutcome, MAX_LEASES, Progress, WorkerId, WorkerName,
};

use crate::sickness::Sickness;

/// After this many beats without an answer to its hello, a worker reconnects.
const PATIENCE_BEATS: u32 = 3;

#[derive(Debug)]
pub(crate) struct Worker {
    index: u64,
    /// The name that it asks for, which other workers may use too.
    host: WorkerName,
    capabilities: Capabilities,
    /// Raised at every start and end of the process, so that planned actions of earlier processes
    /// are dropped.
    pub(crate) life: u64,
    pub(crate) sickness: Option<Sickness>,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    name: WorkerName,
    link: Link,
    ledger: Ledger,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Cut,
    /// It has sent its hello `beats` ago.
    Greeting {
        connection: WorkerId,
        beats: u32,
    },
    Welcomed {
        connection: WorkerId,
    },
}

impl Link {
    fn connection(self) -> Option<WorkerId> {
        match self {
            Self::Cut => None,
            Self::Greeting { connection, .. } | Self::Welcomed { connection } => Some(connection),
        }
    }

    /// The connection, if the worker was welcomed.
    fn open(self) -> Option<WorkerId> {
        match self {
            Self::Cut | Self::Greeting { .. } => None,
            Self::Welcomed { connection } => Some(connection),
        }
    }
}

impl Worker {
    pub(crate) fn new(index: u64, host: WorkerName, capabilities: Capabilities) -> Self {
        Self { index, host, capabilities, life: 0, sickness: None, process: None }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn connection(&self) -> Option<WorkerId> {
        self.process.as_ref()?.link.connection()
    }

    /// Its name on the farm, if it was welcomed.
    pub(crate) fn welcomed_name(&self) -> Option<&WorkerName> {
        self.process.as_ref().filter(|process| process.link.open().is_some()).map(|p| &p.name)
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.link == Link::Cut)
    }

    /// Whether it was drained and has no lease or report left, so that its process ends.
    pub(crate) fn is_done(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.ledger.is_done())
    }

    /// The leases that it works on.
    pub(crate) fn running(&self) -> Vec<LeaseId> {
        self.process.iter().flat_map(|process| process.ledger.running()).collect()
    }

    pub(crate) fn start(&mut self) {
        self.life += 1;
        let ledger = Ledger::new(self.capabilities.slots, MAX_LEASES);
        self.process = Some(Process { name: self.host.clone(), link: Link::Cut, ledger });
    }

    /// Ends the process and forgets its state. Returns the connection that ended.
    pub(crate) fn end(&mut self) -> Option<WorkerId> {
        let connection = self.connection();
        self.life += 1;
        self.process = None;
        connection
    }

    /// Ends the connection. Returns it, if there was one.
    pub(crate) fn cut(&mut self) -> Option<WorkerId> {
        let connection = self.connection();
        if let Some(process) = &mut self.process {
            process.link = Link::Cut;
        }
        connection
    }

    /// Sends a hello on a new connection, with the leases that it holds.
    pub(crate) fn greet(&mut self, connection: WorkerId) -> Option<Input> {
        let instance = self.index << 32 | self.life;
        let process = self.process.as_mut()?;
        process.link = Link::Greeting { connection, beats: 0 };
        let hello = Hello {
            name: process.name.clone(),
            instance,
            capabilities: self.capabilities.clone(),
            held: process.ledger.held(),
            blobs: Vec::new(),
        };
        Some(Input::Connect { worker: connection, hello })
    }

    /// Handles a welcome with this name, and drops stale leases.
    pub(crate) fn welcomed(&mut self, name: WorkerName, stale: &[LeaseId]) -> Vec<Input> {
        let Some(process) = &mut self.process else { return Vec::new() };
        process.name = name;
        if let Some(connection) = process.link.connection() {
            process.link = Link::Welcomed { connection };
        }
        stale.iter().for_each(|lease| process.ledger.stale(*lease));
        let owed = process.ledger.all_reports();
        process.said(&owed)
    }

    /// Whether it has waited too long for a welcome.
    pub(crate) fn is_out_of_patience(&self) -> bool {
        let link = self.process.as_ref().map(|process| process.link);
        matches!(link, Some(Link::Greeting { beats, .. }) if beats >= PATIENCE_BEATS)
    }

    /// The messages of a beat.
    pub(crate) fn beat(&mut self) -> Vec<Input> {
        let Some(process) = &mut self.process else { return Vec::new() };
        if let Link::Greeting { beats, .. } = &mut process.link {
            *beats += 1;
        }
        let Some(worker) = process.link.open() else { return Vec::new() };
        let progress =
            Some(Progress { iteration: 1, iterations: 2, loss: Some(1.0), left_ms: None });
        let alive = process.ledger.running();
        let mut said: Vec<Input> =
            alive.map(|lease| Input::Heartbeat { worker, lease, progress }).collect();
        let owed = process.ledger.overdue_reports();
        said.extend(process.said(&owed));
        said
    }

    /// Handles a grant. Returns whether it begins a run, and its messages. A duplicated grant
    /// begins no second run.
    pub(crate) fn grant(&mut self, lease: LeaseId) -> (bool, Vec<Input>) {
        let Some(process) = &mut self.process else { return (false, Vec::new()) };
        match process.ledger.grant(lease) {
            Answer::Begin => (true, Vec::new()),
            Answer::Known => (false, Vec::new()),
            Answer::GiveBack => (false, process.said(&[lease])),
        }
    }

    /// Ends a run, unless it has ended already.
    pub(crate) fn run_ended(&mut self, lease: LeaseId, outcome: LeaseOutcome) -> Vec<Input> {
        let Some(process) = &mut self.process else { return Vec::new() };
        let owed = process.ledger.ended(lease, outcome);
        let reports = if owed { vec![lease] } else { Vec::new() };
        process.said(&reports)
    }

    pub(crate) fn acknowledged(&mut self, lease: LeaseId) {
        if let Some(process) = &mut self.process {
            process.ledger.acknowledged(lease);
        }
    }

    /// Starts to drain, and returns the messages that say so.
    pub(crate) fn drain(&mut self) -> Vec<Input> {
        let Some(process) = &mut self.process else { return Vec::new() };
        process.ledger.drain();
        process.said(&[])
    }
}

impl Process {
    /// Messages with these reports and the number of free slots.
    fn said(&self, reports: &[LeaseId]) -> Vec<Input> {
        let Some(worker) = self.link.open() else { return Vec::new() };
        let reports = reports.iter().filter_map(|lease| {
            let outcome = self.ledger.outcome(*lease)?.clone();
            Some(Input::Report { worker, lease: *lease, outcome })
        });
        let credits = Input::Credits { worker, free_slots: self.ledger.free_slots() };
        reports.chain([credits]).collect()
    }
}
