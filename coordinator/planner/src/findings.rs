//! What the caller found on the disk, as plain data.

use std::collections::BTreeMap;

use impasto_types::{AssetPath, BlobRef, ContainerFormat, Depth, ModelRef};
use serde::{Deserialize, Serialize};

use crate::Record;

/// The files that a manifest wants, as a scan found them. Their order does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    pub assets: Vec<ListedAsset>,
    /// How many image files a scan passed over because no rule matches them.
    pub unmatched: usize,
}

/// One image file. Its path is relative to the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedAsset {
    pub path: AssetPath,
    pub blob: BlobRef,
    /// The header, or why the file cannot be used.
    pub image: Result<ImageHeader, String>,
}

/// What an image file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageHeader {
    /// In pixels.
    pub width: u32,
    pub height: u32,
    /// What the bytes are, whatever the name says.
    pub format: ContainerFormat,
    pub alpha: bool,
    pub depth: Depth,
}

/// A style's or an init's image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputFile {
    pub blob: BlobRef,
    pub header: ImageHeader,
}

/// Everything that a plan follows from, beside the manifest.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    pub listing: &'a Listing,
    /// For each of [`Manifest::inputs`](crate::Manifest::inputs): the file, or why it cannot be
    /// used. A path that is missing here is a file that is missing there.
    pub inputs: &'a BTreeMap<AssetPath, Result<InputFile, String>>,
    /// Those of [`Manifest::models`](crate::Manifest::models).
    pub models: &'a [ModelRef],
    /// What was built last time, by output.
    pub previous: &'a BTreeMap<AssetPath, Record>,
    /// Those outputs of `previous` that lie on the disk now.
    pub present: &'a BTreeMap<AssetPath, BlobRef>,
}
