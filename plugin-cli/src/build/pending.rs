//! The job that a build has handed in, so that the next build finds it again if this one is cut
//! off.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use impasto_project::{Project, ReplaceError, STATE_DIR, replace_file};
use impasto_types::{Digest, JobId};
use serde::{Deserialize, Serialize};

/// What `.impasto/job.json` says. The file is there while the job's end has not been seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// The idempotency key: the same key again is the same job.
    pub(crate) key: String,
    /// Known once the coordinator has answered.
    pub(crate) job: Option<JobId>,
    /// The actions of the job's tasks, in the order of the tasks.
    pub(crate) actions: Vec<Digest>,
}

impl Pending {
    /// A job of these actions. `nonce` makes it another job than one of the same actions that has
    /// ended.
    pub(crate) fn new(actions: Vec<Digest>, nonce: u128) -> Self {
        let mut text = format!("impasto job {nonce:032x}");
        for action in &actions {
            text.push('\n');
            text.push_str(&action.to_hex());
        }
        Self { key: Digest::of(text.as_bytes()).to_hex(), job: None, actions }
    }

    /// The job that an earlier build left, if it paints all that is needed now. A file that cannot
    /// be read is none: its job is found in the action cache, at worst painted once more.
    pub(crate) fn load(project: &Project, needed: &[Digest]) -> Option<Self> {
        let pending: Self = serde_json::from_slice(&fs::read(path(project)).ok()?).ok()?;
        let has: BTreeSet<_> = pending.actions.iter().collect();
        let covers = match pending.job {
            Some(_) => needed.iter().all(|action| has.contains(action)),
            // Whether it was handed in is not known, so it has to be handed in again, as it was.
            None => needed == pending.actions,
        };
        covers.then_some(pending)
    }

    pub(crate) fn save(&self, project: &Project) -> Result<(), ReplaceError> {
        let path = path(project);
        let bytes = serde_json::to_vec(self)
            .map_err(|error| ReplaceError::Other { path: path.clone(), source: error.into() })?;
        replace_file(&path, &bytes).map(drop)
    }

    /// Forgets the job: it has ended, and whatever is still needed is another one.
    pub(crate) fn forget(project: &Project) {
        // A file that stays only costs the next build a look at a job that has ended.
        let _ = fs::remove_file(path(project));
    }
}

fn path(project: &Project) -> PathBuf {
    project.dir().join(STATE_DIR).join("job.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = "[project]\nname = \"p\"\n[styles.s]\nimages = [\"s.png\"]\n[[rules]]\n\
            match = [\"*.png\"]\n";
        fs::write(folder.path().join("impasto.toml"), manifest).expect("it is written");
        let project = Project::open(folder.path()).expect("it is a project");
        (folder, project)
    }

    #[test]
    fn a_job_is_found_again_while_it_covers_what_is_needed() {
        let (_folder, project) = project();
        let [a, b, c] = [b"a", b"b", b"c"].map(|name| Digest::of(name));
        let mut pending = Pending::new(vec![a, b], 7);
        pending.save(&project).expect("it is saved");
        assert_eq!(Pending::load(&project, &[a, b]), Some(pending.clone()));
        assert_eq!(
            Pending::load(&project, &[b]),
            None,
            "it is not known whether the coordinator has it"
        );

        pending.job = Some(JobId(3));
        pending.save(&project).expect("it is saved");
        assert_eq!(Pending::load(&project, &[b]), Some(pending.clone()));
        assert_eq!(Pending::load(&project, &[b, c]), None);

        Pending::forget(&project);
        assert_eq!(Pending::load(&project, &[b]), None);
    }

    #[test]
    fn keys_follow_from_actions_and_nonce() {
        let actions = || vec![Digest::of(b"a")];
        assert_eq!(Pending::new(actions(), 1).key, Pending::new(actions(), 1).key);
        assert_ne!(Pending::new(actions(), 1).key, Pending::new(actions(), 2).key);
    }
}
