//! Asset kinds: how files become views that a method paints, and how painted views become files.
//!
//! An adapter knows files but no method; a method paints [`View`]s and knows no files. So any
//! method can paint any kind of asset.

mod beyond;
mod channels;
mod color_key;
mod filling;
mod mask;
mod material;
mod model;
mod picture;
mod surface;
mod transparency;
mod udim;
mod unpainted;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{fmt, fs, io};

use impasto_assets::{
    AlphaKind, AssetError, AssetErrorKind, ColorSpace, Limits, Picture, bleed, decode,
};
use impasto_engine::{Image, Joins, Mask, Style, resize_plane, resize_weighted};
use impasto_types::{
    Action, CannotWrite, Component, NoDensity, OutputSpec, Part, Recipe, StyleRef, is_same_shape,
};

pub(crate) use channels::{gray_init, gray_style, split};
pub use filling::Filling;
pub(crate) use material::MaterialAdapter;
pub(crate) use model::ModelAdapter;
pub(crate) use picture::PictureAdapter;
pub(crate) use udim::UdimAdapter;

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

    /// This kind as an action needs it, if the action says more than its files and its recipe do.
    fn of_action(&self, _action: &Action) -> Option<Box<dyn Adapter>> {
        None
    }

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
    /// What the user should know.
    pub warning: Option<String>,
}

/// What a method paints.
#[derive(Debug, Clone)]
pub struct View {
    /// `None` if a texture is made from its style alone.
    pub image: Option<Image>,
    /// How much of each pixel there is, in the image's size: its alpha, by which colours are
    /// averaged; `None` means all.
    pub coverage: Option<Mask>,
    /// Where to paint, in the image's size; `None` means everywhere.
    pub mask: Option<Mask>,
    /// What is beyond the borders.
    pub joins: Joins,
    /// The channel that it is, if it is one alone: all of its colours are equal, and only their
    /// luma is taken of what is painted.
    pub channel: Option<Component>,
}

impl View {
    /// The memory that it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        let masks = self.coverage.iter().chain(&self.mask).map(Mask::bytes);
        self.image.as_ref().map_or(0, Image::bytes) + masks.sum::<u64>()
    }
}

/// What an adapter keeps of an opened asset while its views are painted.
pub trait OpenAsset: fmt::Debug + Send {
    /// The space of its colours, to which those of styles are brought before they are compared:
    /// sRGB by default.
    fn color_space(&self) -> ColorSpace {
        ColorSpace::default()
    }

    /// Whether the file has one channel of colours.
    fn is_gray(&self) -> bool {
        false
    }

    /// Alpha that can be painted, in the view's size, from 0 to 1.
    fn alpha(&self) -> Option<&[f32]> {
        None
    }

    /// Takes painted alpha, in the size of the colours that [`close`](Self::close) gets.
    fn repaint_alpha(&mut self, _alpha: Vec<f32>) {}

    /// Takes all that is kept beside the view's colours, such as alpha, from elsewhere: `moved`
    /// makes a plane of the view's size another.
    fn move_planes(&mut self, _moved: &dyn Fn(&[f32]) -> Vec<f32>) {}

