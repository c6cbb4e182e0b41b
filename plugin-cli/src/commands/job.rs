//! `impasto job`

use std::collections::BTreeMap;

use clap::Args;
use impasto_types::JobId;
use serde_json::{Value, json};

use super::jobs::{on_farm, show_job};
use crate::contact_sheet::loss_text;
use crate::farm::{FarmClient, FarmError, Job, JobState, News, TaskNews};
use crate::flags::CoordinatorFlags;
use crate::table::Table;
use crate::{Context, Exit, Failure};

/// Show a job and each of its assets
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job's number
    job: JobId,
    /// Follow it to its end; exit with 1 if it fails
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    at: CoordinatorFlags,
}

pub(crate) fn run(args: JobArgs, context: &Context) -> Result<Exit, Failure> {
    let state = on_farm(&args.at, context, async |client| {
        if args.watch {
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

/// The job as it stands.
async fn show(
    client: &FarmClient,
    id: JobId,
    context: &Context,
) -> Result<Option<JobState>, FarmError> {
    let mut watch = client.watch(id).await?;
    let mut job: Option<Job> = None;
    let mut tasks: BTreeMap<u32, (String, TaskNews)> = BTreeMap::new();
    while let Some(news) = watch.next().await? {
        match news {
            News::CaughtUp => break,
            News::Job(summary) => job = Some(summary),
            News::Task { task, asset, news } => {
                let named = asset.or_else(|| tasks.remove(&task.0).map(|(asset, _)| asset));
                tasks.insert(task.0, (named.unwrap_or_default(), news));
            }
        }
    }
    let Some(job) = job else { return Ok(None) };
    if context.screen.is_json() {
        let tasks: Vec<Value> =
            tasks.iter().map(|(task, (asset, news))| document(*task, asset, news)).collect();
        context.screen.json(&json!({ "job": job, "tasks": tasks }));
        return Ok(Some(job.state));
    }
    show_job(&job, context);
    let mut table = Table::new(["TASK", "ASSET", "STATE", "NOTE"]);
    for (task, (asset, news)) in &tasks {
        table.row([task.to_string(), asset.clone(), state(news).to_owned(), note(news)]);
    }
    context.screen.result(table);
    Ok(Some(job.state))
}

/// The job's news, a line each, until it has ended.
async fn follow(
    client: &FarmClient,
    id: JobId,
    context: &Context,
) -> Result<Option<JobState>, FarmError> {
    let mut watch = client.watch(id).await?;
    let mut last: Option<Job> = None;
    let mut assets: BTreeMap<u32, String> = BTreeMap::new();
    while let Some(news) = watch.next().await? {
        match news {
            News::CaughtUp => {}
            News::Job(summary) => last = Some(summary),
            News::Task { task, asset, news } => {
                if let Some(asset) = asset {
                    assets.insert(task.0, asset);
                }
                let asset = assets.get(&task.0).map_or("", String::as_str);
                if context.screen.is_json() {
                    context.screen.json(&document(task.0, asset, &news));
                } else {
                    context.screen.result(format_args!(
                        "{:<9}  {asset}  {}",
                        state(&news),
                        note(&news)
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

fn state(news: &TaskNews) -> &'static str {
    match news {
        TaskNews::Ready { .. } => "ready",
        TaskNews::Leased { .. } => "leased",
        TaskNews::Succeeded { .. } => "succeeded",
        TaskNews::Failed { .. } => "failed",
        TaskNews::Canceled => "canceled",
    }
}

fn note(news: &TaskNews) -> String {
    match news {
        TaskNews::Ready { message, .. } | TaskNews::Failed { message, .. } => message.clone(),
        TaskNews::Leased { worker, progress: None, .. } => format!("on {worker}"),
        TaskNews::Leased { worker, progress: Some(at), .. } if worker.is_empty() => {
            step(at.iteration, at.iterations, at.loss)
        }
        TaskNews::Leased { worker, progress: Some(at), .. } => {
            format!("on {worker}, {}", step(at.iteration, at.iterations, at.loss))
        }
        TaskNews::Succeeded { worker: Some(worker), .. } => format!("by {worker}"),
        TaskNews::Succeeded { worker: None, .. } => "from the cache".to_owned(),
        TaskNews::Canceled => String::new(),
    }
}

fn step(iteration: u32, iterations: u32, loss: f64) -> String {
    format!("step {iteration} of {iterations}, loss {}", loss_text(loss))
}

fn document(task: u32, asset: &str, news: &TaskNews) -> Value {
    let mut document = json!({ "task": task, "asset": asset, "state": state(news) });
    match news {
        TaskNews::Ready { attempts, message } | TaskNews::Failed { attempts, message } => {
            document["attempts"] = (*attempts).into();
            document["message"] = message.as_str().into();
        }
        TaskNews::Leased { worker, attempt, progress } => {
            document["worker"] = worker.as_str().into();
            document["attempt"] = (*attempt).into();
            if let Some(at) = progress {
                document["progress"] = json!({ "iteration": at.iteration,
                    "iterations": at.iterations, "loss": at.loss, "left_ms": at.left_ms });
            }
        }
        TaskNews::Succeeded { result, worker } => {
            document["worker"] = json!(worker);
            document["result"] = json!(result);
        }
        TaskNews::Canceled => {}
    }
    document
}
