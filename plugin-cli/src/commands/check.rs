//! `impasto check`

use clap::Args;
use impasto_build::survey;

use super::plan::{SurveyArgs, show};
use crate::show::summary;
use crate::{Context, Exit, Failure};

/// For CI: exit with 1 if any output is stale or missing
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    survey: SurveyArgs,
}

pub(crate) fn run(args: CheckArgs, context: &Context) -> Result<Exit, Failure> {
    let survey = survey(&args.survey.request(context), None)?;
    let sound = !survey.plan.has_work() && survey.unusable() == 0;
    if sound && !context.screen.is_json() {
        context.screen.message(summary(&survey));
    } else {
        show(&survey, context);
    }
    Ok(if sound { Exit::Done } else { Exit::Unfinished })
}
