//! The contact sheet of a build: what to show for each output of the plan.

use std::path::PathBuf;

use impasto_build::{Build, Made};
use impasto_planner::{PlannedTask, Problem};
use impasto_project::{Project, ReplaceError, STATE_DIR, replace_file};
use impasto_types::{AssetKind, AssetPath, Channel, Digest, InputRef, Packing, Part, Tileable};
use rayon::prelude::*;

use super::choice::{Candidate, Claim, choose};
use super::size::{CARDS, LIT, PictureSize, STYLE, STYLES_PER_CARD};
use super::thumbnail::{MapFile, MapPlace, SurfaceFiles};
use super::{Card, CardOutcome, Sheet, THUMBNAILS_DIR, Tally, Thumbnail, Thumbnails, settings};
use crate::local_cache::LocalCache;

/// Writes `contact-sheet.html` into the folder of private files, or into that of previews, and
/// returns its path.
pub(crate) fn write(build: &Build<'_>, cache: &LocalCache) -> Result<PathBuf, ReplaceError> {
    let survey = build.survey();
    let project = &*survey.project;
    let folder = survey.preview_dir().unwrap_or_else(|| project.dir().join(STATE_DIR));
    let thumbnails = Thumbnails::open(folder.join(THUMBNAILS_DIR));

    let items = items(build);
    let mut tally = Tally::default();
    let mut candidates = Vec::with_capacity(items.len());
    for item in &items {
        let outcome = item.made(build);
        tally.add(&outcome);
        candidates.push(item.candidate(&outcome, build, &thumbnails));
    }
    let mut shown = choose(&candidates, CARDS);
    if shown.len() == items.len() {
        // Everything: failures come first, and the others as in the plan.
        shown.sort_by_key(|&place| (candidates[place].claim != Claim::Failed, place));
    }
    let size = PictureSize::for_cards(shown.len());
    let pictures = Pictures { project, thumbnails, size };
    let cards = shown.into_par_iter().map(|place| match items[place] {
        Item::Task(task) | Item::Left(task) => {
            card(build, cache, &pictures, task, items[place].made(build))
        }
        Item::Unusable(problem) => unusable(problem),
    });
    let project = project.manifest().name().to_owned();
    let sheet = Sheet { project, cards: cards.collect(), tally };
    let path = folder.join("contact-sheet.html");
    replace_file(&path, sheet.render().as_bytes())?;
    if let Err(error) = pictures.thumbnails.remove_unused() {
        tracing::debug!("cannot remove old thumbnails: {error}");
    }
    Ok(path)
}

/// What a card can be about.
#[derive(Clone, Copy)]
enum Item<'a> {
    Task(&'a PlannedTask),
    /// A task that was not selected.
    Left(&'a PlannedTask),
    /// An asset without a task.
    Unusable(&'a Problem),
}

fn items<'a>(build: &'a Build<'_>) -> Vec<Item<'a>> {
    let survey = build.survey();
    // Previews are of the selected assets; a build's sheet also shows those that it left.
    let left: &[PlannedTask] = if survey.is_preview() { &[] } else { &survey.left };
    let paints = |task: &&PlannedTask| task.training.is_none();
    let tasks = survey.plan.tasks.iter().filter(paints).map(Item::Task);
    let problems = survey.plan.problems.iter().map(Item::Unusable);
    tasks.chain(left.iter().filter(paints).map(Item::Left)).chain(problems).collect()
}

impl<'a> Item<'a> {
    /// What this build did.
    fn made(self, build: &Build<'_>) -> CardOutcome {
        match self {
            Self::Task(task) => match build.made(task) {
                Made::UpToDate => CardOutcome::UpToDate,
                Made::Painted => CardOutcome::Painted,
                Made::Cached => CardOutcome::Cached,
                Made::Failed { message } => CardOutcome::Failed { message },
                Made::Open => CardOutcome::Open,
            },
            Self::Left(_) => CardOutcome::Left,
            Self::Unusable(problem) => CardOutcome::Failed { message: problem.cause.to_string() },
        }
    }

    fn candidate(
        self,
        outcome: &CardOutcome,
        build: &Build<'_>,
        thumbnails: &Thumbnails,
    ) -> Candidate<'a> {
        let (group, was_shown) = match self {
            Self::Task(task) | Self::Left(task) => {
                let written = build.written(task);
                let was_shown = written.is_some_and(|digest| thumbnails.had(digest));
                ((task.rule(), task.style()), was_shown)
            }
            Self::Unusable(problem) => ((problem.rule.as_str(), ""), false),
        };
        let claim = match outcome {
            CardOutcome::Failed { .. } => Claim::Failed,
            CardOutcome::Painted | CardOutcome::Cached => Claim::Made,
            CardOutcome::Open => Claim::Open,
            CardOutcome::UpToDate | CardOutcome::Left if was_shown => Claim::Shown,
            CardOutcome::UpToDate | CardOutcome::Left => Claim::Rest,
        };
        Candidate { claim, group }
    }
}

struct Pictures<'a> {
    project: &'a Project,
    thumbnails: Thumbnails,
    size: PictureSize,
}

