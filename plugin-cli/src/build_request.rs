//! A build as the command line requests it.

use std::path::PathBuf;

use impasto_build::{IfLost, SurveyRequest};
use impasto_painter::Devices;

/// What to build, and on which farm or resources.
#[derive(Debug, Clone)]
pub(crate) struct BuildRequest {
    pub(crate) survey: SurveyRequest,
    /// The farm's address; without one this process paints.
    pub(crate) coordinator: Option<String>,
    /// Fail if the farm cannot be reached, instead of painting here.
    pub(crate) require_farm: bool,
    /// The embedded farm's results.
    pub(crate) cache_dir: PathBuf,
    /// `None` leaves it to the worker.
    pub(crate) threads: Option<u16>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) devices: Devices,
}

impl BuildRequest {
    /// What becomes of the rest if the farm is lost.
    pub(crate) fn if_lost(&self) -> IfLost {
        if self.require_farm { IfLost::Fail } else { IfLost::PaintElsewhere }
    }
}
