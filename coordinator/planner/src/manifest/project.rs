//! The `[project]` table.

use impasto_types::AssetPath;

use super::rule::globs;
use super::section::Entry;
use super::{ManifestError, is_name, project_path};
use crate::glob::PathGlobs;
use crate::output_pattern::{OutputPattern, PatternError};

#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) output: OutputPattern,
    /// `None` means the project's folder.
    pub(super) assets: Option<AssetPath>,
    pub(super) exclude: PathGlobs,
}

impl Project {
    pub(super) fn read(entry: Entry<'_>) -> Result<Self, ManifestError> {
        let mut section = entry.section("[project]", &["name", "output", "assets", "exclude"])?;
        let name =
            section.require("name", "it names the project, in letters, digits, `.`, `_` or `-`")?;
        if !is_name(name.string()?) {
            return Err(name.wrong("a project's name has 1 to 64 letters, digits, `.`, `_` or `-`"));
        }
        let output = match section.take("output") {
            None => default_output(),
            Some(entry) => OutputPattern::parse(entry.string()?)
                .map_err(|error: PatternError| entry.wrong(error))?,
        };
        let assets = match section.take("assets") {
            None => None,
            Some(entry) => match entry.string()? {
                "." | "./" => None,
                path => Some(
                    project_path(path.strip_suffix('/').unwrap_or(path))
                        .map_err(|error| entry.wrong(error))?,
                ),
            },
        };
        let exclude = section.take("exclude").as_ref().map(globs).transpose()?.unwrap_or_default();
        Ok(Self { name: name.string()?.to_owned(), output, assets, exclude })
    }
}

fn default_output() -> OutputPattern {
    OutputPattern::parse(OutputPattern::DEFAULT).expect("a test checks the default pattern")
}