    /// Says that the view is painted in regions: the weight of each of its pixels, row by row, of
    /// which 0 stays as it is.
    fn limit(&mut self, _painted: Vec<f32>) {}

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
    #[error("`{name}` is fully transparent, so there is no style in it")]
    Transparent { name: String },
    #[error("`{name}` cannot be its mask")]
    Mask { name: String, source: Box<dyn Error + Send + Sync> },
    #[error(
        "`{name}` has {} x {} pixels, which is not the shape of the {what} of {} x {}", size.0,
        size.1, own.0, own.1
    )]
    OtherShape { name: String, size: (usize, usize), what: &'static str, own: (usize, usize) },
    #[error("it has no channel `{0}` that could be painted")]
    NoChannel(Component),
    #[error("it {0}")]
    NoDensity(#[from] NoDensity),
    #[error("its result {0}")]
    CannotWrite(#[from] CannotWrite),
    /// An adapter's own reason.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

/// A picture that is no part of the asset itself. That of a model's textures is not meant.
pub(crate) fn read_picture(source: &Source) -> Result<Picture, AssetError> {
    let picture = decode(&source.bytes, &source.name, &Limits::default())?;
    match picture.origin.format.is_model() || picture.origin.sheet.is_some() {
        true => Err(AssetError { name: source.name.clone(), kind: AssetErrorKind::NotAPicture }),
        false => Ok(picture),
    }
}

/// The colours of a picture to begin with, and their space; turned upright if `upright`.
pub(crate) fn init(source: &Source, upright: bool) -> Result<(Image, ColorSpace), AssetError> {
    let mut picture = read_picture(source)?.to_display();
    if upright {
        picture = picture.upright();
    }
    // The network must not see black holes there.
    bleed(&mut picture);
    let space = ColorSpace::of(&picture.origin);
    Ok((image(&mut picture), space))
}

/// A style image, upright and cropped, in full detail, with its share among those of its style, and
/// the space of its colours. Pixels count by their alpha.
pub(crate) fn style(
    source: &Source,
    style: &StyleRef,
) -> Result<(Style, ColorSpace), AdapterError> {
    let mut picture = read_picture(source)?.to_display().upright();
    if let Some(crop) = style.crop {
        picture = picture.cropped(crop)?;
    }
    // What does not count is still seen through receptive fields.
    bleed(&mut picture);
    let is_coverage = picture.origin.alpha_kind != AlphaKind::Unspecified;
    let alpha = picture.alpha.as_deref().filter(|_| is_coverage);
    if alpha.is_some_and(|alpha| alpha.iter().all(|&alpha| alpha <= 0.0)) {
        return Err(AdapterError::Transparent { name: source.name.clone() });
    }
    let weights = coverage(&picture);
    let space = ColorSpace::of(&picture.origin);
    Ok((Style { image: image(&mut picture), weights, share: style.weight }, space))
}

/// Takes a picture's colours.
fn image(picture: &mut Picture) -> Image {
    let rgb = std::mem::take(&mut picture.rgb);
    Image { width: picture.width as usize, height: picture.height as usize, rgb }
}

/// A picture's alpha, if that is how opaque it is and some of it, but not all, is opaque.
fn coverage(picture: &Picture) -> Option<Mask> {
    mask_of_alpha(picture).filter(|_| picture.origin.alpha_kind != AlphaKind::Unspecified)
}

/// A picture's alpha, if some of it, but not all, is opaque.
fn mask_of_alpha(picture: &Picture) -> Option<Mask> {
    let alpha = picture.alpha.as_ref()?;
    let says_something = alpha.iter().any(|&alpha| alpha < 1.0);
    let weights = alpha.iter().map(|alpha| alpha.clamp(0.0, 1.0)).collect();
    let mask = Mask::new(picture.width as usize, picture.height as usize, weights);
    mask.ok().filter(|_| says_something)
}

/// Colours in another size, averaged by their coverage.
pub(crate) fn resized(
    from: Image,
    coverage: Option<&Mask>,
    joins: &Joins,
    (width, height): (usize, usize),
) -> Image {
    let (size, to, wraps) = ((from.width, from.height), (width, height), wraps(joins));
    let rgb = match coverage {
        _ if size == to => return from,
        Some(mask) => resize_weighted(&from.rgb, mask.weights(), 3, size, to, wraps),
        None => resize_plane(&from.rgb, 3, size, to, wraps),
    };
    Image { width, height, rgb }
}

/// Rec. 709 luma of encoded levels.
fn luma(rgb: &[f32]) -> f32 {
    match *rgb {
        // The weights add up to one only nearly, but grey must stay as it is.
        [red, green, blue] if red == green && green == blue => red,
        [red, green, blue] => 0.2126 * red + 0.7152 * green + 0.0722 * blue,
        _ => 0.0,
    }
}

fn wraps(joins: &Joins) -> (bool, bool) {
    (joins.repeats_across(), joins.repeats_down())
}

/// The weights of both masks together, where there is one.
pub(crate) fn product(one: Option<&Mask>, other: Option<&Mask>) -> Option<Vec<f32>> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let pairs = one.weights().iter().zip(other.weights());
            Some(pairs.map(|(one, other)| one * other).collect())
        }
        (Some(only), None) | (None, Some(only)) => Some(only.weights().to_vec()),
        (None, None) => None,
    }
}

/// The lesser of both weights of each pixel.
pub(crate) fn least(one: Option<Vec<f32>>, other: &[f32]) -> Vec<f32> {
    match one {
        None => other.to_vec(),
        Some(one) => one.iter().zip(other).map(|(one, other)| one.min(*other)).collect(),
    }
}

/// Checks that a picture of this name has the shape of `what` it belongs to.
pub(crate) fn check_shape(
    name: &str,
    size: (usize, usize),
    what: &'static str,
    own: (usize, usize),
) -> Result<(), AdapterError> {
    // Sides are at most 32768.
    let pixels = |(width, height): (usize, usize)| (width as u32, height as u32);
    if is_same_shape(pixels(size), pixels(own)) {
        return Ok(());
    }
    Err(AdapterError::OtherShape { name: name.to_owned(), size, what, own })
}
