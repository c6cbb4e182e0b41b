//! The plan: every task for a manifest and a folder, with its outputs, its complete recipe and the
//! reasons to run it.

mod copies;
mod draft;
mod error;
mod network;
mod notes;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod training;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub use copies::PlannedCopy;
pub use error::PlanError;
use impasto_types::{AssetPath, ContainerFormat, Part};
use rayon::prelude::*;

use self::draft::{Draft, Drafter};
pub use self::task::{Awaiting, Form, PlannedOutput, PlannedTask, TrainingRun};
use self::template::Templates;
use crate::glob_hint::GlobHints;
use crate::grouping::{Asset, companion_names};
use crate::loss::Loss;
use crate::manifest::{Manifest, Matched, Verdict};
use crate::named::PlacedFile;
use crate::udim::TileSets;
use crate::{Findings, ListedAsset, Listing, Note, Problem};

/// What a build has to do: networks to train, then the others in the order of the assets' paths.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub tasks: Vec<PlannedTask>,
    /// Files that pass through, in the order of their paths.
    pub copies: Vec<PlannedCopy>,
    /// Assets whose networks are trained by this build, and that the next one paints.
    pub awaiting: Vec<Awaiting>,
    /// Assets that cannot be painted; the others can.
    pub problems: Vec<Problem>,
    pub notes: Vec<Note>,
    /// The number of images that no rule matches.
    pub unmatched: usize,
    /// Outputs that were built before and that no task produces any more.
    pub orphans: Vec<AssetPath>,
}

impl Plan {
    /// The tasks that have to run.
    pub fn stale(&self) -> impl Iterator<Item = &PlannedTask> {
        self.tasks.iter().filter(|task| task.is_stale())
    }

    /// Whether anything is to be made or copied.
    pub fn has_work(&self) -> bool {
        self.stale().next().is_some() || self.stale_copies().next().is_some()
    }

    /// The copies that have to be written.
    pub fn stale_copies(&self) -> impl Iterator<Item = &PlannedCopy> {
        self.copies.iter().filter(|copy| copy.is_stale)
    }
}

/// Plans a build, on several threads. The plan does not depend on the order of the listing.
///
/// # Errors
/// Errors of the manifest as a whole: no asset, a style without its image, outputs that collide. An
/// asset that cannot be painted is a [`Problem`] of the plan instead.
pub fn plan(manifest: &Manifest, findings: &Findings<'_>) -> Result<Plan, PlanError> {
    let mut listed: Vec<&ListedAsset> = findings.listing.assets.iter().collect();
    listed.sort_by_key(|file| &file.path);
    let mut planner = Planner {
        manifest,
        findings,
        plan: Plan { tasks: Vec::with_capacity(listed.len()), ..Plan::default() },
        outputs: HashMap::with_capacity(listed.len()),
        kept: Vec::new(),
        awaited: BTreeSet::new(),
        losses: BTreeMap::new(),
    };
    let passed = &findings.listing.passed;
    let is_unmatched = |(_, verdict): &&(AssetPath, Verdict)| *verdict == Verdict::Unmatched;
    planner.plan.unmatched = passed.images.iter().filter(is_unmatched).count();
    planner.add_trainings(&listed)?;
    let wanted = planner.add_assets(&listed)?;
    // What is still being written may be all that there is to paint.
    if wanted.iter().all(Vec::is_empty) && passed.unsettled.is_empty() {
        return Err(empty(manifest, findings));
    }
    planner.check_overwrites(&wanted)?;
    planner.add_copies(&listed)?;
    planner.add_notes(&wanted);
    planner.add_orphans();
    Ok(planner.plan)
}

