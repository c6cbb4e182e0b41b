//! State that the connections of all workers share.

use std::sync::Arc;

use impasto_blobs::BlobStore;
use impasto_proto::{from_proto, v1};
use impasto_types::{Action, Digest, LeaseId};
use tokio_util::sync::CancellationToken;

use crate::driver::Driver;
use crate::result_check::ResultCheck;
use crate::task_specs::{TaskSpecs, TaskSpecsError};

#[derive(Debug, Clone)]
pub(crate) struct WorkerContext {
    pub(crate) driver: Driver,
    pub(crate) blobs: BlobStore,
    pub(crate) specs: Arc<TaskSpecs>,
    pub(crate) results: ResultCheck,
    /// Canceled when the server is shutting down.
    pub(crate) closing: CancellationToken,
}

impl WorkerContext {
    /// The complete spec of a lease's task. `spec` is the blob that holds the specs of its job.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) async fn task(
        &self,
        lease: LeaseId,
        spec: Digest,
    ) -> Result<v1::TaskSpec, TaskSpecsError> {
        let tasks = self.specs.get(spec).await?;
        let task = tasks.get(lease.task.0 as usize).cloned();
        task.ok_or(TaskSpecsError::TooShort { tasks: tasks.len() })
    }

    /// The action of a lease's task.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) async fn action(
        &self,
        lease: LeaseId,
        spec: Digest,
    ) -> Result<Action, TaskSpecsError> {
        Ok(from_proto::task_spec(self.task(lease, spec).await?)?.action)
    }
}
