//! The task specs of a job: a blob of length-delimited `TaskSpec` messages, in order.
//!
//! The core only knows what scheduling needs; specs are read to grant or show a task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use impasto_blobs::{BlobStore, BlobStoreError};
use impasto_core::ListFault;
use impasto_proto::{FieldError, v1};
use impasto_types::Digest;
use prost::Message;

/// How many decoded tasks stay in memory, over all jobs: about 100 MB at most.
const TASKS_KEPT: usize = 100_000;

/// Reads the specs of jobs, and caches those used last.
#[derive(Debug)]
pub(crate) struct TaskSpecs {
    blobs: BlobStore,
    /// The last used is at the front.
    kept: Mutex<VecDeque<(Digest, Arc<[v1::TaskSpec]>)>>,
}

/// Why a job's specs cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskSpecsError {
    #[error("the job's tasks cannot be read")]
    Blob(#[from] BlobStoreError),
    #[error("the job's tasks do not decode")]
    Decode(#[from] prost::DecodeError),
    #[error("a task of the job cannot be read")]
    Task(#[from] FieldError),
    #[error("the job's list has only {tasks} tasks")]
    TooShort { tasks: usize },
}

impl TaskSpecsError {
    /// Whether no retry can help.
    pub(crate) fn fault(&self) -> ListFault {
        match self {
            Self::Blob(BlobStoreError::Read { .. } | BlobStoreError::Write { .. })
            | Self::Blob(BlobStoreError::DiskFull { .. }) => ListFault::Unavailable,
            Self::Blob(
                BlobStoreError::Missing { .. }
                | BlobStoreError::Changed { .. }
                | BlobStoreError::TooLarge { .. }
                | BlobStoreError::Length { .. }
                | BlobStoreError::Content { .. },
            )
            | Self::Decode(_)
            | Self::Task(_)
            | Self::TooShort { .. } => ListFault::Damaged,
        }
    }
}

impl TaskSpecs {
    pub(crate) fn new(blobs: BlobStore) -> Self {
        Self { blobs, kept: Mutex::default() }
    }

    /// A job's tasks.
    pub(crate) async fn get(&self, spec: Digest) -> Result<Arc<[v1::TaskSpec]>, TaskSpecsError> {
        if let Some(messages) = self.kept(spec) {
            return Ok(messages);
        }
        let blob = self.blobs.look_up(spec).await?;
        let bytes = self.blobs.read(blob).await?;
        let (mut rest, mut messages) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            messages.push(v1::TaskSpec::decode_length_delimited(&mut rest)?);
        }
        let messages = Arc::<[v1::TaskSpec]>::from(messages);
        self.keep(spec, Arc::clone(&messages));
        Ok(messages)
    }

    /// A job's specs, if they are in memory.
    fn kept(&self, spec: Digest) -> Option<Arc<[v1::TaskSpec]>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(digest, _)| *digest == spec)?;
        let entry = kept.remove(place)?;
        kept.push_front(entry.clone());
        Some(entry.1)
    }

    fn keep(&self, spec: Digest, messages: Arc<[v1::TaskSpec]>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(digest, _)| *digest != spec);
        kept.push_front((spec, messages));
        // The last used is kept regardless of its size.
        while kept.len() > 1
            && kept.iter().map(|(_, messages)| messages.len()).sum::<usize>() > TASKS_KEPT
        {
            kept.pop_back();
        }
    }
}
