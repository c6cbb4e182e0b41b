//! `impasto man`

use std::path::PathBuf;

use clap::Args;

use super::command;
use crate::{Context, Exit, Failure};

/// Print the manual page, or write one for each command
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write impasto.1, impasto-build.1 and so on into DIR
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: ManArgs, context: &Context) -> Result<Exit, Failure> {
    match args.out {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command()).render(&mut page).map_err(Failure::here)?;
            context.screen.text(&String::from_utf8_lossy(&page));
        }
        Some(dir) => {
            let written = std::fs::create_dir_all(&dir)
                .and_then(|()| clap_mangen::generate_to(command(), &dir));
            written.map_err(|error| {
                Failure::here(error)
                    .hint(format!("the manual pages could not be written into {}", dir.display()))
            })?;
            context.screen.result(format_args!("wrote the manual pages into {}", dir.display()));
        }
    }
    Ok(Exit::Done)
}
