//! Photoshop's documents. An asset's own version, packing, channels and resources come back; its
//! layers do not. Another picture becomes a PSD with packed rows.
//!
//! A picture with transparency has one layer, which is it: in Photoshop only layers are
//! transparent, ImageMagick and psd-tools look at the sign of the number of layers, and Pillow
//! takes any fourth channel for alpha. The layer's colours are straight, and those of the merged
//! image are blended with white, as Photoshop's are.

mod layer;
mod pack;
mod resources;

use impasto_types::{ContainerFormat, Depth};

use super::{Plan, level8, level16};
use crate::psd_layout::{MOST_CHANNELS, PsdLayout, PsdPacking, with_white};
use crate::{AlphaKind, AssetErrorKind, Color, Picture};
use pack::{Packer, pack};

pub(super) fn write(picture: &Picture, plan: &Plan<'_>) -> Result<Vec<u8>, AssetErrorKind> {
    let layout = picture.origin.psd.clone().unwrap_or_else(|| usual(picture, plan));
    let planes = Planes { picture, plan, is_blended: is_blended(picture, &layout) };
    let channels = planes.channels();
    if channels > MOST_CHANNELS {
        return Err(too_much(format!("it has {channels} channels; there are at most 56")));
    }

    let mut bytes = head(picture, plan, channels, layout.large);
    // There is no palette.
    bytes.extend([0; 4]);
    measured(&mut bytes, false, |bytes| {
        bytes.extend(resources::write(picture, plan, &layout));
        Ok(())
    })?;
    let packer = Packer::new(picture.width, plan.depth, &layout);
    measured(&mut bytes, layout.large, |bytes| match plan.alpha {
        Some(alpha) => layer::write_section(bytes, &planes, &packer, &layout, alpha),
        None => Ok(()),
    })?;
    let merged: Vec<Vec<u8>> = (0..channels).map(|channel| planes.merged(channel)).collect();
    pack(&merged, &packer, &mut bytes);
    Ok(bytes)
}

/// The layout of a picture that was no PSD. Bytes of floats seldom repeat, and numbers that are no
/// colours are not blended.
fn usual(picture: &Picture, plan: &Plan<'_>) -> PsdLayout {
    PsdLayout {
        large: false,
        packing: match plan.depth {
            Depth::Eight | Depth::Sixteen => PsdPacking::PackBits,
            Depth::Float => PsdPacking::None,
        },
        is_blended: !picture.origin.is_data,
        has_lost_white: false,
        size: (picture.width, picture.height),
        channels: (plan.alpha.is_some(), picture.extra.len()),
        resolution: None,
        resources: Vec::new(),
        layer: None,
    }
}

/// Whether colours are blended with white where they are transparent. They are not if alpha is no
/// opacity, or if they are to be multiplied by it.
fn is_blended(picture: &Picture, layout: &PsdLayout) -> bool {
    let origin = &picture.origin;
    layout.is_blended && !origin.is_premultiplied && origin.alpha_kind != AlphaKind::Unspecified
}

fn too_much(reason: String) -> AssetErrorKind {
    AssetErrorKind::Encode { format: ContainerFormat::Psd, source: reason.into() }
}

/// The signature, the size and the mode.
fn head(picture: &Picture, plan: &Plan<'_>, channels: usize, large: bool) -> Vec<u8> {
    const GRAY: u16 = 1;
    const RGB: u16 = 3;
    let version = if large { 2_u16 } else { 1 };
    let bits = match plan.depth {
        Depth::Eight => 8_u16,
        Depth::Sixteen => 16,
        Depth::Float => 32,
    };
    let mode = match plan.color {
        Color::Gray => GRAY,
        Color::Rgb => RGB,
    };
    let mut bytes = b"8BPS".to_vec();
    bytes.extend(version.to_be_bytes());
    bytes.extend([0; 6]);
    // At most 56.
    bytes.extend((channels as u16).to_be_bytes());
    bytes.extend(picture.height.to_be_bytes());
    bytes.extend(picture.width.to_be_bytes());
    bytes.extend([bits, mode].iter().flat_map(|word| word.to_be_bytes()));
    bytes
}

