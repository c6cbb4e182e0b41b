//! `impasto coordinator`

use clap::Args;
use impasto_coordinator::{Coordinator, Options, init_logging, shutdown_on_signal};
use serde_json::json;

use crate::{Context, Exit, Failure};

/// Run a coordinator: it accepts jobs and distributes their assets to workers
///
/// The same as the program impasto-coordinator. Settings come from a file, from environment
/// variables such as IMPASTO_COORDINATOR__DATA_DIR, and from these flags.
#[derive(Debug, Args)]
pub struct CoordinatorArgs {
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: CoordinatorArgs, context: &Context) -> Result<Exit, Failure> {
    let settings = args.options.settings().map_err(Failure::usage)?;
    init_logging(settings.log_format);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::here)?;
    runtime.block_on(async {
        let shutdown = shutdown_on_signal().map_err(Failure::here)?;
        let coordinator = Coordinator::bind(settings).await.map_err(Failure::usage)?;
        // On stdout, because the system may have chosen the port.
        let url = format!("http://{}", coordinator.local_addr());
        match context.screen.is_json() {
            true => context.screen.json(&json!({ "coordinator": url })),
            false => context.screen.result(url),
        }
        coordinator.serve(shutdown).await.map_err(Failure::here)
    })?;
    Ok(Exit::Done)
}
