//! The tasks of a plan.

use std::sync::Arc;

use impasto_types::{Action, AssetPath, BlobRef, Digest, Input, InputRef, Part, TaskSpec};

use crate::{Record, RecordDetails, Staleness};

/// One asset in one style. A plan may have a hundred thousand of them, so what they share is there
/// once.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTask {
    pub asset: AssetPath,
    pub form: Arc<Form>,
    /// The files that its action reads, in the order of their parts.
    pub inputs: Box<[Input]>,
    /// The files that its action produces, in the action's order; never empty.
    pub outputs: Box<[PlannedOutput]>,
    /// The result's size in pixels.
    pub width: u32,
    pub height: u32,
    /// See [`TaskSpec::least_memory_bytes`].
    pub least_memory_bytes: u64,
    /// See [`TaskSpec::work`].
    pub work: u64,
    /// The digest of its action.
    pub action: Digest,
    /// If it trains a network.
    pub training: Option<Box<TrainingRun>>,
    pub state: Staleness,
}

/// What a task that trains a network has beside others.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRun {
    /// The parts before its own, in order, with the digests of their actions.
    pub(super) before: Vec<(Digest, TaskSpec)>,
    /// Its action without pictures, by which it is recorded.
    pub(super) bare: Action,
    /// The digest of `bare`.
    pub(super) identity: Digest,
    /// The pictures, with their digests.
    pub(super) contents: Vec<(Digest, AssetPath)>,
}

impl TrainingRun {
    /// The pictures that it is trained on, by their content.
    pub fn contents(&self) -> impl Iterator<Item = (Digest, &AssetPath)> {
        self.contents.iter().map(|(digest, path)| (*digest, path))
    }

    /// The tasks that it goes on from, in order, with the digests of their actions.
    pub fn before(&self) -> &[(Digest, TaskSpec)] {
        &self.before
    }
}

/// An asset whose network has to be trained first. Its task is planned when the network is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaiting {
    pub asset: AssetPath,
    pub rule: String,
    pub style: String,
    pub output: AssetPath,
    /// Where its maps that follow the paint will be.
    pub maps: Vec<AssetPath>,
    /// The network's file.
    pub model: AssetPath,
    /// See [`TaskSpec::work`].
    pub work: u64,
}

impl Awaiting {
    /// All files that its task will make.
    pub fn output_paths(&self) -> impl Iterator<Item = &AssetPath> {
        [&self.output].into_iter().chain(&self.maps)
    }
}

/// What the tasks of one rule, style and format share.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Empty if a network is trained, which belongs to no rule.
    pub rule: String,
    pub style: String,
    /// The action without inputs.
    pub action: Action,
}

/// A file that a task produces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOutput {
    pub part: Part,
    pub path: AssetPath,
}

impl PlannedTask {
    pub fn rule(&self) -> &str {
        &self.form.rule
    }

    pub fn style(&self) -> &str {
        &self.form.style
    }

    /// The first of its outputs. No two tasks share an output, so this path identifies the task.
    pub fn output(&self) -> &AssetPath {
        &self.outputs[0].path
    }

    /// The paths of all its outputs.
    pub fn output_paths(&self) -> impl Iterator<Item = &AssetPath> {
        self.outputs.iter().map(|output| &output.path)
    }

    /// The source of the input with this role.
    pub fn input(&self, part: Part) -> Option<InputRef> {
        self.inputs.iter().find(|input| input.part == part).map(|input| input.source)
    }

    /// All blobs that its action needs, as [`Action::blobs`] names them.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> {
        let inputs = self.inputs.iter().filter_map(|input| input.source.blob());
        inputs.chain(self.form.action.blobs())
    }

    /// Its action as a whole.
    pub fn whole_action(&self) -> Action {
        Action { inputs: self.inputs.to_vec(), ..self.form.action.clone() }
    }

    /// The tasks to submit, in order: those that it goes on from, and its own.
    pub fn specs(&self) -> impl Iterator<Item = TaskSpec> {
        let before = self.training.iter().flat_map(|run| run.before());
        before.map(|(_, task)| task.clone()).chain([self.spec()])
    }

    /// How many tasks [`Self::specs`] are.
    pub fn count(&self) -> usize {
        1 + self.training.as_ref().map_or(0, |run| run.before().len())
    }

    /// The actions of [`Self::specs`].
    pub fn actions(&self) -> impl Iterator<Item = Digest> {
        let before = self.training.iter().flat_map(|run| run.before());
        before.map(|(action, _)| *action).chain([self.action])
    }

    /// The digest by which it is recorded: its action's, of which pictures that a network is
    /// trained on do not count.
    pub fn recorded(&self) -> Digest {
        self.training.as_ref().map_or(self.action, |run| run.identity)
    }

    /// The action of which [`Self::recorded`] is the digest: without its inputs, and these.
    pub fn recorded_action(&self) -> (&Action, &[Input]) {
        match &self.training {
            Some(run) => (&run.bare, &[]),
            None => (&self.form.action, &self.inputs),
        }
    }

    /// The task as it is submitted.
    pub fn spec(&self) -> TaskSpec {
        TaskSpec {
            asset: self.asset.clone(),
            action: self.whole_action(),
            least_memory_bytes: self.least_memory_bytes,
            work: self.work,
        }
    }

    pub fn is_stale(&self) -> bool {
        match self.state {
            Staleness::UpToDate => false,
            Staleness::Stale(_) => true,
        }
    }

    /// The record to keep once one of its outputs has been written as `output`.
    pub fn record(&self, output: BlobRef) -> Record {
        Record {
            asset: self.asset.clone(),
            action_digest: self.recorded(),
            output,
            details: Some(Box::new(self.details())),
        }
    }

    /// The details that a later plan needs to say why the output is stale.
    pub fn details(&self) -> RecordDetails {
        let (form, inputs) = self.recorded_action();
        let action = Action { inputs: inputs.to_vec(), ..form.clone() };
        RecordDetails { style: self.style().to_owned(), action }
    }
}
