//! How a job gets in: its inputs are looked up, its tasks stored, known results found, and the core
//! is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use impasto_core::{Needs, Submission};
use impasto_types::{BlobRef, Digest, JobId, TaskResult, TaskSpec};

use crate::blocking::blocking;
use crate::driver::{Driver, Stopped};
use crate::task_specs::TaskSpecs;
use crate::{ActionCache, BlobStore, BlobStoreError};

/// Of missing blobs, an error names this many.
const SHOWN_BLOBS: usize = 8;

/// A job, before it has a number.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) key: String,
    pub(crate) project: String,
    pub(crate) priority: i32,
    pub(crate) tasks: Vec<TaskSpec>,
}

/// Takes jobs in.
#[derive(Debug, Clone)]
pub(crate) struct Submitter {
    pub(crate) blobs: BlobStore,
    pub(crate) actions: ActionCache,
    pub(crate) specs: Arc<TaskSpecs>,
    pub(crate) driver: Driver,
}

/// Why a job was not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitError {
    #[error("the store lacks {} of the job's inputs; upload them first: {}", .0.len(), shown(.0))]
    MissingInputs(Vec<BlobRef>),
    #[error("cannot store the job's tasks")]
    Store(#[from] BlobStoreError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Submitter {
    /// Takes a job in. The same key again is the same job: its number, and `true`.
    pub(crate) async fn submit(&self, job: Job) -> Result<(JobId, bool), SubmitError> {
        let this = self.clone();
        let submission = blocking(move || this.prepare(job)).await?;
        Ok(self.driver.submit(submission).await?)
    }

    /// What `action` came to, if that is known and its picture is there. Blocks.
    pub(crate) fn known_result(&self, action: Digest) -> Option<TaskResult> {
        self.actions.get(action, &self.blobs)
    }

    fn prepare(&self, job: Job) -> Result<Submission, SubmitError> {
        let inputs: BTreeSet<BlobRef> =
            job.tasks.iter().flat_map(|task| task.action.blobs()).collect();
        let missing: Vec<BlobRef> =
            inputs.into_iter().filter(|blob| !self.blobs.contains(*blob)).collect();
        if !missing.is_empty() {
            return Err(SubmitError::MissingInputs(missing));
        }
        let spec = self.specs.put(&job.tasks)?;
        let tasks = job.tasks.iter().map(|task| self.needs(task)).collect();
        Ok(Submission { key: job.key, project: job.project, priority: job.priority, spec, tasks })
    }

    fn needs(&self, task: &TaskSpec) -> Needs {
        let action = task.action.digest();
        Needs {
            action,
            engine_version: task.action.method_version,
            memory_bytes: task.memory_bytes,
            work: task.work,
            inputs: task.action.blobs().map(|blob| blob.digest).collect(),
            cached: self.known_result(action),
        }
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
