//! The contact sheet of a build: what to show for each output of the plan.

use std::path::PathBuf;

use impasto_build::{Build, Made};
use impasto_planner::PlannedTask;
use impasto_project::{Project, ReplaceError, STATE_DIR, replace_file};
use impasto_types::{AssetPath, Digest, InputRef, Part, Tileable};
use rayon::prelude::*;

use super::{Card, CardOutcome, Sheet, THUMBNAILS_DIR, Thumbnail, Thumbnails, settings};
use crate::local_cache::LocalCache;

/// Sharp enough for a card that fills half a screen.
const SIDE_PX: u32 = 512;
const STYLE_SIDE_PX: u32 = 96;

/// Writes `contact-sheet.html` into the folder of private files, or into that of previews, and
/// returns its path.
pub(crate) fn write(build: &Build<'_>, cache: &LocalCache) -> Result<PathBuf, ReplaceError> {
    let survey = build.survey();
    let project = &*survey.project;
    let folder = survey.preview_dir().unwrap_or_else(|| project.dir().join(STATE_DIR));
    let thumbnails = Thumbnails::open(folder.join(THUMBNAILS_DIR));
    let pictures = Pictures { project, thumbnails };
    // Previews are of the selected assets; a build's sheet also shows those that it left.
    let left: &[PlannedTask] = if survey.is_preview() { &[] } else { &survey.left };
    let tasks: Vec<&PlannedTask> = survey.plan.tasks.iter().chain(left).collect();
    let mut cards: Vec<Card> =
        tasks.into_par_iter().map(|task| card(build, cache, &pictures, task)).collect();
    cards.extend(survey.plan.problems.iter().map(unusable));
    // Failures come first.
    cards.sort_by_key(|card| !matches!(card.outcome, CardOutcome::Failed { .. }));
    let sheet = Sheet { project: project.manifest().name().to_owned(), cards };
    let path = folder.join("contact-sheet.html");
    replace_file(&path, sheet.render().as_bytes())?;
    if let Err(error) = pictures.thumbnails.remove_unused() {
        tracing::debug!("cannot remove old thumbnails: {error}");
    }
    Ok(path)
}

struct Pictures<'a> {
    project: &'a Project,
    thumbnails: Thumbnails,
}

impl Pictures<'_> {
    /// The thumbnail of a project file, or `None` if none can be made.
    fn of(&self, path: &AssetPath, digest: Digest, side_px: u32) -> Option<Thumbnail> {
        let made = self.thumbnails.of(&self.project.path_of(path), digest, side_px);
        made.inspect_err(|error| tracing::debug!("{error}")).ok()
    }
}

fn card(
    build: &Build<'_>,
    cache: &LocalCache,
    pictures: &Pictures<'_>,
    task: &PlannedTask,
) -> Card {
    let action = &task.spec.action;
    let (outcome, report) = match build.made(task) {
        Made::UpToDate => (CardOutcome::UpToDate, None),
        Made::Painted(report) => (CardOutcome::Painted, Some(report)),
        Made::Cached(report) => (CardOutcome::Cached, Some(report)),
        Made::Failed { message } => (CardOutcome::Failed { message }, None),
        Made::Open => (CardOutcome::Open, None),
        Made::Left => (CardOutcome::Left, None),
    };
    let content = action.input(Part::Color).and_then(InputRef::blob).map(|blob| blob.digest);
    let before = content.and_then(|digest| pictures.of(&task.spec.asset, digest, SIDE_PX));
    let is_there = !matches!(outcome, CardOutcome::Failed { .. } | CardOutcome::Open);
    let after = build.written(task).filter(|_| is_there);
    let after = after.and_then(|digest| pictures.of(task.output(), digest, SIDE_PX));
    let styles = build
        .survey()
        .style_files(task)
        .filter_map(|(digest, path)| pictures.of(path, digest, STYLE_SIDE_PX));
    Card {
        asset: task.spec.asset.to_string(),
        output: task.output().to_string(),
        style: task.style.clone(),
        before,
        styles: styles.collect(),
        after,
        settings: Some(settings(&action.recipe)),
        tileable: action.recipe.common().tileable,
        report: report.or_else(|| cache.report(task.action).filter(|_| is_there)),
        outcome,
    }
}

/// The card of an asset without a task: only its name and the reason.
fn unusable(problem: &impasto_planner::Problem) -> Card {
    Card {
        asset: problem.asset.to_string(),
        output: String::new(),
        style: problem.rule.clone(),
        outcome: CardOutcome::Failed { message: problem.cause.to_string() },
        before: None,
        styles: vec![],
        after: None,
        settings: None,
        tileable: Tileable::None,
        report: None,
    }
}
