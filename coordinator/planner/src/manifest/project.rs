//! The `[project]` table.

use impasto_types::AssetPath;

use super::passthrough::Passthrough;
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
    /// Folders to which links may lead, relative to the project's folder or absolute.
    pub(super) links: Vec<String>,
    pub(super) passthrough: Passthrough,
}

impl Project {
    pub(super) fn read(entry: Entry<'_>) -> Result<Self, ManifestError> {
        let mut section = entry.section("[project]", &KEYS)?;
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
        let links = section.take("links").as_ref().map(links).transpose()?.unwrap_or_default();
        let passthrough = section.take("passthrough");
        let passthrough = passthrough
            .map(|entry| Passthrough::read(&entry, assets.as_ref(), &output))
            .transpose()?
            .unwrap_or_default();
        let name = name.string()?.to_owned();
        Ok(Self { name, output, assets, exclude, links, passthrough })
    }
}

const KEYS: [&str; 6] = ["name", "output", "assets", "exclude", "links", "passthrough"];

/// The folders of an entry: one string or a list.
fn links(entry: &Entry<'_>) -> Result<Vec<String>, ManifestError> {
    let folders = entry.strings()?;
    let refusal = |folder: &str| match folder {
        "" => Some("it names no folder"),
        _ if folder.contains('\\') => Some("it has a backslash; write `/` on every system"),
        _ if folder.contains(['*', '?', '\0']) => Some("it has to be a folder, not a glob"),
        _ => None,
    };
    match folders.iter().find_map(|folder| Some((folder, refusal(folder)?))) {
        Some((folder, reason)) => Err(entry.wrong_part(format!("{folder:?}"), reason)),
        None => Ok(folders),
    }
}

fn default_output() -> OutputPattern {
    OutputPattern::parse(OutputPattern::DEFAULT).expect("a test checks the default pattern")
}