impl Pictures<'_> {
    /// The thumbnail of a project file, or `None` if none can be made.
    fn of(&self, path: &AssetPath, digest: Digest, size: PictureSize) -> Option<Thumbnail> {
        let made = self.thumbnails.of(&self.project.path_of(path), digest, size);
        made.inspect_err(|error| tracing::debug!("{error}")).ok()
    }
}

fn card(
    build: &Build<'_>,
    cache: &LocalCache,
    pictures: &Pictures<'_>,
    task: &PlannedTask,
    outcome: CardOutcome,
) -> Card {
    let action = &task.form.action;
    let content = task.input(Part::Color).and_then(InputRef::blob).map(|blob| blob.digest);
    let before = content.and_then(|digest| pictures.of(&task.asset, digest, pictures.size));
    let is_there = !matches!(outcome, CardOutcome::Failed { .. } | CardOutcome::Open);
    let after = build.written(task).filter(|_| is_there);
    let after = after.and_then(|digest| pictures.of(task.output(), digest, pictures.size));
    let styles = build
        .survey()
        .style_files(task)
        .take(STYLES_PER_CARD)
        .filter_map(|(digest, path)| pictures.of(path, digest, STYLE));
    let lit = is_there.then(|| lit(build, pictures, task)).flatten();
    Card {
        lit,
        asset: task.asset.to_string(),
        output: task.output().to_string(),
        style: task.style().to_owned(),
        before,
        styles: styles.collect(),
        after,
        settings: Some(settings(&action.recipe)),
        tileable: match action.kind == AssetKind::array() {
            // Its layers repeat, not the picture of all.
            true => Tileable::None,
            false => action.recipe.common().tileable,
        },
        report: cache.report(task.action).filter(|_| is_there),
        outcome,
    }
}

/// A material with a normal map under a light, before and after.
fn lit(build: &Build<'_>, pictures: &Pictures<'_>, task: &PlannedTask) -> Option<[Thumbnail; 2]> {
    if !pictures.size.has_room() {
        return None;
    }
    let path = |path: &AssetPath| pictures.project.path_of(path);
    let input = |part: Part| Some(task.input(part)?.blob()?.digest);
    let roughness = task.outputs.iter().find_map(|output| Some((output.part, place(output.part)?)));
    let made = |colors: MapFile, map: &dyn Fn(Part) -> Option<MapFile>| {
        let roughness = roughness.and_then(|(part, place)| Some((map(part)?, place)));
        let files = SurfaceFiles { colors, normals: map(Part::Normal)?, roughness };
        let made = pictures.thumbnails.lit(&files, LIT);
        made.inspect_err(|error| tracing::debug!("{error}")).ok()
    };
    let colors = MapFile { path: path(&task.asset), digest: input(Part::Color)? };
    let before = made(colors, &|part| {
        let digest = input(part)?;
        Some(MapFile { path: path(build.survey().input_file(digest)?), digest })
    })?;
    let colors = MapFile { path: path(task.output()), digest: build.written(task)? };
    let after = made(colors, &|part| {
        let output = &task.outputs.iter().find(|output| output.part == part)?.path;
        Some(MapFile { path: path(output), digest: build.recorded(output)? })
    })?;
    Some([before, after])
}

/// Where roughness is in a file of this part, if it has any.
fn place(part: Part) -> Option<MapPlace> {
    let of_channel = |(channel, held): (usize, &Option<Channel>)| match held {
        Some(Channel::Roughness) => Some(MapPlace { channel, is_smoothness: false }),
        Some(Channel::Smoothness) => Some(MapPlace { channel, is_smoothness: true }),
        _ => None,
    };
    match part {
        Part::Roughness => Some(MapPlace { channel: 0, is_smoothness: false }),
        Part::Packed(Packing(channels)) => channels.iter().enumerate().find_map(of_channel),
        _ => None,
    }
}

/// The card of an asset without a task: only its name and the reason.
fn unusable(problem: &Problem) -> Card {
    Card {
        asset: problem.asset.to_string(),
        output: String::new(),
        style: problem.rule.clone(),
        lit: None,
        outcome: CardOutcome::Failed { message: problem.cause.to_string() },
        before: None,
        styles: vec![],
        after: None,
        settings: None,
        tileable: Tileable::None,
        report: None,
    }
}
