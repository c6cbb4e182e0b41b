//! A style image as an action names it.

use serde::{Deserialize, Serialize};

use crate::{BlobRef, Crop};

/// A style image, and its weight relative to the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleRef {
    pub blob: BlobRef,
    pub weight: f32,
    /// What is cut off the upright picture first; never a crop of nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
}

impl StyleRef {
    /// The whole of a style image.
    pub fn whole(blob: BlobRef, weight: f32) -> Self {
        Self { blob, weight, crop: None }
    }
}
