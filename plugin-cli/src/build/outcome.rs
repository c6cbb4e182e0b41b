//! What a build came to.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::Exit;
use crate::units::time;

/// The summary. With `--json` it is the last line.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    pub painted: usize,
    pub cached: usize,
    pub up_to_date: usize,
    pub failed: Vec<Failed>,
    /// Outputs that are still to be made, as the build was interrupted or the job canceled.
    pub open: usize,
    pub interrupted: bool,
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_sheet: Option<PathBuf>,
}

/// An asset without an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    pub asset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    pub message: String,
}

impl Outcome {
    pub fn exit(&self) -> Exit {
        match (self.interrupted, self.failed.is_empty() && self.open == 0) {
            (true, _) => Exit::Interrupted,
            (false, false) => Exit::Unfinished,
            (false, true) => Exit::Done,
        }
    }

    /// `painted 7, cached 2, up to date 3, failed 1 in 1 m 42 s`.
    pub fn line(&self) -> String {
        let counts = [
            ("painted", self.painted),
            ("cached", self.cached),
            ("up to date", self.up_to_date),
            ("failed", self.failed.len()),
            ("left open", self.open),
        ];
        let parts: Vec<_> = counts
            .into_iter()
            .filter(|(_, number)| *number > 0)
            .map(|(word, number)| format!("{word} {number}"))
            .collect();
        format!("{} in {}", parts.join(", "), time(Duration::from_millis(self.elapsed_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_exit_codes() {
        let failed = vec![Failed { asset: "a".to_owned(), style: None, message: "b".to_owned() }];
        let done = Outcome {
            painted: 7,
            cached: 2,
            up_to_date: 3,
            elapsed_ms: 102_000,
            ..Outcome::default()
        };
        for (outcome, line, exit) in [
            (done.clone(), "painted 7, cached 2, up to date 3 in 1 m 42 s", Exit::Done),
            (
                Outcome { failed, ..done.clone() },
                "painted 7, cached 2, up to date 3, failed 1 in 1 m 42 s",
                Exit::Unfinished,
            ),
            (
                Outcome { open: 1, interrupted: true, ..done },
                "painted 7, cached 2, up to date 3, left open 1 in 1 m 42 s",
                Exit::Interrupted,
            ),
            (Outcome { open: 1, ..Outcome::default() }, "left open 1 in 0.00 s", Exit::Unfinished),
        ] {
            assert_eq!((outcome.line().as_str(), outcome.exit()), (line, exit));
        }
    }
}
