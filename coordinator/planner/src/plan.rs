//! The plan: every task for a manifest and a folder, with its outputs, its complete recipe and the
//! reasons to run it.

mod error;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use error::PlanError;
use impasto_types::{
    Action, AssetKind, AssetPath, BlobRef, ContainerFormat, Digest, Input, Part, StyleRef, TaskSpec,
};

use crate::data_map::DataMaps;
use crate::grouping::{Asset, companion_names};
use crate::manifest::{Manifest, Painting, Rule, Style, StyleImage, Verdict};
use crate::output_pattern::Parts;
use crate::problem::{companions, paintable, usable};
use crate::staleness::{Candidate, staleness};
use crate::{
    Findings, ImageHeader, InputFile, ListedAsset, Note, Problem, Record, RecordDetails, Staleness,
    estimate,
};

/// What a build has to do, in the order of the assets' paths.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub tasks: Vec<PlannedTask>,
    /// Assets that cannot be painted; the others can.
    pub problems: Vec<Problem>,
    pub notes: Vec<Note>,
    /// The number of images that no rule matches.
    pub unmatched: usize,
    /// Outputs that were built before and that no task produces any more.
    pub orphans: Vec<AssetPath>,
}

/// One asset in one style.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTask {
    pub spec: TaskSpec,
    /// The files that its action produces, in the action's order; never empty.
    pub outputs: Vec<PlannedOutput>,
    pub rule: String,
    pub style: String,
    /// The digest of `spec.action`.
    pub action: Digest,
    pub state: Staleness,
}

/// A file that a task produces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOutput {
    pub part: Part,
    pub path: AssetPath,
}

impl PlannedTask {
    /// The first of its outputs. No two tasks share an output, so this path identifies the task.
    pub fn output(&self) -> &AssetPath {
        &self.outputs[0].path
    }

    /// The paths of all its outputs.
    pub fn output_paths(&self) -> impl Iterator<Item = &AssetPath> {
        self.outputs.iter().map(|output| &output.path)
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
            asset: self.spec.asset.clone(),
            action_digest: self.action,
            output,
            details: Some(self.details()),
        }
    }

    /// The details that a later plan needs to say why the output is stale.
    pub fn details(&self) -> RecordDetails {
        RecordDetails { style: self.style.clone(), action: self.spec.action.clone() }
    }
}

impl Plan {
    /// The tasks that have to run.
    pub fn stale(&self) -> impl Iterator<Item = &PlannedTask> {
        self.tasks.iter().filter(|task| task.is_stale())
    }
}

/// Plans a build. The plan does not depend on the order of the listing.
///
/// # Errors
/// Errors of the manifest as a whole: no asset, a style without its image, outputs that collide. An
/// asset that cannot be painted is a [`Problem`] of the plan instead.
pub fn plan(manifest: &Manifest, findings: &Findings<'_>) -> Result<Plan, PlanError> {
    let mut planner =
        Planner { manifest, findings, plan: Plan::default(), outputs: BTreeMap::new() };
    planner.plan.unmatched = findings.listing.unmatched;
    let listed: BTreeMap<&AssetPath, &ListedAsset> =
        findings.listing.assets.iter().map(|asset| (&asset.path, asset)).collect();
    let companions = companion_names(manifest, listed.keys().copied());
    let mut wanted = vec![Vec::new(); manifest.rules().len()];
    for file in listed.values() {
        match manifest.verdict(&file.path) {
            // Built with an earlier output pattern, so still an output.
            _ if findings.previous.contains_key(&file.path) => {}
            // A mask is not painted, even if a rule matches it.
            _ if companions.contains(&file.path.case_key()) => {}
            Verdict::Wanted(matched) => {
                wanted[matched.rule].push(*file);
                planner.add_asset(Asset::new(file, manifest, findings), matched.rule)?;
            }
            Verdict::Unmatched => planner.plan.unmatched += 1,
            Verdict::Skipped(_)
            | Verdict::Excluded
            | Verdict::Output
            | Verdict::Input
            | Verdict::Foreign => {}
        }
    }
    if wanted.iter().all(Vec::is_empty) {
        let folder = manifest.assets().map_or(String::new(), |assets| format!("{assets}/"));
        let painting = manifest.rules().iter().filter(|rule| !rule.skips());
        let globs = painting
            .flat_map(|rule| rule.matches.patterns())
            .map(|glob| format!("{folder}{glob}"))
            .collect();
        return Err(PlanError::Empty { file: manifest.file().to_owned(), globs });
    }
    planner.check_overwrites(&wanted)?;
    planner.add_notes(&wanted);
    planner.add_orphans();
    Ok(planner.plan)
}

