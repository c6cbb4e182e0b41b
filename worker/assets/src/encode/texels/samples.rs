//! Pixels that are not packed in blocks.

use half::f16;

use super::brightness;
use crate::texels::{Masks, Word};

impl Masks {
    /// Appends a pixel: levels from 0 to 255, and alpha from 0 to 1.
    pub(super) fn write(&self, rgb: &[f32], alpha: f32, row: &mut [u8]) {
        let part = |mask: u32, value: f32| {
            let shift = mask.trailing_zeros();
            let most = mask.checked_shr(shift).unwrap_or(0);
            // A float converts to an integer with saturation.
            ((value * most as f32).round() as u32).min(most).checked_shl(shift).unwrap_or(0)
        };
        let [red, green, blue] = self.colors;
        let colors = if self.gray {
            part(red, brightness(rgb) / 255.0)
        } else {
            part(red, rgb[0] / 255.0) | part(green, rgb[1] / 255.0) | part(blue, rgb[2] / 255.0)
        };
        // Bits without a meaning are set, so that whoever takes them for alpha sees the picture.
        let unused = !(red | green | blue | self.alpha);
        let number = colors | part(self.alpha, alpha) | unused;
        row.copy_from_slice(&number.to_le_bytes()[..self.bytes]);
    }
}

impl Word {
    /// Writes as many samples as there is room for.
    pub(super) fn write(self, rgb: &[f32], alpha: f32, row: &mut [u8]) {
        let samples = match row.len() / self.bytes() {
            1 => [brightness(rgb) / 255.0, 0.0, 0.0, 0.0],
            _ => [rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0, alpha],
        };
        for (sample, bytes) in samples.into_iter().zip(row.chunks_exact_mut(self.bytes())) {
            match self {
                Self::Sixteen => {
                    let sixteen = (sample * 65_535.0).round() as u16;
                    bytes.copy_from_slice(&sixteen.to_le_bytes());
                }
                Self::Half => {
                    let finite = sample.clamp(f16::MIN.to_f32(), f16::MAX.to_f32());
                    bytes.copy_from_slice(&f16::from_f32(finite).to_le_bytes());
                }
                Self::Single => bytes.copy_from_slice(&sample.to_le_bytes()),
            }
        }
    }
}
