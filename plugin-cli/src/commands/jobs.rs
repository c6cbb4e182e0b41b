//! `impasto jobs`, and functions that all farm commands share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use impasto_types::JobSummary;
use serde::Serialize;

use crate::flags::CoordinatorFlags;
use crate::table::Table;
use crate::units::time;
use crate::{Context, Exit, Failure};
use impasto_proto::client::{FarmClient, FarmError};

/// List the farm's jobs, newest first
#[derive(Debug, Args)]
pub struct JobsArgs {
    /// List only jobs that have not ended
    #[arg(long)]
    active: bool,
    /// List at most N jobs
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    at: CoordinatorFlags,
}

pub(crate) fn run(args: JobsArgs, context: &Context) -> Result<Exit, Failure> {
    let jobs =
        on_farm(&args.at, context, async |client| client.list_jobs(args.active, args.limit).await)?;
    let mut table = Table::new(["JOB", "PROJECT", "STATE", "DONE", "FAILED", "AGE", "TOOK"]);
    for job in &jobs {
        table.row([
            job.job.to_string(),
            job.project.clone(),
            job.state.to_string(),
            format!("{}/{}", job.succeeded, job.tasks()),
            job.failed.to_string(),
            time(since(job.submitted_at_ms)),
            job.ended_at_ms.map_or_else(String::new, |ended| {
                time(Duration::from_millis(ended.saturating_sub(job.submitted_at_ms)))
            }),
        ]);
    }
    show_list(&jobs, table, "there are no jobs", context);
    Ok(Exit::Done)
}

fn since(at_ms: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_millis(at_ms))
}

/// Prints a job on one line.
pub(crate) fn show_job(job: &JobSummary, context: &Context) {
    if context.screen.is_json() {
        context.screen.json(job);
        return;
    }
    let JobSummary { job: id, project, state, succeeded, failed, canceled, .. } = job;
    let mut line = format!("job {id} of {project}: {state}, {succeeded} of {} done", job.tasks());
    for (number, word) in [(*failed, "failed"), (*canceled, "canceled")] {
        if number > 0 {
            line.push_str(&format!(", {number} {word}"));
        }
    }
    context.screen.result(line);
}

/// Connects to the coordinator that the flags or the configuration name, and makes a call.
pub(crate) fn on_farm<T>(
    flags: &CoordinatorFlags,
    context: &Context,
    call: impl AsyncFnOnce(FarmClient) -> Result<T, FarmError>,
) -> Result<T, Failure> {
    let url = coordinator_url(flags, context)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::here)?;
    let answer = runtime.block_on(async { call(FarmClient::connect(&url).await?).await });
    // A name server that does not answer keeps a thread busy; nobody waits for it.
    runtime.shutdown_background();
    Ok(answer?)
}

pub(crate) fn coordinator_url(
    flags: &CoordinatorFlags,
    context: &Context,
) -> Result<String, Failure> {
    context.config.coordinator(flags).ok_or_else(|| {
        Failure::usage("no coordinator is named").hint(
            "give its address with --coordinator, in IMPASTO_COORDINATOR or as `coordinator` \
                in the configuration",
        )
    })
}

/// Prints a list as a JSON document or as a table.
pub(crate) fn show_list<T: Serialize, const N: usize>(
    list: &[T],
    table: Table<N>,
    none: &str,
    context: &Context,
) {
    match (context.screen.is_json(), list.is_empty()) {
        (true, _) => context.screen.json(&list),
        (false, true) => context.screen.message(none),
        (false, false) => context.screen.result(table),
    }
}
