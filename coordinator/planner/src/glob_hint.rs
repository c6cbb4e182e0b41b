//! Why a glob meets no file, as far as the folder shows it.

use std::fmt;

use impasto_types::AssetPath;

use crate::glob::PathGlobs;
use crate::manifest::{Manifest, Verdict};
use crate::suggest::nearest;
use crate::{ListedAsset, PassedOver};

/// The likely reason. Its `Display` follows the glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GlobHint {
    /// A folder or file of that literal name exists: its brackets were read as a pattern.
    Literal { name: String, escaped: String },
    /// It names a folder, or stops above the images.
    Deeper { example: String, glob: String },
    /// It begins with `!`, which excludes in other programs.
    Negation,
    /// The files that it matches are in formats that cannot be read.
    Unsupported { example: String, count: usize },
    /// What it matches is behind a link that is not followed.
    Linked { link: String },
    /// What it matches is never painted, and why.
    NotPainted { example: AssetPath, verdict: Verdict, by: Option<String> },
    /// Its folder does not exist.
    NoFolder { folder: String, near: Option<String> },
}

impl fmt::Display for GlobHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal { name, escaped } => write!(
                f,
                "`{name}` exists, but in a glob `[`, `]`, `{{` and `}}` are part of a pattern; \
                 write \"{escaped}\""
            ),
            Self::Deeper { example, glob } => {
                write!(f, "{example} is deeper; for all files below a folder, write \"{glob}\"")
            }
            Self::Negation => {
                write!(f, "`!` at its start is part of the name; put the glob into `exclude`")
            }
            Self::Unsupported { example, count } => write!(
                f,
                "Impasto does not read the format of {example}{}",
                and_more(count.saturating_sub(1))
            ),
            Self::Linked { link } => write!(
                f,
                "`{link}` is a link that is not followed; name the folder that it leads to in \
                 `links` of [project], or copy the files into the project"
            ),
            Self::NotPainted { example, verdict, by } => {
                let why = match (verdict, by) {
                    (Verdict::Skipped(_), Some(rule)) => format!("rule `{rule}` skips it"),
                    (Verdict::Excluded, _) => "`exclude` of [project] names it".to_owned(),
                    (Verdict::Output, _) => "it has the name of an output".to_owned(),
                    (Verdict::Input, _) => "it is a style or init image or a mask".to_owned(),
                    _ => "the rule's own `exclude` names it".to_owned(),
                };
                write!(f, "{example} is not painted: {why}")
            }
            Self::NoFolder { folder, near } => {
                let near =
                    near.as_ref().map_or(String::new(), |near| format!("; did you mean {near}?"));
                write!(f, "there is no folder {folder}{near}")
            }
        }
    }
}

fn matches(glob: &str, name: &str) -> bool {
    PathGlobs::new(vec![glob.to_owned()]).is_ok_and(|globs| globs.matches(name))
}

/// ` (and 3 more)`, or nothing.
pub(crate) fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}

/// The reasons why globs meet nothing in one folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GlobHints<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) assets: &'a [ListedAsset],
    pub(crate) passed: &'a PassedOver,
}

