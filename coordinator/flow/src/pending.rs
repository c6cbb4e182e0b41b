//! The submitted jobs, recorded in the project so that the next command finds them, whatever became
//! of the one that submitted them.

use std::fs;

use impasto_project::{Project, ReplaceError, lock_jobs, replace_file};
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
    /// The first job of these actions of a project. Its key follows from them, so everyone who
    /// submits them means the same job, even where this file is lost or in another checkout.
    pub(crate) fn first(project: &str, actions: Vec<Digest>) -> Self {
        let mut text = format!("impasto job of {project:?}");
        for action in &actions {
            text.push('\n');
            text.push_str(&action.to_hex());
        }
        Self { key: Digest::of(text.as_bytes()).to_hex(), job: None, actions }
    }

    /// The job of the same actions that follows this one, which has ended without all results.
    pub(crate) fn next(self) -> Self {
        let text = format!("impasto job after {}", self.key);
        Self { key: Digest::of(text.as_bytes()).to_hex(), job: None, ..self }
    }
}

const FILE: &str = "jobs.json";

impl Pending {
    /// The jobs that earlier commands left. Empty if the file cannot be read: the coordinator finds
    /// them by their keys.
    pub(crate) fn load(project: &Project) -> Self {
        let bytes = fs::read(project.state_file(FILE)).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Writes the file; removes it if no job is left.
    pub(crate) fn save(&self, project: &Project) -> Result<(), ReplaceError> {
        let path = project.state_file(FILE);
        if self.jobs.is_empty() {
            // If it remains, the next command only asks for jobs that have ended.
            let _ = fs::remove_file(&path);
            return Ok(());
        }
        let bytes = serde_json::to_vec(self)
            .map_err(|error| ReplaceError::Other { path: path.clone(), source: error.into() })?;
        replace_file(&path, &bytes).map(drop)
    }

    /// Forgets jobs that have ended. Tasks that are still needed go into new jobs.
    pub(crate) fn forget(project: &Project, has_ended: impl Fn(JobId) -> bool) {
        // Whoever holds the lock sees for itself that they have ended.
        let lock = lock_jobs(project);
        if matches!(lock, Ok(None)) {
            return;
        }
        let mut pending = Self::load(project);
        pending.jobs.retain(|left| left.job.is_none_or(|job| !has_ended(job)));
        if let Err(unsaved) = pending.save(project) {
            tracing::debug!("{unsaved}");
        }
        drop(lock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    fn job(name: &[u8]) -> PendingJob {
        PendingJob::first("town", vec![Digest::of(name)])
    }

    #[test]
    fn jobs_are_found_again_until_they_are_forgotten() {
        let test = TestProject::new(&["a.png"]);
        let project = test.open();
        assert_eq!(Pending::load(&project), Pending::default());
        let numbered = |name, number| PendingJob { job: Some(JobId(number)), ..job(name) };
        let pending = Pending { jobs: vec![numbered(b"a", 3), numbered(b"b", 4)] };
        pending.save(&project).expect("it is saved");
        assert_eq!(Pending::load(&project), pending);
        Pending::forget(&project, |job| job == JobId(3));
        assert_eq!(Pending::load(&project).jobs, [numbered(b"b", 4)]);
        Pending::forget(&project, |_| true);
        assert_eq!(Pending::load(&project), Pending::default());
        assert!(!project.state_file(FILE).exists());
    }

    #[test]
    fn keys_follow_from_project_and_actions_and_from_what_ended() {
        assert_eq!(job(b"a"), job(b"a"));
        assert_eq!(job(b"a").next(), job(b"a").next());
        let elsewhere = PendingJob::first("city", vec![Digest::of(b"a")]);
        let both = PendingJob::first("town", vec![Digest::of(b"a"), Digest::of(b"b")]);
        let jobs = [job(b"a"), job(b"b"), job(b"a").next(), job(b"a").next().next()];
        let keys: Vec<String> =
            jobs.into_iter().chain([elsewhere, both]).map(|job| job.key).collect();
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key), "key {place}");
        }
    }
}
