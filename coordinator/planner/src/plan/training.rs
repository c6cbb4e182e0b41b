//! Networks that the build trains before it paints with them.
//!
//! A run is a chain of tasks, each of which goes on from the state that the one before it left: so
//! a worker that dies costs a part, and a farm's cache keeps the others. Pictures decide what the
//! network is good for, but one that is there stays good when they change: a run is stale by its
//! settings and its styles alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use impasto_types::{
    Action, AssetKind, AssetPath, BlobRef, ContainerFormat, Digest, Input, InputRef, Method,
    OutputSpec, Part, Recipe, StyleRef, TaskSpec, Train, Training,
};

use super::task::TrainingRun;
use super::template::style_refs;
use super::{Form, PlanError, PlannedOutput, PlannedTask, Planner};
use crate::grouping::companion_names;
use crate::manifest::{Matched, TrainedStyle, Verdict};
use crate::problem::usable;
use crate::staleness::{Candidate, staleness};
use crate::{Findings, ListedAsset, Staleness, estimate};

/// The most parts of a run.
const MOST_PARTS: u32 = 20;

impl<'a> Planner<'a> {
    /// Adds a task for each network that is trained. Notes those that assets have to wait for.
    pub(super) fn add_trainings(&mut self, listed: &[&'a ListedAsset]) -> Result<(), PlanError> {
        for trained in self.manifest.trained() {
            let task = self.training(trained, listed)?;
            if task.is_stale() {
                self.awaited.insert(trained.model.clone());
            }
            let key = trained.model.case_key();
            self.claim(&task, &task.outputs[0], key)?;
            self.plan.tasks.push(task);
        }
        Ok(())
    }

    fn training(
        &self,
        trained: &TrainedStyle,
        listed: &[&'a ListedAsset],
    ) -> Result<PlannedTask, PlanError> {
        let TrainedStyle { style: name, model, training, content } = trained;
        let (manifest, findings) = (self.manifest, self.findings);
        let style = manifest.style(name);
        let styles = style_refs(findings, style)?;
        let contents = contents(self, trained, listed);
        let names = style.images.iter().map(|image| stem(&image.path)).collect();
        let run = Run { findings, training, names, styles, contents: &contents };
        let bytes = estimate::training_bytes(training, contents.len());
        let mut before: Vec<(Digest, TaskSpec)> = Vec::new();
        let mut from = 0;
        for until in part_ends(training) {
            let action = run.action(until, before.last());
            let task = TaskSpec {
                asset: model.clone(),
                least_memory_bytes: bytes,
                work: estimate::training_work(training, until - from),
                action,
            };
            before.push((task.action.digest(), task));
            from = until;
        }
        let mut action = run.action(training.steps, before.last());
        // Neither pictures, names nor parts count.
        let recipe = Train { training: training.clone(), names: vec![], until: 0 };
        let recipe = Recipe::Train(recipe);
        let bare = Action { inputs: vec![], recipe, ..action.clone() };
        let inputs: Box<[Input]> = std::mem::take(&mut action.inputs).into();
        let digest = Action { inputs: inputs.to_vec(), ..action.clone() }.digest();
        let record = (findings.previous.get(model), findings.present.get(model));
        let identity = bare.digest();
        let candidate =
            Candidate { asset: model, style, action: &bare, inputs: &[], digest: identity };
        let state = staleness(candidate, [record].into_iter());
        let (pictures, least) = (contents.len(), Training::LEAST_PICTURES);
        if state != Staleness::UpToDate && pictures < least {
            let style = name.clone();
            return Err(match content.clone() {
                Some(folder) => PlanError::Content { style, folder, pictures, least },
                None => PlanError::Training { style, pictures, least },
            });
        }
        let form = Form { rule: String::new(), style: name.clone(), action };
        Ok(PlannedTask {
            asset: model.clone(),
            form: Arc::new(form),
            inputs,
            outputs: [PlannedOutput { part: Part::Model, path: model.clone() }].into(),
            width: training.size_px,
            height: training.size_px,
            least_memory_bytes: bytes,
            work: estimate::training_work(training, training.steps - from),
            action: digest,
            training: Some(Box::new(TrainingRun {
                before,
                bare,
                identity,
                contents: contents.into_iter().map(|(blob, path)| (blob.digest, path)).collect(),
            })),
            state,
        })
    }
}

/// A training run's inputs.
struct Run<'a> {
    findings: &'a Findings<'a>,
    training: &'a Training,
    names: Vec<String>,
    styles: Vec<StyleRef>,
    contents: &'a [(BlobRef, AssetPath)],
}

impl Run<'_> {
    fn recipe(&self, until: u32) -> Train {
        Train { training: self.training.clone(), names: self.names.clone(), until }
    }

