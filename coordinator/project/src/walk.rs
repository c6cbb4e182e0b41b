//! Finds the files of a project that its manifest paints.

mod folder;
mod problem;

use std::collections::BTreeSet;
use std::io;

use impasto_planner::PassedOver;
use rayon::prelude::*;

use self::folder::{Entry, Folder, list, unlisted};
pub(crate) use self::folder::{Found, is_unsupported, names_an_image};
pub use self::problem::{ScanError, ScanProblem};
use crate::project::Project;

#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// In the order of their paths.
    pub(crate) wanted: Vec<Found>,
    /// Files that pass through, in the order of their paths.
    pub(crate) others: Vec<Found>,
    /// What a plan needs to say why a rule gets nothing.
    pub(crate) passed: PassedOver,
    pub(crate) problems: Vec<ScanProblem>,
}

/// Lists the folder of assets, on several threads. Only files that the manifest paints are
/// examined, each by one `stat` relative to its folder. Linked folders are entered only if they
/// lead to where the manifest's `links` allow: other files inside the project are found at their
/// real path, and files outside do not belong to it.
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
    // Folder by folder below, in steps of one level.
    let mut level = vec![Folder::new(project, root.clone())];
    while !level.is_empty() {
        let listed: Vec<_> = level.par_iter().map(|folder| list(project, folder)).collect();
        let mut below = Vec::new();
        for (folder, listed) in level.into_iter().zip(listed) {
            walk.passed.folders.insert(folder.shown.clone());
            match listed {
                Ok(listed) => listed.into_iter().for_each(|entry| walk.add(entry, &mut below)),
                Err(source) if folder.path == root => {
                    return Err(ScanError::Folder { path: root, source });
                }
                // Removed since the one above was listed.
                Err(source) if source.kind() == io::ErrorKind::NotFound && !folder.is_link => {}
                Err(source) => walk.problems.push(unlisted(folder.shown.clone(), source)),
            }
        }
        // Each target of links is entered once, whatever the order in which folders are listed.
        below.sort_by(|one: &Folder, other| one.path.cmp(&other.path));
        let mut is_new = |folder: &Folder| {
            let target = std::fs::canonicalize(&folder.path);
            target.is_ok_and(|target| entered.insert(target))
        };
        below.retain(|folder| !folder.is_link || is_new(folder));
        level = below;
    }
    walk.wanted.par_sort_by(|a, b| a.path.cmp(&b.path));
    walk.others.par_sort_by(|a, b| a.path.cmp(&b.path));
    walk.passed.linked_folders.sort();
    Ok(walk)
}

impl Walk {
    fn add(&mut self, entry: Entry, folders: &mut Vec<Folder>) {
        match entry {
            Entry::Wanted(found) => self.wanted.push(found),
            Entry::Other(found) => self.others.push(found),
            Entry::Folder(folder) => folders.push(folder),
            Entry::LinkedFolder(shown) => self.passed.linked_folders.push(shown),
            Entry::Image(path, verdict) => self.passed.images.push((path, verdict)),
            Entry::Unsupported(shown) => self.passed.unsupported.push(shown),
            Entry::LinkedFile(shown, problem) => {
                self.passed.linked_files.push(shown);
                self.problems.push(problem);
            }
            Entry::Problem(problem) => self.problems.push(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use impasto_planner::Verdict;
    use impasto_types::AssetPath;

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
            "walls/d.XCF",
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
        assert_eq!(walk.passed.unsupported, ["walls/d.XCF"]);
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
