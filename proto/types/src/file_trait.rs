//! Properties of image files that a written file may lack, so that a plan can name what would be
//! lost.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ContainerFormat;

/// A property of an image file beside its pixels, their depth and their alpha channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum FileTrait {
    /// Indexed colours.
    Palette,
    /// Fewer than 8 bits a sample.
    LowDepth,
    /// Lossy compression, in a format that may be lossless.
    Lossy,
    /// A JPEG that is refined scan by scan.
    Progressive,
    /// A JPEG whose colours have fewer pixels than its brightness.
    SubsampledChroma,
    /// Printing inks instead of red, green and blue.
    Cmyk,
    /// An ICC colour profile.
    Icc,
    /// PNG's own description of its colours (cICP, gAMA, cHRM), if they are not those of sRGB.
    PngColor,
    /// Pixels per metre.
    Density,
    /// A tag that says how to turn the picture.
    Orientation,
    /// Text on who made the picture and who may use it that is kept in no format.
    Rights,
    /// Colours that are multiplied by alpha.
    AssociatedAlpha,
    /// Samples that are neither colour nor alpha.
    ExtraSamples,
    /// What only TGA has: an image ID, a developer area or an extension area.
    TgaAreas,
    /// Copies of half the sides, a quarter and so on, for surfaces that are seen from afar.
    Mips,
    /// A DDS or KTX2 of one or two channels of colour, whatever is painted.
    FewChannels,
    /// What only EXR has: attributes beyond those that each file has, and windows that differ.
    ExrAttributes,
    /// Lines of a Radiance file's header, such as its exposure.
    HdrFields,
    /// Names and values that a KTX2 file carries for programs.
    KtxData,
    /// Text that a result of the same format has too: EXIF, XMP, IPTC, comments.
    Text,
    /// Content credentials (C2PA), which sign the pixels.
    Credentials,
    /// The shape of pixels that are not square, without a unit.
    PixelAspect,
    /// What only PSD has beside its picture and its layers: paths and guides.
    PsdPaths,
}

impl FileTrait {
    pub const ALL: [Self; 23] = [
        Self::Palette,
        Self::LowDepth,
        Self::Lossy,
        Self::Progressive,
        Self::SubsampledChroma,
        Self::Cmyk,
        Self::Icc,
        Self::PngColor,
        Self::Density,
        Self::Orientation,
        Self::Rights,
        Self::AssociatedAlpha,
        Self::ExtraSamples,
        Self::TgaAreas,
        Self::Mips,
        Self::FewChannels,
        Self::ExrAttributes,
        Self::HdrFields,
        Self::KtxData,
        Self::Text,
        Self::Credentials,
        Self::PixelAspect,
        Self::PsdPaths,
    ];

    /// Whether a painted file in this format has the property too, if the asset had it; some only
    /// if the asset [was of the same format](Self::needs_same_format).
    pub fn is_kept_by(self, format: ContainerFormat) -> bool {
        use ContainerFormat as F;
        if format.is_model() {
            // Its textures stay in their formats, and only TGA and DDS keep few bits.
            return self != Self::LowDepth && F::pictures().any(|own| self.is_kept_by(own));
        }
        match self {
            Self::Palette
            | Self::Lossy
            | Self::Progressive
            | Self::SubsampledChroma
            | Self::Cmyk
            | Self::Rights
            | Self::Credentials
            | Self::FewChannels => false,
            Self::Icc | Self::Text => {
                matches!(format, F::Png | F::Jpeg | F::Tiff | F::Webp | F::Psd)
            }
            Self::PixelAspect => matches!(format, F::Png | F::Jpeg | F::Tiff | F::Psd),
            Self::PngColor => format == F::Png,
            Self::Density => matches!(format, F::Png | F::Jpeg | F::Tiff | F::Bmp | F::Psd),
            Self::Orientation => {
                matches!(format, F::Png | F::Jpeg | F::Tiff | F::Webp | F::Hdr | F::Ktx2)
            }
            Self::AssociatedAlpha => matches!(format, F::Tiff | F::Tga | F::Dds | F::Exr | F::Ktx2),
            Self::ExtraSamples => matches!(format, F::Tiff | F::Exr | F::Psd),
            // Pixels of 16 bits.
            Self::LowDepth => matches!(format, F::Tga | F::Dds),
            Self::TgaAreas => format == F::Tga,
            Self::Mips => matches!(format, F::Dds | F::Ktx2),
            Self::ExrAttributes => format == F::Exr,
            Self::HdrFields => format == F::Hdr,
            Self::KtxData => format == F::Ktx2,
            Self::PsdPaths => format == F::Psd,
        }
    }
}

impl FileTrait {
    /// Whether only a painted file in the asset's own format has the property too.
    pub fn needs_same_format(self) -> bool {
        matches!(self, Self::Text | Self::PixelAspect)
    }
}

/// A set of [`FileTrait`]s. Serialised as a list of names; names that this version does not know
/// are ignored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FileTraits(u32);

impl FileTraits {
    /// Adds `one` if `present`.
    #[must_use]
    pub fn with(self, one: FileTrait, present: bool) -> Self {
        if present { Self(self.0 | 1 << one as u8) } else { self }
    }

    pub fn contains(self, one: FileTrait) -> bool {
        self.0 & 1 << one as u8 != 0
    }

    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// In the order of [`FileTrait::ALL`].
    pub fn iter(self) -> impl Iterator<Item = FileTrait> {
        FileTrait::ALL.into_iter().filter(move |one| self.contains(*one))
    }
}

impl FromIterator<FileTrait> for FileTraits {
    fn from_iter<I: IntoIterator<Item = FileTrait>>(traits: I) -> Self {
        traits.into_iter().fold(Self::default(), |set, one| set.with(one, true))
    }
}

impl fmt::Debug for FileTraits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for FileTraits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for FileTraits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, StrDeserializer};

        let names = Vec::<String>::deserialize(deserializer)?;
        let known = names.iter().filter_map(|name| {
            let name: StrDeserializer<'_, Error> = name.as_str().into_deserializer();
            FileTrait::deserialize(name).ok()
        });
        Ok(known.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_stored_as_names_and_unknown_names_are_ignored() {
        let traits: FileTraits = [FileTrait::Icc, FileTrait::Palette].into_iter().collect();
        let text = serde_json::to_string(&traits).expect("it is stored");
        assert_eq!(text, r#"["palette","icc"]"#);
        let newer: FileTraits =
            serde_json::from_str(r#"["icc","from-the-future","palette"]"#).expect("it is read");
        assert_eq!(newer, traits);
        let all: FileTraits = FileTrait::ALL.into_iter().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), FileTrait::ALL);
    }
}
