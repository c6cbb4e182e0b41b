//! `impasto job`

use std::collections::BTreeMap;

use clap::Args;
use impasto_types::{Explained, JobId, JobNews, JobState, JobSummary, Progress, TaskEvent};
use serde_json::{Value, json};

use super::jobs::{on_farm, show_job};
use crate::contact_sheet::loss_text;
use crate::flags::CoordinatorFlags;
use crate::table::Table;
use crate::{Context, Exit, Failure};
use impasto_proto::client::{FarmClient, FarmError};

/// Show a job and each of its assets
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job's number
    job: JobId,
    /// Follow the job until it ends; exit with 1 if it fails
    #[arg(long)]
    watch: bool,
    /// Say what the waiting assets wait for
    #[arg(long, conflicts_with = "watch")]
    explain: bool,
    #[command(flatten)]
    at: CoordinatorFlags,
}

pub(crate) fn run(args: JobArgs, context: &Context) -> Result<Exit, Failure> {
    let state = on_farm(&args.at, context, async |client| {
        if args.explain {
            explain(&client, args.job, context).await.map(|()| None)
        } else if args.watch {
            follow(&client, args.job, context).await
        } else {
            show(&client, args.job, context).await
        }
    })?;
    Ok(match state {
        Some(JobState::Failed | JobState::Canceled) if args.watch => Exit::Unfinished,
        _ => Exit::Done,
    })
}

/// Prints the job's present state.
async fn show(
    client: &FarmClient,
    id: JobId,
    context: &Context,
) -> Result<Option<JobState>, FarmError> {
    let mut watch = client.watch(id).await?;
    let mut job: Option<JobSummary> = None;
    let mut tasks: BTreeMap<u32, (String, TaskEvent)> = BTreeMap::new();
    while let Some(news) = watch.next().await? {
        match news {
            JobNews::CaughtUp => break,
            JobNews::Job(summary) => job = Some(summary),
            JobNews::Task { task, asset, event } => {
                let named = asset.or_else(|| tasks.remove(&task.0).map(|(asset, _)| asset));
                tasks.insert(task.0, (named.unwrap_or_default(), event));
            }
        }
    }
    let Some(job) = job else { return Ok(None) };
    if context.screen.is_json() {
        let tasks: Vec<Value> =
            tasks.iter().map(|(task, (asset, event))| document(*task, asset, event)).collect();
        context.screen.json(&json!({ "job": job, "tasks": tasks }));
        return Ok(Some(job.state));
    }
    show_job(&job, context);
    let mut table = Table::new(["TASK", "ASSET", "STATE", "NOTE"]);
    for (task, (asset, event)) in &tasks {
        table.row([task.to_string(), asset.clone(), event.as_str().to_owned(), note(event)]);
    }
    context.screen.result(table);
    Ok(Some(job.state))
}

/// Prints what the job's waiting tasks wait for.
async fn explain(client: &FarmClient, id: JobId, context: &Context) -> Result<(), FarmError> {
    let explained = client.explain(id).await?;
    if context.screen.is_json() {
        context.screen.json(&json!({ "job": id, "reasons": explained }));
        return Ok(());
    }
    if explained.is_empty() {
        context.screen.result("no asset of this job waits");
        return Ok(());
    }
    let mut table = Table::new(["TASKS", "FIRST", "WAITS"]);
    for Explained { first, tasks, reason } in explained {
        table.row([tasks.to_string(), first.0.to_string(), reason]);
    }
    context.screen.result(table);
    Ok(())
}

/// Prints the job's events, one per line, until it has ended.
async fn follow(
    client: &FarmClient,
    id: JobId,
    context: &Context,
) -> Result<Option<JobState>, FarmError> {
    let mut watch = client.watch(id).await?;
    let mut last: Option<JobSummary> = None;
    let mut assets: BTreeMap<u32, String> = BTreeMap::new();
    while let Some(news) = watch.next().await? {
        match news {
            JobNews::CaughtUp => {}
            JobNews::Job(summary) => last = Some(summary),
            JobNews::Task { task, asset, event } => {
                if let Some(asset) = asset {
                    assets.insert(task.0, asset);
                }
                let asset = assets.get(&task.0).map_or("", String::as_str);
                if context.screen.is_json() {
                    context.screen.json(&document(task.0, asset, &event));
                } else {
                    context.screen.result(format_args!(
                        "{:<9}  {asset}  {}",
                        event.as_str(),
                        note(&event)
                    ));
                }
            }
        }
    }
    if let Some(job) = &last {
        show_job(job, context);
    }
    Ok(last.map(|job| job.state))
}

fn note(event: &TaskEvent) -> String {
    match event {
        TaskEvent::Ready { message, .. } | TaskEvent::Failed { message, .. } => message.clone(),
        TaskEvent::Leased { worker, progress: None, .. } => format!("on {worker}"),
        TaskEvent::Leased { worker, progress: Some(progress), .. } => {
            format!("on {worker}, {}", step(progress))
        }
        TaskEvent::Progress(progress) => step(progress),
        TaskEvent::Succeeded { worker: Some(worker), .. } => format!("by {worker}"),
        TaskEvent::Succeeded { worker: None, .. } => "from the cache".to_owned(),
        TaskEvent::Blocked | TaskEvent::Canceled => String::new(),
    }
}

fn step(progress: &Progress) -> String {
    let Progress { iteration, iterations, loss, left_ms: _ } = progress;
    match loss {
        Some(loss) => format!("step {iteration} of {iterations}, loss {}", loss_text(*loss)),
        None => format!("step {iteration} of {iterations}"),
    }
}

/// The event's own fields, and the task that it is about.
fn document(task: u32, asset: &str, event: &TaskEvent) -> Value {
    let mut document = json!(event);
    document["task"] = task.into();
    document["asset"] = asset.into();
    document
}
