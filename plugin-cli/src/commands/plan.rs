//! `impasto plan`

mod why;

use std::path::{Path, PathBuf};

use clap::Args;
use impasto_build::{Survey, SurveyRequest, survey};
use impasto_planner::{PlannedOutput, PlannedTask, Staleness};
use impasto_types::RecipePatch;
use serde_json::json;

use crate::flags::{CacheFlags, ModelsFlags, ProjectArgs};
use crate::pace::PaceSource;
use crate::{Context, Exit, Failure};

/// Show what would be painted, and why
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub(crate) survey: SurveyArgs,
    /// Say which rule takes FILE, or why none does; with -v also its recipe
    #[arg(long, value_name = "FILE")]
    why: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheFlags,
}

/// The arguments of every command that reads a project.
#[derive(Debug, Clone, Args)]
pub(crate) struct SurveyArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    /// Only the assets that match, by a glob as in the manifest; may be repeated. All others are
    /// left as they are
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,
    #[command(flatten)]
    pub models: ModelsFlags,
    #[command(flatten, next_help_heading = "Recipe (overrides the manifest)")]
    pub recipe: RecipePatch,
}

impl SurveyArgs {
    pub(crate) fn request(&self, context: &Context) -> SurveyRequest {
        SurveyRequest {
            dir: self.project.dir.clone(),
            overrides: self.recipe.clone(),
            only: self.only.clone(),
            preview_px: None,
            models_dir: context.config.models_dir(&self.models),
            stays_inside: false,
        }
    }
}

pub(crate) fn run(args: PlanArgs, context: &Context) -> Result<Exit, Failure> {
    if let Some(file) = &args.why {
        return why::run(file, &args.survey, context);
    }
    let survey = examined(&args.survey, context)?;
    let cache_dir = context.config.cache_dir(&args.cache)?;
    show_with(&survey, Some(&cache_dir), context);
    Ok(Exit::Done)
}

/// A survey that has looked at the pixels of what is about to be painted.
pub(crate) fn examined(args: &SurveyArgs, context: &Context) -> Result<Survey, Failure> {
    let mut survey = survey(&args.request(context), None)?;
    survey.examine()?;
    Ok(survey)
}

/// Prints what is stale, by rule, and with `-v` each asset with reasons.
pub(crate) fn show(survey: &Survey, context: &Context) {
    show_with(survey, None, context);
}

/// Like [`show`]; the time is estimated from the reports in a cache.
fn show_with(survey: &Survey, cache_dir: Option<&Path>, context: &Context) {
    let screen = &context.screen;
    if screen.is_json() {
        screen.json(&document(survey, cache_dir));
        return;
    }
    crate::show::plan(survey, cache_dir, context);
}

/// The plan as one JSON document; docs/cli.md describes it.
fn document(survey: &Survey, cache_dir: Option<&Path>) -> serde_json::Value {
    let pace = crate::show::pace(survey, cache_dir);
    let stale_s = crate::show::stale_time(survey, &pace).as_secs_f64();
    let problems = survey
        .plan
        .problems
        .iter()
        .map(|problem| json!({ "asset": problem.asset, "message": problem.cause.to_string() }));
    let unlisted = survey.unlisted.iter().map(|problem| json!({ "message": problem.to_string() }));
    json!({
        "project": survey.project.manifest().name(),
        "stale": survey.plan.stale().count(),
        "up_to_date": survey.up_to_date(),
        "tasks": survey.plan.tasks.iter().map(task).collect::<Vec<_>>(),
        "unusable": problems.chain(unlisted).collect::<Vec<_>>(),
        "orphans": survey.plan.orphans,
        "unmatched": survey.plan.unmatched,
        "warnings": survey.warnings,
        "seconds": stale_s,
        "seconds_measured": matches!(pace.source, PaceSource::Measured { .. }),
    })
}

/// One task of the document.
pub(crate) fn task(task: &PlannedTask) -> serde_json::Value {
    let output = |output: &PlannedOutput| json!({ "part": output.part, "path": output.path });
    let (state, reasons) = match &task.state {
        Staleness::UpToDate => ("up-to-date", vec![]),
        Staleness::Stale(reasons) => ("stale", reasons.iter().map(ToString::to_string).collect()),
    };
    json!({
        "asset": task.spec.asset,
        "style": task.style,
        "rule": task.rule,
        "output": task.output(),
        "outputs": task.outputs.iter().map(output).collect::<Vec<_>>(),
        "action": task.action,
        "state": state,
        "reasons": reasons,
        "recipe": task.spec.action.recipe,
        "memory_bytes": task.spec.least_memory_bytes,
        "width": task.width,
        "height": task.height,
        "work": task.spec.work,
    })
}
