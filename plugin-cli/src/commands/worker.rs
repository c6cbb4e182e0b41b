//! `impasto worker`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use impasto_coordinator::shutdown_on_signal;
use impasto_painter::Devices;
use impasto_types::WorkerName;
use impasto_worker::Settings;

use crate::units::parse_size;
use crate::{Context, Exit, Failure};

/// Run a worker: it paints for a coordinator
///
/// The same as the program impasto-worker. Settings come from a file, from environment variables
/// such as IMPASTO_WORKER__SLOTS, and from these flags.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The settings file, such as worker.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The coordinator's address
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// The worker's name on the farm [default: the machine's name]
    #[arg(long)]
    name: Option<WorkerName>,
    /// The device to paint on: cpu, or GPUs if this program was built for them: cuda for all,
    /// cuda:0, cuda:0,1, metal [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    device: Option<Devices>,
    /// The memory limit of a device, shared by its slots, such as 4G [default: four fifths of the
    /// free memory, or of the GPU's]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<u64>,
}

/// How long to wait at exit for threads that are in the middle of a step.
const LINGER: Duration = Duration::from_millis(100);

pub(crate) fn run(args: WorkerArgs, _context: &Context) -> Result<Exit, Failure> {
    let mut settings = Settings::load(args.config.as_deref()).map_err(Failure::usage)?;
    settings.coordinator = args.coordinator.unwrap_or(settings.coordinator);
    settings.name = args.name.unwrap_or(settings.name);
    settings.devices = args.device.unwrap_or(settings.devices);
    settings.memory_bytes = args.max_memory.or(settings.memory_bytes);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::here)?;
    let ran = runtime.block_on(async {
        let shutdown = shutdown_on_signal().map_err(Failure::here)?;
        impasto_worker::run(settings, shutdown).await.map_err(Failure::usage)
    });
    runtime.shutdown_timeout(LINGER);
    ran.map(|()| Exit::Done)
}
