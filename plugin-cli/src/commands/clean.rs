//! `impasto clean`

use clap::Args;
use impasto_build::{Cleaned, Orphan, SurveyRequest, clean, orphans, survey};
use impasto_project::Leftover;
use serde_json::json;

use super::build::view;
use crate::flags::{DryRunFlag, ModelsFlags, ProjectArgs};
use crate::screen::{FAINT, WARN};
use crate::units::count;
use crate::{Context, Exit, Failure, interrupt};

/// Remove outputs whose assets or rules are gone
///
/// Only files that a build recorded and that no rule makes any more are removed, and the folders
/// that are empty then. A file that was changed since it was built is kept.
#[derive(Debug, Args)]
pub struct CleanArgs {
    #[command(flatten)]
    project: ProjectArgs,
    /// Also remove files that were changed since they were built
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

pub(crate) fn run(args: CleanArgs, context: &Context) -> Result<Exit, Failure> {
    let request = SurveyRequest {
        dir: args.project.dir.clone(),
        models_dir: context.config.models_dir(&ModelsFlags::default()),
        ..SurveyRequest::default()
    };
    let found = survey(&request, None)?;
    if let Some(unlisted) = found.unlisted.first() {
        // What cannot be listed may be what the outputs were painted from.
        let unlisted = unlisted.to_string();
        return Err(Failure::here(unlisted)
            .hint("outputs are removed only if every asset can be listed: mend this first"));
    }
    let done = if args.dry_run.dry_run {
        orphans(&found).into_iter().map(|orphan| planned(orphan, args.force)).collect()
    } else {
        let (cancel, view) = (interrupt::token(), view(context));
        clean(&request, args.force, view.as_ref(), &cancel)?
    };
    report(&done, args.dry_run, context);
    let failed = done.iter().any(|(_, cleaned)| matches!(cleaned, Cleaned::Failed(_)));
    Ok(if failed { Exit::Unfinished } else { Exit::Done })
}

/// What would be done about an orphan.
fn planned(orphan: Orphan, force: bool) -> (Orphan, Cleaned) {
    let cleaned = match orphan.leftover {
        Leftover::Untouched | Leftover::Gone => Cleaned::Removed,
        Leftover::Changed if force => Cleaned::Removed,
        Leftover::Changed | Leftover::Foreign => Cleaned::Kept,
    };
    (orphan, cleaned)
}

fn report(done: &[(Orphan, Cleaned)], dry_run: DryRunFlag, context: &Context) {
    let screen = &context.screen;
    if screen.is_json() {
        let of = |wanted: fn(&Cleaned) -> bool| {
            let those = done.iter().filter(move |(_, cleaned)| wanted(cleaned));
            those.map(|(orphan, _)| &orphan.path).collect::<Vec<_>>()
        };
        screen.json(&json!({
            "removed": of(|cleaned| matches!(cleaned, Cleaned::Removed)),
            "kept": of(|cleaned| matches!(cleaned, Cleaned::Kept)),
            "failed": of(|cleaned| matches!(cleaned, Cleaned::Failed(_))),
            "dry_run": dry_run.dry_run,
        }));
        return;
    }
    let word = if dry_run.dry_run { "would remove" } else { "removed" };
    for (orphan, cleaned) in done {
        let Orphan { path, asset, leftover } = orphan;
        let why = match leftover {
            Leftover::Changed => "it was changed since it was built; --force removes it",
            Leftover::Foreign => "it is a link or a folder, or leads through a link",
            Leftover::Untouched | Leftover::Gone => "",
        };
        match cleaned {
            Cleaned::Removed => {
                screen.result(format_args!("{word} {path} {FAINT}from {asset}{FAINT:#}"))
            }
            Cleaned::Kept => screen.result(format_args!("{WARN}kept{WARN:#} {path}: {why}")),
            Cleaned::Failed(message) => screen.warning(message),
        }
    }
    let removed = done.iter().filter(|(_, cleaned)| *cleaned == Cleaned::Removed).count();
    screen.result(match done.len() {
        0 => "there are no orphans".to_owned(),
        all => format!("{word} {removed} of {}", count(all, "orphan")),
    });
}
