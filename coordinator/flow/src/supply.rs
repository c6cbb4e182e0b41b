//! Uploads what tasks need to a farm: assets, styles and models.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use impasto_models::{ModelError, ModelFile, ModelStore, PullProgress};
use impasto_planner::PlannedTask;
use impasto_types::{BlobRef, Digest, ModelRef, error_text};
use tokio::sync::mpsc;

use crate::error::BuildError;
use crate::event::{Event, ModelStep, Observer};
use crate::farm::{Farm, FarmError};
use crate::survey::Survey;

/// Actions whose tasks cannot be submitted, with the reason.
pub(crate) type Unsupplied = BTreeMap<Digest, String>;

/// Uploads what the farm lacks. A file that cannot be read or changed since the survey fails only
/// its own tasks.
///
/// # Errors
/// The farm does not answer, or a model is missing.
pub(crate) async fn supply<F: Farm>(
    farm: &F,
    survey: &Survey,
    models: &ModelStore,
    tasks: &[&PlannedTask],
    observer: &dyn Observer,
) -> Result<Unsupplied, BuildError> {
    let needed: BTreeSet<BlobRef> =
        tasks.iter().flat_map(|task| task.spec.action.blobs()).collect();
    let needed: Vec<BlobRef> = needed.into_iter().collect();
    let missing = farm.find_missing(&needed).await?;
    if missing.is_empty() {
        return Ok(Unsupplied::new());
    }
    let models = fetch_models(models, tasks, &missing, observer).await?;
    observer.event(Event::Uploading {
        blobs: missing.len(),
        bytes: missing.iter().map(|blob| blob.size_bytes).sum(),
    });
    let mut unsupplied = Unsupplied::new();
    for blob in missing {
        let path = match (models.get(&blob), survey.files.get(&blob.digest)) {
            (Some(model), _) => model.path.clone(),
            (None, Some(asset)) => survey.project.path_of(asset),
            (None, None) => continue,
        };
        match farm.upload(blob, &path).await {
            Ok(()) => {}
            Err(error) if error.is_away() => return Err(error.into()),
            Err(error) => {
                let (path, error) = (path.display(), error_text(&error));
                let message = format!("{path} could not be uploaded: {error}");
                let users =
                    tasks.iter().filter(|task| task.spec.action.blobs().any(|other| other == blob));
                unsupplied.extend(users.map(|task| (task.action, message.clone())));
            }
        }
    }
    Ok(unsupplied)
}

/// Uploads blobs that the farm had and has lost, as far as this project and its models have them.
/// The farm's tasks fail after a while if the others do not come from elsewhere.
///
/// # Errors
/// The farm does not answer.
pub(crate) async fn supply_again<F: Farm>(
    farm: &F,
    survey: &Survey,
    models: &ModelStore,
    missing: &[BlobRef],
) -> Result<(), FarmError> {
    if missing.is_empty() {
        return Ok(());
    }
    // Another task may have waited for the same blobs.
    for blob in farm.find_missing(missing).await? {
        let asset = survey.files.get(&blob.digest).map(|asset| survey.project.path_of(asset));
        let Some(path) = asset.or_else(|| model_path(survey, models, blob)) else { continue };
        match farm.upload(blob, &path).await {
            Err(error) if error.is_away() => return Err(error),
            // A file that has changed is not what the task needs.
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn model_path(survey: &Survey, models: &ModelStore, blob: BlobRef) -> Option<PathBuf> {
    let tasks = survey.plan.stale();
    let mut named = tasks.flat_map(|task| task.spec.action.models.iter());
    let model = named.find(|model| model.blob == blob)?;
    Some(models.find_ref(model).ok()??.path)
}

/// The weights that the farm lacks. Pulls those that this machine lacks too.
async fn fetch_models(
    store: &ModelStore,
    tasks: &[&PlannedTask],
    missing: &[BlobRef],
    observer: &dyn Observer,
) -> Result<BTreeMap<BlobRef, ModelFile>, BuildError> {
    let named: BTreeSet<ModelRef> =
        tasks.iter().flat_map(|task| task.spec.action.models.iter().copied()).collect();
    let mut files = BTreeMap::new();
    for model in named.into_iter().filter(|model| missing.contains(&model.blob)) {
        let file = match store.find_ref(&model)? {
            Some(file) => file,
            None => pull(store, model, observer).await?,
        };
        files.insert(model.blob, file);
    }
    Ok(files)
}

/// Pulls a model on a blocking thread, and reports its progress.
async fn pull(
    store: &ModelStore,
    model: ModelRef,
    observer: &dyn Observer,
) -> Result<ModelFile, BuildError> {
    let (steps, mut seen) = mpsc::unbounded_channel();
    let dir = store.dir().to_owned();
    let pulling = tokio::task::spawn_blocking(move || -> Result<ModelFile, ModelError> {
        let store = ModelStore::open(Some(&dir))?;
        // The receiver is gone if the build has ended.
        store.ensure(model.name, &mut |progress| {
            let _ = steps.send(ModelStep::from(progress));
        })
    });
    while let Some(step) = seen.recv().await {
        observer.event(Event::Model { model: model.name.as_str(), step });
    }
    let file = pulling.await.map_err(|error| BuildError::Thread(error.into()))??;
    observer.event(Event::Model { model: model.name.as_str(), step: ModelStep::Done });
    if file.model == model {
        Ok(file)
    } else {
        Err(BuildError::OtherModel { name: model.name, wanted: model.blob })
    }
}

impl From<PullProgress> for ModelStep {
    fn from(progress: PullProgress) -> Self {
        match progress {
            PullProgress::Waiting => Self::Waiting,
            PullProgress::Downloading { bytes, total_bytes } => {
                Self::Downloading { bytes, total_bytes }
            }
            PullProgress::Converting => Self::Converting,
            PullProgress::Done => Self::Done,
        }
    }
}
