//! What the libraries log: for servers everything; for other commands how pictures are painted with
//! `-v`, and the rest with `-vv` or RUST_LOG.

use std::io;

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::Screen;
use crate::commands::{Cli, Command};

/// How a picture is cut into tiles to fit the memory is for everyone who wants to know more.
const PLANS: &str = "off,impasto_painter::paint=debug";

pub(crate) fn start(cli: &Cli, screen: &Screen) {
    let level = match (&cli.command, cli.output.verbose) {
        // Its settings say what its log looks like.
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
    // A second start in one process, as in tests, keeps the first.
    let _ = if plain {
        log.without_time().with_level(false).with_target(false).try_init()
    } else {
        log.try_init()
    };
}

/// Stderr, with the progress bars out of the way of each line.
#[derive(Debug, Clone)]
struct Lines(MultiProgress);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Lines {
    /// The log writes a line at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
