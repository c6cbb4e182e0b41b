//! What a build says while it runs.

use impasto_types::{AssetPath, JobId, Progress, RunReport};
use serde::Serialize;

/// Somebody who follows a build. It is called from several threads, and must not block for long.
pub trait Observer: Send + Sync {
    fn event(&self, event: Event<'_>);
}

/// Names one output of the build: an asset in a style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Target<'a> {
    pub output: &'a AssetPath,
    pub asset: &'a AssetPath,
    pub style: &'a str,
}

/// One piece of news. With `--json` each is a line; docs/cli.md describes them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// The plan is made: so many outputs are to be made, and so many are as they should be. `work`
    /// is what the time is proportional to.
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
    /// Where the work goes: a coordinator's address, or `None` for this machine.
    Farm {
        coordinator: Option<&'a str>,
    },
    /// So many blobs of so many bytes go to the coordinator first.
    Uploading {
        blobs: usize,
        bytes: u64,
    },
    /// The job is handed in, or found again after an earlier build was cut off.
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
    /// An attempt came to nothing; another follows.
    Waiting {
        #[serde(flatten)]
        target: Target<'a>,
        attempts: u32,
        message: &'a str,
    },
    /// The output is in its place.
    Delivered {
        #[serde(flatten)]
        target: Target<'a>,
        origin: Origin,
        /// Whether the file's bytes are other than before.
        changed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        report: Option<&'a RunReport>,
    },
    /// An asset that will have no output.
    Failed {
        asset: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        style: Option<&'a str>,
        /// `None` where the asset was unusable before it had one.
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<&'a AssetPath>,
        message: &'a str,
    },
    /// The coordinator went away; the build tries to reach it again for so long.
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
    Cached,
}

/// How far a model is.
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
