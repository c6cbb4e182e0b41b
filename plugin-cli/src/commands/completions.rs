//! `impasto completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::{Context, Exit, Failure};

/// Print a shell's completion script
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: CompletionsArgs, context: &Context) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "impasto", &mut script);
    context.screen.text(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