/// Appends what `write` does, with its length in front of it, which has eight bytes if `long`.
fn measured(
    bytes: &mut Vec<u8>,
    long: bool,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), AssetErrorKind>,
) -> Result<(), AssetErrorKind> {
    let at = bytes.len();
    zero_length(bytes, long);
    let start = bytes.len();
    write(bytes)?;
    let length = bytes.len() - start;
    set_length(bytes, at, length, long)
}

/// Appends the place of a length.
fn zero_length(bytes: &mut Vec<u8>, long: bool) {
    bytes.extend(&[0; 8][..if long { 8 } else { 4 }]);
}

/// Sets the length at a place that [`zero_length`] has made.
fn set_length(
    bytes: &mut [u8],
    at: usize,
    length: usize,
    long: bool,
) -> Result<(), AssetErrorKind> {
    if long {
        bytes[at..at + 8].copy_from_slice(&(length as u64).to_be_bytes());
        return Ok(());
    }
    let length = u32::try_from(length).map_err(|_| {
        too_much(format!("it has a section of {length} bytes, which only a psb can have"))
    })?;
    bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// The samples of a file, plane by plane.
struct Planes<'a> {
    picture: &'a Picture,
    plan: &'a Plan<'a>,
    is_blended: bool,
}

impl Planes<'_> {
    fn channels(&self) -> usize {
        self.plan.colors() + usize::from(self.plan.alpha.is_some()) + self.picture.extra.len()
    }

    /// A channel of the merged image: colours, alpha, others.
    fn merged(&self, channel: usize) -> Vec<u8> {
        let at = channel.checked_sub(self.plan.colors());
        match (at, self.plan.alpha) {
            (None, Some(alpha)) if self.is_blended => {
                let alpha = alpha.iter().map(|alpha| self.stored(*alpha));
                let levels = self.color(channel).zip(alpha);
                self.levels(levels.map(|(level, alpha)| with_white(level, alpha)))
            }
            (None, _) => self.levels(self.color(channel)),
            (Some(0), Some(alpha)) => self.units(alpha),
            (Some(at), alpha) => {
                let plane = self.picture.extra.get(at - usize::from(alpha.is_some()));
                self.units(plane.map(Vec::as_slice).unwrap_or_default())
            }
        }
    }

    /// A colour of the layer. It is not multiplied by alpha, even if the merged image is.
    fn straight(&self, color: usize) -> Vec<u8> {
        self.levels(self.picture.rgb.iter().skip(color).step_by(3).copied())
    }

    fn color(&self, color: usize) -> impl Iterator<Item = f32> + '_ {
        self.plan.rgb.iter().skip(color).step_by(3).copied()
    }

    fn levels(&self, levels: impl Iterator<Item = f32>) -> Vec<u8> {
        match self.plan.depth {
            Depth::Eight => levels.map(level8).collect(),
            Depth::Sixteen => levels.flat_map(|level| level16(level).to_be_bytes()).collect(),
            Depth::Float => levels.flat_map(|level| (level / 255.0).to_be_bytes()).collect(),
        }
    }

    /// A value from 0 to 1 as readers find it.
    fn stored(&self, value: f32) -> f32 {
        match self.plan.depth {
            Depth::Eight => f32::from(level8(value * 255.0)) / 255.0,
            Depth::Sixteen => f32::from(level16(value * 255.0)) / 65_535.0,
            Depth::Float => value,
        }
    }

    /// Values from 0 to 1.
    fn units(&self, plane: &[f32]) -> Vec<u8> {
        let sixteen = |value: f32| (value * 65_535.0).round() as u16;
        let values = plane.iter().copied();
        match self.plan.depth {
            Depth::Eight => values.map(|value| level8(value * 255.0)).collect(),
            Depth::Sixteen => values.flat_map(|value| sixteen(value).to_be_bytes()).collect(),
            Depth::Float => values.flat_map(f32::to_be_bytes).collect(),
        }
    }
}
