//! Errors about asset files.

use std::error::Error;
use std::fmt;
use std::io;

use image::ImageError;
use image::error::{DecodingError, ImageFormatHint};
use impasto_types::{CannotWrite, ContainerFormat, CropError};

/// Why an asset cannot be read or written.
#[derive(Debug)]
pub struct AssetError {
    /// The file's name or path, as the caller gave it.
    pub name: String,
    pub kind: AssetErrorKind,
}

impl fmt::Display for AssetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.kind)
    }
}

// Written by hand, so that the kind, which is part of the text, is not repeated as a cause.
impl Error for AssetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// What is wrong with an asset. The text continues a sentence that starts with the asset's name.
#[derive(Debug, thiserror::Error)]
pub enum AssetErrorKind {
    #[error("is empty")]
    Empty,
    #[error("is a Git LFS pointer; run `git lfs pull`")]
    LfsPointer,
    #[error("is not an image")]
    NotAnImage,
    #[error("is a model, a cube map or an array, where a picture is needed")]
    NotAPicture,
    #[error(
        "holds {0} data, which is not supported; convert it to {formats}",
        formats = ContainerFormat::list(ContainerFormat::pictures(), "or")
    )]
    Foreign(&'static str),
    #[error(
        "holds {} data, but its name says {}: rename it or convert it",
        holds.extension(),
        announced.extension()
    )]
    Mislabelled { announced: ContainerFormat, holds: ContainerFormat },
    #[error(
        "is {width} x {height} pixels, more than the limit of {max_side} a side and {max_pixels} \
         in all"
    )]
    TooLarge { width: u32, height: u32, max_side: u32, max_pixels: u64 },
    #[error("holds {0} data, which is no model")]
    NotAModel(ContainerFormat),
    #[error("is a model without textures of its own to paint")]
    NoTextures,
    #[error("is a model whose textures are files of their own; paint these: {first}")]
    TexturesElsewhere {
        /// As the model names it.
        first: String,
    },
    #[error(transparent)]
    Texture(TextureError),
    #[error("is {width} x {height} pixels: there is nothing to paint")]
    NoPixels { width: u32, height: u32 },
    #[error(
        "has {frames} {what}, which is not supported yet: give single pictures",
        what = frame_name(*format)
    )]
    SeveralFrames { format: ContainerFormat, frames: u32 },
    #[error("has {bytes} bytes, more than the limit of {max}")]
    FileTooLarge { bytes: u64, max: u64 },
    #[error("is truncated")]
    Truncated,
    #[error("is damaged")]
    Damaged(#[source] ImageError),
    #[error("uses a kind of {format} that is not supported")]
    Unsupported { format: ContainerFormat, source: ImageError },
    #[error("is a {format} with {what}, which is not supported")]
    NotSupported { format: ContainerFormat, what: String },
    #[error("uses {pixels} pixels, which are not supported in {format}")]
    UnknownPixels { format: ContainerFormat, pixels: String },
    #[error("cannot be read")]
    Read(#[source] io::Error),
    #[error(transparent)]
    CannotWrite(#[from] CannotWrite),
    #[error("cannot be cropped: {0}")]
    Crop(CropError),
    #[error("has a pixel that is not a number, at ({x}, {y})")]
    NotFinite { x: u32, y: u32 },
    #[error("has {samples} samples, which is not {width} x {height} pixels")]
    WrongLength { width: u32, height: u32, samples: usize },
    #[error("cannot be written as {format}")]
    Encode { format: ContainerFormat, source: Box<dyn Error + Send + Sync> },
}

/// What is wrong with one texture of a model. The text continues a sentence that starts with the
/// model's name.
#[derive(Debug)]
pub struct TextureError {
    /// The texture's image: its number in the model, and its name if it has one.
    pub image: String,
    pub kind: Box<AssetErrorKind>,
}

impl fmt::Display for TextureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "has a texture, {}, which {}", self.image, self.kind)
    }
}

// As that of a file.
impl Error for TextureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// What a format's pictures are called, if a file holds several.
fn frame_name(format: ContainerFormat) -> &'static str {
    match format {
        ContainerFormat::Tiff => "pages",
        ContainerFormat::Png
        | ContainerFormat::Jpeg
        | ContainerFormat::Tga
        | ContainerFormat::Webp
        | ContainerFormat::Bmp
        | ContainerFormat::Dds
        | ContainerFormat::Exr
        | ContainerFormat::Hdr
        | ContainerFormat::Qoi
        | ContainerFormat::Ktx2
        | ContainerFormat::Psd
        | ContainerFormat::Glb
        | ContainerFormat::Gltf => "frames",
    }
}

impl AssetErrorKind {
    pub(crate) fn of(self, name: &str) -> AssetError {
        AssetError { name: name.to_owned(), kind: self }
    }

    /// Whether it is a model that has nothing to paint.
    pub(crate) fn is_without_textures(&self) -> bool {
        matches!(self, Self::NoTextures | Self::TexturesElsewhere { .. })
    }

    /// Whether the fault is that of a file which was read, not of a result or its format.
    pub fn is_of_input(&self) -> bool {
        match self {
            Self::Texture(texture) => texture.kind.is_of_input(),
            Self::CannotWrite(_) | Self::WrongLength { .. } | Self::Encode { .. } => false,
            _ => true,
        }
    }

    /// The same of a texture of a model.
    pub(crate) fn of_texture(self, image: &str) -> Self {
        Self::Texture(TextureError { image: image.to_owned(), kind: Box::new(self) })
    }

    pub(crate) fn damaged(
        format: ContainerFormat,
        reason: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let hint = ImageFormatHint::Name(format.to_string());
        Self::Damaged(ImageError::Decoding(DecodingError::new(hint, reason)))
    }

    /// Distinguishes what a decoder refuses: a truncated file, a damaged one, and an unsupported
    /// kind.
    pub(crate) fn from_decoder(format: ContainerFormat, error: ImageError) -> Self {
        match error {
            ImageError::IoError(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Truncated
            }
            ImageError::Unsupported(_) => Self::Unsupported { format, source: error },
            _ => Self::Damaged(error),
        }
    }
}
