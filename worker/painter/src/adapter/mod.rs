//! Asset kinds: how files become views that a method paints, and how painted views become files.
//!
//! An adapter knows files but no method; a method paints [`View`]s and knows no files. So any
//! method can paint any kind of asset.

mod picture;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{fmt, fs, io};

use impasto_assets::{AssetError, Limits, Picture, bleed, decode};
use impasto_engine::{Image, Joins, Mask};
use impasto_types::{Crop, OutputSpec, Part, Recipe};

pub(crate) use picture::PictureAdapter;

/// A file's bytes, and its name in errors. An extension in the name has to agree with the bytes.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Source {
    /// Reads a file of this machine; its path is its name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        Ok(Self { name: path.display().to_string(), bytes: fs::read(path)? })
    }
}

/// An asset's files by their roles.
pub type Files<'a> = BTreeMap<Part, &'a Source>;

/// An asset kind.
pub trait Adapter: fmt::Debug + Send + Sync {
    /// Decodes an asset's files into the views that are painted. The recipe says which borders
    /// join.
    ///
    /// # Errors
    /// If a file cannot be read, or a part is missing or unknown to this kind; the error names it.
    fn open(&self, files: &Files<'_>, recipe: &Recipe) -> Result<Opened, AdapterError>;

    /// The outputs of an asset that is too small to be painted (see
    /// [`Common::can_paint`](impasto_types::Common::can_paint)); `None` if it can be painted. By
    /// default every asset can.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) and [`OpenAsset::close`].
    fn pass_through(
        &self,
        _files: &Files<'_>,
        _recipe: &Recipe,
        _outputs: &[OutputSpec],
    ) -> Result<Option<Vec<OutputFile>>, AdapterError> {
        Ok(None)
    }
}

/// An asset whose files are decoded.
#[derive(Debug)]
pub struct Opened {
    /// Painted in this order.
    pub views: Vec<View>,
    /// Writes the painted views as files like those that were opened.
    pub asset: Box<dyn OpenAsset>,
}

/// What a method paints.
#[derive(Debug, Clone)]
pub struct View {
    /// `None` if a texture is made from its style alone.
    pub image: Option<Image>,
    /// Where to paint, in the image's size; `None` means everywhere.
    pub mask: Option<Mask>,
    /// What is beyond the borders.
    pub joins: Joins,
}

impl View {
    /// The memory that it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.image.as_ref().map_or(0, Image::bytes) + self.mask.as_ref().map_or(0, Mask::bytes)
    }
}

/// What an adapter keeps of an opened asset while its views are painted.
pub trait OpenAsset: fmt::Debug + Send {
    /// The memory that it holds, in bytes. It counts towards the memory limit of painting.
    fn bytes(&self) -> u64;

    /// Encodes the painted views, in the order in which they were opened, as `outputs` ask. A
    /// view's size may have changed, if the recipe says so.
    ///
    /// # Errors
    /// If a file cannot be encoded, or this kind does not have an output; the error names it.
    fn close(
        self: Box<Self>,
        painted: Vec<Image>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AdapterError>;
}

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    pub part: Part,
    pub bytes: Vec<u8>,
    /// In pixels; 0 by 0 if the file is not a picture.
    pub width: u32,
    pub height: u32,
}

/// Why an asset cannot be opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    #[error(transparent)]
    File(#[from] AssetError),
    #[error("it has no file of part `{0}`")]
    MissingPart(Part),
    #[error("it has a file of part `{0}`, which this kind of asset does not have")]
    UnknownPart(Part),
    #[error("it is to be written as part `{0}`, which this kind of asset does not have")]
    UnknownOutput(Part),
    #[error("`{name}` cannot be its mask")]
    Mask { name: String, source: Box<dyn Error + Send + Sync> },
    /// An adapter's own reason.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

/// The colours of a picture that goes with an asset, such as a style; turned upright if `upright`,
/// then cropped.
pub(crate) fn colors(
    source: &Source,
    upright: bool,
    crop: Option<Crop>,
) -> Result<Image, AssetError> {
    let mut picture = decode(&source.bytes, &source.name, &Limits::default())?;
    if upright {
        picture = picture.upright();
    }
    if let Some(crop) = crop {
        picture = picture.cropped(crop)?;
    }
    // The network must not see black holes there either.
    bleed(&mut picture);
    let Picture { width, height, rgb, .. } = picture;
    Ok(Image { width: width as usize, height: height as usize, rgb })
}
