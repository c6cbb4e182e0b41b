//! `impasto plan`

mod document;
mod why;

use std::path::{Path, PathBuf};

use clap::Args;
use impasto_build::{Survey, SurveyRequest, survey};
use impasto_types::RecipePatch;

use self::document::Document;
use crate::flags::{CacheFlags, ModelsFlags, ProjectArgs};
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
        screen.json(&Document::of(survey, cache_dir));
        return;
    }
    crate::show::plan(survey, cache_dir, context);
}
