//! The outcome of a build.

use std::path::PathBuf;

use serde::Serialize;

/// The summary. With `--json` it is the last line.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    pub painted: usize,
    /// Networks.
    #[serde(skip_serializing_if = "is_zero")]
    pub trained: usize,
    pub cached: usize,
    /// Files that passed through.
    #[serde(skip_serializing_if = "is_zero")]
    pub copied: usize,
    pub up_to_date: usize,
    pub failed: Vec<Failed>,
    /// Outputs that are still stale because the build was interrupted or the job was canceled.
    pub open: usize,
    pub interrupted: bool,
    pub elapsed_ms: u64,
    /// The path of the contact sheet, if the command line wrote one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_sheet: Option<PathBuf>,
}

impl Outcome {
    /// This outcome, and then that of a build that went on from it.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let mut failed = self.failed;
        // What cannot be planned fails again.
        failed.retain(|failed| !next.failed.contains(failed));
        Self {
            painted: self.painted + next.painted,
            trained: self.trained + next.trained,
            cached: self.cached + next.cached,
            copied: self.copied + next.copied,
            up_to_date: next.up_to_date.saturating_sub(self.painted + self.trained + self.cached),
            failed: failed.into_iter().chain(next.failed).collect(),
            elapsed_ms: self.elapsed_ms + next.elapsed_ms,
            ..next
        }
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// An asset without an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    pub asset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    pub message: String,
}

/// What a build did for one output.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    UpToDate,
    Painted,
    Cached,
    Failed {
        message: String,
    },
    /// Nothing: the build was interrupted.
    Open,
}
