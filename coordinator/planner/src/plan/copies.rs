//! Files that pass through: copies beside the outputs.

use std::collections::HashMap;
use std::sync::Arc;

use impasto_types::{AssetPath, BlobRef, Digest};

use super::{PlanError, Planner};
use crate::grouping::companion_names;
use crate::named::PlacedFile;
use crate::{Findings, ListedAsset, Manifest, OtherFile, Passthrough};

/// A file that is written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCopy {
    pub source: AssetPath,
    /// Its content.
    pub blob: BlobRef,
    pub output: AssetPath,
    pub how: Passthrough,
    /// The models that name it, in the order of their paths; none of a file that passes through.
    pub models: Vec<AssetPath>,
    /// Whether what is there now is what the last build wrote.
    pub is_ours: bool,
    pub is_stale: bool,
}

impl PlannedCopy {
    /// The digest by which it is recorded, as an output of its content and of how it was written.
    pub fn recorded(&self) -> Digest {
        Digest::of(format!("impasto passthrough {:?} {}", self.how, self.blob.digest).as_bytes())
    }
}

impl Planner<'_> {
    /// Adds the copies of all files that pass through. All tasks have been added.
    pub(super) fn add_copies(&mut self, listed: &[&ListedAsset]) -> Result<(), PlanError> {
        let (manifest, findings) = (self.manifest, self.findings);
        let mut first_of = self.add_kept()?;
        if !manifest.passes_files() {
            return Ok(());
        }
        // Masks are not painted, whatever rule matches them.
        let companions = companion_names(manifest, findings.listing, listed);
        let masks = listed.iter().filter(|file| companions.contains(&file.path.case_key()));
        let masks = masks.map(|file| OtherFile { path: file.path.clone(), blob: file.blob });
        let mut sources: Vec<OtherFile> =
            findings.listing.others.iter().cloned().chain(masks).collect();
        // Built with an earlier output pattern, so still an output.
        sources.retain(|file| !findings.previous.contains_key(&file.path));
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        let awaiting = self.plan.awaiting.iter();
        let awaited: HashMap<_, &AssetPath> = awaiting
            .flat_map(|own| own.output_paths().map(|output| (output.case_key(), &own.asset)))
            .collect();
        for OtherFile { path: source, blob } in sources {
            let outputs = manifest
                .passed_to(&source)
                .map_err(|error| PlanError::OutputPath { asset: source.clone(), source: error })?;
            for output in outputs {
                let key = output.case_key();
                // A map that follows the paint.
                let is_made = self.outputs.contains_key(&key) || awaited.contains_key(&key);
                if is_made && companions.contains(&source.case_key())
                    || first_of.get(&key) == Some(&source)
                {
                    continue;
                }
                refuse_overwriting(manifest, &source, &output)?;
                let task = self.outputs.get(&key).map(|place| &self.plan.tasks[*place].asset);
                let task = task.or_else(|| awaited.get(&key).copied());
                if let Some(first) = task.or_else(|| first_of.get(&key)) {
                    let (first, second) = (first.clone(), source);
                    return Err(PlanError::CopyCollision { first, second, output });
                }
                first_of.insert(key, source.clone());
                let copy = self.copy(source.clone(), blob, output, Vec::new());
                self.plan.copies.push(copy);
            }
        }
        self.plan.copies.sort_by(|one, other| one.source.cmp(&other.source));
        Ok(())
    }

    /// Adds the copies of what models name and is not painted, and returns their sources by the
    /// case keys of the copies.
    fn add_kept(&mut self) -> Result<HashMap<Arc<str>, AssetPath>, PlanError> {
        let mut copies: HashMap<Arc<str>, PlannedCopy> = HashMap::new();
        for (model, PlacedFile { file, output }) in std::mem::take(&mut self.kept) {
            let (source, key) = (file.path, output.case_key());
            refuse_overwriting(self.manifest, &source, &output)?;
            if let Some(place) = self.outputs.get(&key) {
                let task = &self.plan.tasks[*place];
                let first = task.asset.clone();
                let painted = self.source_of(task, &key);
                return Err(match painted.is_some_and(|painted| is_same(painted, &source)) {
                    true => PlanError::SharedTexture { first, second: model, texture: source },
                    false => PlanError::CopyCollision { first, second: source, output },
                });
            }
            match copies.get_mut(&key) {
                // Several models name it.
                Some(known) if is_same(&known.source, &source) => known.models.push(model),
                Some(known) => {
                    let (first, second) = (known.source.clone(), source);
                    return Err(PlanError::CopyCollision { first, second, output });
                }
                None => {
                    let copy = self.copy(source, file.blob, output, vec![model]);
                    copies.insert(key, copy);
                }
            }
        }
        let first_of = copies.iter().map(|(key, copy)| (Arc::clone(key), copy.source.clone()));
        let first_of = first_of.collect();
        self.plan.copies.extend(copies.into_values());
        self.plan.copies.sort_by(|one, other| one.output.cmp(&other.output));
        Ok(first_of)
    }

    fn copy(
        &self,
        source: AssetPath,
        blob: BlobRef,
        output: AssetPath,
        models: Vec<AssetPath>,
    ) -> PlannedCopy {
        // Models are whole, whether other files pass through or not.
        let how = match self.manifest.passthrough() {
            Passthrough::Link => Passthrough::Link,
            Passthrough::Copy | Passthrough::None => Passthrough::Copy,
        };
        let Findings { previous, present, .. } = self.findings;
        let (record, present) = (previous.get(&output), present.get(&output));
        let is_ours = record.is_some_and(|record| Some(&record.output) == present);
        let mut copy = PlannedCopy { source, blob, output, how, models, is_ours, is_stale: true };
        copy.is_stale = present != Some(&blob)
            || record.is_none_or(|record| record.action_digest != copy.recorded());
        copy
    }
}

/// Whether both are one file on every system.
fn is_same(one: &AssetPath, other: &AssetPath) -> bool {
    one.case_key() == other.case_key()
}

/// Refuses a copy that would replace what rules need.
fn refuse_overwriting(
    manifest: &Manifest,
    source: &AssetPath,
    output: &AssetPath,
) -> Result<(), PlanError> {
    match manifest.needs(output) {
        true => Err(PlanError::Overwrites {
            asset: source.clone(),
            output: output.clone(),
            input: output.clone(),
        }),
        false => Ok(()),
    }
}