    /// The part that ends with this step, and goes on from what another action left.
    fn action(&self, until: u32, before: Option<&(Digest, TaskSpec)>) -> Action {
        let train = self.recipe(until);
        let part = if train.is_last() { Part::Model } else { Part::State };
        let frames = (0..).zip(self.contents);
        let frames = frames.map(|(number, (blob, _))| Input::blob(Part::Frame(number), *blob));
        let state = before.map(|(action, _)| Input {
            part: Part::State,
            source: InputRef::Output { action: *action, output: Part::State },
        });
        let mut inputs: Vec<Input> = frames.chain(state).collect();
        inputs.sort_by_key(|input| input.part);
        let needed = Train::MODELS;
        let mut models = self.findings.models.to_vec();
        models.retain(|model| needed.contains(&model.name));
        models.sort();
        Action {
            method_version: Method::Train.version(),
            recipe: Recipe::Train(train),
            kind: AssetKind::picture(),
            inputs,
            styles: self.styles.clone(),
            regions: None,
            texture: None,
            models,
            outputs: vec![OutputSpec { part, format: ContainerFormat::Png, quality: 90 }],
        }
    }
}

/// The steps that parts of a run end with but for the last: after looks at the held-out pictures.
fn part_ends(training: &Training) -> Vec<u32> {
    let looks = training.steps.div_ceil(training.look_every);
    let part = training.look_every.saturating_mul(looks.div_ceil(MOST_PARTS));
    let ends = (1..).map(|part_number: u32| part.saturating_mul(part_number));
    ends.take_while(|end| *end < training.steps).collect()
}

/// The distinct pictures in its folder, or that rules paint by this network, in the order of their
/// digests, so that names do not count.
fn contents(
    planner: &Planner<'_>,
    trained: &TrainedStyle,
    listed: &[&ListedAsset],
) -> Vec<(BlobRef, AssetPath)> {
    let Planner { manifest, findings, .. } = planner;
    let paints = |rule: usize| {
        let mut paintings = manifest.paintings(rule).iter();
        paintings
            .any(|own| own.style == trained.style && own.learned_model() == Some(&trained.model))
    };
    let companions = companion_names(manifest, findings.listing, listed);
    let is_else = |path: &AssetPath| {
        findings.previous.contains_key(path)
            || !companions.is_empty() && companions.contains(&path.case_key())
    };
    let is_painted = |asset: &&&ListedAsset| match manifest.verdict(&asset.path) {
        Verdict::Wanted(Matched { rule }) => {
            paints(rule) && usable(asset).is_ok() && !is_else(&asset.path)
        }
        _ => false,
    };
    let found: BTreeMap<Digest, (BlobRef, AssetPath)> = match &trained.content {
        Some(folder) => {
            let inputs = findings.inputs.iter().filter(|(path, _)| path.is_below(folder));
            let usable = inputs.filter_map(|(path, input)| Some((path, input.as_ref().ok()?)));
            let usable = usable.filter(|(path, _)| !findings.previous.contains_key(*path));
            usable.map(|(path, input)| (input.blob.digest, (input.blob, path.clone()))).collect()
        }
        None => {
            let painted = listed.iter().filter(is_painted);
            painted.map(|asset| (asset.blob.digest, (asset.blob, asset.path.clone()))).collect()
        }
    };
    found.into_values().take(Training::MOST_PICTURES).collect()
}

/// A file's name without its extension.
fn stem(path: &AssetPath) -> String {
    let stem = Path::new(path.as_str()).file_stem();
    stem.map_or_else(|| path.to_string(), |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_after_looks() {
        let ends =
            |steps, look_every| part_ends(&Training { steps, look_every, ..Training::default() });
        assert_eq!(ends(24, 12), [12]);
        assert_eq!(ends(10, 250), [0_u32; 0]);
        assert_eq!(ends(600, 250), [250, 500]);
        let many = ends(5000, 100);
        assert_eq!((many.len(), many[0], many[15]), (16, 300, 4800));
    }
}
