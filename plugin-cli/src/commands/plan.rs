//! `impasto plan`

use clap::Args;
use impasto_build::{Survey, SurveyRequest, survey};
use impasto_planner::{PlannedOutput, PlannedTask, Staleness};
use impasto_types::RecipePatch;
use serde_json::json;

use crate::flags::{ModelsFlags, ProjectArgs};
use crate::screen::{BAD, FAINT, GOOD, STRONG, WARN};
use crate::units::count;
use crate::{Context, Exit, Failure};

/// Show what would be painted, and why
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub(crate) survey: SurveyArgs,
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
        }
    }
}

pub(crate) fn run(args: PlanArgs, context: &Context) -> Result<Exit, Failure> {
    let survey = survey(&args.survey.request(context), None)?;
    show(&survey, context);
    Ok(Exit::Done)
}

/// Prints what is stale, with reasons, and with `-v` also what is up to date.
pub(crate) fn show(survey: &Survey, context: &Context) {
    let screen = &context.screen;
    if screen.is_json() {
        screen.json(&document(survey));
        return;
    }
    for task in &survey.plan.tasks {
        let output = task.output();
        let PlannedTask { spec, style, state, .. } = task;
        match state {
            Staleness::UpToDate if screen.is_verbose() => {
                screen.result(format_args!("{GOOD}up to date{GOOD:#}  {output}"))
            }
            Staleness::UpToDate => {}
            Staleness::Stale(reasons) => {
                screen.result(format_args!(
                    "{WARN}stale{WARN:#}       {STRONG}{output}{STRONG:#} {FAINT}from {} in style \
                     {style}{FAINT:#}",
                    spec.asset
                ));
                for reason in reasons {
                    screen.result(format_args!("            {reason}"));
                }
            }
        }
    }
    for problem in &survey.plan.problems {
        screen.result(format_args!("{BAD}unusable{BAD:#}    {problem}"));
    }
    for problem in &survey.unlisted {
        screen.result(format_args!("{BAD}unusable{BAD:#}    {problem}"));
    }
    for orphan in &survey.plan.orphans {
        screen.result(format_args!(
            "{FAINT}orphan{FAINT:#}      {orphan} {FAINT}was built earlier, \
             but no rule makes it now{FAINT:#}"
        ));
    }
    for warning in &survey.warnings {
        screen.warning(warning);
    }
    screen.result(summary(survey));
}

/// `7 stale, 2 up to date, 1 unusable`.
pub(crate) fn summary(survey: &Survey) -> String {
    let stale = survey.plan.stale().count();
    let mut parts = vec![format!("{stale} stale"), format!("{} up to date", survey.up_to_date())];
    if survey.unusable() > 0 {
        parts.push(format!("{} unusable", survey.unusable()));
    }
    if !survey.plan.orphans.is_empty() {
        parts.push(count(survey.plan.orphans.len(), "orphan"));
    }
    if survey.plan.unmatched > 0 {
        parts.push(format!("{} matched by no rule", count(survey.plan.unmatched, "image")));
    }
    parts.join(", ")
}

/// The plan as one JSON document; docs/cli.md describes it.
fn document(survey: &Survey) -> serde_json::Value {
    let output = |output: &PlannedOutput| json!({ "part": output.part, "path": output.path });
    let task = |task: &PlannedTask| {
        let (state, reasons) = match &task.state {
            Staleness::UpToDate => ("up-to-date", vec![]),
            Staleness::Stale(reasons) => {
                ("stale", reasons.iter().map(ToString::to_string).collect())
            }
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
        })
    };
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
    })
}