/// The error for a plan without an asset, with the likely reasons.
fn empty(manifest: &Manifest, findings: &Findings<'_>) -> PlanError {
    let Listing { assets, passed, .. } = findings.listing;
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

/// The models as text that are still being written, or cannot be used: what they name is not
/// known, or not all of it.
fn unread(listing: &Listing) -> BTreeSet<&AssetPath> {
    let is_text = |path: &&AssetPath| {
        ContainerFormat::from_extension(path.extension()) == Some(ContainerFormat::Gltf)
    };
    let unusable = listing.assets.iter().filter(|asset| asset.image.is_err());
    let unusable = unusable.map(|asset| &asset.path);
    unusable.chain(&listing.passed.unsettled).filter(is_text).collect()
}

/// What becomes of a listed file.
enum Fate {
    Painted {
        rule: usize,
        drafts: Result<Vec<Draft>, PlanError>,
    },
    /// No rule matches it.
    Unmatched,
    PassedOver,
}

/// A plan under construction.
struct Planner<'a> {
    manifest: &'a Manifest,
    findings: &'a Findings<'a>,
    plan: Plan,
    /// The task of each output, by the output's case key.
    outputs: HashMap<Arc<str>, usize>,
    /// What models name and is not painted, each with its model.
    kept: Vec<(AssetPath, PlacedFile)>,
    /// The networks that have to be trained before assets can be painted.
    awaited: BTreeSet<AssetPath>,
    /// What stale outputs of each rule lack: the first asset that has it, and their number.
    losses: BTreeMap<String, BTreeMap<Loss, (AssetPath, usize)>>,
}

/// Assets are drafted in batches of this size, so that the drafts of a large project are not held
/// beside its tasks.
const DRAFTED_AT_ONCE: usize = 4096;

