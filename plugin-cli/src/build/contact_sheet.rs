//! The contact sheet of a build: what to show for each output of the plan.

use std::path::{Path, PathBuf};

use impasto_planner::PlannedTask;
use impasto_project::{Project, ReplaceError, STATE_DIR, replace_file};
use impasto_types::{Digest, InputRef, Part, Tileable};
use rayon::prelude::*;

use super::Survey;
use super::delivery::Delivery;
use super::local_cache::LocalCache;
use crate::contact_sheet::{Card, CardOutcome, Sheet, Thumbnail, Thumbnails, settings};

/// Two pictures of this side for each card fill a screen well.
const SIDE_PX: u32 = 512;
/// A sheet of many cards is to stay at a size that a browser opens at once.
const MANY_CARDS: usize = 120;
const SIDE_OF_MANY_PX: u32 = 320;
const STYLE_SIDE_PX: u32 = 96;

/// Writes `.impasto/contact-sheet.html` and returns its path.
pub(super) fn write(
    survey: &Survey,
    delivery: &Delivery<'_>,
    cache: &LocalCache,
) -> Result<PathBuf, ReplaceError> {
    let project = &survey.project;
    let folder = project.dir().join(STATE_DIR);
    let side = if survey.plan.tasks.len() > MANY_CARDS { SIDE_OF_MANY_PX } else { SIDE_PX };
    let pictures = Pictures {
        project,
        large: Thumbnails::new(folder.join("thumbnails"), side),
        small: Thumbnails::new(folder.join("thumbnails"), STYLE_SIDE_PX),
    };
    let painted =
        survey.plan.tasks.par_iter().map(|task| card(survey, delivery, cache, &pictures, task));
    let mut cards: Vec<Card> = painted.collect();
    cards.extend(survey.plan.problems.iter().map(unusable));
    // What asks for attention comes first.
    cards.sort_by_key(|card| !matches!(card.outcome, CardOutcome::Failed { .. }));
    let sheet = Sheet { project: project.manifest().name().to_owned(), cards };
    let path = folder.join("contact-sheet.html");
    replace_file(&path, sheet.render().as_bytes())?;
    Ok(path)
}

struct Pictures<'a> {
    project: &'a Project,
    large: Thumbnails,
    small: Thumbnails,
}

impl Pictures<'_> {
    /// A picture that cannot be shown leaves its place empty.
    fn of(&self, from: &Thumbnails, path: &Path, digest: Digest) -> Option<Thumbnail> {
        let made = from.of(path, digest);
        made.inspect_err(|error| tracing::debug!("{error}")).ok()
    }
}

fn card(
    survey: &Survey,
    delivery: &Delivery<'_>,
    cache: &LocalCache,
    pictures: &Pictures<'_>,
    task: &PlannedTask,
) -> Card {
    let action = &task.spec.action;
    let (outcome, report) = delivery.card(task);
    let content = action.input(Part::Color).and_then(InputRef::blob).map(|blob| blob.digest);
    let before = content.and_then(|digest| {
        pictures.of(&pictures.large, &pictures.project.path_of(&task.spec.asset), digest)
    });
    let is_there = !matches!(outcome, CardOutcome::Failed { .. } | CardOutcome::Open);
    let after = delivery.written(task).filter(|_| is_there);
    let after = after.and_then(|digest| {
        pictures.of(&pictures.large, &pictures.project.path_of(&task.output), digest)
    });
    let styles = survey.style_files(task).filter_map(|(digest, path)| {
        pictures.of(&pictures.small, &pictures.project.path_of(path), digest)
    });
    Card {
        asset: task.spec.asset.to_string(),
        output: task.output.to_string(),
        style: task.style.clone(),
        before,
        styles: styles.collect(),
        after,
        settings: Some(settings(&action.recipe)),
        tileable: action.recipe.common().tileable,
        report: report.cloned().or_else(|| cache.report(task.action).filter(|_| is_there)),
        outcome,
    }
}

/// An asset that has no task, so that only its name and the reason can be told.
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
