//! `impasto retry`

use clap::Args;
use impasto_types::JobId;

use super::jobs::{on_farm, show_job};
use crate::flags::{CoordinatorFlags, DryRunFlag};
use crate::{Context, Exit, Failure};

/// Retry the failed and canceled assets of a job
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The job's number
    job: JobId,
    #[command(flatten)]
    at: CoordinatorFlags,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

pub(crate) fn run(args: RetryArgs, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run.dry_run {
        context.screen.message(format_args!("would retry job {}", args.job));
        return Ok(Exit::Done);
    }
    let job = on_farm(&args.at, context, async |client| client.retry(args.job).await)?;
    show_job(&job, context);
    Ok(Exit::Done)
}
