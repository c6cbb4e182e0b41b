//! File formats of pictures, and of models with pictures in them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A file format that Impasto reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerFormat {
    Png,
    Jpeg,
    Tga,
    Tiff,
    Webp,
    Bmp,
    Dds,
    Exr,
    Hdr,
    Qoi,
    Ktx2,
    /// Photoshop's documents, small and large (PSB).
    Psd,
    /// A glTF model with its textures in the same file.
    Glb,
    /// A glTF model as text, with its textures and its geometry in files of their own or in the
    /// text.
    Gltf,
}

impl ContainerFormat {
    pub const ALL: [Self; 14] = [
        Self::Png,
        Self::Jpeg,
        Self::Tga,
        Self::Tiff,
        Self::Webp,
        Self::Bmp,
        Self::Dds,
        Self::Exr,
        Self::Hdr,
        Self::Qoi,
        Self::Ktx2,
        Self::Psd,
        Self::Glb,
        Self::Gltf,
    ];

    /// The formats of pictures.
    pub fn pictures() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|format| !format.is_model())
    }

    /// Whether it is a model, whose picture is that of all its textures.
    pub fn is_model(self) -> bool {
        matches!(self, Self::Glb | Self::Gltf)
    }

    /// Formats in a sentence: `png, tga or dds`, if `word` is `or`.
    pub fn list(formats: impl IntoIterator<Item = Self>, word: &str) -> String {
        let names: Vec<_> = formats.into_iter().map(Self::extension).collect();
        match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
            None => String::new(),
        }
    }

    /// Whether it may hold JPEG.
    pub fn has_quality(self) -> bool {
        matches!(self, Self::Jpeg | Self::Glb | Self::Gltf)
    }

    /// The format's usual extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Tga => "tga",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
            Self::Dds => "dds",
            Self::Exr => "exr",
            Self::Hdr => "hdr",
            Self::Qoi => "qoi",
            Self::Ktx2 => "ktx2",
            Self::Psd => "psd",
            Self::Glb => "glb",
            Self::Gltf => "gltf",
        }
    }

    /// Whether an extension, in upper or lower case, is that of a large document (PSB). One stays
    /// so, and no other picture becomes one.
    pub fn is_large_extension(extension: &str) -> bool {
        extension.eq_ignore_ascii_case("psb")
    }

    /// The format of a file's extension, in upper or lower case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        const KNOWN: [(&str, ContainerFormat); 18] = [
            ("png", ContainerFormat::Png),
            ("jpg", ContainerFormat::Jpeg),
            ("jpeg", ContainerFormat::Jpeg),
            ("tga", ContainerFormat::Tga),
            ("tif", ContainerFormat::Tiff),
            ("tiff", ContainerFormat::Tiff),
            ("webp", ContainerFormat::Webp),
            ("bmp", ContainerFormat::Bmp),
            ("dds", ContainerFormat::Dds),
            ("exr", ContainerFormat::Exr),
            ("hdr", ContainerFormat::Hdr),
            ("pic", ContainerFormat::Hdr),
            ("qoi", ContainerFormat::Qoi),
            ("ktx2", ContainerFormat::Ktx2),
            ("psd", ContainerFormat::Psd),
            ("psb", ContainerFormat::Psd),
            ("glb", ContainerFormat::Glb),
            ("gltf", ContainerFormat::Gltf),
        ];
        let known = KNOWN.iter().find(|(name, _)| extension.eq_ignore_ascii_case(name));
        known.map(|(_, format)| *format)
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
            let all = Self::ALL.map(Self::extension).join(", ");
            format!("`{text}` is not a format; there are: {all}")
        })
    }
}
