//! Events that a build reports while it runs.

use impasto_types::{AssetPath, JobId, Progress, RunReport};
use serde::Serialize;

/// Receives the events of a build. Called from several threads; must not block for long.
pub trait Observer: Send + Sync {
    fn event(&self, event: Event<'_>);
}

/// Identifies one output of the build: an asset in a style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Target<'a> {
    pub output: &'a AssetPath,
    pub asset: &'a AssetPath,
    pub style: &'a str,
}

/// An event. With `--json` each is a line; docs/cli.md describes them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// The plan is ready, with the number of outputs by state. Painting time is proportional to
    /// `work`.
    Planned {
        stale: usize,
        up_to_date: usize,
        unusable: usize,
        work: u64,
    },
    Warning {
        message: &'a str,
    },
    /// A model is being pulled.
    Model {
        model: &'a str,
        step: ModelStep,
    },
    /// The configured farm cannot be reached, so this machine paints.
    FellBack {
        coordinator: &'a str,
        reason: &'a str,
    },
    /// Which coordinator gets the work; `None` means this machine.
    Farm {
        coordinator: Option<&'a str>,
    },
    /// These blobs are uploaded to the coordinator before the job is submitted.
    Uploading {
        blobs: usize,
        bytes: u64,
    },
    /// The job was submitted, or found again after an earlier build was interrupted.
    Submitted {
        job: JobId,
        attached: bool,
        tasks: usize,
    },
    /// A worker began an asset.
    Started {
        #[serde(flatten)]
        target: Target<'a>,
        worker: &'a str,
        attempt: u32,
    },
    Progress {
        #[serde(flatten)]
        target: Target<'a>,
        #[serde(flatten)]
        progress: Progress,
    },
    /// An attempt ended without a result; another follows.
    Waiting {
        #[serde(flatten)]
        target: Target<'a>,
        attempts: u32,
        message: &'a str,
    },
    /// The output was delivered.
    Delivered {
        #[serde(flatten)]
        target: Target<'a>,
        origin: Origin,
        /// Whether the file's bytes changed.
        changed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        report: Option<&'a RunReport>,
    },
    /// A file that passes through was written.
    Copied {
        asset: &'a AssetPath,
        output: &'a AssetPath,
        /// Whether the output's bytes changed.
        changed: bool,
    },
    /// An asset gets no output.
    Failed {
        asset: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        style: Option<&'a str>,
        /// `None` if the asset could not be planned, or is a file that passes through.
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<&'a AssetPath>,
        message: &'a str,
    },
    /// The coordinator does not answer; the build retries for `patience_s` seconds.
    Disconnected {
        reason: &'a str,
        patience_s: u64,
    },
    Reconnected,
    /// Ctrl-C: the job is being canceled.
    Canceling,
}

/// Where a result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    Painted,
    /// A network.
    Trained,
    Cached,
}

/// The progress of pulling a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum ModelStep {
    /// Another process uses the store.
    Waiting,
    Downloading {
        bytes: u64,
        total_bytes: u64,
    },
    Converting,
    Done,
}
