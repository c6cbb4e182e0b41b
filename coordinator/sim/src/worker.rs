//! A simulated worker. What it holds and owes is kept by the ledger of the real one; here is only
//! what drives that: connections, beats, and runs that end when the agenda says so.

use impasto_core::Input;
use impasto_ledger::{Answer, Ledger};
use impasto_types::{Capabilities, Hello, LeaseId, LeaseOutcome, Progress, WorkerId, WorkerName};

/// After this many beats without an answer to its hello, a worker connects anew.
const PATIENCE_BEATS: u32 = 3;

/// As on the wire.
const MAX_LEASES: usize = 1024;

#[derive(Debug)]
pub(crate) struct Worker {
    index: u64,
    /// What it is called until a coordinator says otherwise; others may be called the same.
    host: WorkerName,
    capabilities: Capabilities,
    /// Rises at every start and end of the process; what an earlier one had planned is void.
    pub(crate) life: u64,
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
    /// It has said hello; `beats` have passed since.
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

    /// The connection, if reports and the like may be sent over it.
    fn open(self) -> Option<WorkerId> {
        match self {
            Self::Cut | Self::Greeting { .. } => None,
            Self::Welcomed { connection } => Some(connection),
        }
    }
}

impl Worker {
    pub(crate) fn new(index: u64, host: WorkerName, capabilities: Capabilities) -> Self {
        Self { index, host, capabilities, life: 0, process: None }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn connection(&self) -> Option<WorkerId> {
        self.process.as_ref()?.link.connection()
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.link == Link::Cut)
    }

    /// Whether it was drained and owes nothing any more: its process ends.
    pub(crate) fn is_done(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.ledger.is_done())
    }

    /// The leases that it works on, as far as it knows that they are its own.
    pub(crate) fn running(&self) -> Vec<LeaseId> {
        self.process.iter().flat_map(|process| process.ledger.running()).collect()
    }

    pub(crate) fn start(&mut self) {
        self.life += 1;
        let ledger = Ledger::new(self.capabilities.slots, MAX_LEASES);
        self.process = Some(Process { name: self.host.clone(), link: Link::Cut, ledger });
    }

    /// Ends the process, and with it all that it knew. Gives the connection that ended.
    pub(crate) fn end(&mut self) -> Option<WorkerId> {
        let connection = self.connection();
        self.life += 1;
        self.process = None;
        connection
    }

    /// Ends the connection. Gives it, if there was one.
    pub(crate) fn cut(&mut self) -> Option<WorkerId> {
        let connection = self.connection();
        if let Some(process) = &mut self.process {
            process.link = Link::Cut;
        }
        connection
    }

    /// Says hello on a new connection, with all that it holds.
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

    /// It is welcome under this name. What is stale is not its own any more.
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

    /// Whether it has waited too long for its welcome.
    pub(crate) fn is_out_of_patience(&self) -> bool {
        let link = self.process.as_ref().map(|process| process.link);
        matches!(link, Some(Link::Greeting { beats, .. }) if beats >= PATIENCE_BEATS)
    }

    /// What it says at every beat.
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

    /// Whether it begins what it is granted, and what it says. A message that came twice begins
    /// nothing twice.
    pub(crate) fn grant(&mut self, lease: LeaseId) -> (bool, Vec<Input>) {
        let Some(process) = &mut self.process else { return (false, Vec::new()) };
        match process.ledger.grant(lease) {
            Answer::Begin => (true, Vec::new()),
            Answer::Known => (false, Vec::new()),
            Answer::GiveBack => (false, process.said(&[lease])),
        }
    }

    /// A run has ended, if it still went on.
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

    /// It takes nothing new any more, and says so.
    pub(crate) fn drain(&mut self) -> Vec<Input> {
        let Some(process) = &mut self.process else { return Vec::new() };
        process.ledger.drain();
        process.said(&[])
    }
}

impl Process {
    /// These reports and how many slots are free.
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
