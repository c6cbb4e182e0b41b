//! What is going to happen, in the order of virtual time.

use std::collections::BTreeMap;

use impasto_core::{Input, Millis};
use impasto_types::{Digest, LeaseId, Order, WorkerId};

/// When a run begins: some time after the epoch, so that early times can be told from none.
pub(crate) const BEGIN_MS: Millis = 1_000_000;

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
    /// The coordinator has closed this connection.
    Dismissed {
        connection: WorkerId,
    },
    WorkerStarts(usize),
    /// Something that a process of a worker does; it is void once that process has ended.
    Works {
        worker: usize,
        life: u64,
        deed: Deed,
    },
    /// A client hands its job in, or again if it has not heard of it.
    ClientSubmits(usize),
    /// Something breaks.
    Fault,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Connects,
    Beats,
    /// The process ends, whether it has finished or not.
    Leaves,
    /// A run comes to its end.
    Ends(LeaseId),
    /// A run that was told to stop does so.
    Stops(LeaseId),
}

/// The events to come. Those of one instant happen in the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Agenda {
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

    /// Lets time pass until `at`; it never runs backwards.
    pub(crate) fn pass_to(&mut self, at: Millis) {
        self.now = self.now.max(at);
    }

    /// Lets time pass until the next event, and gives that.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.pass_to(at);
        Some(event)
    }
}
