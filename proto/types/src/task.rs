//! A task, and what comes of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Action, AssetPath, BlobRef};

/// One asset to be painted: what is scheduled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The asset's path in its project, to show to people; it is not part of the action.
    pub asset: AssetPath,
    pub action: Action,
    /// The least memory that an attempt gets by with, in bytes. It takes what a worker has to give,
    /// up to what it has use for.
    pub memory_bytes: u64,
    /// Pixels times optimiser steps over all scales: what the time is proportional to.
    pub work: u64,
}

/// A style image and its share among several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StyleRef {
    pub blob: BlobRef,
    pub weight: f32,
}

/// The file format of a result. Bit depth, alpha and colour profile are the asset's, as far as the
/// format can hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutputSpec {
    pub format: ContainerFormat,
    /// JPEG's quality, 1 to 100; other formats are lossless and ignore it.
    pub quality: u8,
}

/// An image file format that Impasto reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerFormat {
    Png,
    Jpeg,
    Tga,
    Tiff,
    Webp,
    Bmp,
}

impl ContainerFormat {
    pub const ALL: [Self; 6] =
        [Self::Png, Self::Jpeg, Self::Tga, Self::Tiff, Self::Webp, Self::Bmp];

    /// The format's usual extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Tga => "tga",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
        }
    }

    /// The format that a file's extension announces, whatever its case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "tga" => Some(Self::Tga),
            "tif" | "tiff" => Some(Self::Tiff),
            "webp" => Some(Self::Webp),
            "bmp" => Some(Self::Bmp),
            _ => None,
        }
    }
}

impl fmt::Display for ContainerFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for ContainerFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::from_extension(text).ok_or_else(|| {
            format!("`{text}` is not a format; there are: png, jpg, tga, tiff, webp, bmp")
        })
    }
}

/// What an action came to. It is what the action cache keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The picture's file.
    pub output: BlobRef,
    pub width: u32,
    pub height: u32,
    pub report: RunReport,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Optimiser steps done, over all scales.
    pub iterations: u32,
    /// The loss at the end, and its parts.
    pub loss: f64,
    pub content_loss: f64,
    pub style_loss: f64,
    /// Wall-clock milliseconds that the engine took.
    pub compute_ms: u64,
    /// What it ran on, in which precision, such as `cpu avx512 fp32`.
    pub device: String,
}
