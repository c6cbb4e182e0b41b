//! Finds the files of a project that its manifest paints.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use impasto_planner::{PassedOver, Verdict};
use impasto_types::{AssetPath, AssetPathError, ContainerFormat};
use walkdir::{DirEntry, WalkDir};

use crate::contained::LeavesProject;
use crate::project::{Project, slashed};
use crate::stamp::Stamp;
use crate::temporary::is_passed_over;

/// Why a project could not be scanned.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("cannot list the folder of assets, {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "the folder of assets, {}, is a link out of the project; name the folder that it leads to \
         in `links` of [project]",
        path.display()
    )]
    LinkedFolder { path: PathBuf },
}

/// A file or folder that cannot be an asset. It counts as a failure and does not stop the others.
#[derive(Debug, thiserror::Error)]
pub enum ScanProblem {
    #[error("`{path}` has a name that is not Unicode: rename it")]
    NotUnicode { path: String },
    #[error("`{path}` has a name that not every system can store: rename it")]
    Name { path: String, source: AssetPathError },
    #[error(
        "{0}; name the folder that it leads to in `links` of [project], or copy the file into the \
         project"
    )]
    Leaves(LeavesProject),
    #[error("`{path}` cannot be read")]
    Unreadable { path: String, source: io::Error },
    #[error("`{path}` changed each time it was read: something is still writing it")]
    Unstable { path: AssetPath },
}

impl ScanProblem {
    /// The file or folder, relative to the project's.
    pub fn path(&self) -> &str {
        match self {
            Self::NotUnicode { path }
            | Self::Name { path, .. }
            | Self::Leaves(LeavesProject { path })
            | Self::Unreadable { path, .. } => path,
            Self::Unstable { path } => path.as_str(),
        }
    }
}

/// A file that the manifest paints.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: AssetPath,
    pub(crate) file: PathBuf,
    pub(crate) stamp: Stamp,
}

#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// In the order of their paths.
    pub(crate) wanted: Vec<Found>,
    /// What a plan needs to say why a rule gets nothing.
    pub(crate) passed: PassedOver,
    pub(crate) problems: Vec<ScanProblem>,
}

/// Lists the folder of assets. Only files that the manifest paints are examined. Linked folders are
/// entered only if they lead to where the manifest's `links` allow: other files inside the project
/// are found at their real path, and files outside do not belong to it.
///
/// # Errors
/// The folder itself cannot be listed, or is a link out of the project.
pub(crate) fn walk(project: &Project) -> Result<Walk, ScanError> {
    let root = project.assets_dir();
    if root.exists() && !project.holds(&root).unwrap_or(true) {
        return Err(ScanError::LinkedFolder { path: root });
    }
    let mut walk = Walk::default();
    let mut entered = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        match list(project, &folder, &mut walk, &mut folders, &mut entered) {
            Ok(()) => {}
            Err(source) if folder == root => {
                return Err(ScanError::Folder { path: root, source });
            }
            Err(source) => walk.problems.push(unlisted(project, &folder, source)),
        }
    }
    walk.wanted.sort_by(|a, b| a.path.cmp(&b.path));
    walk.passed.linked_folders.sort();
    Ok(walk)
}

/// Lists one folder with all below it. Linked folders that may be entered are added to `folders`,
/// each target once.
fn list(
    project: &Project,
    folder: &Path,
    walk: &mut Walk,
    folders: &mut Vec<PathBuf>,
    entered: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    let entries = WalkDir::new(folder)
        .follow_links(false)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !passed_over(entry));
    for entry in entries {
        match entry {
            Ok(entry) if entry.depth() > 0 && entry.path_is_symlink() && entry.path().is_dir() => {
                let mut is_new = || {
                    let target = std::fs::canonicalize(entry.path());
                    target.is_ok_and(|target| entered.insert(target))
                };
                if !project.enters(entry.path()) {
                    walk.passed.linked_folders.push(shown(project, entry.path()));
                } else if is_new() {
                    folders.push(entry.into_path());
                }
            }
            Ok(entry) => visit(project, &entry, walk),
            Err(error) if error.depth() == 0 => return Err(into_io(error)),
            // Removed since its folder was listed.
            Err(error)
                if error
                    .io_error()
                    .is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => {}
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                walk.problems.push(unlisted(project, &path, into_io(error)));
            }
        }
    }
    Ok(())
}

fn unlisted(project: &Project, path: &Path, source: io::Error) -> ScanProblem {
    ScanProblem::Unreadable { path: shown(project, path), source }
}

fn passed_over(entry: &DirEntry) -> bool {
    is_passed_over(&entry.file_name().to_string_lossy())
}

