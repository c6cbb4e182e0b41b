//! The command `impasto`: thin commands over libraries.
//!
//! `impasto-build` runs a build and reports to an observer; this crate chooses where it runs, and
//! draws it. Only [`Screen`] prints. This crate does not paint and does not decide what is stale.

mod asset_kind;
pub mod at_file;
mod bar_term;
mod bare_flags;
mod build_request;
mod clean_up;
pub mod commands;
pub mod config;
pub mod contact_sheet;
pub mod depfile;
mod direct;
mod embedded;
mod exit;
mod failure;
pub mod flags;
mod follow;
mod given;
mod interrupt;
mod library_errors;
mod local_cache;
mod log;
mod model_files;
mod output_file;
mod overwrite;
mod pace;
mod region_args;
mod run_build;
mod screen;
mod sheet_page;
mod show;
mod style_arg;
mod table;
mod texels;
mod training;
mod units;
mod write_depfile;

use std::ffi::OsString;

use clap::FromArgMatches;

use crate::commands::Cli;
use crate::config::Config;
use crate::flags::OutputFlags;

pub use exit::Exit;
pub use failure::Failure;
pub use screen::{Format, Screen};

/// What every command gets besides its arguments.
#[derive(Debug)]
pub struct Context {
    pub screen: Screen,
    pub config: Config,
}

/// Runs a command line, whose first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let parsed = at_file::expand(arguments).map(parse);
    let cli = match parsed {
        Ok(Ok(cli)) => cli,
        Ok(Err(error)) => {
            // Help and the version are not errors; clap chooses the stream.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
        Err(error) => {
            Screen::new(&OutputFlags::default()).failure(&Failure::usage(error));
            return Exit::Usage;
        }
    };
    let screen = Screen::new(&cli.output);
    log::start(&cli, &screen);
    let context = match Config::load() {
        Ok(config) => Context { screen, config },
        Err(error) => {
            let failure = Failure::from(error);
            screen.failure(&failure);
            return failure.exit;
        }
    };
    let ended = commands::run(cli.command, &context)
        .and_then(|exit| context.screen.finish().map(|()| exit));
    ended.unwrap_or_else(|failure| {
        context.screen.failure(&failure);
        failure.exit
    })
}

/// Parses arguments, the first of which is the program's name.
fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let command = commands::command();
    let arguments = bare_flags::join(arguments, &command);
    Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)
}