impl GlobHints<'_> {
    /// Why the glob meets nothing that can be painted.
    pub(crate) fn hint(&self, glob: &str) -> Option<GlobHint> {
        let globs = PathGlobs::new(vec![glob.to_owned()]).ok()?;
        let matches = |path: &str| self.relative(path).is_some_and(|path| globs.matches(path));
        self.literal(glob)
            .or_else(|| self.linked(glob, matches))
            .or_else(|| self.not_painted(matches))
            .or_else(|| self.unsupported(matches))
            .or_else(|| self.deeper(glob))
            .or_else(|| glob.starts_with('!').then_some(GlobHint::Negation))
            .or_else(|| self.no_folder(glob))
    }

    /// That a folder or file of the literal name exists, though the glob meets nothing at all.
    pub(crate) fn literal(&self, glob: &str) -> Option<GlobHint> {
        if !glob.contains(['[', ']', '{', '}']) {
            return None;
        }
        let globs = PathGlobs::new(vec![glob.to_owned()]).ok()?;
        if self.paths().any(|path| globs.matches(path)) {
            return None;
        }
        // The longest beginning that exists, of whole components.
        let ends = glob.match_indices('/').map(|(at, _)| at).chain([glob.len()]);
        let begins: Vec<&str> = ends.map(|end| &glob[..end]).collect();
        let name = begins.into_iter().rev().find(|name| {
            name.contains(['[', ']', '{', '}']) && (self.has_folder(name) || self.has_file(name))
        })?;
        let escaped = format!("{}{}", globset::escape(name), &glob[name.len()..]);
        Some(GlobHint::Literal { name: name.to_owned(), escaped })
    }

    fn linked(&self, glob: &str, matches: impl Fn(&str) -> bool) -> Option<GlobHint> {
        let PassedOver { linked_files, linked_folders, .. } = self.passed;
        let file = linked_files.iter().find(|file| matches(file));
        let link = file.or_else(|| linked_folders.iter().find(|link| self.reaches(glob, link)))?;
        Some(GlobHint::Linked { link: link.clone() })
    }

    /// Whether the glob could match a file below this folder.
    fn reaches(&self, glob: &str, folder: &str) -> bool {
        let Some(folder) = self.relative(folder) else { return false };
        let mut parts = glob.split('/');
        for name in folder.split('/') {
            match parts.next() {
                Some("**") => return true,
                Some(part) if matches(part, name) => {}
                Some(_) | None => return false,
            }
        }
        parts.next().is_some()
    }

    /// The linked folders that were not entered, though a rule would paint what is in them.
    pub(crate) fn missed_folders(&self) -> impl Iterator<Item = &String> {
        let globs = || {
            let painting = self.manifest.rules().iter().filter(|rule| !rule.skips());
            painting.flat_map(|rule| rule.matches.patterns())
        };
        self.passed.linked_folders.iter().filter(move |folder| {
            let inside = format!("{folder}/x.png").parse();
            let verdict = inside.map(|path| self.manifest.verdict(&path));
            matches!(verdict, Ok(Verdict::Wanted(_) | Verdict::Unmatched))
                && globs().any(|glob| self.reaches(glob, folder))
        })
    }

    fn not_painted(&self, matches: impl Fn(&str) -> bool) -> Option<GlobHint> {
        let (example, verdict) =
            self.passed.images.iter().find(|(path, _)| matches(path.as_str()))?;
        let by = match verdict {
            Verdict::Skipped(matched) => Some(self.manifest.rules()[matched.rule].name.clone()),
            _ => None,
        };
        Some(GlobHint::NotPainted { example: example.clone(), verdict: *verdict, by })
    }

    fn unsupported(&self, matches: impl Fn(&str) -> bool) -> Option<GlobHint> {
        let mut found = self.passed.unsupported.iter().filter(|path| matches(path));
        let example = found.next()?.clone();
        Some(GlobHint::Unsupported { example, count: 1 + found.count() })
    }

    /// Whether the glob with `**` before or after its last component would meet images.
    fn deeper(&self, glob: &str) -> Option<GlobHint> {
        let (folder, last) = glob
            .rsplit_once('/')
            .map_or(("", glob), |(folder, last)| (&glob[..folder.len() + 1], last));
        let below = if last.contains('*') { format!("{folder}**") } else { format!("{glob}/**") };
        [format!("{folder}**/{last}"), below].into_iter().find_map(|wider| {
            let globs = PathGlobs::new(vec![wider.clone()]).ok()?;
            let mut paths = self.paths();
            let example = paths.find(|path| globs.matches(path) && *path != last)?;
            Some(GlobHint::Deeper { example: example.to_owned(), glob: wider })
        })
    }

    fn no_folder(&self, glob: &str) -> Option<GlobHint> {
        let first = glob.split_once('/')?.0;
        if first.contains(['*', '?', '[', '{']) || self.has_folder(first) {
            return None;
        }
        let top = self.passed.folders.iter().filter_map(|folder| self.relative(folder));
        let near = nearest(first, top.filter(|folder| !folder.contains('/')));
        Some(GlobHint::NoFolder { folder: first.to_owned(), near })
    }

    fn has_folder(&self, name: &str) -> bool {
        self.passed.folders.iter().any(|folder| self.relative(folder) == Some(name))
    }

    fn has_file(&self, name: &str) -> bool {
        self.paths().any(|path| path == name)
    }

    /// Every image, relative to the folder of assets.
    fn paths(&self) -> impl Iterator<Item = &str> {
        let assets = self.assets.iter().map(|asset| asset.path.as_str());
        let images = self.passed.images.iter().map(|(path, _)| path.as_str());
        assets.chain(images).filter_map(|path| self.relative(path))
    }

    fn relative<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.manifest.assets() {
            None => Some(path),
            Some(assets) => path.strip_prefix(assets.as_str())?.strip_prefix('/'),
        }
    }
}
