//! What of a model's description tells of its textures. Numbers that change with a texture's bytes
//! keep their place in the text, so that they are all that changes in it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::{damaged, damaged_by};
use crate::AssetErrorKind;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(borrow, default)]
    pub buffers: Vec<Buffer<'a>>,
    #[serde(borrow, default)]
    pub buffer_views: Vec<BufferView<'a>>,
    #[serde(default)]
    pub images: Vec<Image>,
    #[serde(default)]
    pub samplers: Vec<Sampler>,
    #[serde(borrow, default)]
    pub textures: Vec<Texture<'a>>,
    #[serde(borrow, default)]
    pub materials: Vec<Material<'a>>,
}

/// What extensions say, by their names.
pub(super) type Extensions<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Buffer<'a> {
    #[serde(borrow)]
    pub byte_length: &'a RawValue,
    pub uri: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BufferView<'a> {
    pub buffer: Whole,
    #[serde(borrow)]
    pub byte_offset: Option<&'a RawValue>,
    #[serde(borrow)]
    pub byte_length: &'a RawValue,
    pub byte_stride: Option<Whole>,
    #[serde(borrow, default)]
    pub extensions: Extensions<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    pub name: Option<String>,
    pub uri: Option<String>,
    pub buffer_view: Option<Whole>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sampler {
    pub wrap_s: Option<Whole>,
    pub wrap_t: Option<Whole>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Texture<'a> {
    pub sampler: Option<Whole>,
    pub source: Option<Whole>,
    #[serde(borrow, default)]
    pub extensions: Extensions<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Material<'a> {
    pub name: Option<String>,
    pub pbr_metallic_roughness: Option<Metal>,
    pub normal_texture: Option<TextureInfo>,
    pub occlusion_texture: Option<TextureInfo>,
    pub alpha_mode: Option<String>,
    #[serde(borrow, default)]
    pub extensions: Extensions<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metal {
    pub base_color_texture: Option<TextureInfo>,
    pub metallic_roughness_texture: Option<TextureInfo>,
}

/// How a material uses a texture.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TextureInfo {
    pub index: Whole,
    pub tex_coord: Option<Whole>,
    #[serde(default)]
    pub extensions: InfoExtensions,
}

impl TextureInfo {
    /// The first coordinates as they are.
    pub(super) const PLAIN: Self =
        Self { index: Whole(0), tex_coord: None, extensions: InfoExtensions { transform: None } };
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(super) struct InfoExtensions {
    #[serde(rename = "KHR_texture_transform")]
    pub transform: Option<Transform>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transform {
    #[serde(default)]
    pub offset: [f32; 2],
    #[serde(default)]
    pub rotation: f32,
    #[serde(default = "unscaled")]
    pub scale: [f32; 2],
    pub tex_coord: Option<Whole>,
}

impl TextureInfo {
    /// The number of its texture coordinates.
    pub(super) fn set(&self) -> u64 {
        let other = self.extensions.transform.and_then(|transform| transform.tex_coord);
        other.or(self.tex_coord).map_or(0, |set| set.0)
    }

    /// How its texture coordinates are moved, turned and scaled.
    pub(super) fn transform(&self) -> Transform {
        let still = Transform { offset: [0.0; 2], rotation: 0.0, scale: [1.0; 2], tex_coord: None };
        self.extensions.transform.unwrap_or(still)
    }

    /// Whether both lie in the same way over a surface.
    pub(super) fn lies_like(&self, other: &Self) -> bool {
        let way = |info: &Self| (info.set(), Transform { tex_coord: None, ..info.transform() });
        way(self) == way(other)
    }
}

fn unscaled() -> [f32; 2] {
    [1.0; 2]
}

/// A number without a sign and a fraction, however it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Whole(pub u64);

impl Whole {
    pub(super) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        // Beyond this, floats are no longer exact.
        let is_whole = |float: &f64| (0.0..9e15).contains(float) && float.fract() == 0.0;
        let float = || number.as_f64().filter(is_whole).map(|float| float as u64);
        let whole = number.as_u64().or_else(float);
        whole.map(Self).ok_or_else(|| de::Error::custom(format!("{number} is no whole number")))
    }
}

impl<'a> Document<'a> {
    pub(super) fn parse(json: &'a str) -> Result<Self, AssetErrorKind> {
        serde_json::from_str(json).map_err(damaged_by)
    }

    /// Bytes of the buffer in this file, if there is one.
    pub(super) fn own_buffer_bytes(&self) -> Result<Option<u64>, AssetErrorKind> {
        match self.buffers.first() {
            Some(buffer) if buffer.uri.is_none() => number(buffer.byte_length).map(Some),
            _ => Ok(None),
        }
    }
}

impl BufferView<'_> {
    /// The bytes of its buffer.
    pub(super) fn range(&self) -> Result<Range<u64>, AssetErrorKind> {
        let start = self.byte_offset.map_or(Ok(0), number)?;
        let end = start.checked_add(number(self.byte_length)?);
        Ok(start..end.ok_or_else(|| damaged("a buffer view has no end"))?)
    }
}

/// A part of a buffer that an extension names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Placed<'a> {
    pub buffer: Whole,
    #[serde(borrow)]
    pub byte_offset: Option<&'a RawValue>,
    pub byte_length: Option<Whole>,
}

impl Placed<'_> {
    pub(super) fn range(&self) -> Result<Range<u64>, AssetErrorKind> {
        let start = self.byte_offset.map_or(Ok(0), number)?;
        Ok(start..start.saturating_add(self.byte_length.map_or(0, |length| length.0)))
    }
}

/// The parts of buffers that the extensions of a buffer view name. Others say something else.
pub(super) fn placed<'l, 'a>(
    extensions: &'l Extensions<'a>,
) -> impl Iterator<Item = Placed<'a>> + use<'l, 'a> {
    extensions.values().filter_map(|raw| serde_json::from_str(raw.get()).ok())
}

/// The number at a place of the text.
pub(super) fn number(raw: &RawValue) -> Result<u64, AssetErrorKind> {
    serde_json::from_str(raw.get()).map(|Whole(number)| number).map_err(damaged_by)
}

/// The element that an index names.
pub(super) fn element<'l, T>(
    list: &'l [T],
    index: Whole,
    what: &str,
) -> Result<&'l T, AssetErrorKind> {
    list.get(index.index()).ok_or_else(|| damaged(format!("there is no {what} {}", index.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        let check = |text: &str, expected: Option<u64>| {
            let found = serde_json::from_str::<Whole>(text).ok().map(|Whole(number)| number);
            assert_eq!(found, expected, "{text}");
        };
        check("12", Some(12));
        check("12.0", Some(12));
        check("1.2e1", Some(12));
        check("0", Some(0));
        check("-0.0", Some(0));
        check("18446744073709551615", Some(u64::MAX));
        check("12.5", None);
        check("-1", None);
        check("1e300", None);
        check("\"12\"", None);
        check("true", None);
    }
}
