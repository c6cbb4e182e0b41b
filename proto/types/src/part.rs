//! Roles of files in an asset.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The role of a file in its asset. A plain picture is an asset with a single part,
/// [`Part::Color`].
///
/// The text form is that of manifests, actions and the wire: `color`, `packed:occlusion+roughness`,
/// `face:+x`, `udim:1001`, `frame:12`, `file:0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Part {
    /// Base colour or albedo, sRGB; of a plain picture, the picture.
    Color,
    /// Directions of the surface in tangent space.
    Normal,
    Roughness,
    Metallic,
    /// Ambient occlusion.
    Occlusion,
    /// Height or displacement.
    Height,
    Emissive,
    /// Opacity as a file of its own, not as the alpha channel of the colour.
    Opacity,
    /// Several grey maps in the channels of one file.
    Packed(Packing),
    /// Where to paint: white is painted, black is kept.
    Mask,
    /// An ID map: its colours name regions that are painted in styles of their own.
    Regions,
    /// The picture that optimisation starts from.
    Init,
    /// A model whose surface shows the picture.
    Mesh,
    /// The network that the asset is painted with.
    Model,
    /// A training run between two of its parts.
    State,
    /// A face of a cube map.
    Face(CubeFace),
    /// A UDIM tile by its number, 1001 to 9999.
    Udim(u16),
    /// A frame of a sequence by its number.
    Frame(u32),
    /// A file that a glTF model names, in the order of its buffers and then of its images.
    File(u16),
}

impl Part {
    /// Whether its file is a picture.
    pub fn is_picture(self) -> bool {
        !matches!(self, Self::Mesh | Self::Model | Self::State | Self::File(_))
    }

    /// Whether it is a map of a material's surface that follows the paint.
    pub fn is_surface(self) -> bool {
        match self {
            Self::Normal | Self::Roughness | Self::Height => true,
            Self::Packed(Packing(channels)) => {
                channels.into_iter().flatten().any(Channel::is_surface)
            }
            _ => false,
        }
    }

    /// Whether its result is named after its own file, and not after the asset's main one.
    pub fn has_own_name(self) -> bool {
        self.is_surface() || matches!(self, Self::Udim(_))
    }

    /// Whether it is no part of the asset itself, but what a method needs to paint it.
    pub fn is_beside_content(self) -> bool {
        matches!(
            self,
            Self::Init | Self::Mask | Self::Regions | Self::Mesh | Self::Model | Self::State
        )
    }
}

/// What the channels of a packed map hold, from red to alpha; `None` is a channel without meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packing(pub [Option<Channel>; 4]);

/// A grey map that fits into one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    Roughness,
    Metallic,
    Occlusion,
    Height,
    Opacity,
    Mask,
    /// The opposite of roughness.
    Smoothness,
}

impl Channel {
    /// Whether it is a map of a material's surface that follows the paint.
    pub fn is_surface(self) -> bool {
        matches!(self, Self::Roughness | Self::Height | Self::Smoothness)
    }
}

/// A face of a cube map, named by the axis that it looks along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CubeFace {
    PositiveX,
    NegativeX,
    PositiveY,
    NegativeY,
    PositiveZ,
    NegativeZ,
}

/// What painting a glTF model does with a file that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileRole {
    /// It is read, and stays: a buffer.
    Geometry,
    /// It is painted: a texture, or a buffer that holds some.
    Color,
    /// It follows the paint if there is relief: normals or roughness, or a buffer that holds some.
    Map,
    /// It is not read, and stays: other textures.
    Kept,
}

impl FileRole {
    /// Whether painting changes the file.
    pub fn is_painted(self, has_relief: bool) -> bool {
        self == Self::Color || self == Self::Map && has_relief
    }
}

/// A text that is not a part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no part `{0}`; there are color, normal, roughness, metallic, occlusion, height, \
     emissive, opacity, packed:CHANNEL+CHANNEL, mask, regions, init, mesh, model, state, face:+x \
     to face:-z, udim:1001, frame:1 and file:0"
)]
pub struct PartError(String);

const UDIM_TILES: std::ops::RangeInclusive<u16> = 1001..=9999;

/// The parts without a number or channels.
const SIMPLE: [(Part, &str); 14] = [
    (Part::Color, "color"),
    (Part::Normal, "normal"),
    (Part::Roughness, "roughness"),
    (Part::Metallic, "metallic"),
    (Part::Occlusion, "occlusion"),
    (Part::Height, "height"),
    (Part::Emissive, "emissive"),
    (Part::Opacity, "opacity"),
    (Part::Mask, "mask"),
    (Part::Regions, "regions"),
    (Part::Init, "init"),
    (Part::Mesh, "mesh"),
    (Part::Model, "model"),
    (Part::State, "state"),
];

