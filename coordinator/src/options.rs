//! The command line that `impasto-coordinator` and `impasto coordinator` share, and the log.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::{LogFormat, Settings, SettingsError};

/// Flags that override the settings' file and environment.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// The settings' file, such as coordinator.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The folder of jobs, blobs and results
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Listen beyond this machine although nothing is encrypted
    #[arg(long)]
    pub insecure: bool,
    /// Begin a new farm in the data folder: all jobs are forgotten, blobs and results stay
    #[arg(long)]
    pub new_farm: bool,
}

impl Options {
    /// The resulting settings. `Coordinator::bind` checks them.
    ///
    /// # Errors
    /// The file cannot be read, or a key or value is invalid.
    pub fn settings(self) -> Result<Settings, SettingsError> {
        let mut settings = Settings::load(self.config.as_deref())?;
        settings.listen = self.listen.unwrap_or(settings.listen);
        settings.data_dir = self.data_dir.unwrap_or(settings.data_dir);
        settings.insecure |= self.insecure;
        settings.new_farm = self.new_farm;
        Ok(settings)
    }
}

/// Sends log lines to stderr. `RUST_LOG` chooses which; info and above unless it says otherwise.
pub fn init_logging(format: LogFormat) {
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(is_colored());
    // An error means that the surrounding program has set up its own log, which then applies.
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}

/// Whether stderr is a terminal and colours are not disabled.
fn is_colored() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
