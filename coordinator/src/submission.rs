//! Accepts jobs: receives and stores their tasks, checks their inputs, looks up cached results, and
//! submits them to the core.

mod draft;
mod intake;

use std::collections::BTreeSet;
use std::sync::Arc;

use impasto_blobs::{ActionCache, BlobStore, BlobStoreError, blocking};
use impasto_core::{Submission, TaskView};
use impasto_proto::{FieldError, from_proto};
use impasto_types::{AssetPath, BlobRef, Digest, JobId, JobSummary, TaskEvent};

pub(crate) use draft::{Draft, Header};
pub(crate) use intake::{Crowded, Intake};

use crate::driver::{Away, Driver, Watch};
use crate::expiry::AcceptedHolds;
use crate::task_specs::{TaskSpecs, TaskSpecsError};

/// How many missing blobs an error names.
const SHOWN_BLOBS: usize = 8;

/// For how many actions of a job the cache is asked at once.
const RESULTS_AT_ONCE: usize = 1_000;

/// Accepts jobs.
#[derive(Debug, Clone)]
pub(crate) struct Submitter {
    pub(crate) blobs: BlobStore,
    pub(crate) actions: ActionCache,
    pub(crate) specs: Arc<TaskSpecs>,
    pub(crate) driver: Driver,
    pub(crate) accepted: AcceptedHolds,
    pub(crate) intake: Intake,
}

/// Why a job was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitError {
    #[error("the store lacks {} of the job's inputs; upload them first: {}", .0.len(), shown(.0))]
    MissingInputs(Vec<BlobRef>),
    #[error(
        "`{asset}` reads the output of action {action}, but no task before it in the job has it"
    )]
    NoProducer { asset: AssetPath, action: Digest },
    #[error("cannot store the job's tasks")]
    Store(#[from] BlobStoreError),
    #[error(transparent)]
    Malformed(#[from] FieldError),
    #[error(transparent)]
    Crowded(#[from] Crowded),
    #[error(transparent)]
    Away(#[from] Away),
}

/// Why a job was not retried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetryError {
    #[error("{} of the job's inputs have expired; submit it again: {}", .0.len(), shown(.0))]
    Expired(Vec<BlobRef>),
    #[error(transparent)]
    Tasks(#[from] TaskSpecsError),
    #[error("cannot keep the job's inputs")]
    Hold(#[from] BlobStoreError),
    #[error(transparent)]
    Away(#[from] Away),
}

impl Submitter {
    /// Retries a job's failed and canceled tasks. Returns the job's new state; `None` if there is
    /// no such job. Refuses if inputs have expired, as attempts without them would only fail.
    pub(crate) async fn retry(&self, job: JobId) -> Result<Option<JobSummary>, RetryError> {
        let Some(Watch { view, .. }) = self.driver.watch(job).await? else { return Ok(None) };
        let spec_held = self.blobs.hold(vec![view.spec]).await?;
        let specs = self.specs.get(view.spec).await?;
        let mut inputs = BTreeSet::new();
        for TaskView { task, event } in &view.tasks {
            let ended = matches!(event, TaskEvent::Failed { .. } | TaskEvent::Canceled);
            if let Some(spec) = specs.get(task.0 as usize).filter(|_| ended) {
                let spec = from_proto::task_spec(spec.clone()).map_err(TaskSpecsError::from)?;
                inputs.extend(spec.action.blobs());
            }
        }
        // Hold before looking, so that what is found stays.
        let inputs_held = self.blobs.hold(inputs.iter().map(|blob| blob.digest).collect()).await?;
        let missing = self.blobs.missing(inputs.into_iter().collect()).await;
        if !missing.is_empty() {
            return Err(RetryError::Expired(missing));
        }
        let retried = self.driver.retry(job).await?;
        self.accepted.add([inputs_held, spec_held]);
        Ok(retried)
    }

    /// Begins to receive a job.
    ///
    /// # Errors
    /// Its tasks cannot be stored.
    pub(crate) async fn begin(&self, header: Header) -> Result<Draft, SubmitError> {
        Draft::begin(header, self.intake.open(), &self.blobs).await
    }

    /// Accepts a job. Returns its number, and whether its key was known: then it is the earlier
    /// job.
    ///
    /// # Errors
    /// An input is missing, or its tasks cannot be stored.
    pub(crate) async fn submit(&self, mut job: Draft) -> Result<(JobId, bool), SubmitError> {
        let inputs = std::mem::take(&mut job.inputs);
        // Held before the check, so that what exists cannot expire after it.
        let inputs_held = self.blobs.hold(inputs.iter().map(|blob| blob.digest).collect()).await?;
        let missing = self.blobs.missing(inputs.into_iter().collect()).await;
        if !missing.is_empty() {
            return Err(SubmitError::MissingInputs(missing));
        }
        let Draft { header, list, mut tasks, place: _place, .. } = job;
        let spec = list.blob().digest;
        let spec_held = self.blobs.hold(vec![spec]).await?;
        blocking(move || list.finish()).await?;
        for part in tasks.chunks_mut(RESULTS_AT_ONCE) {
            let actions = part.iter().map(|task| task.action).collect();
            let known = self.actions.results(actions).await;
            for task in part {
                task.cached = known.get(&task.action).cloned();
            }
        }
        let Header { key, project, priority } = header;
        let submission = Submission { key, project, priority, spec, tasks };
        let accepted = self.driver.submit(submission).await?;
        self.accepted.add([inputs_held, spec_held]);
        Ok(accepted)
    }
}

fn shown(blobs: &[BlobRef]) -> String {
    let mut text = blobs
        .iter()
        .take(SHOWN_BLOBS)
        .map(|blob| blob.digest.to_hex())
        .collect::<Vec<_>>()
        .join(", ");
    if blobs.len() > SHOWN_BLOBS {
        text.push_str(", ...");
    }
    text
}
