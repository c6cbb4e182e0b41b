//! `impasto-coordinator`: parse, load the settings, bind, serve.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use impasto_coordinator::{Coordinator, Options, init_logging, shutdown_on_signal};
use impasto_types::error_text;

/// Impasto's server: accepts jobs, leases tasks to workers, stores blobs and results
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let settings = arguments.options.settings()?;
    init_logging(settings.log_format);
    let shutdown = shutdown_on_signal()?;
    let coordinator = Coordinator::bind(settings).await?;
    // On stdout, for programs that let the system choose the port.
    writeln!(std::io::stdout(), "http://{}", coordinator.local_addr())?;
    Ok(coordinator.serve(shutdown).await?)
}

/// Prints the error and its causes on one line.
fn complain(error: &dyn Error) {
    // If stderr is closed, nobody can read it.
    let _ = writeln!(std::io::stderr(), "error: {}", error_text(error));
}
