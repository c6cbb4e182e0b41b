//! The submitted jobs, recorded in the project so that the next build finds them if this one is
//! interrupted.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use impasto_project::{Project, ReplaceError, replace_file};
use impasto_types::{Digest, JobId};
use serde::{Deserialize, Serialize};

/// The project's private file of jobs. It exists until their end has been seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) jobs: Vec<PendingJob>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingJob {
    /// The idempotency key: submitting the same key again gives the same job.
    pub(crate) key: String,
    /// `None` until the coordinator has answered.
    pub(crate) job: Option<JobId>,
    /// The actions of the job's tasks, in the order of the tasks.
    pub(crate) actions: Vec<Digest>,
}

impl PendingJob {
    /// A job of these actions. `nonce` distinguishes it from earlier jobs of the same actions.
    pub(crate) fn new(actions: Vec<Digest>, nonce: u128) -> Self {
        let mut text = format!("impasto job {nonce:032x}");
        for action in &actions {
            text.push('\n');
            text.push_str(&action.to_hex());
        }
        Self { key: Digest::of(text.as_bytes()).to_hex(), job: None, actions }
    }
}

const FILE: &str = "jobs.json";

impl Pending {
    /// The jobs that an earlier build left. Empty if the file cannot be read: their results are
    /// then found in the action cache, or computed again.
    pub(crate) fn load(project: &Project) -> Self {
        let bytes = fs::read(project.state_file(FILE)).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Writes the file.
    pub(crate) fn save(&self, project: &Project) -> Result<(), ReplaceError> {
        let path = project.state_file(FILE);
        let bytes = serde_json::to_vec(self)
            .map_err(|error| ReplaceError::Other { path: path.clone(), source: error.into() })?;
        replace_file(&path, &bytes).map(drop)
    }

    /// Forgets the jobs, which have ended. Tasks that are still needed go into new jobs.
    pub(crate) fn forget(project: &Project) {
        // If the file remains, the next build only asks for jobs that have ended.
        let _ = fs::remove_file(project.state_file(FILE));
    }
}

/// Distinguishes a job from all earlier ones, for which the clock's nanoseconds suffice.
pub(crate) fn nonce() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    now << 32 | u128::from(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    #[test]
    fn jobs_are_found_again_until_they_are_forgotten() {
        let test = TestProject::new(&["a.png"]);
        let project = test.open();
        assert_eq!(Pending::load(&project), Pending::default());
        let mut pending = Pending { jobs: vec![PendingJob::new(vec![Digest::of(b"a")], 7)] };
        pending.jobs[0].job = Some(JobId(3));
        pending.save(&project).expect("it is saved");
        assert_eq!(Pending::load(&project), pending);
        Pending::forget(&project);
        assert_eq!(Pending::load(&project), Pending::default());
    }

    #[test]
    fn keys_follow_from_actions_and_nonce() {
        let actions = || vec![Digest::of(b"a")];
        assert_eq!(PendingJob::new(actions(), 1).key, PendingJob::new(actions(), 1).key);
        assert_ne!(PendingJob::new(actions(), 1).key, PendingJob::new(actions(), 2).key);
    }
}
