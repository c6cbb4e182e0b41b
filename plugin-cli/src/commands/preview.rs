//! `impasto preview`

use clap::Args;
use impasto_build::survey;
use impasto_types::{MAX_SIDE, MIN_SIDE};

use super::build::{PaintingFlags, summarise, view};
use super::plan::{SurveyArgs, show};
use crate::clean_up::clean_up;
use crate::flags::DryRunFlag;
use crate::show::exit;
use crate::{Context, Exit, Failure, interrupt, run_build};

/// Paint small versions beside the outputs, to try a style
///
/// They lie in .impasto/preview, with a contact sheet of their own. Outputs and the record stay as
/// they are.
#[derive(Debug, Args)]
#[command(mut_arg("size", |size| size
    .help("The longer side of a preview; smaller pictures keep their size [default: 256]")
    .value_parser(clap::value_parser!(u32).range(i64::from(MIN_SIDE)..=i64::from(MAX_SIDE)))))]
pub struct PreviewArgs {
    #[command(flatten)]
    survey: SurveyArgs,
    #[command(flatten)]
    painting: PaintingFlags,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

/// Large enough to judge strokes and colours, and painted within seconds.
const SIDE_PX: u32 = 256;

pub(crate) fn run(mut args: PreviewArgs, context: &Context) -> Result<Exit, Failure> {
    // The manifest's own `size` stays: strokes follow it, and a smaller result is not enlarged.
    let side_px = args.survey.recipe.common.size.take().unwrap_or(SIDE_PX);
    let mut request = args.painting.request(&args.survey, context)?;
    request.survey.preview_px = Some(side_px);
    if args.dry_run.dry_run {
        let survey = survey(&request.survey, None)?;
        if context.screen.is_json() {
            show(&survey, context);
        }
        for task in survey.plan.stale().filter(|_| !context.screen.is_json()) {
            context.screen.result(format_args!("would paint {}", task.output()));
        }
        return Ok(Exit::Done);
    }
    let cancel = interrupt::token();
    let view = view(context);
    let (_, outcome) = run_build::run(&request, None, view.as_ref(), &cancel)?;
    drop(view);
    summarise(&outcome, context);
    clean_up(&outcome, &request.cache_dir, context);
    Ok(exit(&outcome))
}
