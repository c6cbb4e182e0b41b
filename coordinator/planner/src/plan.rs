//! The plan: every task for a manifest and a folder, with its outputs, its complete recipe and the
//! reasons to run it.

mod error;
mod notes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use error::PlanError;
use impasto_types::{
    Action, AssetKind, AssetPath, BlobRef, ContainerFormat, Digest, Input, Part, StyleRef, TaskSpec,
};

use crate::glob_hint::GlobHints;
use crate::grouping::{Asset, companion_names};
use crate::loss::Loss;
use crate::manifest::{Manifest, Painting, Style, StyleImage, Verdict};
use crate::output_pattern::Parts;
use crate::problem::{companions, paintable, usable};
use crate::staleness::{Candidate, staleness};
use crate::{
    Findings, ImageHeader, InputFile, ListedAsset, Listing, Note, Problem, Record, RecordDetails,
    Staleness, estimate,
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
    /// The result's size in pixels.
    pub width: u32,
    pub height: u32,
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
    let mut planner = Planner {
        manifest,
        findings,
        plan: Plan::default(),
        outputs: BTreeMap::new(),
        losses: BTreeMap::new(),
    };
    let passed = &findings.listing.passed;
    let is_unmatched = |(_, verdict): &&(AssetPath, Verdict)| *verdict == Verdict::Unmatched;
    planner.plan.unmatched = passed.images.iter().filter(is_unmatched).count();
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
    // What is still being written may be all that there is to paint.
    if wanted.iter().all(Vec::is_empty) && passed.unsettled.is_empty() {
        return Err(empty(manifest, findings));
    }
    planner.check_overwrites(&wanted)?;
    planner.add_notes(&wanted);
    planner.add_orphans();
    Ok(planner.plan)
}

/// The error for a plan without an asset, with the likely reasons.
fn empty(manifest: &Manifest, findings: &Findings<'_>) -> PlanError {
    let Listing { assets, passed } = findings.listing;
    let hints = GlobHints { manifest, assets, passed };
    let folder = manifest.assets().map_or(String::new(), |assets| format!("{assets}/"));
    let painting = manifest.rules().iter().filter(|rule| !rule.skips());
    let patterns: Vec<&String> = painting.flat_map(|rule| rule.matches.patterns()).collect();
    let globs: Vec<String> = patterns.iter().map(|glob| format!("{folder}{glob}")).collect();
    let hints = globs.iter().zip(&patterns).filter_map(|(glob, pattern)| {
        let hint = hints.hint(pattern)?;
        Some(if patterns.len() == 1 { hint.to_string() } else { format!("{glob}: {hint}") })
    });
    let mut said: Vec<String> = hints.collect();
    said.dedup();
    PlanError::Empty { file: manifest.file().to_owned(), globs, hints: said }
}

/// A plan under construction.
struct Planner<'a> {
    manifest: &'a Manifest,
    findings: &'a Findings<'a>,
    plan: Plan,
    /// The task of each output, by the output's case key.
    outputs: BTreeMap<String, usize>,
    /// What stale outputs of each rule lack: the first asset that has it, and their number.
    losses: BTreeMap<String, BTreeMap<Loss, (AssetPath, usize)>>,
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
        if state != Staleness::UpToDate {
            self.note_losses(asset.path(), rule, header, action.outputs[0].format);
        }
        let found = |path: &AssetPath| self.input(path).ok().map(|file| file.header);
        let cut = |image: &StyleImage| {
            let header = found(&image.path)?;
            let (width, height) = header.upright_size();
            let size = image.crop.unwrap_or_default().remaining(width, height).ok()?;
            Some((header.footprint(), size))
        };
        let decoded: Vec<_> = style.images.iter().filter_map(cut).collect();
        let styles: Vec<_> = decoded.iter().map(|(_, size)| *size).collect();
        let init = painting.init.as_ref().and_then(found);
        let beside = companions.iter().map(|(_, file)| file.header);
        let others: Vec<_> =
            beside.chain(init).chain([header]).map(|header| header.footprint()).collect();
        let init = init.map(|header| header.upright_size());
        // A mask is held to the end, unlike other sources, and counted as such.
        let (masks, unmasked): (Vec<_>, Vec<_>) =
            companions.iter().partition(|(part, _)| *part == Part::Mask);
        let size_of = |(_, file): &(Part, InputFile)| (file.header.width, file.header.height);
        let sources: Vec<_> = styles
            .iter()
            .copied()
            .chain(init)
            .chain(unmasked.into_iter().map(size_of))
            .chain([(header.width, header.height)])
            .collect();
        let (recipe, size) = (&painting.recipe, (width, height));
        let mask = masks.first().copied().map(size_of);
        let masked = mask.map_or(0, |mask| estimate::mask_bytes(recipe, size, mask));
        let painted = estimate::memory_bytes(recipe, size, &sources, &styles) + masked;
        let read = estimate::decoding_bytes(recipe, size, &decoded, &others);
        let spec = TaskSpec {
            asset: asset.path().clone(),
            least_memory_bytes: painted.max(read),
            work: estimate::work(&painting.recipe, width, height),
            action,
        };
        self.plan.tasks.push(PlannedTask {
            spec,
            outputs,
            rule: rule.to_owned(),
            style: style.name.clone(),
            width,
            height,
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
        let style_ref = |image: &StyleImage| {
            let StyleImage { path, weight, crop } = image;
            let checked = self.input(path).and_then(|file| {
                let (width, height) = file.header.upright_size();
                crop.unwrap_or_default()
                    .remaining(width, height)
                    .map_err(|error| error.to_string())
                    .map(|_| StyleRef { blob: file.blob, weight: *weight, crop: *crop })
            });
            checked.map_err(|reason| PlanError::Style {
                path: path.clone(),
                style: style.name.clone(),
                reason,
            })
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
}
