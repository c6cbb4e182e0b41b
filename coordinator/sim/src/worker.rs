//! A simulated worker: it runs what it is granted, says so at every beat, and repeats its reports
//! until they are acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use impasto_core::{Capabilities, HeldLease, Input, LeaseOutcome, Progress};
use impasto_types::{LeaseId, WorkerId, WorkerName};

/// After this many beats without an answer to its hello, a worker connects anew.
const PATIENCE_BEATS: u32 = 3;

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) name: WorkerName,
    pub(crate) capabilities: Capabilities,
    /// Rises at every start of the process; what an earlier one had planned is void.
    pub(crate) life: u64,
    pub(crate) process: Process,
}

#[derive(Debug)]
pub(crate) enum Process {
    Down,
    Up { link: Link, running: BTreeSet<LeaseId>, reports: BTreeMap<LeaseId, LeaseOutcome> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
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
    pub(crate) fn connection(self) -> Option<WorkerId> {
        match self {
            Self::Cut => None,
            Self::Greeting { connection, .. } | Self::Welcomed { connection } => Some(connection),
        }
    }
}

impl Worker {
    pub(crate) fn connection(&self) -> Option<WorkerId> {
        match &self.process {
            Process::Down => None,
            Process::Up { link, .. } => link.connection(),
        }
    }

    pub(crate) fn is_cut(&self) -> bool {
        matches!(&self.process, Process::Up { link: Link::Cut, .. })
    }

    pub(crate) fn start(&mut self) {
        self.life += 1;
        self.process =
            Process::Up { link: Link::Cut, running: BTreeSet::new(), reports: BTreeMap::new() };
    }

    /// Ends the process, and with it all that it knew. Gives the connection that ended.
    pub(crate) fn crash(&mut self) -> Option<WorkerId> {
        let connection = self.connection();
        self.life += 1;
        self.process = Process::Down;
        connection
    }

    /// Ends the connection. Gives it, if there was one.
    pub(crate) fn cut(&mut self) -> Option<WorkerId> {
        let connection = self.connection();
        if let Process::Up { link, .. } = &mut self.process {
            *link = Link::Cut;
        }
        connection
    }

    /// Says hello on a new connection, with all that it holds.
    pub(crate) fn greet(&mut self, connection: WorkerId) -> Option<Input> {
        let Process::Up { link, running, reports } = &mut self.process else { return None };
        *link = Link::Greeting { connection, beats: 0 };
        let held =
            running.iter().chain(reports.keys()).map(|lease| HeldLease { lease: *lease }).collect();
        Some(Input::Connect {
            worker: connection,
            name: self.name.clone(),
            capabilities: self.capabilities.clone(),
            held,
        })
    }

    pub(crate) fn welcomed(&mut self, stale: &[LeaseId]) -> Vec<Input> {
        let Process::Up { link, running, reports } = &mut self.process else { return Vec::new() };
        if let Some(connection) = link.connection() {
            *link = Link::Welcomed { connection };
        }
        running.retain(|lease| !stale.contains(lease));
        reports.retain(|lease, _| !stale.contains(lease));
        self.beat()
    }

    /// What it says at every beat. A worker that waited too long for its welcome cuts the line
    /// instead.
    pub(crate) fn beat(&mut self) -> Vec<Input> {
        let slots = self.capabilities.slots;
        let Process::Up { link, running, reports } = &mut self.process else { return Vec::new() };
        match link {
            Link::Cut => Vec::new(),
            Link::Greeting { beats, .. } => {
                *beats += 1;
                if *beats >= PATIENCE_BEATS {
                    *link = Link::Cut;
                }
                Vec::new()
            }
            Link::Welcomed { connection } => {
                let worker = *connection;
                let free_slots = slots.saturating_sub(running.len() as u32);
                let progress =
                    Some(Progress { iteration: 1, iterations: 2, loss: 1.0, left_ms: None });
                let beats = running.iter().map(|lease| Input::Heartbeat {
                    worker,
                    lease: *lease,
                    progress,
                });
                let reports = reports.iter().map(|(lease, outcome)| Input::Report {
                    worker,
                    lease: *lease,
                    outcome: outcome.clone(),
                });
                beats.chain(reports).chain([Input::Credits { worker, free_slots }]).collect()
            }
        }
    }

    /// Whether it takes the lease up. A message that came twice begins nothing twice.
    pub(crate) fn begin(&mut self, lease: LeaseId) -> bool {
        let slots = self.capabilities.slots as usize;
        let Process::Up { running, reports, .. } = &mut self.process else { return false };
        !reports.contains_key(&lease) && running.len() < slots && running.insert(lease)
    }

    /// Ends a run with this outcome, if it still goes on. What is said then is what is said at
    /// every beat.
    pub(crate) fn end(&mut self, lease: LeaseId, outcome: LeaseOutcome) -> Vec<Input> {
        let Process::Up { running, reports, .. } = &mut self.process else { return Vec::new() };
        if !running.remove(&lease) {
            return Vec::new();
        }
        reports.insert(lease, outcome);
        self.beat()
    }

    pub(crate) fn acknowledged(&mut self, lease: LeaseId) {
        if let Process::Up { reports, .. } = &mut self.process {
            reports.remove(&lease);
        }
    }
}
