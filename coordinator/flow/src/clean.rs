//! Removes outputs that no rule makes any more.

use impasto_planner::PlannedTask;
use impasto_project::{Leftover, leftover, remove_output};
use impasto_types::{AssetPath, error_text};
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;
use crate::event::Observer;
use crate::held::{Busy, take_lock};
use crate::survey::{Survey, SurveyRequest, survey};

/// A recorded output that no rule makes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    pub path: AssetPath,
    /// The asset that it was painted from.
    pub asset: AssetPath,
    pub leftover: Leftover,
}

/// What was done about an orphan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleaned {
    /// Its file was removed, or was gone.
    Removed,
    /// Its file is not the one that was built.
    Kept,
    /// The file cannot be removed; the text says why.
    Failed(String),
}

/// The orphans of a project, in the order of their paths.
pub fn orphans(survey: &Survey) -> Vec<Orphan> {
    let orphan = |path: &AssetPath| {
        let entry = survey.state.get(path)?;
        let leftover = match is_still_made(survey, path) {
            true => Leftover::Gone,
            false => leftover(&survey.project, path, entry.output),
        };
        Some(Orphan { path: path.clone(), asset: entry.asset.clone(), leftover })
    };
    survey.plan.orphans.iter().filter_map(orphan).collect()
}

/// Whether a task makes the file under another spelling of its name: on file systems that ignore
/// case, both name one file.
fn is_still_made(survey: &Survey, orphan: &AssetPath) -> bool {
    let real = |path: &AssetPath| std::fs::canonicalize(survey.project.path_of(path)).ok();
    let tasks = survey.plan.tasks.iter().chain(&survey.left);
    let copies = survey.plan.copies.iter().map(|copy| &copy.output);
    let mut alike = tasks
        .flat_map(PlannedTask::output_paths)
        .chain(copies)
        .filter(|output| output.case_key() == orphan.case_key());
    alike.any(|output| real(output).is_some() && real(output) == real(orphan))
}

/// Removes the files of orphans and forgets them. Files that are not as they were built are kept,
/// unless `force` is given.
///
/// # Errors
/// The project cannot be surveyed or locked, or its record cannot be written.
pub fn clean(
    request: &SurveyRequest,
    force: bool,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Vec<(Orphan, Cleaned)>, BuildError> {
    let mut found = survey(request, None)?;
    if found.plan.orphans.is_empty() {
        return Ok(vec![]);
    }
    let Some(_held) = take_lock(&found.project, Busy::Wait, observer, cancel)? else {
        return Ok(vec![]);
    };
    // A build may have ended in the meantime.
    if !found.state.is_current(&found.project) {
        found = survey(request, None)?;
    }
    let mut done = Vec::new();
    for orphan in orphans(&found) {
        let removed = match orphan.leftover {
            Leftover::Gone => Ok(true),
            Leftover::Foreign => Ok(false),
            Leftover::Changed if !force => Ok(false),
            Leftover::Changed | Leftover::Untouched => {
                remove_output(&found.project, &orphan.path).map(|()| true)
            }
        };
        let cleaned = match removed {
            Ok(true) => {
                found.state.remove(&orphan.path);
                Cleaned::Removed
            }
            Ok(false) => Cleaned::Kept,
            Err(error) => Cleaned::Failed(error_text(&error)),
        };
        done.push((orphan, cleaned));
    }
    if done.iter().any(|(_, cleaned)| *cleaned == Cleaned::Removed) {
        found.state.save(&found.project).map_err(BuildError::Record)?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fake_farm::FakeFarm;
    use crate::test_project::{Heard, TestProject};

    fn cleaned(test: &TestProject, force: bool) -> Vec<(String, Cleaned)> {
        let cleaned = clean(&test.request(), force, &Heard::default(), &CancellationToken::new());
        let cleaned = cleaned.expect("it is cleaned");
        cleaned.into_iter().map(|(orphan, done)| (orphan.path.to_string(), done)).collect()
    }

    #[test]
    fn orphans_go_unless_they_were_edited() {
        let test = TestProject::new(&["a.png", "b.png", "c.png", "old/d.png"]);
        test.build(&FakeFarm::new());
        assert_eq!(cleaned(&test, false), []);
        for asset in ["b.png", "c.png", "old/d.png"] {
            fs::remove_file(test.dir().join("walls").join(asset)).expect("it is removed");
        }
        test.write("stylized/walls/c.png", b"edited");
        let row = |name: &str, done| (format!("stylized/walls/{name}"), done);
        let expected = [
            row("b.png", Cleaned::Removed),
            row("c.png", Cleaned::Kept),
            row("old/d.png", Cleaned::Removed),
        ];
        assert_eq!(cleaned(&test, false), expected);
        assert_eq!(test.read("stylized/walls/b.png"), None);
        assert!(!test.dir().join("stylized/walls/old").exists(), "it was empty");
        assert!(test.read("stylized/walls/a.png").is_some());
        assert_eq!(cleaned(&test, false), [row("c.png", Cleaned::Kept)]);
        assert_eq!(cleaned(&test, true), [row("c.png", Cleaned::Removed)]);
        assert_eq!(cleaned(&test, true), []);
    }
}
