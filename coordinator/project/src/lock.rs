//! One build per project at a time, and one submission.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::commit::recover;
use crate::project::Project;
use crate::replace::ReplaceError;

/// Held while a project is built. Released when it is dropped or its process ends.
#[derive(Debug)]
pub struct ProjectLock {
    /// Whether a delivery that the last holder left unfinished was completed or undone, so outputs
    /// may have changed.
    pub recovered: bool,
    // The system releases the lock when the file is closed.
    _file: File,
}

/// Held while tasks are submitted: for moments, also by a build that goes on to paint for hours.
/// Released when it is dropped or its process ends.
#[derive(Debug)]
pub struct JobsLock {
    _file: File,
}

/// The holder of a project's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub process_id: u32,
}

/// Why a project could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another build of {} is running{}", dir.display(), by(holder.as_ref()))]
    Held { dir: PathBuf, holder: Option<Holder> },
    #[error("cannot lock {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot complete an interrupted delivery")]
    Recover(#[from] ReplaceError),
}

/// ` (process 7)`, if the process is known.
fn by(holder: Option<&Holder>) -> String {
    holder.map_or(String::new(), |holder| format!(" (process {})", holder.process_id))
}

/// Locks the project. A delivery that the last holder left unfinished is completed or undone.
///
/// # Errors
/// Another build holds the lock, its file cannot be created, or such a delivery cannot be
/// completed.
pub fn lock(project: &Project) -> Result<ProjectLock, LockError> {
    let path = lock_file(project);
    let file = open(project, &path)?;
    match file.try_lock() {
        Ok(()) => taken(project, file),
        Err(TryLockError::WouldBlock) => {
            Err(LockError::Held { dir: project.dir().to_owned(), holder: holder(project) })
        }
        Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
    }
}

/// Locks the project's jobs; `None` if another process holds this lock.
///
/// # Errors
/// Its file cannot be created, or the file system has no locks.
pub fn lock_jobs(project: &Project) -> Result<Option<JobsLock>, LockError> {
    let path = project.state_dir().join(JOBS_LOCK);
    let file = open(project, &path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(JobsLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
    }
}

const LOCK: &str = "lock";
const JOBS_LOCK: &str = "jobs-lock";

/// A file of its own, since on Windows no other process can read a locked file.
const HOLDER: &str = "lock-holder.json";

/// One lock for all manifests of a folder, since they may have the same outputs.
fn lock_file(project: &Project) -> PathBuf {
    project.state_dir().join(LOCK)
}

fn open(project: &Project, path: &Path) -> Result<File, LockError> {
    let open = || {
        project.make_state_dir(path)?;
        File::options().create(true).truncate(false).write(true).open(path)
    };
    open().map_err(|source| LockError::Io { path: path.to_owned(), source })
}

fn taken(project: &Project, file: File) -> Result<ProjectLock, LockError> {
    let holder = Holder { process_id: std::process::id() };
    // Only messages use it, so errors are ignored.
    if let Ok(text) = serde_json::to_vec(&holder) {
        let _ = fs::write(project.state_dir().join(HOLDER), text);
    }
    Ok(ProjectLock { recovered: recover(project)?, _file: file })
}

fn holder(project: &Project) -> Option<Holder> {
    serde_json::from_slice(&fs::read(project.state_dir().join(HOLDER)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    #[test]
    fn one_build_at_a_time() {
        let test = TestProject::new();
        let first = lock(test.project()).expect("it is free");
        let error = lock(test.project()).expect_err("it is held");
        let LockError::Held { holder: Some(holder), .. } = &error else { panic!("{error}") };
        assert_eq!(holder.process_id, std::process::id());
        let expected = format!("is running (process {})", std::process::id());
        assert!(error.to_string().ends_with(&expected), "{error}");
        drop(first);
        assert!(lock(test.project()).is_ok());
    }

    #[test]
    fn one_submission_at_a_time_even_during_a_build() {
        let test = TestProject::new();
        let _building = lock(test.project()).expect("it is free");
        let first = lock_jobs(test.project()).expect("there are locks");
        assert!(first.is_some(), "a build does not hold it");
        assert!(lock_jobs(test.project()).expect("there are locks").is_none());
        drop(first);
        assert!(lock_jobs(test.project()).expect("there are locks").is_some());
    }
}
