//! A task, and its result.

use serde::{Deserialize, Serialize};

use crate::{Action, AssetPath, BlobRef, Part};

/// One asset in one style: what is scheduled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The asset's path in its project, to show to people; it is not part of the action.
    pub asset: AssetPath,
    pub action: Action,
    /// The least memory that an attempt can run in, in bytes. It may take more, up to what its
    /// worker has given it.
    pub least_memory_bytes: u64,
    /// Pixels times steps over all scales: what the time is proportional to.
    pub work: u64,
}

/// What an action made. It is what the action cache keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// One for each output that the action asks for, in the order of the action.
    pub outputs: Vec<Output>,
    pub report: RunReport,
}

/// A file that a task made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub part: Part,
    pub blob: BlobRef,
    /// Pixels; 0 by 0 where the file is no picture.
    pub width: u32,
    pub height: u32,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Steps done, over all scales.
    pub iterations: u32,
    /// The loss at the end, where the method has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<Losses>,
    /// Wall-clock milliseconds of the computation.
    pub compute_ms: u64,
    /// The device and its precision, such as `cpu avx512 fp32`.
    pub device: String,
}

/// A loss and its parts, weights included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    pub total: f64,
    pub content: f64,
    pub style: f64,
}

impl Output {
    /// The colours of a picture of `width` by `height` pixels.
    pub fn picture(blob: BlobRef, width: u32, height: u32) -> Self {
        Self { part: Part::Color, blob, width, height }
    }
}

impl TaskResult {
    /// The output with this role.
    pub fn output(&self, part: Part) -> Option<&Output> {
        self.outputs.iter().find(|output| output.part == part)
    }

    /// Every blob that the result consists of.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> + '_ {
        self.outputs.iter().map(|output| output.blob)
    }
}
