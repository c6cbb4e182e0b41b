//! An error on its way to the user: what went wrong, the exit code that follows, and what to do
//! about it.

use std::error::Error;
use std::fmt;

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

    /// Something that the user has to write differently.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// Something on this machine that went wrong: a disk, a file, a download.
    pub fn here(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Unfinished, error)
    }

    /// A farm that is not there, or does not answer as it should.
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

    /// The error and its causes, outermost first. A cause whose words are already part of the line
    /// above is left out.
    pub fn chain(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut next: Option<&dyn Error> = Some(self.error.as_ref());
        while let Some(error) = next {
            let line = one_line(&error.to_string());
            if !lines.last().is_some_and(|above| above.contains(&line)) {
                lines.push(line);
            }
            next = error.source();
        }
        lines
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain().join(": "))
    }
}

/// A message of several lines as one, so that a log keeps it together.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `a`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_chain_says_everything_once() {
        let failure = Failure::here(Outer(std::io::Error::other("disk on fire")));
        assert_eq!(failure.to_string(), "cannot read `a`: disk on fire");
        let twice = Failure::usage(Outer(std::io::Error::other("`a`")));
        assert_eq!(twice.chain(), ["cannot read `a`"]);
    }

    #[test]
    fn messages_of_several_lines_become_one() {
        assert_eq!(one_line("first\n  second\n\nthird\n"), "first; second; third");
    }
}
