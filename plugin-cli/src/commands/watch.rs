//! `impasto watch`

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use impasto_build::{Outcome, Survey, open};
use impasto_project::{Change, WatchSettings, Watcher};
use impasto_types::AssetPath;
use tokio_util::sync::CancellationToken;

use super::build::{PaintingFlags, summarise, view, warn};
use super::plan::SurveyArgs;
use crate::build_request::BuildRequest;
use crate::clean_up::clean_up;
use crate::failure::Failure;
use crate::run_build;
use crate::units::count;
use crate::{Context, Exit, interrupt};

/// Build, and build again whenever a file changes
#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    survey: SurveyArgs,
    #[command(flatten)]
    painting: PaintingFlags,
    /// Scan the folder every two seconds instead of using the system's events: for network mounts
    #[arg(long)]
    poll: bool,
}

/// How often to check for Ctrl-C while waiting for changes.
const INTERVAL: Duration = Duration::from_millis(200);
/// Changes within this time of each other lead to one build.
const BURST: Duration = Duration::from_millis(150);

pub(crate) fn run(args: WatchArgs, context: &Context) -> Result<Exit, Failure> {
    let request = args.painting.request(&args.survey, context)?;
    let cancel = interrupt::token();
    let settings = WatchSettings { poll: args.poll, ..WatchSettings::default() };
    // A wrong manifest is an error at the start; later the user is probably still editing it.
    watch_manifest(&request, settings, &cancel, context)?;
    let mut said = String::new();
    while !cancel.is_cancelled() {
        match watch_manifest(&request, settings, &cancel, context) {
            Ok(()) => said.clear(),
            Err(wrong) => {
                if wrong.to_string() != said {
                    said = wrong.to_string();
                    context.screen.setback(&wrong);
                }
                std::thread::sleep(INTERVAL);
            }
        }
    }
    context.screen.message("stopped watching");
    Ok(Exit::Interrupted)
}

/// Builds again and again until the manifest changes.
fn watch_manifest(
    request: &BuildRequest,
    settings: WatchSettings,
    cancel: &CancellationToken,
    context: &Context,
) -> Result<(), Failure> {
    let project = open(&request.survey).map_err(Failure::from)?;
    let watcher = Watcher::start(&project, settings).map_err(Failure::here)?;
    rebuild(request, &watcher, cancel, context);
    context
        .screen
        .message(format_args!("watching {}; press Ctrl-C to stop", project.dir().display()));
    while !cancel.is_cancelled() {
        let Some(first) = watcher.next_within(INTERVAL) else { continue };
        let mut changes = vec![first];
        while let Some(next) = watcher.next_within(BURST) {
            changes.push(next);
        }
        let mut stale = false;
        for change in changes {
            match change {
                Change::Paths(paths) => {
                    context.screen.message(changed(&paths));
                    stale = true;
                }
                Change::Rescan => stale = true,
                Change::ManifestChanged => {
                    context.screen.message("the manifest changed");
                    return Ok(());
                }
                Change::Incomplete { path, reason } => {
                    warn(&format!("{path} is not painted: {reason}"), context)
                }
                Change::Polling { reason } => warn(
                    &format!("{reason}; scanning the folder every two seconds instead"),
                    context,
                ),
            }
        }
        if stale {
            rebuild(request, &watcher, cancel, context);
        }
    }
    Ok(())
}

/// `a.png changed`, `3 files changed, a.png and others`.
fn changed(paths: &BTreeSet<AssetPath>) -> String {
    match paths.first() {
        Some(only) if paths.len() == 1 => format!("{only} changed"),
        Some(first) => format!("{} changed, {first} and others", count(paths.len(), "file")),
        None => "files changed".to_owned(),
    }
}

/// Whether a build found nothing to do except files that are still being written.
fn is_waiting(survey: &Survey, outcome: &Outcome) -> bool {
    let made = outcome.painted + outcome.cached + outcome.failed.len() + outcome.open;
    made == 0 && !survey.unsettled.is_empty()
}

/// `waiting until a.png is written`, `waiting until 3 files are written, a.png and others`.
fn waiting_for(paths: &BTreeSet<AssetPath>) -> String {
    match paths.first() {
        Some(only) if paths.len() == 1 => format!("waiting until {only} is written"),
        Some(first) => {
            let files = count(paths.len(), "file");
            format!("waiting until {files} are written, {first} and others")
        }
        None => "waiting for files".to_owned(),
    }
}

/// One build. Errors are printed, and the watch goes on.
fn rebuild(
    request: &BuildRequest,
    watcher: &Watcher,
    cancel: &CancellationToken,
    context: &Context,
) {
    let view = view(context);
    let built = run_build::run(request, Some(watcher), view.as_ref(), cancel);
    drop(view);
    match built {
        // What was just saved is built once it is complete: "nothing to do" would be wrong.
        Ok((survey, outcome)) if is_waiting(&survey, &outcome) => {
            if !context.screen.is_json() {
                context.screen.message(waiting_for(&survey.unsettled));
            }
        }
        Ok((_, outcome)) => {
            summarise(&outcome, context);
            clean_up(&outcome, &request.cache_dir, context);
        }
        Err(error) => context.screen.setback(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_waited_for_are_named() {
        let paths = |names: &[&str]| {
            names.iter().map(|name| name.parse().expect("it is a path")).collect::<BTreeSet<_>>()
        };
        assert_eq!(waiting_for(&paths(&["a.png"])), "waiting until a.png is written");
        assert_eq!(
            waiting_for(&paths(&["b.png", "a.png"])),
            "waiting until 2 files are written, a.png and others"
        );
    }
}
