//! The interface between a worker and its painter, so that tests can paint without an engine.

use std::fmt;
use std::path::Path;

use impasto_types::{Action, DeviceHealth, DeviceInfo, ModelRef};

use crate::{Observer, PaintError, Painted, Sources};

/// Paints assets on this machine. All methods block: call them on threads that may.
pub trait Painter: fmt::Debug + Send + Sync + 'static {
    /// Its devices, at least one and always the same, each with the memory that may be used there.
    fn offers(&self) -> Vec<Offer>;

    /// The health of its devices, as far as known, in the order of the offers. A device with a
    /// fault gets no more tasks.
    fn health(&self) -> Vec<DeviceHealth> {
        Vec::new()
    }

    /// Whether it has a model's weights; if not, the worker fetches them and calls
    /// [`Self::adopt_model`].
    fn has_model(&self, model: &ModelRef) -> bool;

    /// Stores a copy of a file of weights, whose digest has been checked.
    ///
    /// # Errors
    /// If they cannot be stored.
    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError>;

    /// Paints one asset in a lane, which is used by nothing else meanwhile; see
    /// [`paint`](crate::paint()).
    ///
    /// # Errors
    /// As [`paint`](crate::paint()).
    fn paint(
        &self,
        lane: Lane,
        asset: &str,
        action: &Action,
        sources: &Sources,
        observer: &mut dyn Observer,
    ) -> Result<Painted, PaintError>;
}

/// A device that a painter paints on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub info: DeviceInfo,
    /// How many pictures to paint there at once for the best throughput.
    pub lanes: u32,
    pub sharing: Sharing,
}

/// Which lanes of a device a picture takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// As many as have the memory that it needs at least: it is cut into tiles that fit them.
    ByNeed,
    /// One for a small picture, which needs no more than `small_bytes` and does not keep the device
    /// busy alone; all for any other. So every picture is painted as if the device had one lane.
    OneOrAll { small_bytes: u64 },
}

/// A place on a device for one picture at a time, and its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// Index into the offers.
    pub device: usize,
    pub lane: u32,
    pub memory_bytes: u64,
    /// Whether a picture that so much memory cuts is refused with [`PaintError::Memory`]: with more
    /// lanes it is painted otherwise, and the result must not depend on their number.
    pub refuses_cuts: bool,
}
