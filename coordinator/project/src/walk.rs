//! Finds the files of a project that its manifest paints.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use impasto_planner::Verdict;
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
}

/// A file or folder that cannot be an asset. It counts as a failure and does not stop the others.
#[derive(Debug, thiserror::Error)]
pub enum ScanProblem {
    #[error("`{path}` has a name that is not Unicode: rename it")]
    NotUnicode { path: String },
    #[error("`{path}` has a name that not every system can store: rename it")]
    Name { path: String, source: AssetPathError },
    #[error("{0}; copy the file into the project")]
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
    /// The number of images that no rule matches.
    pub(crate) unmatched: usize,
    pub(crate) problems: Vec<ScanProblem>,
}

/// Lists the folder of assets. Only files that the manifest paints are examined. Linked folders are
/// not entered: files inside the project are found at their real path, and files outside do not
/// belong to it.
///
/// # Errors
/// The folder itself cannot be listed.
pub(crate) fn walk(project: &Project) -> Result<Walk, ScanError> {
    let root = project.assets_dir();
    let mut walk = Walk::default();
    let entries = WalkDir::new(&root)
        .follow_links(false)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !passed_over(entry));
    for entry in entries {
        match entry {
            Ok(entry) => visit(project, &entry, &mut walk),
            Err(error) if error.depth() == 0 => {
                return Err(ScanError::Folder { path: root, source: into_io(error) });
            }
            // Removed since its folder was listed.
            Err(error)
                if error
                    .io_error()
                    .is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => {}
            Err(error) => {
                let path = error.path().map_or_else(String::new, |path| shown(project, path));
                walk.problems.push(ScanProblem::Unreadable { path, source: into_io(error) });
            }
        }
    }
    walk.wanted.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walk)
}

fn passed_over(entry: &DirEntry) -> bool {
    is_passed_over(&entry.file_name().to_string_lossy())
}

fn visit(project: &Project, entry: &DirEntry, walk: &mut Walk) {
    let kind = entry.file_type();
    // Pipes and devices are never opened, since reading one may block.
    if !(kind.is_file() || kind.is_symlink()) || !names_an_image(entry.path()) {
        return;
    }
    let path = match asset_path(project, entry.path()) {
        Ok(path) => path,
        Err(problem) => return walk.problems.push(problem),
    };
    match project.manifest().verdict(&path) {
        Verdict::Wanted(_) => {}
        Verdict::Unmatched => {
            walk.unmatched += 1;
            return;
        }
        Verdict::Skipped(_)
        | Verdict::Excluded
        | Verdict::Output
        | Verdict::Input
        | Verdict::Foreign => return,
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
        Err(problem) => walk.problems.push(problem),
    }
}

/// The metadata of a linked file, if it is in the project.
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
    file.strip_prefix(project.dir()).unwrap_or(file).to_string_lossy().into_owned()
}

fn names_an_image(file: &Path) -> bool {
    file.extension().is_some_and(|extension| {
        ContainerFormat::from_extension(&extension.to_string_lossy()).is_some()
    })
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
        assert_eq!((walk.unmatched, walk.problems.len()), (1, 0));
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
            "`walls/outer.png` is a link out of the project, or leads through one; \
             copy the file into the project",
        ];
        if odd_name {
            expected.push("`walls/\u{fffd}.png` has a name that is not Unicode: rename it");
        }
        assert_eq!(problems, expected);
    }
}
