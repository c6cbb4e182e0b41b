//! Surveys a project: scan and plan. It starts no farm, opens no model and uses no network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use impasto_models::{ModelError, ModelStore};
use impasto_planner::{Findings, InputFile, Plan, PlanError, PlannedTask, plan};
use impasto_project::{
    LockfileError, Project, ProjectError, ReplaceError, ScanError, ScanProblem, StatCache, State,
    Watcher, examine, outputs_on_disk, scan,
};
use impasto_types::{AssetPath, Digest, ModelRef, RecipePatch};

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
    /// The files of assets and inputs, by their content.
    pub(crate) files: BTreeMap<Digest, AssetPath>,
}

/// Which project to survey, with the command line's overrides.
#[derive(Debug, Clone)]
pub struct SurveyRequest {
    pub dir: PathBuf,
    pub overrides: RecipePatch,
    pub models_dir: Option<PathBuf>,
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
    let project = open(request)?;
    let mut stats = StatCache::load(&project);
    let mut state = State::load(&project)?;
    let found = match watcher {
        Some(watcher) => watcher.scan(&mut stats)?,
        None => scan(&project, &mut stats)?,
    };
    let outputs = outputs_on_disk(&project, state.outputs(), &mut stats);

    let models = ModelStore::open(request.models_dir.as_deref())?;
    let models: Vec<ModelRef> = project
        .manifest()
        .models()
        .into_iter()
        .map(|name| models.meaning(name))
        .collect::<Result<_, _>>()?;
    let plan_of = |state: &State| {
        let (listing, inputs, present) = (&found.listing, &found.inputs, &outputs.present);
        let previous = &state.records();
        let findings = Findings { listing, inputs, models: &models, previous, present };
        plan(project.manifest(), &findings)
    };
    let mut plan = plan_of(&state)?;
    let stale: BTreeSet<&AssetPath> = plan.stale().flat_map(PlannedTask::output_paths).collect();
    if stale.iter().any(|output| state.get(output).is_some()) {
        state.read_details(&project, |output| stale.contains(output));
        plan = plan_of(&state)?;
    }
    // Both are only caches. If they cannot be written, as in a read-only checkout, the next build
    // takes longer or gives fewer reasons.
    let details = state.keep_details(&project, &plan);
    for unsaved in [stats.save(&project), details].into_iter().filter_map(Result::err) {
        tracing::debug!("{unsaved}");
    }
    let warnings = plan.notes.iter().map(ToString::to_string).collect();
    let files = files(&found.listing, &found.inputs);
    Ok(Survey {
        project: Arc::new(project),
        plan,
        state,
        stats,
        inputs_digested: found.digested,
        outputs_digested: outputs.digested,
        unlisted: found.problems,
        warnings,
        unsettled: found.listing.passed.unsettled,
        files,
    })
}

/// Opens the project and applies the command line's overrides.
///
/// # Errors
/// There is no manifest, or it or an override is invalid.
pub fn open(request: &SurveyRequest) -> Result<Project, SurveyError> {
    let project = Project::open(&request.dir)?;
    if request.overrides == RecipePatch::default() {
        return Ok(project);
    }
    let manifest = project.manifest_file();
    project
        .with_overrides(request.overrides.clone())
        .map_err(|source| SurveyError::Overrides { manifest, source })
}

fn files(
    listing: &impasto_planner::Listing,
    inputs: &BTreeMap<AssetPath, Result<InputFile, String>>,
) -> BTreeMap<Digest, AssetPath> {
    let assets = listing.assets.iter().map(|asset| (asset.blob.digest, asset.path.clone()));
    let inputs = inputs
        .iter()
        .filter_map(|(path, input)| Some((input.as_ref().ok()?.blob.digest, path.clone())));
    assets.chain(inputs).collect()
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

    /// Every file that the plan's outputs depend on.
    pub fn sources(&self) -> impl Iterator<Item = &AssetPath> {
        let blobs = self.plan.tasks.iter().flat_map(|task| task.spec.action.blobs());
        let digests: BTreeSet<Digest> = blobs.map(|blob| blob.digest).collect();
        let assets: BTreeSet<&AssetPath> =
            self.plan.tasks.iter().map(|task| &task.spec.asset).collect();
        let inputs = self
            .files
            .iter()
            .filter(move |(digest, _)| digests.contains(*digest))
            .map(|(_, path)| path);
        inputs.chain(assets).collect::<BTreeSet<_>>().into_iter()
    }

    /// The paths of a task's style images.
    pub fn style_files<'a>(
        &'a self,
        task: &'a impasto_planner::PlannedTask,
    ) -> impl Iterator<Item = (Digest, &'a AssetPath)> {
        task.spec
            .action
            .styles
            .iter()
            .filter_map(|style| Some((style.blob.digest, self.files.get(&style.blob.digest)?)))
    }
}
