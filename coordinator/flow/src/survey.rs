//! Surveys a project: scan and plan. It starts no farm, opens no model and uses no network.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use impasto_models::{ModelError, ModelStore};
use impasto_planner::{
    Findings, InputFile, NetworkFile, Plan, PlanError, PlannedTask, Selection, SelectionError, plan,
};
use impasto_project::{
    LockfileError, Project, ProjectError, ReplaceError, ScanError, ScanProblem, StatCache, State,
    Watcher, examine, outputs_on_disk, scan,
};
use impasto_types::{AssetPath, Digest, ModelRef, Part, RecipePatch};

use crate::outcome::Outcome;
use crate::preview::{into_previews, preview_dir};

/// The current state of a project, and what has to be painted.
#[derive(Debug)]
pub struct Survey {
    pub project: Arc<Project>,
    pub plan: Plan,
    pub state: State,
    pub(crate) stats: StatCache,
    /// How many assets and inputs had to be read because they were new or changed.
    pub inputs_digested: usize,
    /// How many outputs had to be read.
    pub outputs_digested: usize,
    /// Files that could not be listed; each counts as a failure.
    pub unlisted: Vec<ScanProblem>,
    pub warnings: Vec<String>,
    /// Assets that are still being written. The plan leaves them out.
    pub unsettled: BTreeSet<AssetPath>,
    /// The tasks of assets that the request does not select.
    pub left: Vec<PlannedTask>,
    /// The style images, initial pictures, masks and networks that exist.
    pub(crate) inputs: BTreeSet<AssetPath>,
    /// Those that can be used, by their content.
    by_content: BTreeMap<Digest, AssetPath>,
    /// The files that models name, each with the last model that names it.
    pub(crate) named: BTreeMap<AssetPath, AssetPath>,
    pub(crate) is_preview: bool,
}

/// Which project to survey, with the command line's overrides.
#[derive(Debug, Clone, Default)]
pub struct SurveyRequest {
    pub dir: PathBuf,
    pub overrides: RecipePatch,
    /// Globs of the assets to plan; without any, all are planned.
    pub only: Vec<String>,
    /// Plans previews instead of outputs, whose longer side has at most this many pixels.
    pub preview_px: Option<u32>,
    pub models_dir: Option<PathBuf>,
    /// Ignores the manifest's `links`: for a server, whose files its authors may not read.
    pub stays_inside: bool,
}

