//! Uploads what tasks need to a farm: assets, styles and models.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use impasto_models::{ModelError, ModelFile, ModelStore, PullProgress};
use impasto_planner::PlannedTask;
use impasto_types::{BlobRef, Digest, ModelRef, error_text};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::error::BuildError;
use crate::event::{Event, ModelStep, Observer};
use crate::farm::{Farm, FarmError};
use crate::survey::Survey;

/// How many parts are uploaded at once.
const PARTS_AT_ONCE: usize = 4;

/// The most files of a part, and the bytes at which it is full: a large file is one by itself.
const FILES_PER_PART: usize = 256;
const PART_BYTES: u64 = 4 << 20;

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
    let needed: BTreeSet<BlobRef> = tasks.iter().flat_map(|task| task.blobs()).collect();
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
    let files = survey.files();
    let file = |blob: BlobRef| match (models.get(&blob), files.get(&blob.digest)) {
        (Some(model), _) => Some((blob, model.path.clone())),
        (None, Some(asset)) => Some((blob, survey.project.path_of(asset))),
        (None, None) => None,
    };
    let refused = send(farm, missing.into_iter().filter_map(file).collect()).await?;
    let unsupplied = tasks.iter().filter_map(|task| {
        let message = task.blobs().find_map(|blob| refused.get(&blob))?;
        Some((task.action, message.clone()))
    });
    Ok(unsupplied.collect())
}

/// Uploads files, several parts at once. Returns what the farm does not take, with the reason.
///
/// # Errors
/// The farm does not answer.
async fn send<F: Farm>(
    farm: &F,
    files: Vec<(BlobRef, PathBuf)>,
) -> Result<BTreeMap<BlobRef, String>, FarmError> {
    let mut files = VecDeque::from(files);
    let (mut sending, mut refused) = (JoinSet::new(), BTreeMap::new());
    loop {
        while sending.len() < PARTS_AT_ONCE && !files.is_empty() {
            let (farm, part) = (farm.clone(), next_part(&mut files));
            sending.spawn(async move {
                let sent = farm.upload_all(part.clone()).await;
                part.into_iter().zip(sent).collect::<Vec<_>>()
            });
        }
        let Some(sent) = sending.join_next().await else { return Ok(refused) };
        // A part that panicked is not known to be sent.
        for ((blob, path), sent) in sent.map_err(|error| FarmError::Away(error.into()))? {
            match sent {
                Ok(()) => {}
                Err(error) if error.is_away() => return Err(error),
                Err(error) => {
                    let (path, error) = (path.display(), error_text(&error));
                    let message = format!("{path} could not be uploaded: {error}");
                    refused.insert(blob, message);
                }
            }
        }
    }
}

/// Takes the files of a part: at least one if there is any.
fn next_part(files: &mut VecDeque<(BlobRef, PathBuf)>) -> Vec<(BlobRef, PathBuf)> {
    let (mut part, mut bytes) = (Vec::new(), 0_u64);
    while let Some((blob, _)) = files.front() {
        bytes = bytes.saturating_add(blob.size_bytes);
        let is_full = part.len() >= FILES_PER_PART || bytes > PART_BYTES;
        if is_full && !part.is_empty() {
            break;
        }
        part.extend(files.pop_front());
    }
    part
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
    let missing = farm.find_missing(missing).await?;
    let files = survey.files();
    let file = |blob: BlobRef| {
        let asset = files.get(&blob.digest).map(|asset| survey.project.path_of(asset));
        Some((blob, asset.or_else(|| model_path(survey, models, blob))?))
    };
    // A file that has changed is not what the task needs, so it does not matter what is refused.
    send(farm, missing.into_iter().filter_map(file).collect()).await.map(drop)
}

fn model_path(survey: &Survey, models: &ModelStore, blob: BlobRef) -> Option<PathBuf> {
    let tasks = survey.plan.stale();
    let mut named = tasks.flat_map(|task| task.form.action.models.iter());
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
        tasks.iter().flat_map(|task| task.form.action.models.iter().copied()).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_bounded_in_number_and_bytes() {
        let parts = |sizes: &[u64]| -> Vec<usize> {
            let file = |size_bytes: &u64| {
                (BlobRef { size_bytes: *size_bytes, ..BlobRef::of(b"") }, PathBuf::new())
            };
            let mut files: VecDeque<_> = sizes.iter().map(file).collect();
            let next = || Some(next_part(&mut files).len()).filter(|length| *length > 0);
            std::iter::from_fn(next).collect()
        };
        assert_eq!(parts(&[]), [0_usize; 0]);
        assert_eq!(parts(&[10; 2 * FILES_PER_PART + 1]), [FILES_PER_PART, FILES_PER_PART, 1]);
        assert_eq!(parts(&[1, PART_BYTES, u64::MAX, u64::MAX, 1, 1]), [1, 1, 1, 1, 2]);
    }
}
