//! Asset kinds: how files become views that a method paints, and how painted views become files.
//!
//! An adapter knows files and no method; a method paints [`View`]s and knows no files. So kinds of
//! asset and methods multiply without knowing of each other.

mod picture;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{fmt, fs, io};

use impasto_assets::{AssetError, Limits, Picture, bleed, decode};
use impasto_engine::{Image, Joins, Mask};
use impasto_types::{OutputSpec, Part, Recipe};

pub(crate) use picture::PictureAdapter;

/// A file's bytes, and the name that errors call it by. An extension in the name has to agree with
/// the bytes.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Source {
    /// A file of this machine, named by its path.
    ///
    /// # Errors
    /// Where it cannot be read.
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
    /// Names the file that cannot be read, or the part that is missing or does not belong there.
    fn open(&self, files: &Files<'_>, recipe: &Recipe) -> Result<Opened, AdapterError>;
}

/// An asset whose files are decoded.
#[derive(Debug)]
pub struct Opened {
    /// Painted one after the other.
    pub views: Vec<View>,
    /// What it takes to write the painted views as the files were.
    pub asset: Box<dyn OpenAsset>,
}

/// What a method paints.
#[derive(Debug, Clone)]
pub struct View {
    /// `None` where a texture is made from its style alone.
    pub image: Option<Image>,
    /// Where to paint, in the image's size; everywhere where there is none.
    pub mask: Option<Mask>,
    /// What lies beyond the borders.
    pub joins: Joins,
}

impl View {
    /// Memory that it takes.
    pub fn bytes(&self) -> u64 {
        self.image.as_ref().map_or(0, Image::bytes) + self.mask.as_ref().map_or(0, Mask::bytes)
    }
}

/// What an adapter keeps of an opened asset while its views are painted.
pub trait OpenAsset: fmt::Debug + Send {
    /// Memory that it holds, in bytes. It counts against what painting may take.
    fn bytes(&self) -> u64;

    /// Writes the painted views, in the order in which they were opened, as `outputs` ask. A view
    /// may come back in another size than it had, where the recipe says so.
    ///
    /// # Errors
    /// Names the file that cannot be written, or the output that this kind does not have.
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
    /// In pixels; 0 by 0 where the file is no picture.
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

/// The colours of a picture that stands beside an asset, such as a style.
pub(crate) fn colors(source: &Source) -> Result<Image, AssetError> {
    let mut picture = decode(&source.bytes, &source.name, &Limits::default())?;
    // Nor may the network see black holes there.
    bleed(&mut picture);
    let Picture { width, height, rgb, .. } = picture;
    Ok(Image { width: width as usize, height: height as usize, rgb })
}
