//! What a build's outputs depend on, for build systems.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use impasto_planner::PlannedTask;
use impasto_project::asset_folders;
use impasto_types::AssetPath;

use crate::survey::Survey;

/// Which folders outputs depend on, so that a new file in one of them is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folders {
    /// All that may get new assets. A build changes some of them itself, so this is for a target
    /// that is touched after the build.
    All,
    /// Those that a build does not write into.
    Unwritten,
}

impl Survey {
    /// The files that the plan's outputs depend on, besides the manifest: assets, also those that
    /// cannot be painted, styles, initial pictures and masks.
    pub fn sources(&self) -> BTreeSet<&AssetPath> {
        let assets = self.plan.tasks.iter().map(|task| &task.asset);
        let unusable = self.plan.problems.iter().map(|problem| &problem.asset);
        let copied = self.plan.copies.iter().map(|copy| &copy.source);
        assets.chain(copied).chain(unusable).chain(&self.inputs).collect()
    }

    /// The files that a build of the plan writes, besides its record.
    pub fn outputs(&self) -> impl Iterator<Item = &AssetPath> {
        let copies = self.plan.copies.iter().map(|copy| &copy.output);
        self.plan.tasks.iter().flat_map(PlannedTask::output_paths).chain(copies)
    }

    /// The folders in which a new file may be an asset, relative to the project's folder.
    pub fn asset_folders(&self, folders: Folders) -> Vec<PathBuf> {
        // The project's folder has the record.
        let mut written = BTreeSet::from([PathBuf::new()]);
        for output in self.outputs() {
            written.extend(folders_above(output));
        }
        let copied = self.plan.copies.iter().map(|copy| &copy.source);
        let sources = self.plan.tasks.iter().map(|task| &task.asset).chain(copied);
        let with_assets: BTreeSet<PathBuf> = sources.flat_map(folders_above).collect();
        let is_wanted = |folder: &PathBuf| {
            !written.contains(folder) || folders == Folders::All && with_assets.contains(folder)
        };
        asset_folders(&self.project).into_iter().filter(is_wanted).collect()
    }
}

/// The folders that a file lies in, up to the project's own, which is empty.
fn folders_above(path: &AssetPath) -> Vec<PathBuf> {
    path.to_path_buf().ancestors().skip(1).map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::survey;
    use crate::test_project::TestProject;

    #[test]
    fn folders_that_a_build_writes_into_are_for_stamps_only() {
        let test = TestProject::new(&["a.png", "old/b.png"]);
        for (output, globs, unwritten, all) in [
            (
                "stylized/{dir}/{name}",
                "walls/**",
                &["walls", "walls/old"][..],
                &["walls", "walls/old"][..],
            ),
            ("{dir}/{stem}_painted.png", "walls/**", &[], &["walls", "walls/old"]),
            (
                "stylized/{dir}/{name}",
                "**",
                &["styles", "walls", "walls/old"],
                &["", "styles", "walls", "walls/old"],
            ),
        ] {
            let manifest = test.read("impasto.toml").expect("it is there");
            let text = String::from_utf8(manifest).expect("it is text");
            let changed: String = text
                .lines()
                .map(|line| match line.split_once(" = ") {
                    Some(("output", _)) => format!("output = \"{output}\"\n"),
                    Some(("match", _)) => format!("match = [\"{globs}\"]\n"),
                    _ => format!("{line}\n"),
                })
                .collect();
            test.write("impasto.toml", changed.as_bytes());
            std::fs::create_dir_all(test.dir().join("stylized/walls")).expect("it is made");
            let found = survey(&test.request(), None).expect("it is surveyed");
            let folders = |which| found.asset_folders(which);
            let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
            assert_eq!(folders(Folders::Unwritten), paths(unwritten), "{output} {globs}");
            assert_eq!(folders(Folders::All), paths(all), "{output} {globs}");
        }
    }

    #[test]
    fn every_file_is_a_source_even_if_two_have_the_same_bytes() {
        let test = TestProject::new(&["a.png"]);
        test.write("walls/b.png", &test.read("walls/a.png").expect("it is there"));
        test.write("walls/broken.png", b"no picture");
        let found = survey(&test.request(), None).expect("it is surveyed");
        let sources: Vec<&str> = found.sources().into_iter().map(AssetPath::as_str).collect();
        assert_eq!(sources, ["styles/night.png", "walls/a.png", "walls/b.png", "walls/broken.png"]);
    }
}
