//! Pixels that are packed in blocks of 4 x 4.

use texpresso::{Algorithm, COLOUR_WEIGHTS_UNIFORM, Format, Params};

use super::mips::Level;
use super::{bc6h, bc7, brightness};
use crate::texels::Block;

impl Block {
    /// Packs a row of blocks. `weigh` says that colours count by their alpha.
    pub(super) fn write_row(self, level: &Level<'_>, row: usize, weigh: bool, bytes: &mut [u8]) {
        for (column, block) in bytes.chunks_exact_mut(self.bytes()).enumerate() {
            self.write(&texels(level, column, row), weigh, block);
        }
    }

    fn write(self, texels: &[Texel; 16], weigh: bool, block: &mut [u8]) {
        let format = match self {
            Self::Bc1 => Format::Bc1,
            Self::Bc2 => Format::Bc2,
            Self::Bc3 => Format::Bc3,
            Self::Bc4 => Format::Bc4,
            Self::Bc5 => Format::Bc5,
            Self::Bc6h => {
                let light = texels.map(|texel| texel.map(|level| level / 255.0));
                return block.copy_from_slice(&bc6h::pack(&light));
            }
            Self::Bc7 => return block.copy_from_slice(&bc7::pack(texels)),
        };
        let eight = |level: f32| level.round() as u8;
        let texels = match self {
            Self::Bc4 => texels.map(|texel| [eight(brightness(&texel)), 0, 0, 255]),
            _ => texels.map(|texel| texel.map(eight)),
        };
        let params = Params {
            algorithm: Algorithm::ClusterFit,
            weights: COLOUR_WEIGHTS_UNIFORM,
            weigh_colour_by_alpha: weigh,
        };
        format.compress_block_masked(texels, 0xffff, params, block);
    }
}

/// Red, green, blue and alpha, levels from 0 to 255.
type Texel = [f32; 4];

/// The texels of a block. Beyond the picture, its last column
/// and row repeat.
fn texels(level: &Level<'_>, column: usize, row: usize) -> [Texel; 16] {
    std::array::from_fn(|at| {
        let x = (4 * column + at % 4).min(level.width - 1);
        let y = (4 * row + at / 4).min(level.height - 1);
        let at = y * level.width + x;
        let alpha = level.alpha.as_ref().map_or(255.0, |alpha| alpha[at] * 255.0);
        [level.rgb[3 * at], level.rgb[3 * at + 1], level.rgb[3 * at + 2], alpha]
    })
}
