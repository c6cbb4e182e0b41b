//! Parameters that every method has.

use serde::{Deserialize, Serialize};

use super::{Channels, StyleSpan, is_default, parameters::parameters};
use crate::{CannotWrite, ContainerFormat, HexColor, MAX_SIDE, MIN_SIDE, RecipeError};

parameters! {
    /// The parameters that all methods have.
    struct Common {}
    /// Changes to [`Common`]; `None` leaves a value as it was.
    struct CommonPatch {
        /// The result's longer side in pixels [default: the asset's own].
        #[arg(value_name = "PIXELS")]
        size: Option<u32> as u32,
            "from 16 to 32768 pixels" |size| size.is_none_or(|s| (MIN_SIDE..=MAX_SIDE)
                .contains(&s));
        /// Keep the asset's colours.
        #[arg(value_enum, num_args = 0..=1, require_equals = true,
            default_missing_value = "statistics")]
        preserve_color: PreserveColor as PreserveColor;
        /// How far the asset's palette is moved towards the style's before painting, 0 to 1.
        ///
        /// At 1 the new colours follow light and dark evenly, instead of gathering in patches. Has
        /// no effect if colours are preserved.
        #[arg(value_name = "SHARE")]
        palette: f32 as f32, "from 0 to 1" |palette| (0.0..=1.0).contains(palette);
        /// The axes along which the result continues on its opposite side.
        #[arg(value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "both")]
        tileable: Tileable as Tileable;
        /// What the asset's alpha channel holds: coverage, by which colours may be multiplied,
        /// that of islands, or data such as smoothness.
        #[arg(value_enum)]
        #[serde(default, skip_serializing_if = "is_default")]
        alpha: AlphaUse as AlphaUse;
        /// The channels that are painted: rgb, the colours, or r, g, b and a, joined by +, each as
        /// a grey picture of its own.
        ///
        /// All others come back as they were, and all are data, alpha among them.
        #[arg(value_name = "CHANNELS")]
        #[serde(default, skip_serializing_if = "is_default")]
        channels: Channels as Channels;
        /// The colour that stands for transparency, such as "#ff00ff" for magenta.
        ///
        /// Its pixels are not painted and keep it exactly.
        #[arg(value_name = "COLOR")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        color_key: Option<HexColor> as HexColor;
        /// What the style's longer side covers, whatever the size of the picture: pixels of the
        /// result or metres of its surface, such as 1024px or 2m. Then `style_scale` is a factor on
        /// it.
        #[arg(value_name = "SIZE")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        style_size: Option<StyleSpan> as StyleSpan;
        /// How many texels of the asset a metre of its surface has, for a `style_size` in metres.
        ///
        /// A model says it by its own geometry, and so does one that shows the asset.
        #[arg(value_name = "TEXELS")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        texel_density: Option<f32> as f32,
            "from 0.01 to 1000000 texels a metre" |density| density
                .is_none_or(|density| (0.01..=1e6).contains(&density));
        /// How far the maps of a material follow the paint: the root mean square slope of its
        /// strokes.
        ///
        /// At 0 maps stay as they are. Only for `impasto build`, with the maps that a rule names.
        #[arg(value_name = "SLOPE")]
        #[serde(default, skip_serializing_if = "is_default")]
        relief: f32 as f32, "from 0 to 2" |relief| (0.0..=2.0).contains(relief);
        /// Which way green grows in normal maps.
        #[arg(value_enum)]
        #[serde(default, skip_serializing_if = "is_default")]
        green: GreenAxis as GreenAxis;
        /// The precision of the network: exact or fast.
        #[arg(value_enum)]
        profile: Profile as Profile;
        /// Seeds the noise of `init = "noise"`.
        #[arg(value_name = "N")]
        seed: u64 as u64;
    }
}

/// The source of the result's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum PreserveColor {
    /// The style's.
    None,
    /// The asset's: the style image's colour mean and covariance are matched to it first (Gatys et
    /// al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017).
    Statistics,
    /// The asset's chroma at each pixel, with the result's luminance.
    Luminance,
}

/// The axes along which the result continues on its opposite side, without a seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Tileable {
    None,
    X,
    Y,
    Both,
}

impl Tileable {
    pub fn wraps_x(self) -> bool {
        matches!(self, Self::X | Self::Both)
    }

    pub fn wraps_y(self) -> bool {
        matches!(self, Self::Y | Self::Both)
    }
}

/// What an asset's alpha channel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum AlphaUse {
    /// How opaque each pixel is. Where alpha is zero, black or white that fills all of it stands
    /// for no colour at all; other colours count.
    #[default]
    Coverage,
    /// The same, and the file's colours are multiplied by it, though its format does not say so.
    Premultiplied,
    /// How opaque each pixel is, of pieces that lie apart, as in an atlas or a sheet of sprites:
    /// only what shows is painted, and transparent pixels get the colours of the nearest piece.
    Islands,
    /// Anything else, such as smoothness: it does not affect how colours are painted.
    Data,
}

/// Which way the green component of normal maps grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum GreenAxis {
    /// As the map itself shows: its vectors are those of a surface in one way, and not in the
    /// other.
    #[default]
    Auto,
    /// Upwards, as in OpenGL, glTF, Unity and Blender.
    Opengl,
    /// Downwards, as in DirectX and Unreal.
    Directx,
}

/// The precision of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Single precision throughout.
    Exact,
    /// bf16 if the device has matrix units for it, otherwise single precision. Sums are always in
    /// single precision.
    Fast,
}

impl Common {
    /// Checks every parameter's range.
    ///
    /// # Errors
    /// If a parameter is out of its range; the error names the first one.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.check_ranges()
    }

    /// What the alpha of the asset is: data, where channels are.
    pub fn alpha_use(&self) -> AlphaUse {
        if self.channels.has_colors() { self.alpha } else { AlphaUse::Data }
    }

    /// Whether only what shows of an asset is painted; `alpha` is whether the asset has any.
    pub fn has_islands(&self, alpha: bool) -> bool {
        self.alpha_use() == AlphaUse::Islands && (alpha || self.color_key.is_some())
    }

    /// Gives the result another size: as if it were seen from further away. Sizes are of longer
    /// sides, in pixels.
    pub fn shrink(&mut self, from: u32, to: u32) {
        self.size = Some(to);
        let by = to as f32 / from.max(1) as f32;
        self.style_size = self.style_size.map(|span| span.seen(by));
    }

    /// Checks that a result may be written in this format.
    ///
    /// # Errors
    /// [`CannotWrite::ColorKey`].
    pub fn check_format(&self, format: ContainerFormat) -> Result<(), CannotWrite> {
        match (self.color_key, format) {
            (Some(key), ContainerFormat::Jpeg) => Err(CannotWrite::ColorKey(format, key)),
            _ => Ok(()),
        }
    }

    /// Whether an asset of `width` by `height` pixels is painted: no side of its result is below
    /// [`MIN_SIDE`]. Smaller assets pass through as they are, at the result's size.
    pub fn can_paint(&self, width: u32, height: u32) -> bool {
        let (width, height) = self.output_size(width, height);
        width.min(height) >= MIN_SIDE
    }

    /// The size of the result for an asset of `width` by `height` pixels: its longer side is
    /// `size`, its shape the asset's.
    pub fn output_size(&self, width: u32, height: u32) -> (u32, u32) {
        match self.size {
            // A model without textures has no pixels.
            Some(size) if width.min(height) > 0 => {
                super::fit_longer_side(width, height, f64::from(size))
            }
            _ => (width, height),
        }
    }
}
