//! `impasto drain`

use clap::Args;
use impasto_types::WorkerName;
use serde_json::json;

use super::jobs::on_farm;
use crate::flags::{CoordinatorFlags, DryRunFlag};
use crate::{Context, Exit, Failure};

/// Let a worker finish its tasks and give it no more
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// The worker's name
    name: WorkerName,
    /// Stop its tasks between two steps; other workers resume from their checkpoints
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    at: CoordinatorFlags,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

pub(crate) fn run(args: DrainArgs, context: &Context) -> Result<Exit, Failure> {
    let name = &args.name;
    if args.dry_run.dry_run {
        context.screen.message(format_args!("would drain {name}"));
        return Ok(Exit::Done);
    }
    on_farm(&args.at, context, async |client| client.drain(name, args.now).await)?;
    if context.screen.is_json() {
        context.screen.json(&json!({ "worker": name, "draining": true }));
    } else if args.now {
        context.screen.result(format_args!("{name} stops its tasks and gets no more"));
    } else {
        context.screen.result(format_args!("{name} finishes its tasks and gets no more"));
    }
    Ok(Exit::Done)
}
