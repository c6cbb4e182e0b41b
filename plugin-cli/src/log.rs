//! The libraries' log. Servers log everything; other commands log memory plans with `-v`, and the
//! rest with `-vv` or RUST_LOG.

use std::io;

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::Screen;
use crate::commands::{Cli, Command};

/// The filter of `-v`: how pictures are cut into tiles to fit the memory.
const PLANS: &str = "off,impasto_painter::paint=debug";

pub(crate) fn start(cli: &Cli, screen: &Screen) {
    let level = match (&cli.command, cli.output.verbose) {
        // Its settings choose the form of its log.
        (Command::Coordinator(_), _) => return,
        (Command::Worker(_), 0) => "info",
        (Command::Worker(_), _) => "debug",
        (_, 0) => "off",
        (_, 1) => PLANS,
        (_, 2) => "info,impasto_painter::paint=debug",
        (_, _) => "debug",
    };
    let asked = EnvFilter::try_from_default_env();
    let plain = asked.is_err() && level == PLANS;
    let log =
        tracing_subscriber::fmt().with_env_filter(asked.unwrap_or_else(|_| EnvFilter::new(level)));
    let log = log.with_writer(Lines(screen.bars().clone()));
    // If a process calls this twice, as tests do, the first log stays.
    let _ = if plain {
        log.without_time().with_level(false).with_target(false).try_init()
    } else {
        log.try_init()
    };
}

/// Stderr, with progress bars hidden while a line is written.
#[derive(Debug, Clone)]
struct Lines(MultiProgress);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Lines {
    /// The log writes one line per call.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
