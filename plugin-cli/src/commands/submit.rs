//! `impasto submit`

use clap::Args;
use impasto_build::{Submitted, submit};
use impasto_models::ModelStore;
use serde_json::json;

use super::jobs::coordinator_url;
use super::plan::{SurveyArgs, examined, show};
use crate::flags::{CoordinatorFlags, DryRunFlag};
use crate::show::BuildView;
use crate::units::count;
use crate::{Context, Exit, Failure};
use impasto_proto::client::FarmClient;

/// Submit everything stale to the farm and return; `impasto build` fetches the results
#[derive(Debug, Args)]
pub struct SubmitArgs {
    #[command(flatten)]
    survey: SurveyArgs,
    #[command(flatten)]
    at: CoordinatorFlags,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

pub(crate) fn run(args: SubmitArgs, context: &Context) -> Result<Exit, Failure> {
    let survey = examined(&args.survey, context)?;
    if args.dry_run.dry_run {
        show(&survey, context);
        return Ok(Exit::Done);
    }
    let screen = &context.screen;
    survey.warnings.iter().for_each(|warning| screen.warning(warning));
    for problem in &survey.plan.problems {
        screen.warning(problem);
    }
    if !survey.plan.awaiting.is_empty() {
        let waiting = count(survey.plan.awaiting.len(), "asset");
        screen.warning(format_args!(
            "{waiting} can be submitted only when `impasto build` has fetched their network"
        ));
    }
    let unusable = if survey.unusable() == 0 { Exit::Done } else { Exit::Unfinished };
    if survey.plan.stale().next().is_none() {
        match screen.is_json() {
            true => screen.json(&json!({ "job": null, "jobs": [], "tasks": 0, "known": 0 })),
            false => screen.result("nothing is stale, so there is nothing to submit"),
        }
        return Ok(unusable);
    }
    let url = coordinator_url(&args.at, context)?;
    let models = ModelStore::open(args.survey.request(context).models_dir.as_deref())
        .map_err(Failure::here)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::here)?;
    // Progress goes to stderr even with `--json`, since the result is one document.
    let view = BuildView::new(screen);
    let submitted = runtime.block_on(async {
        let farm = FarmClient::connect(&url).await?;
        Ok::<_, Failure>(submit(&survey, &farm, &models, &view).await?)
    });
    // A name server that does not answer keeps a thread busy; nobody waits for it.
    runtime.shutdown_background();
    let submitted = submitted?;
    drop(view);
    for reason in &submitted.refused {
        screen.warning(reason);
    }
    report(&submitted, context);
    Ok(if submitted.refused.is_empty() { unusable } else { Exit::Unfinished })
}

/// Prints which jobs were submitted: several if there are more tasks than fit into a job.
fn report(submitted: &Submitted, context: &Context) {
    let Submitted { jobs, tasks, known, .. } = submitted;
    let screen = &context.screen;
    if screen.is_json() {
        let first = jobs.first();
        screen.json(&json!({ "job": first, "jobs": jobs, "tasks": tasks, "known": known }));
        return;
    }
    let Some(first) = jobs.first() else {
        screen.result("nothing was submitted");
        return;
    };
    let numbers: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    let word = if jobs.len() == 1 { "job" } else { "jobs" };
    let before = match *known {
        0 => String::new(),
        all if all == *tasks => ", submitted before".to_owned(),
        some => format!(", {some} of them submitted before"),
    };
    let assets = count(*tasks, "asset");
    screen.result(format_args!("{word} {}: {assets}{before}", numbers.join(", ")));
    screen.message(format_args!(
        "`impasto job {first} --watch` follows it, `impasto build` fetches the results"
    ));
}
