//! Accepts jobs: checks their inputs, stores their tasks, looks up cached results, and submits them
//! to the core.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use impasto_blobs::{ActionCache, BlobStore, BlobStoreError};
use impasto_core::{Needs, Submission, TaskView};
use impasto_proto::from_proto;
use impasto_types::{
    AssetPath, BlobRef, Digest, JobId, JobSummary, MethodVersion, TaskEvent, TaskIndex, TaskResult,
    TaskSpec,
};

use crate::driver::{Away, Driver, Watch};
use crate::expiry::AcceptedHolds;
use crate::task_specs::{TaskSpecs, TaskSpecsError};

/// How many missing blobs an error names.
const SHOWN_BLOBS: usize = 8;

/// A job to submit.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) key: String,
    pub(crate) project: String,
    pub(crate) priority: i32,
    pub(crate) tasks: Vec<TaskSpec>,
}

/// Accepts jobs.
#[derive(Debug, Clone)]
pub(crate) struct Submitter {
    pub(crate) blobs: BlobStore,
    pub(crate) actions: ActionCache,
    pub(crate) specs: Arc<TaskSpecs>,
    pub(crate) driver: Driver,
    pub(crate) accepted: AcceptedHolds,
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

    /// Accepts a job. Returns its number, and whether its key was known: then it is the earlier
    /// job.
    pub(crate) async fn submit(&self, job: Job) -> Result<(JobId, bool), SubmitError> {
        let inputs: BTreeSet<BlobRef> =
            job.tasks.iter().flat_map(|task| task.action.blobs()).collect();
        // Held before the check, so that what exists cannot expire after it.
        let inputs_held = self.blobs.hold(inputs.iter().map(|blob| blob.digest).collect()).await?;
        let missing = self.blobs.missing(inputs.into_iter().collect()).await;
        if !missing.is_empty() {
            return Err(SubmitError::MissingInputs(missing));
        }
        let (spec, spec_held) = self.specs.put(&job.tasks).await?;
        let accepted = self.driver.submit(self.submission(job, spec).await?).await?;
        self.accepted.add([inputs_held, spec_held]);
        Ok(accepted)
    }

    async fn submission(&self, job: Job, spec: Digest) -> Result<Submission, SubmitError> {
        let actions: Vec<Digest> = job.tasks.iter().map(|task| task.action.digest()).collect();
        let known = self.actions.results(actions.clone()).await;
        let mut producers = BTreeMap::new();
        let mut tasks = Vec::with_capacity(job.tasks.len());
        for (index, (task, action)) in (0..).map(TaskIndex).zip(job.tasks.iter().zip(actions)) {
            tasks.push(needs(task, action, &producers, known.get(&action).cloned())?);
            producers.entry(action).or_insert(index);
        }
        Ok(Submission { key: job.key, project: job.project, priority: job.priority, spec, tasks })
    }
}

/// What the scheduler has to know about a task. `producers` are the tasks before it, by action.
fn needs(
    task: &TaskSpec,
    action: Digest,
    producers: &BTreeMap<Digest, TaskIndex>,
    cached: Option<TaskResult>,
) -> Result<Needs, SubmitError> {
    let (method, version) = (task.action.method(), task.action.method_version);
    let after: Result<BTreeSet<TaskIndex>, SubmitError> = task
        .action
        .producers()
        .map(|producer| {
            let unknown =
                || SubmitError::NoProducer { asset: task.asset.clone(), action: producer };
            producers.get(&producer).copied().ok_or_else(unknown)
        })
        .collect();
    Ok(Needs {
        action,
        method: MethodVersion { method, version },
        least_memory_bytes: task.least_memory_bytes,
        work: task.work,
        inputs: task.action.blobs().map(|blob| blob.digest).collect(),
        after: after?.into_iter().collect(),
        cached,
    })
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
