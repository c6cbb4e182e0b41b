//! Names of jobs, tasks, attempts and workers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A submission, numbered from 1 by its coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

/// A task's place in its job, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskIndex(pub u32);

/// How many times a task has been leased, from 1. It is the fencing token: a report of an older
/// attempt is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(pub u32);

/// How many times a coordinator has started on this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// One connection of a worker; a worker that reconnects gets a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub u64);

/// A lease: one attempt at one task. `epoch` is that of the coordinator that granted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId {
    pub job: JobId,
    pub task: TaskIndex,
    pub attempt: Attempt,
    pub epoch: Epoch,
}

/// A worker's name on its farm: 1 to 64 of `A-Z a-z 0-9 . _ -`. It stays the same over connections
/// and restarts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkerName(String);

/// A text that is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("`{0}` is not a job: give its number, as `impasto jobs` lists it")]
    Job(String),
    #[error("`{0}` is not a worker's name: 1 to 64 letters, digits, `.`, `_` or `-`")]
    Worker(String),
}

impl WorkerName {
    pub const MAX_LEN: usize = 64;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `nth` name for workers that ask for this one: itself, then `name-2`, `name-3` and so on,
    /// truncated if too long.
    pub fn numbered(&self, nth: u32) -> Self {
        if nth < 2 {
            return self.clone();
        }
        let suffix = format!("-{nth}");
        // Names are ASCII, so any length is a character boundary.
        let kept = self.0.len().min(Self::MAX_LEN - suffix.len());
        Self(format!("{}{suffix}", &self.0[..kept]))
    }
}

impl FromStr for WorkerName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if fits && plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Worker(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for WorkerName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<WorkerName> for String {
    fn from(name: WorkerName) -> Self {
        name.0
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JobId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self).map_err(|_| IdError::Job(text.chars().take(80).collect()))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} task {} attempt {}", self.job.0, self.task.0, self.attempt.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_names_are_valid() {
        for (name, nth, expected) in [
            ("node", 1, "node".to_owned()),
            ("node", 2, "node-2".to_owned()),
            (&"x".repeat(64), 12, format!("{}-12", "x".repeat(61))),
        ] {
            let numbered = name.parse::<WorkerName>().expect("a name").numbered(nth);
            assert_eq!(numbered.as_str(), expected);
            assert_eq!(numbered.as_str().parse(), Ok(numbered.clone()));
        }
    }

    #[test]
    fn worker_names() {
        for good in ["a", "node-7.render_farm", &"x".repeat(64)] {
            assert!(good.parse::<WorkerName>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "né", &"x".repeat(65)] {
            assert!(bad.parse::<WorkerName>().is_err(), "{bad}");
        }
    }
}