const CHANNELS: [(Channel, &str); 7] = [
    (Channel::Roughness, "roughness"),
    (Channel::Metallic, "metallic"),
    (Channel::Occlusion, "occlusion"),
    (Channel::Height, "height"),
    (Channel::Opacity, "opacity"),
    (Channel::Mask, "mask"),
    (Channel::Smoothness, "smoothness"),
];

/// The text of a channel without meaning.
const UNUSED: &str = "none";

const FACES: [(CubeFace, &str); 6] = [
    (CubeFace::PositiveX, "+x"),
    (CubeFace::NegativeX, "-x"),
    (CubeFace::PositiveY, "+y"),
    (CubeFace::NegativeY, "-y"),
    (CubeFace::PositiveZ, "+z"),
    (CubeFace::NegativeZ, "-z"),
];

/// The text of `value` in a table that lists every value.
fn text_of<T: Copy + PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(other, _)| *other == value).map_or("", |(_, text)| text)
}

/// The value of `text` in a table.
fn value_of<T: Copy>(table: &[(T, &str)], text: &str) -> Option<T> {
    table.iter().find(|(_, other)| *other == text).map(|(value, _)| *value)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed(packing) => write!(f, "packed:{packing}"),
            Self::Face(face) => write!(f, "face:{}", text_of(&FACES, *face)),
            Self::Udim(tile) => write!(f, "udim:{tile}"),
            Self::Frame(number) => write!(f, "frame:{number}"),
            Self::File(number) => write!(f, "file:{number}"),
            simple => f.write_str(text_of(&SIMPLE, *simple)),
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.0.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        for (index, channel) in self.0[..used].iter().enumerate() {
            let plus = if index == 0 { "" } else { "+" };
            let name = channel.map_or(UNUSED, |channel| text_of(&CHANNELS, channel));
            write!(f, "{plus}{name}")?;
        }
        Ok(())
    }
}

impl FromStr for Part {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let parsed = match text.split_once(':') {
            None => value_of(&SIMPLE, text),
            Some(("packed", channels)) => packing(channels).map(Self::Packed),
            Some(("face", face)) => value_of(&FACES, face).map(Self::Face),
            Some(("udim", tile)) => {
                number(tile).filter(|tile| UDIM_TILES.contains(tile)).map(Self::Udim)
            }
            Some(("frame", frame)) => number(frame).map(Self::Frame),
            Some(("file", file)) => number(file).map(Self::File),
            Some(_) => None,
        };
        parsed.ok_or_else(|| PartError(text.chars().take(80).collect()))
    }
}

/// One to four channels; the last one has a meaning, so that each packing has one text.
fn packing(text: &str) -> Option<Packing> {
    let mut channels = [None; 4];
    for (index, name) in text.split('+').enumerate() {
        let channel = channels.get_mut(index)?;
        *channel = match name {
            UNUSED => None,
            name => Some(value_of(&CHANNELS, name)?),
        };
    }
    let packing = Packing(channels);
    (packing.to_string() == text).then_some(packing)
}

/// A number without leading zeros or a sign, so that each has one text.
fn number<N: FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>().ok().filter(|number| number.to_string() == text)
}

impl TryFrom<String> for Part {
    type Error = PartError;

    fn try_from(text: String) -> Result<Self, PartError> {
        text.parse()
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_one_text() {
        let orm = [Channel::Occlusion, Channel::Roughness, Channel::Metallic].map(Some);
        let packings = [
            Packing([orm[0], orm[1], orm[2], None]),
            Packing([None, orm[1], None, Some(Channel::Mask)]),
        ];
        let numbered = [Part::Udim(1001), Part::Udim(9999), Part::Frame(0), Part::Frame(u32::MAX)];
        let parts = SIMPLE.iter().map(|(part, _)| *part);
        let parts = parts.chain(FACES.iter().map(|(face, _)| Part::Face(*face)));
        for part in parts.chain(packings.map(Part::Packed)).chain(numbered) {
            assert_eq!(part.to_string().parse(), Ok(part), "{part}");
        }
        assert_eq!(Part::Packed(packings[0]).to_string(), "packed:occlusion+roughness+metallic");
        assert_eq!(Part::Packed(packings[1]).to_string(), "packed:none+roughness+none+mask");
    }

    #[test]
    fn other_texts_name_no_part() {
        for text in [
            "",
            "colour",
            "Color",
            "packed:",
            "packed:none",
            "packed:roughness+none",
            "packed:mask+mask+mask+mask+mask",
            "face:x",
            "udim:1000",
            "udim:01001",
            "frame:-1",
            "frame:+1",
            "frame:4294967296",
            "tile:1",
        ] {
            let error = text.parse::<Part>().expect_err(text);
            assert!(error.to_string().contains(&format!("no part `{text}`")), "{error}");
        }
    }
}