fn visit(project: &Project, entry: &DirEntry, walk: &mut Walk) {
    let kind = entry.file_type();
    if kind.is_dir() {
        walk.passed.folders.insert(shown(project, entry.path()));
        return;
    }
    // Pipes and devices are never opened, since reading one may block.
    if !(kind.is_file() || kind.is_symlink()) {
        return;
    }
    if !names_an_image(entry.path()) {
        if is_unsupported(entry.path()) {
            walk.passed.unsupported.push(shown(project, entry.path()));
        }
        return;
    }
    let path = match asset_path(project, entry.path()) {
        Ok(path) => path,
        Err(problem) => return walk.problems.push(problem),
    };
    match project.manifest().verdict(&path) {
        Verdict::Wanted(_) => {}
        verdict @ (Verdict::Unmatched
        | Verdict::Skipped(_)
        | Verdict::Excluded
        | Verdict::Output
        | Verdict::Input) => {
            walk.passed.images.push((path, verdict));
            return;
        }
        Verdict::Foreign => return,
    }
    let metadata = if kind.is_symlink() {
        follow(project, &path, entry.path())
    } else {
        entry.metadata().map_err(|error| unreadable(&path, into_io(error)))
    };
    match metadata {
        Ok(metadata) if metadata.is_file() => {
            walk.wanted.push(Found {
                path,
                file: entry.path().to_owned(),
                stamp: Stamp::of(&metadata),
            });
        }
        Ok(_) => {}
        Err(ScanProblem::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound && !kind.is_symlink() => {}
        Err(problem) => {
            if let ScanProblem::Leaves(_) = problem {
                walk.passed.linked_files.push(shown(project, entry.path()));
            }
            walk.problems.push(problem);
        }
    }
}

/// The metadata of a linked file, if it is in the project or where links may lead.
fn follow(project: &Project, path: &AssetPath, link: &Path) -> Result<Metadata, ScanProblem> {
    if !project.holds(link).map_err(|source| unreadable(path, source))? {
        return Err(ScanProblem::Leaves(LeavesProject { path: path.to_string() }));
    }
    std::fs::metadata(link).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &AssetPath, source: io::Error) -> ScanProblem {
    ScanProblem::Unreadable { path: path.to_string(), source }
}

fn asset_path(project: &Project, file: &Path) -> Result<AssetPath, ScanProblem> {
    let relative = file.strip_prefix(project.dir()).unwrap_or(file);
    let text =
        slashed(relative).ok_or_else(|| ScanProblem::NotUnicode { path: shown(project, file) })?;
    text.parse().map_err(|source| ScanProblem::Name { path: shown(project, file), source })
}

fn shown(project: &Project, file: &Path) -> String {
    let relative = file.strip_prefix(project.dir()).unwrap_or(file);
    slashed(relative).unwrap_or_else(|| relative.to_string_lossy().into_owned())
}

fn names_an_image(file: &Path) -> bool {
    file.extension().is_some_and(|extension| {
        ContainerFormat::from_extension(&extension.to_string_lossy()).is_some()
    })
}

/// Pictures that other programs read.
const UNSUPPORTED: [&str; 34] = [
    "dds", "exr", "hdr", "psd", "psb", "gif", "svg", "ktx", "ktx2", "basis", "avif", "heic",
    "heif", "jxl", "jp2", "j2k", "jfif", "pcx", "ppm", "pgm", "pbm", "pnm", "ico", "vtf", "pvr",
    "astc", "xcf", "kra", "ora", "dpx", "sgi", "qoi", "dng", "cr2",
];

/// Whether the file is named like a picture that cannot be read.
fn is_unsupported(file: &Path) -> bool {
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| UNSUPPORTED.contains(&extension.as_str()))
}

