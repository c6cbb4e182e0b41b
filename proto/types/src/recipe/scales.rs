//! The scales of a run, from coarse to fine.

use serde::{Deserialize, Serialize};

use super::{Init, Optimize, fit_longer_side};

/// One scale, from coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    pub width: u32,
    pub height: u32,
    pub iterations: u32,
    /// On which position of the pooling grid it is painted: 0 for that of the canvas's corner.
    pub grid: u32,
}

impl Optimize {
    /// The shorter side of a coarse scale is at least half a pixel of the deepest layer: a narrow
    /// strip has no forms that are larger.
    const LEAST_COARSE_PX: f64 = 8.0;

    /// A side that repeats is a multiple of so many pixels at coarse scales, the stride of the
    /// deepest layer: a canvas that repeats at another length is shown to the network unrolled, at
    /// twice the work.
    const STRIDE_PX: u32 = 16;

    /// A coarse scale grows by no more than this factor for that, and its shape changes by no more.
    const MOST_STRETCH: f64 = 8.0 / 7.0;

    /// The scales for a result of `width` by `height` pixels, coarsest first; the last one is that
    /// size. Coarse scales are for the style's large forms: where none pulls and painting begins
    /// with the content, they could only blur it. A scale that is painted on several grids is there
    /// once for each, its steps shared between them; no scale ends on the grid of the next one.
    pub fn scales(&self, width: u32, height: u32) -> Vec<Scale> {
        let sizes = self.sizes(width, height);
        let count = sizes.len();
        sizes
            .into_iter()
            .enumerate()
            .flat_map(|(index, (width, height))| {
                let coarser = (count - 1 - index) as u32;
                let on_grid = move |(grid, iterations)| {
                    let grid = grid + coarser;
                    Scale { width, height, iterations, grid }
                };
                self.grids_of(self.iterations_at(index, count)).map(on_grid)
            })
            .collect()
    }

    /// The sizes of the scales, coarsest first.
    fn sizes(&self, width: u32, height: u32) -> Vec<(u32, u32)> {
        let longer = f64::from(width.max(height));
        let shape = f64::from(width.min(height)) / longer.max(1.0);
        let mut sizes = vec![(width, height)];
        if self.min_scale > 0 && (self.is_styled() || self.init != Init::Content) {
            let factor = f64::from(self.scale_factor);
            let (mut side, mut finer) = (longer / factor, (width, height));
            // The coarsest scale may be a little below the minimum: 255 pixels still reach 128 in
            // two steps.
            while side >= f64::from(self.min_scale) * 0.95
                && side * shape >= Self::LEAST_COARSE_PX
                && sizes.len() < 32
            {
                let plain = fit_longer_side(width, height, side);
                finer = self.in_strides((width, height), plain, finer).unwrap_or(plain);
                sizes.push(finer);
                side /= factor;
            }
        }
        sizes.reverse();
        sizes
    }

    /// A coarse size that is enlarged until sides that repeat are whole strides. The longer of them
    /// takes the other side along, so that the shape changes only where both repeat. `None` where
    /// neither does, that stretches too far, or is no smaller than the next `finer` scale.
    fn in_strides(
        &self,
        (width, height): (u32, u32),
        plain: (u32, u32),
        finer: (u32, u32),
    ) -> Option<(u32, u32)> {
        let tileable = self.common.tileable;
        let sides = [(tileable.wraps_x(), width, plain.0), (tileable.wraps_y(), height, plain.1)];
        let (_, own, coarse) =
            sides.into_iter().filter(|(repeats, ..)| *repeats).max_by_key(|(_, own, _)| *own)?;
        let whole = coarse.next_multiple_of(Self::STRIDE_PX);
        let longer = f64::from(width.max(height)) * f64::from(whole) / f64::from(own);
        let (across, down) = fit_longer_side(width, height, longer);
        let up = |side: u32| side.next_multiple_of(Self::STRIDE_PX);
        let size = (
            if tileable.wraps_x() { up(across) } else { across },
            if tileable.wraps_y() { up(down) } else { down },
        );
        let stretch = |to: u32, from: u32| f64::from(to) / f64::from(from.max(1));
        let is_near = stretch(whole, coarse) <= Self::MOST_STRETCH
            && stretch(size.0, across) <= Self::MOST_STRETCH
            && stretch(size.1, down) <= Self::MOST_STRETCH;
        (is_near && size.0 < finer.0 && size.1 < finer.1).then_some(size)
    }

    /// The grids of a scale of so many steps, that of the corner last, each with its steps.
    fn grids_of(&self, steps: u32) -> impl Iterator<Item = (u32, u32)> + use<> {
        let grids = self.pooling_grids.clamp(1, steps.max(1));
        let until =
            move |place: u32| (u64::from(steps) * u64::from(place) / u64::from(grids)) as u32;
        (0..grids).map(move |place| (grids - 1 - place, until(place + 1) - until(place)))
    }

