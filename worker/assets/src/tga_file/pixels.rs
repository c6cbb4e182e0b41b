//! The pixels of a TGA file.

use std::borrow::Cow;

use super::fields::{Fields, damaged};
use crate::AssetErrorKind;

/// The pixels of a file as they are stored, without run lengths.
#[derive(Debug)]
pub(super) struct Pixels<'a> {
    fields: &'a Fields,
    palette: &'a [u8],
    stored: Cow<'a, [u8]>,
}

/// A pixel: levels from 0 to 255, and the bits beside them as a number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pixel {
    pub rgb: [f32; 3],
    pub attribute: f32,
}

impl<'a> Pixels<'a> {
    pub(super) fn read(bytes: &'a [u8], fields: &'a Fields) -> Result<Self, AssetErrorKind> {
        let part = |at: usize| bytes.get(at..).ok_or(AssetErrorKind::Truncated);
        let palette = part(fields.palette_at())?;
        let palette = palette.get(..fields.palette_bytes()).ok_or(AssetErrorKind::Truncated)?;
        let data = part(fields.palette_at() + palette.len())?;
        let size = fields.pixels() * fields.pixel_bytes();
        let stored = if fields.run_length {
            Cow::Owned(unpack(data, size, fields.pixel_bytes())?)
        } else {
            Cow::Borrowed(data.get(..size).ok_or(AssetErrorKind::Truncated)?)
        };
        Ok(Self { fields, palette, stored })
    }

    /// The pixel at a column and row of the upright picture.
    pub(super) fn at(&self, x: usize, y: usize) -> Result<Pixel, AssetErrorKind> {
        let (width, height) = (usize::from(self.fields.width), usize::from(self.fields.height));
        let column = if self.fields.right_to_left { width - 1 - x } else { x };
        let row = if self.fields.top_down { y } else { height - 1 - y };
        self.stored(row * width + column)
    }

    /// Whether any pixel has bits beside the colour.
    pub(super) fn has_attributes(&self) -> Result<bool, AssetErrorKind> {
        for index in 0..self.fields.pixels() {
            if self.stored(index)?.attribute != 0.0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether every pixel is there, and has a colour.
    pub(super) fn check(&self) -> Result<(), AssetErrorKind> {
        (0..self.fields.pixels()).try_for_each(|index| self.stored(index).map(drop))
    }

    fn stored(&self, index: usize) -> Result<Pixel, AssetErrorKind> {
        let size = self.fields.pixel_bytes();
        let pixel = &self.stored[index * size..][..size];
        if !self.fields.is_mapped() {
            return Ok(self.pixel(pixel));
        }
        let index = pixel.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let size = usize::from(self.fields.palette.color_bits.div_ceil(8));
        let color = index
            .checked_sub(self.fields.palette.first.into())
            .and_then(|at| self.palette.get(at * size..)?.get(..size));
        color
            .map(|color| self.pixel(color))
            .ok_or_else(|| damaged("a colour is not in the palette"))
    }

    fn pixel(&self, bytes: &[u8]) -> Pixel {
        let five = |value: u16| f32::from(value & 31) * (255.0 / 31.0);
        match *bytes {
            [gray] => Pixel { rgb: [gray.into(); 3], attribute: 0.0 },
            [gray, attribute] if self.fields.is_gray() => {
                Pixel { rgb: [gray.into(); 3], attribute: f32::from(attribute) / 255.0 }
            }
            [low, high] => {
                let word = u16::from_le_bytes([low, high]);
                let rgb = [five(word >> 10), five(word >> 5), five(word)];
                Pixel { rgb, attribute: f32::from(word >> 15) }
            }
            [blue, green, red, ref attribute @ ..] => Pixel {
                rgb: [red.into(), green.into(), blue.into()],
                attribute: attribute.first().map_or(0.0, |&value| f32::from(value) / 255.0),
            },
            [] => Pixel { rgb: [0.0; 3], attribute: 0.0 },
        }
    }
}

/// Expands run lengths to `size` bytes. Packets may cross the ends of rows, which TGA 1.0 allows.
fn unpack(mut data: &[u8], size: usize, pixel_bytes: usize) -> Result<Vec<u8>, AssetErrorKind> {
    const MOST: usize = 128;
    // The shortest data for so many pixels; checked before memory is allocated for them.
    if data.len() < (size / pixel_bytes).div_ceil(MOST) * (1 + pixel_bytes) {
        return Err(AssetErrorKind::Truncated);
    }
    let mut pixels = Vec::with_capacity(size);
    while pixels.len() < size {
        let (&packet, rest) = data.split_first().ok_or(AssetErrorKind::Truncated)?;
        let count = usize::from(packet & 0x7f) + 1;
        let is_run = packet & 0x80 != 0;
        // A last packet that goes beyond the picture is cut off.
        let wanted = (count * pixel_bytes).min(size - pixels.len());
        let stored = if is_run { pixel_bytes } else { wanted };
        let values = rest.get(..stored).ok_or(AssetErrorKind::Truncated)?;
        data = &rest[stored..];
        pixels.extend(values.iter().cycle().take(wanted));
    }
    Ok(pixels)
}
