//! What a worker asks of whatever paints for it, so that tests can paint without an engine.

use std::fmt;
use std::path::Path;

use impasto_types::{Action, DeviceHealth, DeviceInfo, ModelRef};

use crate::{Observer, PaintError, Painted, Sources};

/// Paints assets on this machine. All of it blocks, and is called on threads that may.
pub trait Painter: fmt::Debug + Send + Sync + 'static {
    /// The devices that it paints on: at least one, always the same, each with the memory that may
    /// be used there.
    fn offers(&self) -> Vec<Offer>;

    /// The state of its devices, in the order of the offers, as far as anything is known. A device
    /// with a fault is given no more tasks.
    fn health(&self) -> Vec<DeviceHealth> {
        Vec::new()
    }

    /// Whether a model's weights are at hand; if not, the worker fetches them and hands them over.
    fn has_model(&self, model: &ModelRef) -> bool;

    /// Keeps a copy of a file of weights, whose digest has been checked.
    ///
    /// # Errors
    /// Where they cannot be kept.
    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError>;

    /// Paints one asset in a lane, which paints nothing else meanwhile; see
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
        observer: &mut Observer<'_>,
    ) -> Result<Painted, PaintError>;
}

/// A device that a painter paints on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub info: DeviceInfo,
    /// How many pictures are best painted there at once.
    pub lanes: u32,
}

/// Where one picture is painted, and the memory that it may use there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// Index into the offers.
    pub device: usize,
    pub lane: u32,
    pub memory_bytes: u64,
}
