//! Levelling: brings paint on both sides of a seam together.
//!
//! Beside a cut of the unwrap the paint of one side ends, and what goes on there on the surface was
//! painted at another place. Each side is moved half of the way to the other at the seam, and the
//! move fades into the island as a membrane does that is held at its rim: it solves Laplace's
//! equation, as in Perez, Gangnet and Blake, "Poisson Image Editing" (2003). So the difference of a
//! single stroke is gone a few pixels further, and one of broad areas fades over all of the band.

use super::unwrap::{Across, Unwrap};

/// The band around seams, as a share of the largest texture's longer side: 1024 pixels have a band
/// of 32.
const BAND_SHARE: usize = 32;

const LEAST_BAND_PX: usize = 8;

/// Half of a level of 16 bits.
const NOTHING: f32 = 0.5 / 257.0;

/// Moves the paint at seams. `paint` is what was added to each pixel, three levels; `weights` is
/// how far each pixel is painted: one that is not does not move, and the other side comes all the
/// way.
pub(super) fn level(paint: &mut [f32], unwrap: &Unwrap, weights: Option<&[f32]>) {
    let rim = rim(paint, unwrap, weights);
    let is_even = |step: &[f32; 3]| step.iter().all(|value| value.abs() <= NOTHING);
    if rim.iter().all(|(_, step)| is_even(step)) {
        return;
    }
    let band_px = (unwrap.largest() / BAND_SHARE).max(LEAST_BAND_PX);
    let band = Band::around(&rim, unwrap, band_px);
    for (at, step) in band.solved(&rim, band_px) {
        if weights.is_some_and(|weights| weights[at] <= 0.0) {
            continue;
        }
        for (value, step) in paint[3 * at..].iter_mut().zip(step) {
            *value += step;
        }
    }
}

/// The pixels that touch seams, with their part of the way to the other side.
fn rim(paint: &[f32], unwrap: &Unwrap, weights: Option<&[f32]>) -> Vec<(u32, [f32; 3])> {
    let touching = unwrap.across().iter().filter(|across| across.is_inside);
    let step = |across: &Across| {
        let at = across.at as usize;
        let other = unwrap.sample(paint, across.to)?;
        let part = match weights {
            None => 0.5,
            Some(weights) => {
                let (own, other) = (weights[at], unwrap.weight(weights, across.to));
                own / (own + other).max(f32::MIN_POSITIVE)
            }
        };
        let own = &paint[3 * at..][..3];
        Some((across.at, [0, 1, 2].map(|channel| part * (other[channel] - own[channel]))))
    };
    touching.filter_map(step).collect()
}

/// The pixels of islands near seams: the rim, then those that are further away.
struct Band {
    /// Their places in the picture.
    pixels: Vec<u32>,
    /// For each the indices of its neighbours in the band, of the same island. What is beyond the
    /// band is still, as if it were one more pixel after the last.
    neighbors: Vec<[u32; 4]>,
    /// For each one over the number of its neighbours, those beyond the band among them.
    shares: Vec<f32>,
}

/// A pixel that is not in the band.
const OUTSIDE: u32 = u32::MAX;

impl Band {
    fn around(rim: &[(u32, [f32; 3])], unwrap: &Unwrap, width_px: usize) -> Self {
        let (width, height) = unwrap.size();
        let mut pixels: Vec<u32> = rim.iter().map(|(at, _)| *at).collect();
        let mut places = vec![OUTSIDE; width * height];
        for (index, at) in pixels.iter().enumerate() {
            places[*at as usize] = index as u32;
        }
        let mut begin = 0;
        for _ in 0..width_px {
            let end = pixels.len();
            for index in begin..end {
                for other in beside(pixels[index], unwrap).into_iter().flatten() {
                    let place = &mut places[other as usize];
                    if *place == OUTSIDE {
                        *place = pixels.len() as u32;
                        pixels.push(other);
                    }
                }
            }
            begin = end;
        }
        let beyond = pixels.len() as u32;
        let around = |at: &u32| {
            let own = beside(*at, unwrap);
            let count = own.iter().flatten().count().max(1);
            let place = |other: Option<u32>| match other.map(|other| places[other as usize]) {
                None | Some(OUTSIDE) => beyond,
                Some(place) => place,
            };
            (own.map(place), 1.0 / count as f32)
        };
        let (neighbors, shares) = pixels.iter().map(around).unzip();
        Self { pixels, neighbors, shares }
    }

