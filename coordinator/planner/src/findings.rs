//! What the caller found on disk, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use impasto_types::{
    AssetPath, BlobRef, ContainerFormat, Depth, Digest, FileRole, FileTrait, FileTraits, Footprint,
    ModelRef,
};
use serde::{Deserialize, Serialize};

use crate::{Record, Verdict};

/// The files that a manifest's rules match, as a scan found them, in any order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    pub assets: Vec<ListedAsset>,
    /// The files that [pass through](crate::Manifest::passes_through).
    pub others: Vec<OtherFile>,
    /// The files that glTF models name, of the models among the assets and their companions.
    pub named: BTreeMap<AssetPath, Vec<NamedFile>>,
    pub passed: PassedOver,
}

/// What a scan passed over without reading it, so that a plan can say why a rule gets nothing.
/// Texts are paths relative to the project's folder, with `/`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PassedOver {
    /// Images that no rule paints, and why.
    pub images: Vec<(AssetPath, Verdict)>,
    /// Images that are still being written. They count as neither absent nor present.
    pub unsettled: BTreeSet<AssetPath>,
    /// Every folder below that of the assets.
    pub folders: BTreeSet<String>,
    /// Linked folders that were not entered.
    pub linked_folders: Vec<String>,
    /// Files that a rule would match, but that are links out of the project.
    pub linked_files: Vec<String>,
    /// Pictures in formats that Impasto does not read.
    pub unsupported: Vec<String>,
}

/// One image file. Its path is relative to the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedAsset {
    pub path: AssetPath,
    pub blob: BlobRef,
    /// The header, or why the file cannot be used.
    pub image: Result<ImageHeader, String>,
}

/// A file that a glTF model names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Of its [`Part::File`](impasto_types::Part::File).
    pub number: u16,
    pub path: AssetPath,
    /// Its path from the model's folder, which may begin with `..`.
    pub relative: String,
    pub role: FileRole,
    pub blob: BlobRef,
    /// Of a texture; none of a buffer.
    pub format: Option<ContainerFormat>,
}

/// A file of any kind that is not painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFile {
    pub path: AssetPath,
    pub blob: BlobRef,
}

/// An image file's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageHeader {
    /// In pixels.
    pub width: u32,
    pub height: u32,
    /// Detected from the bytes, not the name.
    pub format: ContainerFormat,
    pub alpha: bool,
    pub depth: Depth,
    /// Whether its orientation swaps width and height when the picture is looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub swaps_sides: bool,
    /// What a painted file may lack.
    #[serde(default, skip_serializing_if = "FileTraits::is_empty")]
    pub traits: FileTraits,
    /// The longer side in pixels of a model's largest texture, or of each picture of a cube map or
    /// of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest: Option<u32>,
    /// Whether it is an array, whose layers are pictures of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub array: bool,
    /// Layers of a PSD that are more than its picture.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub layers: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl ImageHeader {
    /// Whether its picture is that of several: a model's textures, the faces of a cube map, or the
    /// layers of an array.
    pub fn is_whole(&self) -> bool {
        self.format.is_model() || self.largest.is_some()
    }

    /// Whether it is a texture of several pictures.
    pub fn is_sheet(&self) -> bool {
        self.largest.is_some() && !self.format.is_model()
    }

    /// What the picture takes in memory, as far as this says.
    pub fn footprint(&self) -> Footprint {
        let Self { width, height, format, depth, .. } = *self;
        let extra = self.traits.iter().any(|one| one == FileTrait::ExtraSamples);
        let planes = u32::from(self.alpha) + u32::from(extra);
        Footprint { width, height, format, depth, planes }
    }

    /// Width and height of the picture as it is to be looked at.
    pub fn upright_size(&self) -> (u32, u32) {
        match self.swaps_sides {
            true => (self.height, self.width),
            false => (self.width, self.height),
        }
    }
}

/// A style image, init image or mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputFile {
    pub blob: BlobRef,
    pub header: ImageHeader,
}

/// A network that `impasto train` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFile {
    pub blob: BlobRef,
    /// The styles that it has learned; `None` if it takes any style.
    pub styles: Option<Vec<LearnedStyle>>,
}

/// A style that a network has learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedStyle {
    pub name: String,
    /// Of the style image's file, if there is one.
    pub digest: Option<Digest>,
}

/// All inputs of a plan except the manifest.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    pub listing: &'a Listing,
    /// For each of [`Manifest::inputs`](crate::Manifest::inputs), each companion of an asset and
    /// each picture in [`Manifest::content_folders`](crate::Manifest::content_folders):
    /// the file, or why it cannot be used. Files that do not exist have no entry.
    pub inputs: &'a BTreeMap<AssetPath, Result<InputFile, String>>,
    /// For each of [`Manifest::networks`](crate::Manifest::networks): the file, or why it cannot be
    /// used.
    pub networks: &'a BTreeMap<AssetPath, Result<NetworkFile, String>>,
    /// The models of [`Manifest::models`](crate::Manifest::models).
    pub models: &'a [ModelRef],
    /// The records of the last build, by output.
    pub previous: &'a BTreeMap<AssetPath, Record>,
    /// The outputs of `previous` that exist on disk now.
    pub present: &'a BTreeMap<AssetPath, BlobRef>,
}
