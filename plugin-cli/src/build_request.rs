//! What a build is asked for on the command line.

use std::path::PathBuf;

use impasto_build::SurveyRequest;
use impasto_painter::Devices;

/// What to build, and with what.
#[derive(Debug, Clone)]
pub(crate) struct BuildRequest {
    pub(crate) survey: SurveyRequest,
    /// Where the farm is; without one this process paints.
    pub(crate) coordinator: Option<String>,
    /// Do not paint here if the farm cannot be reached.
    pub(crate) require_farm: bool,
    /// The embedded farm's results.
    pub(crate) cache_dir: PathBuf,
    /// `None` leaves it to the worker.
    pub(crate) threads: Option<u16>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) devices: Devices,
}
