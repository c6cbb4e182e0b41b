//! `passthrough` of `[project]`: files that no rule paints come to the outputs as they are, so that
//! a game can read its assets from there.

use std::collections::BTreeSet;

use impasto_types::{AssetPath, AssetPathError};

use super::section::Entry;
use super::{Manifest, ManifestError, Verdict};
use crate::output_pattern::{OutputPattern, Parts};

/// What becomes of files that no rule paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passthrough {
    /// They stay where they are.
    #[default]
    None,
    /// They are copied beside the outputs.
    Copy,
    /// As `Copy`, as a second name of the same file (a hard link) where the file system allows it.
    Link,
}

impl Passthrough {
    /// Reads the key, which needs a folder of assets and a pattern that names files of any kind.
    pub(super) fn read(
        entry: &Entry<'_>,
        assets: Option<&AssetPath>,
        output: &OutputPattern,
    ) -> Result<Self, ManifestError> {
        let passthrough = match entry.string()? {
            "none" => Self::None,
            "copy" => Self::Copy,
            "link" => Self::Link,
            _ => return Err(entry.wrong("it has to be \"copy\", \"link\" or \"none\"")),
        };
        if passthrough == Self::None {
            return Ok(passthrough);
        }
        if assets.is_none() {
            return Err(entry.wrong("it needs `assets`, the folder whose files are passed through"));
        }
        if output.has_rule() {
            return Err(entry.wrong("`output` may not have {rule}: no rule paints these files"));
        }
        if !output.keeps_names() {
            return Err(entry.wrong(
                "`output` has to end in {name} or {stem}.{ext}, so that files keep their names",
            ));
        }
        Ok(passthrough)
    }
}

impl Manifest {
    /// What becomes of files that no rule paints.
    pub fn passthrough(&self) -> Passthrough {
        self.project.passthrough
    }

    /// Whether files that no rule paints come to the outputs.
    pub fn passes_files(&self) -> bool {
        self.passthrough() != Passthrough::None
    }

    /// Whether the file at `path`, an image or not, passes through: it is in the folder of assets,
    /// and neither painted, excluded, an input nor an output.
    pub fn passes_through(&self, path: &AssetPath) -> bool {
        if !self.passes_files() {
            return false;
        }
        match self.verdict(path) {
            Verdict::Skipped(_) | Verdict::Unmatched => true,
            Verdict::Foreign if self.needs(path) => false,
            Verdict::Foreign => self.in_assets(path).is_some_and(|relative| {
                let is_output =
                    || self.project.output.may_make(&path.case_key()) && self.is_output(path);
                !self.project.exclude.matches(relative) && !is_output()
            }),
            Verdict::Wanted(_) | Verdict::Excluded | Verdict::Output | Verdict::Input => false,
        }
    }

    /// Whether rules need the file itself: a style, initial picture, shared mask or network.
    pub(crate) fn needs(&self, path: &AssetPath) -> bool {
        self.is_input(path) || self.networks.iter().any(|own| own.case_key() == path.case_key())
    }

    /// Where a file that passes through is written: once, or once in the tree of each style that
    /// rules paint.
    pub(crate) fn passed_to(&self, path: &AssetPath) -> Result<Vec<AssetPath>, AssetPathError> {
        let parts = Parts::of_asset(path, self.in_assets(path).unwrap_or(path.as_str()));
        let output = &self.project.output;
        if !output.has_style() {
            return Ok(vec![output.expand(&parts)?]);
        }
        let painted = self.paintings.iter().flatten();
        let styles: BTreeSet<&str> = painted.map(|painting| painting.style.as_str()).collect();
        styles.into_iter().map(|style| output.expand(&Parts { style, ..parts })).collect()
    }
}
