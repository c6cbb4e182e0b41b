//! Feature maps that are kept after a pass: the target of the content loss.

use crate::{
    shape::{Shape, halve},
    vgg::Layer,
};

/// How numbers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE single precision: 24 bits of mantissa.
    Fp32,
    /// The upper half of a single: 8 bits of mantissa.
    Bf16,
}

impl Precision {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Fp32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// The feature maps of a whole picture at one layer, rows of pixels of channels. Passes over tiles
/// of the picture fill it and compare with it.
#[derive(Clone, Debug)]
pub struct FeatureMap {
    layer: Layer,
    width: usize,
    height: usize,
    channels: usize,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Fp32(Vec<f32>),
    Bf16(Vec<u16>),
}

impl FeatureMap {
    /// Zeros, for a picture of this size in pixels.
    pub fn new(
        layer: Layer,
        channels: usize,
        width: usize,
        height: usize,
        precision: Precision,
    ) -> Self {
        let halved = |len| halve(len, 0, layer.halvings());
        let (width, height) = (halved(width), halved(height));
        let len = width * height * channels;
        let values = match precision {
            Precision::Fp32 => Values::Fp32(vec![0.0; len]),
            Precision::Bf16 => Values::Bf16(vec![0; len]),
        };
        Self { layer, width, height, channels, values }
    }

    /// A map of these values: rows, pixels, channels. `shape` is width, height and channels at the
    /// layer.
    ///
    /// # Panics
    /// If there are not as many values as the shape says.
    pub fn of(
        layer: Layer,
        (width, height, channels): (usize, usize, usize),
        values: Vec<f32>,
    ) -> Self {
        assert_eq!(values.len(), width * height * channels, "a map is height * width * channels");
        Self { layer, width, height, channels, values: Values::Fp32(values) }
    }

    /// Bytes that a map takes.
    pub fn bytes(
        layer: Layer,
        channels: usize,
        width: usize,
        height: usize,
        precision: Precision,
    ) -> usize {
        let halved = |len| halve(len, 0, layer.halvings());
        halved(width) * halved(height) * channels * precision.bytes()
    }

    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// Width, height and channels.
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.width, self.height, self.channels)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.width * self.height * self.channels
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives every value in order: rows, pixels, channels.
    pub fn for_each(&self, visit: impl FnMut(f32)) {
        match &self.values {
            Values::Fp32(values) => values.iter().copied().for_each(visit),
            Values::Bf16(values) => values.iter().map(|&bits| widen(bits)).for_each(visit),
        }
    }

    /// The index of the pixel that a tile's pixel at a layer is in the whole picture. `origin` is
    /// where the tile's first pixel lies; positions beyond a seam begin anew.
    pub(crate) fn pixel(&self, shape: &Shape, origin: (usize, usize), x: usize, y: usize) -> usize {
        let (x, y) = shape.in_whole(self.layer.halvings(), origin, x, y);
        debug_assert!(x < self.width && y < self.height);
        y * self.width + x
    }

    /// Writes the channels of a pixel to `row`.
    pub(crate) fn read(&self, pixel: usize, row: &mut [f32]) {
        debug_assert_eq!(row.len(), self.channels);
        self.read_part(pixel, 0, row);
    }

    /// Writes the channels of a pixel from `first` on to `row`.
    pub(crate) fn read_part(&self, pixel: usize, first: usize, row: &mut [f32]) {
        let start = pixel * self.channels + first;
        let range = start..start + row.len();
        match &self.values {
            Values::Fp32(values) => row.copy_from_slice(&values[range]),
            Values::Bf16(values) => {
                row.iter_mut().zip(&values[range]).for_each(|(value, &bits)| *value = widen(bits))
            }
        }
    }

    /// Takes the channels of a pixel from `row`.
    pub(crate) fn write(&mut self, pixel: usize, row: &[f32]) {
        let range = pixel * self.channels..(pixel + 1) * self.channels;
        match &mut self.values {
            Values::Fp32(values) => values[range].copy_from_slice(row),
            Values::Bf16(values) => {
                values[range].iter_mut().zip(row).for_each(|(bits, &value)| *bits = narrow(value))
            }
        }
    }
}

/// The single that has these bits in its upper half.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The nearest bf16, ties to even. A NaN stays one.
#[inline(always)]
pub(crate) fn narrow(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    (bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_nearest_even() {
        let check =
            |value: f32, expected: f32| assert_eq!(widen(narrow(value)), expected, "{value}");
        check(1.0, 1.0);
        check(1.0 + 1.0 / 256.0, 1.0);
        check(1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0);
        check(1.0 + 1.01 / 256.0, 1.0 + 2.0 / 256.0);
        check(-0.0, 0.0);
        check(f32::MAX, f32::INFINITY);
        assert!(widen(narrow(f32::NAN)).is_nan());
    }
}
