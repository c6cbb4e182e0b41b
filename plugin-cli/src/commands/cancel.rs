//! `impasto cancel`

use clap::Args;
use impasto_types::JobId;

use super::jobs::{on_farm, show_job};
use crate::flags::{CoordinatorFlags, DryRunFlag};
use crate::{Context, Exit, Failure};

/// Cancel a job; finished results stay in the cache
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The job's number
    job: JobId,
    #[command(flatten)]
    at: CoordinatorFlags,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

pub(crate) fn run(args: CancelArgs, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run.dry_run {
        context.screen.message(format_args!("would cancel job {}", args.job));
        return Ok(Exit::Done);
    }
    let job = on_farm(&args.at, context, async |client| client.cancel(args.job).await)?;
    show_job(&job, context);
    Ok(Exit::Done)
}
