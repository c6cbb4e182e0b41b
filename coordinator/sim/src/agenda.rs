//! Future events, in the order of virtual time.

use std::collections::BTreeMap;

use impasto_core::{Input, Millis};
use impasto_types::{BlobRef, Digest, LeaseId, Order, WorkerId};

/// When a run begins: not at 0, so that early times differ from unset ones, and late enough that
/// the wall clock can be set back for days.
pub(crate) const BEGIN_MS: Millis = 1_000_000_000;

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A message reaches the coordinator of this epoch.
    Arrives {
        epoch: u64,
        input: Input,
    },
    /// An order reaches a worker over this connection.
    Ordered {
        connection: WorkerId,
        order: Order<Digest>,
    },
    /// The worker of this connection reads again.
    Reads(WorkerId),
    /// A worker learns that the coordinator has closed this connection.
    Dismissed {
        connection: WorkerId,
    },
    WorkerStarts(usize),
    /// An action of a worker's process, which is dropped if that process has ended.
    Works {
        worker: usize,
        life: u64,
        deed: Deed,
    },
    /// A client submits its job, or submits it again without a reply.
    ClientSubmits(usize),
    /// A client sends an input again that the store lacks.
    Supplies(BlobRef),
    /// A fault happens.
    Fault,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Connects,
    Beats,
    /// The process ends, even if tasks are running.
    Leaves,
    /// A run ends.
    Ends(LeaseId),
    /// A run stops after it was told to.
    Stops(LeaseId),
}

/// The future events. Events of the same time happen in the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Agenda {
    /// What a steady clock says.
    pub(crate) now: Millis,
    planned: u64,
    events: BTreeMap<(Millis, u64), Event>,
}

impl Agenda {
    pub(crate) fn new() -> Self {
        Self { now: BEGIN_MS, planned: 0, events: BTreeMap::new() }
    }

    pub(crate) fn plan(&mut self, delay_ms: Millis, event: Event) {
        self.planned += 1;
        self.events.insert((self.now + delay_ms, self.planned), event);
    }

    /// When the next event happens.
    pub(crate) fn next_at(&self) -> Option<Millis> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Advances the time to `at`, never backwards.
    pub(crate) fn pass_to(&mut self, at: Millis) {
        self.now = self.now.max(at);
    }

    /// Advances the time to the next event, and returns it.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.pass_to(at);
        Some(event)
    }
}
