//! Lists one folder.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use impasto_planner::Verdict;
use impasto_types::{AssetPath, ContainerFormat};
use rayon::prelude::*;

use super::problem::ScanProblem;
use crate::contained::LeavesProject;
use crate::project::{Project, slashed};
use crate::stamp::Stamp;
use crate::temporary::is_passed_over;

/// A folder that is walked.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Its path in the project with `/`, for messages.
    pub(super) shown: String,
    /// Whether the path is Unicode, so that its files can have names.
    is_unicode: bool,
    pub(super) is_link: bool,
}

impl Folder {
    pub(super) fn new(project: &Project, path: PathBuf) -> Self {
        let relative = path.strip_prefix(project.dir()).unwrap_or(&path);
        let unicode = slashed(relative);
        let is_unicode = unicode.is_some();
        let shown = unicode.unwrap_or_else(|| relative.to_string_lossy().into_owned());
        Self { path, shown, is_unicode, is_link: false }
    }

    /// The folder of this name in it.
    fn below(&self, name: &OsStr, entry: &DirEntry, is_link: bool) -> Self {
        let is_unicode = self.is_unicode && name.to_str().is_some();
        Self { path: entry.path(), shown: self.shown(name), is_unicode, is_link }
    }

    /// The path in the project of the file with this name, for messages.
    fn shown(&self, name: &OsStr) -> String {
        match self.shown.as_str() {
            "" => name.to_string_lossy().into_owned(),
            folder => format!("{folder}/{}", name.to_string_lossy()),
        }
    }

    fn asset_path(&self, name: &OsStr) -> Result<AssetPath, ScanProblem> {
        let path = self.shown(name);
        if !self.is_unicode || name.to_str().is_none() {
            return Err(ScanProblem::NotUnicode { path });
        }
        path.parse().map_err(|source| ScanProblem::Name { path, source })
    }
}

/// What an entry of a folder is.
pub(super) enum Entry {
    Wanted(Found),
    /// A file that passes through.
    Other(Found),
    Folder(Folder),
    /// A linked folder that is not entered.
    LinkedFolder(String),
    Image(AssetPath, Verdict),
    Unsupported(String),
    LinkedFile(String, ScanProblem),
    Problem(ScanProblem),
}

/// A file that the manifest paints.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: AssetPath,
    pub(crate) stamp: Stamp,
}

/// Folders of more entries are examined on several threads. Those of fewer are examined each on
/// one, so that few are open at a time.
const LARGE: usize = 4096;

/// Lists one folder, without those below it.
pub(super) fn list(project: &Project, folder: &Folder) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder.path)? {
        match entry {
            Ok(entry) => entries.push((entry.file_name(), entry)),
            Err(source) => found.push(Entry::Problem(unlisted(folder.shown.clone(), source))),
        }
    }
    // File systems list folders in an order of their own.
    entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let visit = |(name, entry): &(OsString, DirEntry)| {
        let other = other(project, folder, name, entry);
        visit(project, folder, name, entry).into_iter().chain(other)
    };
    match entries.len() > LARGE {
        true => found.par_extend(entries.par_iter().flat_map_iter(visit)),
        false => found.extend(entries.iter().flat_map(visit)),
    }
    Ok(found)
}

pub(super) fn unlisted(path: String, source: io::Error) -> ScanProblem {
    ScanProblem::Unreadable { path, source }
}