/// A plan under construction.
struct Planner<'a> {
    manifest: &'a Manifest,
    findings: &'a Findings<'a>,
    plan: Plan,
    /// The task of each output, by the output's case key.
    outputs: BTreeMap<String, usize>,
}

impl Planner<'_> {
    /// Adds a task for each style of the asset's rule, or a problem.
    fn add_asset(&mut self, asset: Asset<'_>, rule: usize) -> Result<(), PlanError> {
        let manifest = self.manifest;
        let name = &manifest.rules()[rule].name;
        for painting in manifest.paintings(rule) {
            let paintable = usable(asset.main).and_then(|header| {
                let format = painting.output_spec(header.format).format;
                let size = paintable(&painting.recipe, header, format)?;
                Ok((header, size, companions(&asset)?))
            });
            match paintable {
                Ok((header, size, companions)) => {
                    self.add_task(asset, &companions, name, painting, header, size)?
                }
                Err(cause) => {
                    let asset = asset.path().clone();
                    let problem = Problem { asset, rule: name.clone(), cause };
                    // Several styles may have the same problem: report it once.
                    if self.plan.problems.last() != Some(&problem) {
                        self.plan.problems.push(problem);
                    }
                }
            }
        }
        Ok(())
    }

    fn add_task(
        &mut self,
        asset: Asset<'_>,
        companions: &[(Part, InputFile)],
        rule: &str,
        painting: &Painting,
        header: ImageHeader,
        (width, height): (u32, u32),
    ) -> Result<(), PlanError> {
        let style = self.manifest.style(&painting.style);
        let action = self.action(asset, companions, rule, style, painting, header)?;
        let mut outputs = Vec::with_capacity(action.outputs.len());
        for output in &action.outputs {
            let path = self.output(asset.path(), rule, painting, output.format)?;
            self.claim(asset.path(), style, &path)?;
            outputs.push(PlannedOutput { part: output.part, path });
        }
        let digest = action.digest();
        let Findings { previous, present, .. } = self.findings;
        let state = staleness(
            Candidate { asset: asset.path(), style, action: &action, digest },
            outputs.iter().map(|output| (previous.get(&output.path), present.get(&output.path))),
        );
        let size = |path: &AssetPath| {
            self.input(path).ok().map(|file| (file.header.width, file.header.height))
        };
        let styles: Vec<_> = style.images.iter().filter_map(|image| size(&image.path)).collect();
        let init = painting.init.as_ref().and_then(size);
        // A mask is held to the end, unlike other sources, and counted as such.
        let (masks, others): (Vec<_>, Vec<_>) =
            companions.iter().partition(|(part, _)| *part == Part::Mask);
        let size_of = |(_, file): &(Part, InputFile)| (file.header.width, file.header.height);
        let sources: Vec<_> = styles
            .iter()
            .copied()
            .chain(init)
            .chain(others.into_iter().map(size_of))
            .chain([(header.width, header.height)])
            .collect();
        let (recipe, size) = (&painting.recipe, (width, height));
        let mask = masks.first().copied().map(size_of);
        let masked = mask.map_or(0, |mask| estimate::mask_bytes(recipe, size, mask));
        let spec = TaskSpec {
            asset: asset.path().clone(),
            least_memory_bytes: estimate::memory_bytes(recipe, size, &sources, &styles) + masked,
            work: estimate::work(&painting.recipe, width, height),
            action,
        };
        self.plan.tasks.push(PlannedTask {
            spec,
            outputs,
            rule: rule.to_owned(),
            style: style.name.clone(),
            action: digest,
            state,
        });
        Ok(())
    }

    fn action(
        &self,
        asset: Asset<'_>,
        companions: &[(Part, InputFile)],
        rule: &str,
        style: &Style,
        painting: &Painting,
        header: ImageHeader,
    ) -> Result<Action, PlanError> {
        let style_ref = |image: &StyleImage| match self.input(&image.path) {
            Ok(file) => Ok(StyleRef { blob: file.blob, weight: image.weight }),
            Err(reason) => Err(PlanError::Style {
                path: image.path.clone(),
                style: style.name.clone(),
                reason,
            }),
        };
        let mut inputs = vec![Input::blob(Part::Color, asset.blob())];
        inputs.extend(companions.iter().map(|(part, file)| Input::blob(*part, file.blob)));
        if let Some(path) = &painting.init {
            let file = self.input(path).map_err(|reason| PlanError::Init {
                path: path.clone(),
                rule: rule.to_owned(),
                reason,
            })?;
            inputs.push(Input::blob(Part::Init, file.blob));
        }
        inputs.sort_by_key(|input| input.part);
        let method = painting.recipe.method();
        let needed = method.models();
        let mut models = self.findings.models.to_vec();
        models.retain(|model| needed.contains(&model.name));
        models.sort();
        Ok(Action {
            method_version: method.version(),
            recipe: painting.recipe.clone(),
            kind: AssetKind::picture(),
            inputs,
            styles: style.images.iter().map(style_ref).collect::<Result<_, _>>()?,
            models,
            outputs: vec![painting.output_spec(header.format)],
        })
    }

    fn input(&self, path: &AssetPath) -> Result<InputFile, String> {
        self.findings
            .inputs
            .get(path)
            .cloned()
            .unwrap_or_else(|| Err("the project has no such file".to_owned()))
    }

    fn output(
        &self,
        asset: &AssetPath,
        rule: &str,
        painting: &Painting,
        format: ContainerFormat,
    ) -> Result<AssetPath, PlanError> {
        let relative = self.manifest.in_assets(asset).unwrap_or(asset.as_str());
        let style = &painting.style;
        let parts = Parts { format, style, rule, ..Parts::of_asset(asset, relative) };
        let expanded = self.manifest.output_pattern().expand(&parts);
        let output =
            expanded.map_err(|source| PlanError::OutputPath { asset: asset.clone(), source })?;
        if ContainerFormat::from_extension(output.extension()) != Some(format) {
            return Err(PlanError::WrongExtension {
                asset: asset.clone(),
                output,
                rule: rule.to_owned(),
                format,
            });
        }
        Ok(output)
    }

    /// Reserves an output's path for the next task. Paths that differ only in case are the same
    /// file on some systems, so they collide on all.
    fn claim(
        &mut self,
        asset: &AssetPath,
        style: &Style,
        output: &AssetPath,
    ) -> Result<(), PlanError> {
        match self.outputs.insert(output.case_key(), self.plan.tasks.len()) {
            None => Ok(()),
            Some(first) => {
                let first = &self.plan.tasks[first];
                Err(PlanError::Collision {
                    first: first.spec.asset.clone(),
                    first_style: first.style.clone(),
                    second: asset.clone(),
                    second_style: style.name.clone(),
                    output: output.clone(),
                })
            }
        }
    }

    /// Refuses outputs that would overwrite an input of any task.
    fn check_overwrites(&self, wanted: &[Vec<&ListedAsset>]) -> Result<(), PlanError> {
        let inputs = self.manifest.inputs();
        for input in wanted.iter().flatten().map(|asset| &asset.path).chain(&inputs) {
            let key = input.case_key();
            if let Some(&task) = self.outputs.get(&key) {
                let task = &self.plan.tasks[task];
                let is_it = |output: &&AssetPath| output.case_key() == key;
                let output = task.output_paths().find(is_it).unwrap_or(task.output());
                return Err(PlanError::Overwrites {
                    asset: task.spec.asset.clone(),
                    output: output.clone(),
                    input: input.clone(),
                });
            }
        }
        Ok(())
    }

    fn add_notes(&mut self, wanted: &[Vec<&ListedAsset>]) {
        let rules = self.manifest.rules();
        let data_maps = DataMaps::among(wanted.iter().flatten().map(|asset| &asset.path));
        for (index, (rule, assets)) in rules.iter().zip(wanted).enumerate() {
            if assets.is_empty() && !rule.skips() {
                let note =
                    self.taken_before(rule, wanted).unwrap_or_else(|| Note::RuleMatchesNothing {
                        rule: rule.name.clone(),
                        globs: rule.matches.patterns().to_vec(),
                    });
                self.plan.notes.push(note);
            }
            self.note_absent(rule, assets);
            self.note_too_small(index, assets);
            let maps = assets
                .iter()
                .filter_map(|asset| Some((&asset.path, data_maps.ending(&asset.path)?)));
            let maps: Vec<_> = maps.collect();
            if let Some((first, ending)) = maps.first() {
                self.plan.notes.push(Note::DataMaps {
                    rule: rule.name.clone(),
                    first: (*first).clone(),
                    count: maps.len(),
                    ending: ending.clone(),
                });
            }
        }
        let unused = self
            .manifest
            .unused_styles()
            .map(|style| Note::UnusedStyle { style: style.to_owned() });
        self.plan.notes.extend(unused);
    }

    /// Warns of masks that a rule names but that do not exist: their assets are painted completely.
    fn note_absent(&mut self, rule: &Rule, files: &[&ListedAsset]) {
        let assets = files.iter().map(|file| Asset::new(file, self.manifest, self.findings));
        let mut absent = assets.flat_map(|asset| asset.absent());
        let Some((part, first)) = absent.next() else { return };
        let count = 1 + absent.count();
        let rule = rule.name.clone();
        self.plan.notes.push(Note::AbsentFiles { rule, part, first, count });
    }

    /// Notes the assets that are passed through because they are too small to be painted.
    fn note_too_small(&mut self, rule: usize, files: &[&ListedAsset]) {
        let paintings = self.manifest.paintings(rule);
        let is_small = |header: &ImageHeader| {
            let small = |painting: &Painting| {
                !painting.recipe.common().can_paint(header.width, header.height)
            };
            paintings.iter().any(small)
        };
        let mut small = files.iter().filter(|file| file.image.as_ref().is_ok_and(is_small));
        let Some(first) = small.next() else { return };
        let (first, count) = (first.path.clone(), 1 + small.count());
        let rule = self.manifest.rules()[rule].name.clone();
        self.plan.notes.push(Note::TooSmall { rule, first, count });
    }

    /// The note that an earlier rule takes what `rule` matches, if one does.
    fn taken_before(&self, rule: &Rule, wanted: &[Vec<&ListedAsset>]) -> Option<Note> {
        self.manifest.rules().iter().zip(wanted).find_map(|(earlier, assets)| {
            let taken = assets.iter().find(|asset| {
                self.manifest.in_assets(&asset.path).is_some_and(|path| rule.is_about(path))
            })?;
            Some(Note::RuleComesTooLate {
                rule: rule.name.clone(),
                earlier: earlier.name.clone(),
                asset: taken.path.clone(),
            })
        })
    }

    /// Adds recorded outputs that no task produces now, except those of assets that cannot be
    /// painted at the moment.
    fn add_orphans(&mut self) {
        let failing: BTreeSet<_> =
            self.plan.problems.iter().map(|problem| &problem.asset).collect();
        let tasks = self.plan.tasks.iter();
        let made: BTreeSet<_> = tasks.flat_map(PlannedTask::output_paths).collect();
        let orphaned =
            self.findings.previous.iter().filter(|(output, record)| {
                !made.contains(output) && !failing.contains(&record.asset)
            });
        self.plan.orphans = orphaned.map(|(output, _)| output.clone()).collect();
    }
}