impl<'a> Planner<'a> {
    /// Adds the tasks and problems of `listed`, which are in order. Returns the assets that each
    /// rule paints.
    fn add_assets(
        &mut self,
        listed: &[&'a ListedAsset],
    ) -> Result<Vec<Vec<&'a ListedAsset>>, PlanError> {
        let (manifest, findings) = (self.manifest, self.findings);
        let companions = companion_names(manifest, findings.listing, listed);
        let sets = TileSets::among(manifest, findings.listing);
        let templates = Templates::new(manifest, findings);
        let awaited = std::mem::take(&mut self.awaited);
        let unread = unread(findings.listing);
        let drafter = Drafter {
            manifest,
            findings,
            templates: &templates,
            awaited: &awaited,
            unread: &unread,
        };
        let draft = |file: &&'a ListedAsset| match manifest.verdict(&file.path) {
            // Built with an earlier output pattern, so still an output.
            _ if findings.previous.contains_key(&file.path) => Fate::PassedOver,
            // A mask is not painted, even if a rule matches it.
            _ if !companions.is_empty() && companions.contains(&file.path.case_key()) => {
                Fate::PassedOver
            }
            _ if sets.waits(manifest, &file.path) || sets.follows(manifest, &file.path) => {
                Fate::PassedOver
            }
            Verdict::Wanted(Matched { rule }) => {
                let drafts = drafter.drafts(Asset::new(file, manifest, findings, &sets), rule);
                Fate::Painted { rule, drafts }
            }
            Verdict::Unmatched => Fate::Unmatched,
            Verdict::Skipped(_)
            | Verdict::Excluded
            | Verdict::Output
            | Verdict::Input
            | Verdict::Foreign => Fate::PassedOver,
        };
        let mut wanted = vec![Vec::new(); manifest.rules().len()];
        for batch in listed.chunks(DRAFTED_AT_ONCE) {
            let fates: Vec<Fate> = batch.par_iter().map(draft).collect();
            for (file, fate) in batch.iter().zip(fates) {
                match fate {
                    Fate::Painted { rule, drafts } => {
                        wanted[rule].push(*file);
                        drafts?.into_iter().try_for_each(|draft| self.add(draft))?;
                    }
                    Fate::Unmatched => self.plan.unmatched += 1,
                    Fate::PassedOver => {}
                }
            }
        }
        let passed = &findings.listing.passed.images;
        let is_named = |(path, verdict): &&(AssetPath, Verdict)| {
            *verdict == Verdict::Unmatched && companions.contains(&path.case_key())
        };
        if !companions.is_empty() {
            self.plan.unmatched -= passed.iter().filter(is_named).count();
        }
        Ok(wanted)
    }

    /// Adds a task or a problem after those of earlier assets.
    fn add(&mut self, draft: Draft) -> Result<(), PlanError> {
        match draft {
            Draft::Task { mut task, keys, headers, kept } => {
                self.kept.extend(kept.into_iter().map(|file| (task.asset.clone(), file)));
                for (output, key) in task.outputs.iter().zip(keys) {
                    self.claim(&task, output, key)?;
                }
                if task.is_stale() {
                    for (header, format) in headers {
                        self.note_losses(&task.asset, task.rule(), header, format);
                    }
                }
                if let Some(before) = self.plan.tasks.last() {
                    task.state.share_with(&before.state);
                }
                self.plan.tasks.push(*task);
            }
            Draft::Awaiting(awaiting) => self.plan.awaiting.push(awaiting),
            Draft::Held => {}
            // Several styles may have the same problem: report it once.
            Draft::Problem(problem) if self.plan.problems.last() == Some(&problem) => {}
            Draft::Problem(problem) => self.plan.problems.push(problem),
        }
        Ok(())
    }

    /// Reserves an output's path for the next task. Paths that differ only in case are the same
    /// file on some systems, so they collide on all.
    fn claim(
        &mut self,
        task: &PlannedTask,
        output: &PlannedOutput,
        key: Arc<str>,
    ) -> Result<(), PlanError> {
        let PlannedOutput { part, path } = output;
        match self.outputs.insert(key, self.plan.tasks.len()) {
            None => Ok(()),
            // Two outputs of the task itself, which is not in the plan yet.
            Some(first) => {
                let first = self.plan.tasks.get(first).unwrap_or(task);
                let own = self.named_source(task, *part);
                let theirs = self.source_of(first, &path.case_key());
                if let Some(texture) = own.filter(|own| Some(*own) == theirs) {
                    let (first, second) = (first.asset.clone(), task.asset.clone());
                    let texture = texture.clone();
                    return Err(PlanError::SharedTexture { first, second, texture });
                }
                Err(PlanError::Collision {
                    first: first.asset.clone(),
                    first_style: first.style().to_owned(),
                    second: task.asset.clone(),
                    second_style: task.style().to_owned(),
                    output: path.clone(),
                })
            }
        }
    }

    /// The file of which a task paints the output with this case key, if a model names it.
    fn source_of(&self, task: &PlannedTask, key: &str) -> Option<&'a AssetPath> {
        let output = task.outputs.iter().find(|output| *output.path.case_key() == *key)?;
        self.named_source(task, output.part)
    }

    /// The file that is a part of a task's model.
    fn named_source(&self, task: &PlannedTask, part: Part) -> Option<&'a AssetPath> {
        let files = self.findings.listing.named.get(&task.asset)?;
        files.iter().find(|file| file.part() == part).map(|file| &file.path)
    }

    /// Refuses outputs that would overwrite an input of any task.
    fn check_overwrites(&self, wanted: &[Vec<&ListedAsset>]) -> Result<(), PlanError> {
        let inputs = self.manifest.inputs();
        let assets = wanted.iter().flatten().map(|asset| &asset.path);
        let named = self.findings.listing.named.values().flatten().map(|file| &file.path);
        let inputs: Vec<&AssetPath> = assets.chain(named).chain(&inputs).collect();
        let overwritten = inputs.par_iter().find_map_first(|input| {
            let key = input.case_key();
            Some((*input, &self.plan.tasks[*self.outputs.get(&key)?], key))
        });
        let Some((input, task, key)) = overwritten else { return Ok(()) };
        let is_it = |output: &&AssetPath| output.case_key() == key;
        let output = task.output_paths().find(is_it).unwrap_or(task.output());
        Err(PlanError::Overwrites {
            asset: task.asset.clone(),
            output: output.clone(),
            input: input.clone(),
        })
    }
}