/// `None` for what is passed over.
fn visit(project: &Project, folder: &Folder, name: &OsStr, entry: &DirEntry) -> Option<Entry> {
    if is_passed_over(&name.to_string_lossy()) {
        return None;
    }
    let kind = match entry.file_type() {
        Ok(kind) => kind,
        // Removed since its folder was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(source) => return Some(Entry::Problem(unlisted(folder.shown(name), source))),
    };
    if kind.is_dir() {
        return Some(Entry::Folder(folder.below(name, entry, false)));
    }
    if kind.is_symlink() && entry.path().is_dir() {
        return Some(match project.enters(&entry.path()) {
            true => Entry::Folder(folder.below(name, entry, true)),
            false => Entry::LinkedFolder(folder.shown(name)),
        });
    }
    // Pipes and devices are never opened, since reading one may block.
    if !(kind.is_file() || kind.is_symlink()) {
        return None;
    }
    if !names_an_image(Path::new(name)) {
        return is_unsupported(Path::new(name)).then(|| Entry::Unsupported(folder.shown(name)));
    }
    let path = match folder.asset_path(name) {
        Ok(path) => path,
        Err(problem) => return Some(Entry::Problem(problem)),
    };
    match project.manifest().verdict(&path) {
        Verdict::Wanted(_) => {}
        verdict @ (Verdict::Unmatched
        | Verdict::Skipped(_)
        | Verdict::Excluded
        | Verdict::Output
        | Verdict::Input) => return Some(Entry::Image(path, verdict)),
        Verdict::Foreign => return None,
    }
    file(project, folder, (name, entry), path, Entry::Wanted)
}

/// A file that passes through, whatever else the plan says of it.
fn other(project: &Project, folder: &Folder, name: &OsStr, entry: &DirEntry) -> Option<Entry> {
    if !project.manifest().passes_files() || is_passed_over(&name.to_string_lossy()) {
        return None;
    }
    let kind = entry.file_type().ok()?;
    if !(kind.is_file() || kind.is_symlink() && entry.path().is_file()) {
        return None;
    }
    let path = match folder.asset_path(name) {
        Ok(path) => path,
        // An image's name is a problem already.
        Err(_) if names_an_image(Path::new(name)) => return None,
        Err(problem) => return Some(Entry::Problem(problem)),
    };
    if !project.manifest().passes_through(&path) {
        return None;
    }
    file(project, folder, (name, entry), path, Entry::Other)
}

/// A file that is not passed over, as an entry of a kind; `None` if it is none, or gone.
fn file(
    project: &Project,
    folder: &Folder,
    (name, entry): (&OsStr, &DirEntry),
    path: AssetPath,
    as_entry: fn(Found) -> Entry,
) -> Option<Entry> {
    let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
    let metadata = match is_link {
        true => follow(project, &path, &entry.path()),
        false => entry.metadata().map_err(|error| unreadable(&path, error)),
    };
    match metadata {
        Ok(metadata) if metadata.is_file() => {
            Some(as_entry(Found { path, stamp: Stamp::of(&metadata) }))
        }
        Ok(_) => None,
        // Removed since its folder was listed.
        Err(ScanProblem::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound && !is_link =>
        {
            None
        }
        Err(problem @ ScanProblem::Leaves(_)) => {
            Some(Entry::LinkedFile(folder.shown(name), problem))
        }
        Err(problem) => Some(Entry::Problem(problem)),
    }
}

/// The metadata of a linked file, if it is in the project or where links may lead.
fn follow(project: &Project, path: &AssetPath, link: &Path) -> Result<Metadata, ScanProblem> {
    if !project.holds(link).map_err(|source| unreadable(path, source))? {
        return Err(ScanProblem::Leaves(LeavesProject { path: path.to_string() }));
    }
    fs::metadata(link).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &AssetPath, source: io::Error) -> ScanProblem {
    ScanProblem::Unreadable { path: path.to_string(), source }
}

pub(crate) fn names_an_image(file: &Path) -> bool {
    file.extension().is_some_and(|extension| {
        ContainerFormat::from_extension(&extension.to_string_lossy()).is_some()
    })
}

/// Pictures that other programs read.
const UNSUPPORTED: [&str; 27] = [
    "gif", "svg", "ktx", "basis", "avif", "heic", "heif", "jxl", "jp2", "j2k", "jfif", "pcx",
    "ppm", "pgm", "pbm", "pnm", "ico", "vtf", "pvr", "astc", "xcf", "kra", "ora", "dpx", "sgi",
    "dng", "cr2",
];

/// Whether the file is named like a picture that cannot be read.
pub(crate) fn is_unsupported(file: &Path) -> bool {
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| UNSUPPORTED.contains(&extension.as_str()))
}
