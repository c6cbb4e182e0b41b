//! A job that is being received. Its tasks go to the disk as they arrive; in memory stays what the
//! scheduler has to know about them.

use std::collections::{BTreeMap, BTreeSet};

use impasto_blobs::{BlobDraft, BlobStore, blocking};
use impasto_core::Needs;
use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{BlobRef, Digest, MethodVersion, TaskIndex, TaskSpec};
use prost::Message;

use super::SubmitError;
use super::intake::{Crowded, Place};

/// A job that is being received.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(super) header: Header,
    pub(super) place: Place,
    /// The tasks, as [`crate::task_specs`] reads them.
    pub(super) list: BlobDraft,
    pub(super) tasks: Vec<Needs>,
    pub(super) inputs: BTreeSet<BlobRef>,
    /// The tasks so far, by action.
    producers: BTreeMap<Digest, TaskIndex>,
}

/// A job without its tasks.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) key: String,
    pub(crate) project: String,
    pub(crate) priority: i32,
}

/// What an entry of a tree takes beside its key.
const ENTRY_BYTES: usize = 32;

impl Draft {
    /// Begins a job.
    ///
    /// # Errors
    /// Its list cannot be written.
    pub(super) async fn begin(
        header: Header,
        place: Place,
        blobs: &BlobStore,
    ) -> Result<Self, SubmitError> {
        let local = blobs.local().clone();
        let list = blocking(move || local.draft()).await?;
        let (tasks, inputs, producers) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Ok(Self { header, place, list, tasks, inputs, producers })
    }

    /// How many tasks it has.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Waits for the client's next message.
    ///
    /// # Errors
    /// See [`Place::wait`].
    pub(crate) async fn wait<T>(&self, next: impl Future<Output = T>) -> Result<T, Crowded> {
        self.place.wait(next).await
    }

    /// Adds tasks, and returns the draft for more.
    ///
    /// # Errors
    /// A task reads a result that no task before it has, there is no memory for more tasks, or they
    /// cannot be written.
    pub(crate) async fn add(self, specs: Vec<TaskSpec>) -> Result<Self, SubmitError> {
        blocking(move || self.add_each(specs.into_iter().map(Ok))).await
    }

    /// Adds tasks as a client sends them, and returns the draft for more. Few submissions are read
    /// at the same time, so that many do not take the processors and the memory of all others.
    ///
    /// # Errors
    /// Those of [`Self::add`], or a task is malformed.
    pub(crate) async fn add_sent(self, tasks: Vec<v1::TaskSpec>) -> Result<Self, SubmitError> {
        let turn = self.place.turn().await;
        let read = move || {
            let _turn = turn;
            let numbered = (self.len()..).zip(tasks);
            let specs = numbered.map(|(number, task)| {
                let spec = from_proto::task_spec(task);
                spec.map_err(|error| error.within(format_args!("tasks[{number}]")))
            });
            self.add_each(specs)
        };
        blocking(read).await
    }

    fn add_each(
        mut self,
        specs: impl Iterator<Item = Result<TaskSpec, FieldError>>,
    ) -> Result<Self, SubmitError> {
        let mut bytes = Vec::new();
        for spec in specs {
            let spec = spec?;
            bytes.extend(to_proto::task_spec(&spec).encode_length_delimited_to_vec());
            self.note(&spec)?;
        }
        self.list.write(&bytes)?;
        Ok(self)
    }

    fn note(&mut self, spec: &TaskSpec) -> Result<(), SubmitError> {
        let needs = self.needs(spec)?;
        let new = spec.action.blobs().filter(|blob| !self.inputs.contains(blob)).count();
        self.place.take(
            size_of::<Needs>()
                + needs.inputs.len() * size_of::<Digest>()
                + needs.after.len() * size_of::<TaskIndex>()
                + new * (size_of::<BlobRef>() + ENTRY_BYTES)
                + size_of::<Digest>()
                + ENTRY_BYTES,
        )?;
        self.inputs.extend(spec.action.blobs());
        // There are no more than `MAX_TASKS`.
        let index = TaskIndex(u32::try_from(self.tasks.len()).unwrap_or(u32::MAX));
        self.producers.entry(needs.action).or_insert(index);
        self.tasks.push(needs);
        Ok(())
    }

    /// What the scheduler has to know about a task.
    fn needs(&self, task: &TaskSpec) -> Result<Needs, SubmitError> {
        let (method, version) = (task.action.method(), task.action.method_version);
        let after: Result<BTreeSet<TaskIndex>, SubmitError> = task
            .action
            .producers()
            .map(|producer| {
                let unknown =
                    || SubmitError::NoProducer { asset: task.asset.clone(), action: producer };
                self.producers.get(&producer).copied().ok_or_else(unknown)
            })
            .collect();
        Ok(Needs {
            action: task.action.digest(),
            method: MethodVersion { method, version },
            least_memory_bytes: task.least_memory_bytes,
            work: task.work,
            inputs: task.action.blobs().map(|blob| blob.digest).collect(),
            after: after?.into_iter().collect(),
            cached: None,
        })
    }
}
