//! What surrounds the farm: sick machines, unreadable lists, missing inputs, a wall clock that is
//! set.

use std::collections::BTreeSet;

use impasto_core::Millis;
use impasto_types::{BlobRef, JobId};

/// How many different inputs tasks have.
pub(crate) const INPUTS: u64 = 20;

/// What is wrong with a worker's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sickness {
    /// Its disk is full: it says so of every task.
    Full,
    /// It fails every task, and does not know why.
    Fails,
    /// It crashes on every task.
    Crashes,
    /// It finds fault with every input.
    Accuses,
    /// It misses inputs that are there.
    Blind,
}

/// What surrounds the farm.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// How far the wall clock is from the steady clock.
    pub(crate) wall_offset_ms: i64,
    /// Until when the coordinator can read no list.
    pub(crate) blind_until: Millis,
    pub(crate) damaged: BTreeSet<JobId>,
    pub(crate) missing: BTreeSet<BlobRef>,
    /// Results that the store has lost.
    pub(crate) lost: BTreeSet<BlobRef>,
}

/// The blob of the `nth` input.
pub(crate) fn input(nth: u64) -> BlobRef {
    BlobRef::of(&nth.to_le_bytes())
}