impl SurveyRequest {
    /// Whether it is for the outputs of all assets.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_empty() && self.preview_px.is_none() && !self.stays_inside
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    #[error(transparent)]
    Project(Box<ProjectError>),
    #[error("the flags cannot be applied to {}", manifest.display())]
    Overrides { manifest: PathBuf, source: impasto_planner::OverrideError },
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Plan(Box<PlanError>),
    #[error(transparent)]
    Lockfile(#[from] LockfileError),
    #[error("cannot read the model store")]
    Models(#[from] ModelError),
    #[error(transparent)]
    Output(#[from] ReplaceError),
    #[error("--only cannot be used")]
    Selection(#[from] SelectionError),
    #[error(
        "no asset that is painted matches `--only {globs}`{}",
        suggestion.as_ref().map(|glob| format!("; did you mean `{glob}`?")).unwrap_or_default()
    )]
    NothingSelected { globs: String, suggestion: Option<String> },
}

// Boxed because errors of a manifest are large.
impl From<ProjectError> for SurveyError {
    fn from(error: ProjectError) -> Self {
        Self::Project(Box::new(error))
    }
}

impl From<PlanError> for SurveyError {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

/// Scans and plans. A `watcher` holds back files that are being written.
///
/// # Errors
/// Errors of the project as a whole. Errors of single assets are part of the survey.
pub fn survey(request: &SurveyRequest, watcher: Option<&Watcher>) -> Result<Survey, SurveyError> {
    let selection = Selection::new(request.only.clone())?;
    let project = open(request)?;
    let (state, found) = std::thread::scope(|threads| {
        // The record of a large project takes as long to read as its folder takes to list.
        let state = threads.spawn(|| State::load(&project));
        let mut stats = StatCache::load(&project);
        let found = match watcher {
            Some(watcher) => watcher.scan(&mut stats),
            None => scan(&project, &mut stats),
        };
        let state = state.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (state, found.map(|found| (found, stats)))
    });
    let mut state = state?;
    let (found, mut stats) = found?;
    let outputs = outputs_on_disk(&project, state.outputs(), &mut stats);

    let models = models(&project, request)?;
    let plan_of = |state: &State| {
        let findings = Findings {
            listing: &found.listing,
            inputs: &found.inputs,
            networks: &found.networks,
            models: &models,
            previous: state.records(),
            present: &outputs.present,
        };
        plan(project.manifest(), &findings)
    };
    let mut plan = plan_of(&state)?;
    let is_recorded =
        |task: &PlannedTask| task.output_paths().any(|output| state.get(output).is_some());
    if plan.stale().any(is_recorded) {
        let stale: HashSet<AssetPath> =
            plan.stale().flat_map(PlannedTask::output_paths).cloned().collect();
        // Two plans would take twice the memory.
        drop(plan);
        state.read_details(&project, |output| stale.contains(output));
        plan = plan_of(&state)?;
    }
    // Both are only caches. If they cannot be written, as in a read-only checkout, the next build
    // takes longer or gives fewer reasons.
    let details = state.keep_details(&project, &plan);
    for unsaved in [stats.save(&project), details].into_iter().filter_map(Result::err) {
        tracing::debug!("{unsaved}");
    }
    let left = select(&selection, &project, &mut plan)?;
    if let Some(side_px) = request.preview_px {
        // A network has no preview.
        plan.tasks.retain(|task| task.training.is_none());
        plan.copies.clear();
        into_previews(&mut plan.tasks, side_px, &project, &found);
    }
    let is_selected = |problem: &ScanProblem| {
        let path = problem.path().parse();
        selection.is_all() || path.is_ok_and(|path| selection.holds(project.manifest(), &path))
    };
    let unlisted = found.problems.into_iter().filter(is_selected).collect();
    let mut warnings: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    let waiting = plan.awaiting.len();
    if request.preview_px.is_some() && waiting > 0 {
        warnings.push(format!(
            "{waiting} assets have no preview before `impasto build` has trained their network"
        ));
    }
    let usable = |(path, input): (&AssetPath, &Result<InputFile, String>)| {
        Some((input.as_ref().ok()?.blob.digest, path.clone()))
    };
    let network = |(path, network): (&AssetPath, &Result<NetworkFile, String>)| {
        Some((network.as_ref().ok()?.blob.digest, path.clone()))
    };
    let networks = found.networks.iter().filter_map(network);
    let tiles = found.listing.assets.iter().filter(|asset| project.manifest().is_tile(&asset.path));
    let tiles = tiles.map(|asset| (asset.blob.digest, asset.path.clone()));
    let named_content = found.listing.named.values().flatten();
    let named_content = named_content.map(|file| (file.blob.digest, file.path.clone()));
    let usable = found.inputs.iter().filter_map(usable);
    let by_content = usable.chain(networks).chain(tiles).chain(named_content).collect();
    let named = found
        .listing
        .named
        .iter()
        .flat_map(|(model, files)| files.iter().map(|file| (file.path.clone(), model.clone())));
    let named = named.collect();
    Ok(Survey {
        plan,
        state,
        stats,
        inputs_digested: found.digested,
        outputs_digested: outputs.digested,
        unlisted,
        warnings,
        unsettled: found.listing.passed.unsettled,
        left,
        inputs: found.inputs.into_keys().chain(found.networks.into_keys()).collect(),
        by_content,
        named,
        is_preview: request.preview_px.is_some(),
        project: Arc::new(project),
    })
}

/// The models that the project's recipes read, as the model store has them.
pub(crate) fn models(
    project: &Project,
    request: &SurveyRequest,
) -> Result<Vec<ModelRef>, SurveyError> {
    let store = ModelStore::open(request.models_dir.as_deref())?;
    let names = project.manifest().models().into_iter();
    Ok(names.map(|name| store.meaning(name)).collect::<Result<_, _>>()?)
}

/// Removes from the plan what is not selected, and returns its tasks.
fn select(
    selection: &Selection,
    project: &Project,
    plan: &mut Plan,
) -> Result<Vec<PlannedTask>, SurveyError> {
    if selection.is_all() {
        return Ok(vec![]);
    }
    let left = selection.apply(project.manifest(), plan);
    let is_empty = plan.tasks.is_empty() && plan.copies.is_empty() && plan.awaiting.is_empty();
    if is_empty && plan.problems.is_empty() {
        let globs = selection.globs().join(" --only ");
        return Err(SurveyError::NothingSelected {
            globs,
            suggestion: selection.suggestion(&left),
        });
    }
    Ok(left)
}

/// Opens the project and applies the command line's overrides.
///
/// # Errors
/// There is no manifest, or it or an override is invalid.
pub fn open(request: &SurveyRequest) -> Result<Project, SurveyError> {
    let mut project = Project::open(&request.dir)?;
    if request.stays_inside {
        project = project.without_links();
    }
    if request.overrides == RecipePatch::default() {
        return Ok(project);
    }
    let manifest = project.manifest_file();
    project
        .with_overrides(request.overrides.clone())
        .map_err(|source| SurveyError::Overrides { manifest, source })
}

impl Survey {
    /// Examines what is about to be painted, pixels included, and adds warnings.
    ///
    /// # Errors
    /// An output is a link or leads through one, so it could not be written.
    pub fn examine(&mut self) -> Result<(), SurveyError> {
        let notes = examine(&self.project, &self.plan, &mut self.stats)?;
        self.warnings.extend(notes.iter().map(ToString::to_string));
        if let Err(unsaved) = self.stats.save(&self.project) {
            tracing::debug!("{unsaved}");
        }
        Ok(())
    }

    /// How many assets cannot be painted.
    pub fn unusable(&self) -> usize {
        self.plan.problems.len() + self.unlisted.len()
    }

    /// How many outputs are up to date.
    pub fn up_to_date(&self) -> usize {
        self.plan.tasks.len() - self.plan.stale().count()
    }

    /// Whether assets waited for networks that a build with this outcome has made, so that another
    /// build can paint them.
    pub fn goes_on(&self, outcome: &Outcome) -> bool {
        let waited = !self.plan.awaiting.is_empty() && !self.is_preview;
        waited && outcome.trained + outcome.cached > 0
    }

    /// Whether the plan is of previews, which are not recorded.
    pub fn is_preview(&self) -> bool {
        self.is_preview
    }

    /// The folder of the previews, if the plan is of those.
    pub fn preview_dir(&self) -> Option<PathBuf> {
        self.is_preview.then(|| preview_dir(&self.project))
    }

    /// The paths of a task's style images.
    pub fn style_files<'a>(
        &'a self,
        task: &'a impasto_planner::PlannedTask,
    ) -> impl Iterator<Item = (Digest, &'a AssetPath)> {
        let styles = task.form.action.all_styles().map(|(style, _)| style.blob.digest);
        styles.filter_map(|digest| Some((digest, self.by_content.get(&digest)?)))
    }

    /// The input with this content, besides assets.
    pub fn input_file(&self, digest: Digest) -> Option<&AssetPath> {
        self.by_content.get(&digest)
    }

    /// A model that names a file, whether it is painted or shows what is painted.
    pub fn model_of(&self, file: &AssetPath) -> Option<&AssetPath> {
        self.named.get(file)
    }

    /// The files that stale tasks need, by their content: assets, styles, initial pictures and
    /// masks.
    pub(crate) fn files(&self) -> HashMap<Digest, &AssetPath> {
        let content = |task: &PlannedTask| Some(task.input(Part::Color)?.blob()?.digest);
        let assets = self.plan.stale().filter_map(|task| Some((content(task)?, &task.asset)));
        let runs = self.plan.stale().filter_map(|task| task.training.as_ref());
        let assets = assets.chain(runs.flat_map(|run| run.contents()));
        assets.chain(self.by_content.iter().map(|(digest, path)| (*digest, path))).collect()
    }
}
