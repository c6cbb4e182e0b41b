//! Lists the pictures that networks are trained on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{fs, io};

use impasto_types::AssetPath;

use crate::project::Project;
use crate::temporary::is_passed_over;
use crate::walk::names_an_image;

/// Every picture in the manifest's folders of content. Folders and files that cannot be listed, or
/// have names that not every system can store, are left out: a plan says how many were found.
pub(super) fn pictures(project: &Project) -> BTreeSet<AssetPath> {
    let mut pictures = BTreeSet::new();
    for folder in project.manifest().content_folders() {
        // Folders that links lead to, so that a circle of links ends.
        let mut entered = BTreeSet::new();
        let Ok(root) = project.resolve_input(folder) else { continue };
        let mut folders = vec![(folder.to_string(), root)];
        while let Some((shown, path)) = folders.pop() {
            // It may be absent, or removed since the one above was listed.
            let _ = list(project, &shown, path, &mut pictures, &mut |below, path, is_link| {
                let mut is_new = || fs::canonicalize(&path).is_ok_and(|real| entered.insert(real));
                if !is_link || is_new() {
                    folders.push((below, path));
                }
            });
        }
    }
    pictures
}

/// Lists one folder: calls `enter` with each one below it, and whether it is linked.
fn list(
    project: &Project,
    shown: &str,
    folder: PathBuf,
    pictures: &mut BTreeSet<AssetPath>,
    enter: &mut dyn FnMut(String, PathBuf, bool),
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !is_passed_over(name)) else { continue };
        let (kind, path) = (entry.file_type()?, entry.path());
        let below = format!("{shown}/{name}");
        if kind.is_dir() || kind.is_symlink() && path.is_dir() && project.enters(&path) {
            enter(below, path, kind.is_symlink());
        } else if (kind.is_file() || kind.is_symlink() && path.is_file()) && names_an_image(&path) {
            pictures.extend(below.parse::<AssetPath>());
        }
    }
    Ok(())
}
