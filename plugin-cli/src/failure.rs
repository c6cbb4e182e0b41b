//! An error as the user sees it: what went wrong, the exit code, and what to do about it.

use std::error::Error;
use std::fmt;

use impasto_types::{error_chain, error_text};

use crate::exit::Exit;

/// What ends a command early.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// One sentence on what the user can do.
    pub hint: Option<String>,
    error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, hint: None, error: error.into() }
    }

    /// A mistake in a flag, manifest or configuration.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// A failure on this machine: a disk, a file, a download.
    pub fn here(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Unfinished, error)
    }

    /// A farm that cannot be reached, or gives a wrong answer.
    pub fn farm(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Unreachable, error)
    }

    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error and its causes, outermost first.
    pub fn chain(&self) -> Vec<String> {
        error_chain(self.error.as_ref())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&error_text(self.error.as_ref()))
    }
}