fn into_io(error: walkdir::Error) -> io::Error {
    error.into_io_error().unwrap_or_else(|| io::Error::other("a folder that contains itself"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, png};

    fn wanted(walk: &Walk) -> Vec<&str> {
        walk.wanted.iter().map(|found| found.path.as_str()).collect()
    }

    #[test]
    fn only_wanted_files_are_found_in_order() {
        let test = TestProject::new();
        for file in [
            "walls/b.png",
            "walls/a.PNG",
            "walls/sub/c.jpg",
            "walls/a_n.png",
            "walls/.b.png.x1.png",
            "walls/#b.png#",
            "walls/notes.txt",
            "walls/d.DDS",
            ".git/a.png",
            "walls/.cache/a.png",
            "stylized/walls/a.png",
            "styles/night.png",
            "other/x.png",
        ] {
            test.write(file, b"not looked at");
        }
        let walk = walk(test.project()).expect("it is walked");
        assert_eq!(wanted(&walk), ["walls/a.PNG", "walls/b.png", "walls/sub/c.jpg"]);
        let unmatched = |(path, verdict): &(AssetPath, Verdict)| {
            (*verdict == Verdict::Unmatched).then(|| path.to_string())
        };
        assert_eq!(walk.passed.images.iter().find_map(unmatched).as_deref(), Some("other/x.png"));
        assert_eq!((walk.passed.images.len(), walk.problems.len()), (4, 0));
        assert!(walk.passed.folders.contains("walls/sub"), "{:?}", walk.passed.folders);
        assert_eq!(walk.passed.unsupported, ["walls/d.DDS"]);
    }

    #[test]
    fn a_missing_folder_of_assets_is_named() {
        let test = TestProject::with_manifest(
            "[project]\nname = \"t\"\nassets = \"art\"\n\
             [styles.night]\nimages = [\"styles/night.png\"]\n\
             [[rules]]\nmatch = [\"**\"]\nstyle = \"night\"\n",
        );
        let error = walk(test.project()).expect_err("it is not there").to_string();
        assert_eq!(
            error,
            format!(
                "cannot list the folder of assets, {}",
                test.project().dir().join("art").display()
            )
        );
    }

    #[cfg(unix)]
    #[test]
    fn names_and_links_that_cannot_be_used_are_problems() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("x.png"), png(8, 8)).expect("it is written");
        let test = TestProject::new();
        test.write("walls/a.png", &png(8, 8));
        test.write("walls/b:c.png", &png(8, 8));
        let walls = test.dir().join("walls");
        symlink("a.png", walls.join("inner.png")).expect("it is linked");
        symlink(outside.path().join("x.png"), walls.join("outer.png")).expect("it is linked");
        symlink(outside.path(), walls.join("folder")).expect("it is linked");
        symlink("..", walls.join("loop")).expect("it is linked");
        symlink("nowhere.png", walls.join("dangling.png")).expect("it is linked");
        // Some file systems refuse such names; then there is no such file to find.
        let odd_name = std::fs::write(walls.join(OsStr::from_bytes(b"\xff.png")), "").is_ok();

        let walk = walk(test.project()).expect("it is walked");
        assert_eq!(wanted(&walk), ["walls/a.png", "walls/inner.png"]);
        let mut problems: Vec<_> = walk.problems.iter().map(ToString::to_string).collect();
        problems.sort();
        let mut expected = vec![
            "`walls/b:c.png` has a name that not every system can store: rename it",
            "`walls/dangling.png` cannot be read",
            "`walls/outer.png` is a link out of the project, or leads through one; name the folder \
             that it leads to in `links` of [project], or copy the file into the project",
        ];
        assert_eq!(walk.passed.linked_folders, ["walls/folder", "walls/loop"]);
        assert_eq!(walk.passed.linked_files, ["walls/outer.png"]);
        if odd_name {
            expected.push("`walls/\u{fffd}.png` has a name that is not Unicode: rename it");
        }
        assert_eq!(problems, expected);
    }

    #[cfg(unix)]
    #[test]
    fn links_into_an_allowed_store_are_followed() {
        use std::os::unix::fs::symlink;
        let store = tempfile::tempdir().expect("a folder");
        let deep = store.path().join("ab/cd");
        std::fs::create_dir_all(&deep).expect("it is made");
        // A store names files by their content.
        std::fs::write(deep.join("0123"), png(8, 8)).expect("it is written");
        std::fs::write(deep.join("b.png"), png(8, 8)).expect("it is written");
        symlink(store.path(), deep.join("again")).expect("it is linked");
        let elsewhere = tempfile::tempdir().expect("a folder");
        std::fs::write(elsewhere.path().join("x.png"), png(8, 8)).expect("it is written");

        let links = format!("links = [\"{}\", \"../absent\"]", store.path().display());
        let test = TestProject::with_manifest(&format!(
            "[project]\nname = \"t\"\n{links}\n[styles.night]\nimages = [\"night.png\"]\n\
             [[rules]]\nmatch = [\"**\"]\nstyle = \"night\"\n"
        ));
        symlink(deep.join("0123"), test.dir().join("a.png")).expect("it is linked");
        symlink(&deep, test.dir().join("linked")).expect("it is linked");
        symlink(elsewhere.path(), test.dir().join("other")).expect("it is linked");
        symlink(elsewhere.path().join("x.png"), test.dir().join("x.png")).expect("it is linked");
        symlink(deep.join("0123"), test.dir().join("night.png")).expect("it is linked");

        let found = walk(test.project()).expect("it is walked");
        let names = wanted(&found);
        assert_eq!(names[..2], ["a.png", "linked/again/ab/cd/b.png"], "{names:?}");
        assert!(names.contains(&"linked/b.png") && names.len() == 3, "{names:?}");
        assert_eq!(found.passed.linked_folders, ["other"]);
        assert_eq!(found.passed.linked_files, ["x.png"]);
        let scan = crate::scan(test.project(), &mut crate::StatCache::default()).expect("a scan");
        assert!(scan.inputs.values().all(Result::is_ok), "{:?}", scan.inputs);
        assert_eq!(scan.listing.assets.iter().filter(|asset| asset.image.is_ok()).count(), 3);
    }
}
