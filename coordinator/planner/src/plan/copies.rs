//! Files that pass through: copies beside the outputs.

use std::collections::HashMap;

use impasto_types::{AssetPath, BlobRef, Digest};

use super::{PlanError, Planner};
use crate::grouping::companion_names;
use crate::{ListedAsset, OtherFile, Passthrough};

/// A file that is written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCopy {
    pub source: AssetPath,
    /// Its content.
    pub blob: BlobRef,
    pub output: AssetPath,
    pub how: Passthrough,
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
        let how = manifest.passthrough();
        if !manifest.passes_files() {
            return Ok(());
        }
        // Masks are not painted, whatever rule matches them.
        let companions = companion_names(manifest, listed.iter().map(|file| &file.path));
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
        let mut first_of: HashMap<_, AssetPath> = HashMap::with_capacity(sources.len());
        for OtherFile { path: source, blob } in sources {
            let outputs = manifest
                .passed_to(&source)
                .map_err(|error| PlanError::OutputPath { asset: source.clone(), source: error })?;
            for output in outputs {
                let key = output.case_key();
                // A map that follows the paint.
                let is_made = self.outputs.contains_key(&key) || awaited.contains_key(&key);
                if is_made && companions.contains(&source.case_key()) {
                    continue;
                }
                if manifest.needs(&output) {
                    let (asset, input) = (source, output.clone());
                    return Err(PlanError::Overwrites { asset, output, input });
                }
                let task = self.outputs.get(&key).map(|place| &self.plan.tasks[*place].asset);
                let task = task.or_else(|| awaited.get(&key).copied());
                if let Some(first) = task.or_else(|| first_of.get(&key)) {
                    let (first, second) = (first.clone(), source);
                    return Err(PlanError::CopyCollision { first, second, output });
                }
                first_of.insert(key, source.clone());
                let (record, present) =
                    (findings.previous.get(&output), findings.present.get(&output));
                let source = source.clone();
                let is_ours = record.is_some_and(|record| Some(&record.output) == present);
                let mut copy = PlannedCopy { source, blob, output, how, is_ours, is_stale: true };
                copy.is_stale = present != Some(&blob)
                    || record.is_none_or(|record| record.action_digest != copy.recorded());
                self.plan.copies.push(copy);
            }
        }
        Ok(())
    }
}