    /// How far each pixel moves, where the rim moves so: by successive over-relaxation, which is
    /// fastest with this factor, and done after about as many sweeps as the band is wide.
    fn solved(
        &self,
        rim: &[(u32, [f32; 3])],
        width_px: usize,
    ) -> impl Iterator<Item = (usize, [f32; 3])> {
        let over = 2.0 / (1.0 + (std::f32::consts::PI / width_px as f32).sin());
        let mut steps = vec![[0.0_f32; 3]; self.pixels.len() + 1];
        steps.iter_mut().zip(rim).for_each(|(step, (_, own))| *step = *own);
        for _ in 0..width_px + width_px / 4 {
            for index in rim.len()..self.pixels.len() {
                let [a, b, c, d] = self.neighbors[index].map(|other| steps[other as usize]);
                let (share, step) = (self.shares[index], &mut steps[index]);
                for (channel, value) in step.iter_mut().enumerate() {
                    let sum = a[channel] + b[channel] + c[channel] + d[channel];
                    *value += over * (share * sum - *value);
                }
            }
        }
        self.pixels.iter().map(|at| *at as usize).zip(steps)
    }
}

/// The four pixels beside one that show the same island.
fn beside(at: u32, unwrap: &Unwrap) -> [Option<u32>; 4] {
    let (width, height) = unwrap.size();
    let (x, y) = (at as usize % width, at as usize / width);
    let same = |other: usize| unwrap.island(other) == unwrap.island(at as usize);
    let place = |exists: bool, other: usize| (exists && same(other)).then_some(other as u32);
    let at = at as usize;
    [
        place(x > 0, at.saturating_sub(1)),
        place(x + 1 < width, (at + 1).min(width * height - 1)),
        place(y > 0, at.saturating_sub(width)),
        place(y + 1 < height, (at + width).min(width * height - 1)),
    ]
}

#[cfg(test)]
mod tests {
    use impasto_assets::{Corner, Model, Place, Triangle, Wrap};

    use super::*;

    const SIDE: usize = 128;

    /// A surface whose left half lies at the top of its texture, and its right half below it.
    fn halves() -> Unwrap {
        let half = |x: f32, top: f32| {
            let corner = |right: f32, down: f32| Corner {
                at: [10.0 + 100.0 * right, top + 40.0 * down],
                position: [x + right, down, 0.0],
            };
            let corners = [corner(0.0, 0.0), corner(1.0, 0.0), corner(1.0, 1.0), corner(0.0, 1.0)];
            [[0, 1, 2], [0, 2, 3]].map(|three: [usize; 3]| Triangle {
                place: 0,
                corners: three.map(|at| corners[at]),
            })
        };
        let model = Model {
            texels_per_m: None,
            places: vec![Place {
                x: 0,
                y: 0,
                width: SIDE as u32,
                height: SIDE as u32,
                wraps: [Wrap::Clamp; 2],
                name: "0".to_owned(),
            }],
            triangles: [half(0.0, 10.0), half(1.0, 70.0)].concat(),
            unread: vec![],
            warning: None,
        };
        Unwrap::of(&model, (SIDE, SIDE), (SIDE, SIDE))
    }

    fn red(paint: &[f32], x: usize, y: usize) -> f32 {
        paint[3 * (y * SIDE + x)]
    }

    #[test]
    fn both_sides_meet_halfway_and_the_move_fades() {
        let unwrap = halves();
        let mut paint: Vec<f32> = (0..SIDE * SIDE)
            .flat_map(|at| [if at / SIDE < 60 { 40.0 } else { 10.0 }, 0.0, 7.0])
            .collect();
        level(&mut paint, &unwrap, None);
        // The seam is at the right of the upper half, and at the left of the lower one.
        let (upper, lower) = (red(&paint, 109, 30), red(&paint, 10, 90));
        assert!((upper - 25.0).abs() < 0.01 && (lower - 25.0).abs() < 0.01, "{upper} {lower}");
        let fading: Vec<f32> = (100..110).map(|x| red(&paint, x, 30)).collect();
        assert!(fading.windows(2).all(|pair| pair[0] > pair[1]), "{fading:?}");
        assert_eq!((red(&paint, 60, 30), red(&paint, 60, 90)), (40.0, 10.0), "far away");
        assert!(paint.chunks_exact(3).all(|pixel| pixel[1..] == [0.0, 7.0]));
    }

    #[test]
    fn what_must_not_change_does_not_and_even_paint_stays() {
        let unwrap = halves();
        let mut even = vec![3.0; 3 * SIDE * SIDE];
        level(&mut even, &unwrap, None);
        assert!(even.iter().all(|value| *value == 3.0));
        let uneven: Vec<f32> =
            (0..3 * SIDE * SIDE).map(|at| if at / 3 / SIDE < 60 { 0.0 } else { 10.0 }).collect();
        let weights: Vec<f32> =
            (0..SIDE * SIDE).map(|at| if at / SIDE < 60 { 0.0 } else { 1.0 }).collect();
        let mut paint = uneven;
        level(&mut paint, &unwrap, Some(&weights));
        assert!((0..60 * SIDE).all(|at| paint[3 * at] == 0.0));
        assert!(red(&paint, 10, 90) < 0.1, "it comes all the way");
    }
}
