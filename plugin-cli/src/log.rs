//! What the libraries log: for servers everything, for other commands only what `-vv` or RUST_LOG asks for.

use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command};

pub(crate) fn start(cli: &Cli) {
    let level = match (&cli.command, cli.output.verbose) {
        // Its settings say what its log looks like.
        (Command::Coordinator(_), _) => return,
        (Command::Worker(_), 0) => "info",
        (Command::Worker(_), _) => "debug",
        (_, 0 | 1) => "off",
        (_, 2) => "info",
        (_, _) => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // A second start in one process, as in tests, keeps the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
