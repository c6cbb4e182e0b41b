//! The folders that the globs of a manifest are about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::project::Project;
use crate::temporary::is_passed_over;

/// The folders in which a new file may be an asset: those that a scan enters at and below the
/// folders in which the globs of painting rules begin. If such a folder does not exist, the one
/// that it would be made in. Relative to the project's folder, which is the empty path.
///
/// Folders that cannot be listed are left out: a scan reports them.
pub fn asset_folders(project: &Project) -> BTreeSet<PathBuf> {
    let assets = project.assets_dir();
    let entries = WalkDir::new(&assets).into_iter().filter_entry(|entry| {
        let hidden = entry.depth() > 0 && is_passed_over(&entry.file_name().to_string_lossy());
        entry.file_type().is_dir() && !hidden
    });
    let folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path().to_owned())).collect();
    let mut wanted = BTreeSet::new();
    for begin in project.manifest().glob_folders() {
        let begin = lower(Path::new(&begin));
        let below = |folder: &&PathBuf| is_below(&key(folder, &assets), &begin);
        let mut found: Vec<&PathBuf> = folders.iter().filter(below).collect();
        if found.is_empty() {
            let above = folders.iter().filter(|folder| is_below(&begin, &key(folder, &assets)));
            found.extend(above.max_by_key(|folder| folder.components().count()));
        }
        wanted.extend(found.into_iter().cloned());
    }
    let relative = |folder: PathBuf| folder.strip_prefix(project.dir()).map(Path::to_owned).ok();
    wanted.into_iter().filter_map(relative).collect()
}

/// The components of a folder relative to that of the assets, in lower case, as globs compare them.
fn key(folder: &Path, assets: &Path) -> Vec<String> {
    lower(folder.strip_prefix(assets).unwrap_or(folder))
}

fn lower(path: &Path) -> Vec<String> {
    path.components().map(|part| part.as_os_str().to_string_lossy().to_lowercase()).collect()
}

fn is_below(folder: &[String], above: &[String]) -> bool {
    folder.starts_with(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    #[test]
    fn folders_below_the_globs_are_found() {
        for (assets, globs, expected) in [
            ("", r#""Walls/**""#, vec!["walls", "walls/old"]),
            ("", r#""walls/old/*.png", "new/deep/**""#, vec!["", "walls/old"]),
            ("", r#""walls/new/**""#, vec!["walls"]),
            ("", r#""*.png""#, vec!["", "other", "walls", "walls/old"]),
            ("assets = \"walls\"", r#""**""#, vec!["walls", "walls/old"]),
            ("assets = \"walls\"", r#""old/a.png""#, vec!["walls/old"]),
        ] {
            let test = TestProject::with_manifest(&format!(
                "[project]\nname = \"t\"\n{assets}\n\
                 [styles.night]\nimages = [\"styles/night.png\"]\n\
                 [[rules]]\nmatch = [\"skipped/**\"]\nskip = true\n\
                 [[rules]]\nmatch = [{globs}]\nstyle = \"night\"\n"
            ));
            for folder in ["walls/old", "walls/.git/x", "other", ".impasto"] {
                std::fs::create_dir_all(test.dir().join(folder)).expect("it is made");
            }
            let found = asset_folders(test.project());
            let expected: BTreeSet<PathBuf> = expected.into_iter().map(PathBuf::from).collect();
            assert_eq!(found, expected, "{assets} {globs}");
        }
    }
}
