//! BC7, by four of its eight modes.
//!
//! - Mode 6 has one line of 16 colours with alpha. It suits most blocks of pictures.
//! - Mode 1 has two lines of 8 opaque colours, for one of 64 shapes: edges between two surfaces.
//! - Mode 5 has a line of 4 colours and one of 4 values of alpha, which need not go along: the rim
//!   of a cut-out. It also has every single colour exactly.
//! - Mode 4 has 8 colours and 4 values of alpha, or the other way round, with coarser ends.
//!
//! The others are tried where mode 6 is off by more than [`GOOD`], so that smooth pictures take
//! little time. A block whose texels are all opaque is decoded as exactly opaque.

mod modes;
mod shapes;

use super::line::{Channels, whole};
use modes::{Packed, mode1, mode4, mode5, mode6, single};
use shapes::best_shapes;

/// The sum of squared differences of a block, in levels, that needs no better mode: half a level
/// for each colour, which is what rounding costs.
const GOOD: f32 = 12.0;

/// How many shapes of two lines are tried in full.
const SHAPES: usize = 2;

/// Packs texels of red, green, blue and alpha, levels from 0 to 255.
pub(super) fn pack(texels: &[[f32; 4]; 16]) -> [u8; 16] {
    let texels = texels.map(|texel| texel.map(|level| whole(level, 255.0) as u8));
    if texels.iter().all(|texel| texel == &texels[0]) {
        return single(texels[0]);
    }
    let channels: Channels<4> =
        std::array::from_fn(|channel| texels.map(|texel| f32::from(texel[channel])));
    let opaque = texels.iter().all(|texel| texel[3] == 255);
    let mut best = mode6(&channels, opaque);
    if best.error <= GOOD {
        return best.block;
    }
    let mut consider = |other: Packed| {
        if other.error < best.error {
            best = other;
        }
    };
    if opaque {
        let [red, green, blue, _] = channels;
        let colors = [red, green, blue];
        for shape in best_shapes::<SHAPES>(&colors) {
            consider(mode1(&colors, shape));
        }
    } else {
        consider(mode5(&channels));
        consider(mode4(&channels, false));
        consider(mode4(&channels, true));
    }
    best.block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest difference of a packed block from its texels, in levels.
    fn worst(texels: &[[u8; 4]; 16]) -> i32 {
        let block = pack(&texels.map(|texel| texel.map(f32::from)));
        let mut decoded = [0; 64];
        bcdec_rs::bc7(&block, &mut decoded, 16);
        let differences = texels.as_flattened().iter().zip(&decoded);
        differences.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_block_of_one_colour_is_exact() {
        for level in 0..=255 {
            let texel = [level, 255 - level, level / 2, 255 - level / 3];
            assert_eq!(worst(&[texel; 16]), 0, "{texel:?}");
        }
    }

    #[test]
    fn a_ramp_and_two_surfaces_are_near() {
        let ramp = std::array::from_fn(|at| [at as u8 * 12, 40 + at as u8 * 8, 200, 255]);
        assert!(worst(&ramp) <= 2);
        for shape in 0..64 {
            let surfaces = std::array::from_fn(|at| {
                if shapes::SHAPES[shape] >> at & 1 == 0 {
                    [200, 30 + at as u8, 20, 255]
                } else {
                    [10, 20, 120 + at as u8, 255]
                }
            });
            assert!(worst(&surfaces) <= 6, "{shape}: {}", worst(&surfaces));
        }
        let hole =
            std::array::from_fn(|at| [at as u8 * 9, 90, 30, if at % 3 == 0 { 0 } else { 255 }]);
        assert!(worst(&hole) <= 24);
        // Colours and alpha that do not go along, each finer than the other in turn.
        for (color_step, alpha_step) in [(2, 12), (12, 2), (8, 8)] {
            let apart = std::array::from_fn(|at| {
                let level = 20 + at as u8 * color_step;
                [level, level, 100, 60 + (at as u8 * 7 % 16) * alpha_step]
            });
            assert!(worst(&apart) <= 20, "{color_step} {alpha_step}: {}", worst(&apart));
        }
    }
}
