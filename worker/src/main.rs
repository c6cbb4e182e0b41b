//! `impasto-worker`: loads the settings and runs the worker until a signal stops it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use impasto_types::error_text;
use impasto_worker::{Settings, run};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Runs tasks of an Impasto farm. Settings come from a file, from environment variables such as
/// IMPASTO_WORKER__COORDINATOR, and from these flags.
#[derive(Debug, Parser)]
#[command(name = "impasto-worker", version)]
struct Arguments {
    /// The settings file, such as worker.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The coordinator's address; overrides the settings.
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// The worker's name on the farm; overrides the settings.
    #[arg(long)]
    name: Option<String>,
}

/// How long to wait at exit for threads that are in the middle of a step.
const LINGER: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colors = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colors)
        .init();
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", error_text(&*error));
            ExitCode::from(2)
        }
    }
}

fn start(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = Settings::load(arguments.config.as_deref())?;
    if let Some(coordinator) = arguments.coordinator {
        settings.coordinator = coordinator;
    }
    if let Some(name) = arguments.name {
        settings.name = name.parse()?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let ran = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(cancel_on_signal(shutdown.clone()));
        run(settings, shutdown).await
    });
    runtime.shutdown_timeout(LINGER);
    Ok(ran?)
}

/// Cancels on Ctrl-C and on SIGTERM, with which the system stops a service.
async fn cancel_on_signal(shutdown: CancellationToken) {
    match wait_for_signal().await {
        Ok(()) => shutdown.cancel(),
        Err(error) => {
            tracing::warn!(%error, "cannot catch signals; the worker will end without returning \
         its leases")
        }
    }
}

#[cfg(unix)]
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(windows)]
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_shutdown};
    let (mut interrupt, mut stop, mut shutdown) = (ctrl_c()?, ctrl_break()?, ctrl_shutdown()?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = stop.recv() => {}
        _ = shutdown.recv() => {}
    }
    Ok(())
}
