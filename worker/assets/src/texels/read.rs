//! Reads the pixels of one picture.

use half::f16;

use super::{Block, Masks, Texels, Word};

/// Levels from 0 to 255 of red, green and blue, and alpha from 0 to 1. What is not stored is as
/// Direct3D samples it: black, and opaque. Grey is in all three colours.
pub(crate) type Pixel = [f32; 4];

/// Gives each pixel of a picture to `see`, with its column and row, until `see` says that it has
/// seen enough. `bytes` are those of the picture, all of them.
pub(crate) fn each_pixel(
    bytes: &[u8],
    pixels: Texels,
    (width, height): (usize, usize),
    mut see: impl FnMut(usize, usize, Pixel) -> bool,
) {
    // It fits: the picture is in memory.
    let row_bytes = pixels.row_bytes(width as u32) as usize;
    for (row, bytes) in bytes.chunks_exact(row_bytes).enumerate() {
        match pixels {
            Texels::Blocks(block) => {
                for (column, bytes) in bytes.chunks_exact(block.bytes()).enumerate() {
                    let texels = block.decode(bytes);
                    for (at, pixel) in texels.into_iter().enumerate() {
                        let (x, y) = (4 * column + at % 4, 4 * row + at / 4);
                        if x < width && y < height && !see(x, y, pixel) {
                            return;
                        }
                    }
                }
            }
            Texels::Masks(masks) => {
                for (x, bytes) in bytes.chunks_exact(masks.bytes).enumerate() {
                    if !see(x, row, masks.decode(bytes)) {
                        return;
                    }
                }
            }
            Texels::Words(word, channels) => {
                for (x, bytes) in bytes.chunks_exact(channels * word.bytes()).enumerate() {
                    if !see(x, row, word.decode(bytes, channels)) {
                        return;
                    }
                }
            }
        }
    }
}

impl Block {
    fn decode(self, bytes: &[u8]) -> [Pixel; 16] {
        let of_rgba = |decode: fn(&[u8], &mut [u8], usize)| {
            let mut texels = [0; 64];
            decode(bytes, &mut texels, 16);
            let pixel = |at: usize| {
                let [red, green, blue, alpha] = [0, 1, 2, 3].map(|i| f32::from(texels[4 * at + i]));
                [red, green, blue, alpha / 255.0]
            };
            std::array::from_fn(pixel)
        };
        match self {
            Self::Bc1 => of_rgba(bcdec_rs::bc1),
            Self::Bc2 => of_rgba(bcdec_rs::bc2),
            Self::Bc3 => of_rgba(bcdec_rs::bc3),
            Self::Bc7 => of_rgba(bcdec_rs::bc7),
            Self::Bc4 => {
                let mut texels = [0; 16];
                bcdec_rs::bc4(bytes, &mut texels, 4, false);
                texels.map(|gray| [f32::from(gray), f32::from(gray), f32::from(gray), 1.0])
            }
            Self::Bc5 => {
                let mut texels = [0; 32];
                bcdec_rs::bc5(bytes, &mut texels, 8, false);
                let level = |at: usize| f32::from(texels[at]);
                std::array::from_fn(|at| [level(2 * at), level(2 * at + 1), 0.0, 1.0])
            }
            Self::Bc6h => {
                let mut texels = [0; 48];
                bcdec_rs::bc6h_half(bytes, &mut texels, 12, false);
                let level = |at: usize| f16::from_bits(texels[at]).to_f32() * 255.0;
                std::array::from_fn(|at| [level(3 * at), level(3 * at + 1), level(3 * at + 2), 1.0])
            }
        }
    }
}

impl Masks {
    fn decode(&self, bytes: &[u8]) -> Pixel {
        let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
        // A mask has at most 16 bits, so both numbers are exact.
        let part = |mask: u32| {
            let shift = mask.trailing_zeros();
            ((number & mask) >> shift) as f32 / (mask >> shift) as f32
        };
        let level = |mask: u32| if mask == 0 { 0.0 } else { part(mask) * 255.0 };
        let [red, green, blue] = self.colors.map(level);
        [red, green, blue, if self.alpha == 0 { 1.0 } else { part(self.alpha) }]
    }
}

impl Word {
    fn decode(self, bytes: &[u8], channels: usize) -> Pixel {
        let sample = |at: usize| {
            let bytes = &bytes[at * self.bytes()..];
            let two = || bytes.first_chunk().copied().unwrap_or_default();
            match self {
                Self::Sixteen => f32::from(u16::from_le_bytes(two())) / 65_535.0,
                Self::Half => f16::from_le_bytes(two()).to_f32(),
                Self::Single => {
                    f32::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default())
                }
            }
        };
        let level = |at: usize| sample(at) * 255.0;
        match channels {
            1 => [level(0), level(0), level(0), 1.0],
            2 => [level(0), level(1), 0.0, 1.0],
            3 => [level(0), level(1), level(2), 1.0],
            _ => [level(0), level(1), level(2), sample(3)],
        }
    }
}
