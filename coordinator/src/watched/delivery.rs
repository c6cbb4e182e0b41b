//! Results on their way into the project.

use std::collections::BTreeMap;

use impasto_blobs::LocalBlobs;
use impasto_planner::PlannedTask;
use impasto_project::{LockEntry, NewFile, Project, State, deliver_all};
use impasto_types::{BlobRef, Digest, error_text};

/// Puts results in their places and keeps the project's state.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    project: &'a Project,
    state: State,
    blobs: &'a LocalBlobs,
    /// Outputs by the action that they wait for: two assets with the same bytes are one action.
    open: BTreeMap<Digest, Vec<&'a PlannedTask>>,
    /// Those whose results were promised, but are not in the store.
    lost: BTreeMap<Digest, Vec<&'a PlannedTask>>,
    delivered: usize,
    failures: Vec<String>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        project: &'a Project,
        state: State,
        blobs: &'a LocalBlobs,
        tasks: Vec<&'a PlannedTask>,
    ) -> Self {
        let mut open: BTreeMap<Digest, Vec<&PlannedTask>> = BTreeMap::new();
        for task in tasks {
            open.entry(task.action).or_default().push(task);
        }
        let (lost, failures) = (BTreeMap::new(), Vec::new());
        Self { project, state, blobs, open, lost, delivered: 0, failures }
    }

    /// One task for each action that is still to be done.
    pub(super) fn open(&self) -> Vec<&'a PlannedTask> {
        self.open.values().filter_map(|tasks| tasks.first().copied()).collect()
    }

    /// Delivers the result of `action` to every output that waits for it.
    pub(super) fn deliver(&mut self, action: Digest, output: BlobRef) {
        let Some(tasks) = self.open.remove(&action) else { return };
        let bytes = match self.blobs.read(output) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!("a result cannot be delivered: {}", error_text(&error));
                self.lost.insert(action, tasks);
                return;
            }
        };
        for task in tasks {
            let file = NewFile { output: &task.output, bytes: &bytes };
            let entry = LockEntry::new(task.action, task.spec.asset.clone(), output);
            match deliver_all(self.project, &[file])
                .and_then(|_| self.state.put(self.project, task.output.clone(), entry))
            {
                Ok(()) => self.delivered += 1,
                Err(error) => self.failures.push(error_text(&error)),
            }
        }
    }

    /// Gives up every output that waits for `action`.
    pub(super) fn fail(&mut self, action: Digest, message: String) {
        for task in self.open.remove(&action).unwrap_or_default() {
            self.failures.push(format!("{} in style {}: {message}", task.spec.asset, task.style));
        }
    }

    pub(super) fn delivered(&self) -> usize {
        self.delivered
    }

    /// How many results were promised, but are not in the store.
    pub(super) fn lost(&self) -> usize {
        self.lost.len()
    }

    /// Takes what was lost for still to be done.
    pub(super) fn reopen_lost(&mut self) {
        self.open.append(&mut self.lost);
    }

    /// Keeps the state, and tells what went wrong.
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.delivered > 0 {
            self.save();
        }
        for task in self.lost.values().flatten() {
            self.failures.push(format!(
                "{} in style {}: its result is not in the store",
                task.spec.asset, task.style
            ));
        }
        self.failures
    }

    fn save(&mut self) {
        if let Err(error) = self.state.save(self.project) {
            tracing::warn!("the project's state cannot be kept: {}", error_text(&error));
        }
    }
}
