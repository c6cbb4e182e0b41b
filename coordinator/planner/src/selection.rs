//! A selection of a project's assets by globs, as `--only` gives it.

use impasto_types::{AssetPath, Part};

use crate::glob::PathGlobs;
use crate::manifest::TileName;
use crate::suggest::nearest;
use crate::{Manifest, Plan, PlannedTask};

/// Which assets of a project a command is about. A glob means the same as in a rule, and may also
/// be written from the project's folder; a path that is written out selects its file even if it
/// has brackets. Without globs every asset is selected.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    globs: PathGlobs,
}

/// A glob of a selection is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{glob}` {reason}")]
pub struct SelectionError {
    pub glob: String,
    pub reason: String,
}

impl Selection {
    /// # Errors
    /// The first glob that is invalid, or that would leave the project.
    pub fn new(globs: Vec<String>) -> Result<Self, SelectionError> {
        let invalid = |(glob, reason)| SelectionError { glob, reason };
        Ok(Self { globs: PathGlobs::new(globs).map_err(invalid)? })
    }

    /// Whether every asset is selected.
    pub fn is_all(&self) -> bool {
        self.globs.patterns().is_empty()
    }

    /// The globs as they were given.
    pub fn globs(&self) -> &[String] {
        self.globs.patterns()
    }

    /// Whether the asset at `path`, which is relative to the project's folder, is selected.
    pub fn holds(&self, manifest: &Manifest, path: &AssetPath) -> bool {
        let holds = |path: &str| {
            let is_it = |glob: &String| glob.trim_start_matches("./").eq_ignore_ascii_case(path);
            self.globs.matches(path) || self.globs.patterns().iter().any(is_it)
        };
        self.is_all() || holds(path.as_str()) || manifest.in_assets(path).is_some_and(holds)
    }

    /// Removes from `plan` the tasks and problems of other assets, and returns the tasks.
    pub fn apply(&self, manifest: &Manifest, plan: &mut Plan) -> Vec<PlannedTask> {
        let holds = |path: &AssetPath| self.holds(manifest, path);
        plan.copies.retain(|copy| holds(&copy.source) || copy.models.iter().any(holds));
        plan.problems.retain(|problem| self.holds(manifest, &problem.asset));
        let tasks = std::mem::take(&mut plan.tasks).into_iter();
        plan.awaiting.retain(|awaiting| self.holds(manifest, &awaiting.asset));
        let is_awaited = |task: &PlannedTask| {
            plan.awaiting.iter().any(|awaiting| awaiting.model == *task.output())
        };
        let (selected, left) = tasks.partition(|task| match task.training {
            None => self.holds(manifest, &task.asset) || self.holds_tile(manifest, task),
            Some(_) => is_awaited(task),
        });
        plan.tasks = selected;
        left
    }

    /// Whether another tile of the task's set is selected than the one that the asset is named by.
    fn holds_tile(&self, manifest: &Manifest, task: &PlannedTask) -> bool {
        task.inputs.iter().any(|input| match input.part {
            Part::Udim(number) => TileName::sibling(&task.asset, number)
                .is_some_and(|tile| self.holds(manifest, &tile)),
            _ => false,
        })
    }

    /// What to write instead of a glob that selects none of `tasks`, if that can be guessed: a
    /// folder's files, a file by its name alone or by its output's, or a misspelt path.
    pub fn suggestion(&self, tasks: &[PlannedTask]) -> Option<String> {
        let assets = || tasks.iter().map(|task| task.asset.as_str());
        self.globs.patterns().iter().find_map(|glob| {
            let glob = glob.trim_start_matches("./").to_ascii_lowercase();
            let lower = |path: &str| path.to_ascii_lowercase();
            let below = format!("{glob}/");
            if assets().any(|asset| lower(asset).starts_with(&below)) {
                return Some(format!("{glob}/**"));
            }
            let end = format!("/{glob}");
            let named = assets().find(|asset| lower(asset).ends_with(&end));
            let made = || {
                let mut tasks = tasks.iter();
                let makes = |output: &AssetPath| lower(output.as_str()) == glob;
                let task = tasks.find(|task| task.output_paths().any(makes))?;
                Some(task.asset.as_str())
            };
            let found = named.or_else(made).map(str::to_owned);
            found.or_else(|| nearest(&glob, assets()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[project]\nname = \"t\"\nassets = \"art\"\n\
        output = \"painted/{dir}/{name}\"\n[styles.night]\nimages = [\"n.png\"]\n\
        [[rules]]\nmatch = [\"**\"]\nstyle = \"night\"\n";

    #[test]
    fn globs_select_assets() {
        let manifest = Manifest::parse(MANIFEST, "impasto.toml").expect("it is right");
        for (globs, path, expected) in [
            (&[][..], "art/a.png", true),
            (&["art/a.png"], "art/a.png", true),
            (&["a.png"], "art/a.png", true),
            (&["./art/A.PNG"], "art/a.png", true),
            (&["a.png"], "art/walls/a.png", false),
            (&["**/a.png"], "art/walls/a.png", true),
            (&["art/walls/**"], "art/walls/old/a.png", true),
            (&["walls/*"], "art/walls/a.png", true),
            (&["b.png", "walls/*"], "art/walls/a.png", true),
            (&["b.png"], "art/a.png", false),
            (&["wall[1].png"], "art/wall[1].png", true),
            (&["wall[1].png"], "art/wall1.png", true),
        ] {
            let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
            let selection = Selection::new(globs.clone()).expect("they are globs");
            let path = path.parse().expect("a path");
            assert_eq!(selection.holds(&manifest, &path), expected, "{globs:?} on {path}");
        }
    }

    #[test]
    fn an_invalid_glob_is_refused() {
        for (glob, expected) in [
            ("../a.png", "`../a.png` has a `..`; it has to stay inside the project's folder"),
            ("", "`` is empty"),
        ] {
            let refused = Selection::new(vec![glob.to_owned()]).expect_err("it is invalid");
            assert_eq!(refused.to_string(), expected);
        }
    }
}