    /// Optimiser steps at scale `index` of `count`.
    fn iterations_at(&self, index: usize, count: usize) -> u32 {
        if index + 1 == count {
            return self.iterations;
        }
        let (coarse, fine) = (f64::from(self.coarse_iterations), f64::from(self.iterations));
        let along = index as f64 / (count - 1) as f64;
        (coarse * (fine / coarse).powf(along)).round().max(1.0) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tileable;

    #[test]
    fn scales_end_at_the_size_and_grow() {
        let recipe = Optimize {
            min_scale: 128,
            scale_factor: std::f32::consts::SQRT_2,
            ..Optimize::painterly()
        };
        let sides: Vec<_> = recipe.scales(512, 256).iter().map(|s| (s.width, s.height)).collect();
        assert_eq!(sides, [(128, 64), (181, 91), (256, 128), (362, 181), (512, 256)]);
        let single = Optimize { min_scale: 0, ..recipe };
        assert_eq!(single.scales(512, 256).len(), 1);
    }

    #[test]
    fn a_scale_shares_its_steps_between_grids_and_the_last_ends_at_the_corner() {
        let of = |pooling_grids, iterations| {
            let recipe = Optimize {
                scale_factor: 2.0,
                pooling_grids,
                iterations,
                coarse_iterations: 40,
                min_scale: 128,
                ..Optimize::painterly()
            };
            let scales = recipe.scales(256, 256);
            scales.iter().map(|it| (it.width, it.grid, it.iterations)).collect::<Vec<_>>()
        };
        assert_eq!(of(1, 12), [(128, 1, 40), (256, 0, 12)]);
        assert_eq!(of(2, 13), [(128, 2, 20), (128, 1, 20), (256, 1, 6), (256, 0, 7)]);
        assert_eq!(of(3, 2)[3..], [(256, 1, 1), (256, 0, 1)]);
    }

    #[test]
    fn no_scale_changes_the_shape() {
        let recipe = Optimize { min_scale: 24, ..Optimize::painterly() };
        for (width, height) in [(8, 128), (16, 17), (4096, 17), (1, 256), (1023, 1025), (94, 94)] {
            for size in [None, Some(16), Some(32), Some(200)] {
                let recipe = recipe.clone().with(|common| common.size = size);
                let (wide, high) = recipe.common.output_size(width, height);
                for scale in recipe.scales(wide, high) {
                    let ratio =
                        f64::from(scale.width.max(scale.height)) / f64::from(width.max(height));
                    let near = |side: u32, own: u32| {
                        (f64::from(side) - f64::from(own) * ratio).abs() <= 1.0
                    };
                    assert!(
                        near(scale.width, width) && near(scale.height, height),
                        "{width} x {height} at {size:?}: {scale:?}"
                    );
                }
            }
        }
        let strip = recipe.with(|common| common.size = Some(32));
        assert_eq!(strip.common.output_size(8, 128), (2, 32));
    }

    #[test]
    fn coarse_sides_that_repeat_are_whole_strides() {
        let sizes = |tileable, width, height| {
            let recipe = Optimize::texture().with(|common| common.tileable = tileable);
            recipe.sizes(width, height)
        };
        for (tileable, size, expected) in [
            (Tileable::Both, (256, 256), &[(144, 144)][..]),
            (Tileable::None, (256, 256), &[(135, 135)]),
            (Tileable::Both, (512, 512), &[(144, 144), (272, 272)]),
            // The other side is taken along.
            (Tileable::X, (256, 256), &[(144, 144)]),
            (Tileable::Y, (512, 256), &[(160, 80), (288, 144)]),
            (Tileable::Both, (512, 256), &[(144, 80), (272, 144)]),
            // Neither side may stretch by more than a seventh, or be as long as the finer scale's.
            (Tileable::Both, (512, 64), &[(142, 18), (269, 34)]),
            (Tileable::Both, (256, 32), &[(135, 17)]),
        ] {
            let (width, height) = size;
            let found = sizes(tileable, width, height);
            let (last, coarse) = found.split_last().expect("there is the last one");
            assert_eq!((*last, coarse), (size, expected), "{tileable:?} {size:?}");
        }
    }

    #[test]
    fn scales_that_repeat_grow_and_hardly_change_their_shape() {
        for tileable in [Tileable::X, Tileable::Y, Tileable::Both] {
            for (factor, min_scale) in [(1.9, 128), (1.9, 16), (1.25, 64), (4.0, 24)] {
                let recipe = Optimize { scale_factor: factor, min_scale, ..Optimize::texture() };
                let recipe = recipe.with(|common| common.tileable = tileable);
                for (width, height) in (17..600)
                    .step_by(7)
                    .flat_map(|side| [side, side / 2 + 1, side * 3, 512].map(|other| (side, other)))
                {
                    let sizes = recipe.sizes(width, height);
                    assert_eq!(sizes.last(), Some(&(width, height)));
                    for pair in sizes.windows(2) {
                        let [(wide, high), finer] = pair else { unreachable!() };
                        let name = format!("{tileable:?} {width} x {height} by {factor}: {pair:?}");
                        assert!(*wide < finer.0 && *high < finer.1, "{name}");
                        let ratio = f64::from(*wide) / f64::from(width);
                        let other = f64::from(*high) / f64::from(height);
                        let off = (other / ratio).max(ratio / other);
                        let rounding = 1.0 + 0.5 / f64::from(*wide.min(high));
                        assert!(
                            off <= Optimize::MOST_STRETCH * rounding * rounding,
                            "{name}: {off}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_style_a_content_is_not_painted_coarse_to_fine() {
        let unstyled = |change: fn(&mut Optimize)| {
            let mut recipe = Optimize::painterly();
            change(&mut recipe);
            (recipe.is_styled(), recipe.scales(512, 512).len())
        };
        assert_eq!(unstyled(|_| ()), (true, 4));
        assert_eq!(unstyled(|recipe| recipe.style_weight = 0.0), (false, 1));
        assert_eq!(unstyled(|recipe| recipe.style_layers = [0.0; 5]), (false, 1));
        let from_noise = |recipe: &mut Optimize| {
            (recipe.style_weight, recipe.init) = (0.0, Init::Noise);
        };
        assert_eq!(unstyled(from_noise), (false, 4));
    }
}
