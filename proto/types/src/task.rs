//! Tasks and their results.

use serde::{Deserialize, Serialize};

use crate::{Action, AssetPath, BlobRef, Part};

/// One asset in one style: the unit of scheduling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The asset's path in its project, for display; not part of the action.
    pub asset: AssetPath,
    pub action: Action,
    /// The least memory in bytes that an attempt needs. It may use more, up to what its worker
    /// gives it.
    pub least_memory_bytes: u64,
    /// Pixels times steps over all scales; the time is proportional to it.
    pub work: u64,
}

/// The result of an action, as the action cache stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// One for each output of the action, in the same order.
    pub outputs: Vec<Output>,
    pub report: RunReport,
}

/// A file that a task made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub part: Part,
    pub blob: BlobRef,
    /// In pixels; 0 by 0 if the file is not a picture.
    pub width: u32,
    pub height: u32,
}

/// How an attempt ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Steps done, over all scales.
    pub iterations: u32,
    /// The final loss, if the method has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<Losses>,
    /// Milliseconds of the device's time: those of the computation, divided among the pictures that
    /// were painted there at once.
    pub compute_ms: u64,
    /// The device and its precision, such as `cpu avx512 fp32`.
    pub device: String,
    /// What a user has to know about the picture, such as that it ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// A loss and its parts, weights included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    pub total: f64,
    pub content: f64,
    pub style: f64,
}

impl Output {
    /// The result of a plain picture of `width` by `height` pixels.
    pub fn picture(blob: BlobRef, width: u32, height: u32) -> Self {
        Self { part: Part::Color, blob, width, height }
    }

    /// Whether its file is said to be a picture.
    pub fn is_picture(&self) -> bool {
        self.part.is_picture() || (matches!(self.part, Part::File(_)) && self.width > 0)
    }
}

impl TaskResult {
    /// The output with this role.
    pub fn output(&self, part: Part) -> Option<&Output> {
        self.outputs.iter().find(|output| output.part == part)
    }

    /// The blobs of all outputs.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> + '_ {
        self.outputs.iter().map(|output| output.blob)
    }
}
