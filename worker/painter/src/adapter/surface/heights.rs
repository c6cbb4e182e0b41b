//! Height, roughness and smoothness: maps of one channel, or channels of packed maps.

use impasto_assets::{Depth, Picture};
use impasto_types::{Channel, Part};

use super::normals::Normals;
use super::plane::Plane;
use super::relief::Relief;

/// How high white is above black, as a share of the longer side, where no normal map tells.
const USUAL_HEIGHT: f32 = 0.04;

/// How well a normal map's slopes have to fit a height map's to say how high white is: their
/// correlation.
const LEAST_FIT: f32 = 0.3;

/// How much smoother a ridge of the paint is, and how much rougher a valley, at a relief of 1 and
/// for one standard deviation of the paint's height.
const SMOOTHER: f32 = 0.25;

/// Where a map of a surface is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A file of its own: red, green and blue alike.
    Whole,
    /// Red, green or blue.
    Color(usize),
    Alpha,
}

/// The maps in a file that follow the paint, and where they are.
pub(super) fn maps_in(part: Part) -> Vec<(Place, Channel)> {
    match part {
        Part::Height => vec![(Place::Whole, Channel::Height)],
        Part::Roughness => vec![(Place::Whole, Channel::Roughness)],
        Part::Packed(packing) => {
            let place = |at: usize| if at == 3 { Place::Alpha } else { Place::Color(at) };
            let channels = packing.0.into_iter().enumerate();
            let named = channels.filter_map(|(at, channel)| Some((place(at), channel?)));
            named.filter(|(_, channel)| channel.is_surface()).collect()
        }
        _ => vec![],
    }
}

impl Place {
    /// The levels there, from 0 to 255; `None` if the file has no such channel.
    fn levels(self, map: &Picture) -> Option<Vec<f32>> {
        match self {
            Self::Whole => Some(map.rgb.iter().step_by(3).copied().collect()),
            Self::Color(at) => Some(map.rgb.iter().skip(at).step_by(3).copied().collect()),
            Self::Alpha => {
                let alpha = map.alpha.as_ref()?;
                Some(alpha.iter().map(|share| 255.0 * share).collect())
            }
        }
    }

    /// Writes the levels there, within the file's own unless it holds floats.
    fn put(self, map: &mut Picture, levels: &[f32]) {
        let is_float = map.origin.depth == Depth::Float;
        let limit = |level: f32| if is_float { level } else { level.clamp(0.0, 255.0) };
        let pixels = map.rgb.chunks_exact_mut(3).zip(levels);
        match self {
            Self::Whole => pixels.for_each(|(pixel, level)| pixel.fill(limit(*level))),
            Self::Color(at) => pixels.for_each(|(pixel, level)| pixel[at] = limit(*level)),
            Self::Alpha => {
                let alpha = map.alpha.iter_mut().flatten().zip(levels);
                alpha.for_each(|(share, level)| *share = limit(*level) / 255.0);
            }
        }
    }

    /// Whether the file has the channel.
    pub(super) fn is_in(self, map: &Picture) -> bool {
        self != Self::Alpha || map.alpha.is_some()
    }
}

/// Changes one map of a file by the paint. `normals` are those of the same surface and size.
pub(super) fn follow(
    map: &mut Picture,
    (place, channel): (Place, Channel),
    relief: &Relief,
    normals: Option<&Normals>,
    amount: f32,
) {
    let Some(mut levels) = place.levels(map) else { return };
    match channel {
        Channel::Height => raise(&mut levels, relief, normals),
        Channel::Roughness => smooth(&mut levels, relief, amount),
        // The opposite of roughness.
        Channel::Smoothness => smooth(&mut levels, relief, -amount),
        Channel::Metallic | Channel::Occlusion | Channel::Opacity | Channel::Mask => {}
    }
    place.put(map, &levels);
}

/// Adds the relief to heights.
fn raise(levels: &mut [f32], relief: &Relief, normals: Option<&Normals>) {
    let plane = relief.plane();
    let size = (plane.width, plane.height);
    let shares = levels.iter().map(|level| level / 255.0).collect();
    let heights = Plane::new(size, shares, plane.wraps);
    let fitted = normals.and_then(|normals| white_height(&heights, normals));
    let white = fitted.unwrap_or(USUAL_HEIGHT * size.0.max(size.1) as f32);
    for (level, height) in levels.iter_mut().zip(relief.heights()) {
        *level += 255.0 * height / white;
    }
}

/// How many pixels white is above black, by least squares over all slopes; `None` if the maps do
/// not fit each other.
fn white_height(heights: &Plane, normals: &Normals) -> Option<f32> {
    let slopes = heights.each(|x, y| heights.slope(x, y));
    let (mut both, mut own, mut others) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (slope, normal) in slopes.iter().zip(&normals.slopes) {
        both += f64::from(slope.0 * normal.0 + slope.1 * normal.1);
        own += f64::from(slope.0 * slope.0 + slope.1 * slope.1);
        others += f64::from(normal.0 * normal.0 + normal.1 * normal.1);
    }
    let fit = both / (own * others).sqrt();
    (fit > f64::from(LEAST_FIT)).then_some((both / own) as f32)
}

/// Makes ridges of the paint smoother than its valleys, where levels are roughness; the other way
/// round by a negative amount.
fn smooth(levels: &mut [f32], relief: &Relief, amount: f32) {
    let plane = relief.plane();
    let deviation = plane.root_mean_square(|x, y| plane.values[y * plane.width + x]).max(1e-6);
    for (level, height) in levels.iter_mut().zip(relief.heights()) {
        let ridge = (height / deviation).clamp(-2.0, 2.0);
        *level *= 1.0 - SMOOTHER * amount * ridge;
    }
}

#[cfg(test)]
mod tests {
    use impasto_assets::Origin;
    use impasto_types::{ContainerFormat, GreenAxis};

    use super::*;

    const SIDE: usize = 64;

    fn picture(pixels: Vec<[f32; 3]>) -> Picture {
        Picture {
            width: SIDE as u32,
            height: SIDE as u32,
            rgb: pixels.concat(),
            alpha: None,
            extra: vec![],
            origin: Origin::synthetic("h", ContainerFormat::Png),
        }
    }

    fn wave(at: usize) -> f32 {
        (at as f32 * std::f32::consts::TAU / 32.0).sin()
    }

    #[test]
    fn the_normal_map_says_how_high_white_is() {
        // White is six pixels above black.
        let levels = (0..SIDE * SIDE).map(|at| 0.5 + 0.4 * wave(at % SIDE) * wave(at / SIDE));
        let heights = Plane::new((SIDE, SIDE), levels.collect(), (true, true));
        let normal_map = heights.each(|x, y| {
            let (right, down) = heights.slope(x, y);
            let (right, down) = (6.0 * right, 6.0 * down);
            let length = (right * right + down * down + 1.0).sqrt();
            [-right, down, 1.0].map(|value| (value / length + 1.0) * 127.5)
        });
        let normals = Normals::read(&picture(normal_map), GreenAxis::Auto, (true, true));
        let normals = normals.expect("it is one");
        let white = white_height(&heights, &normals).expect("they fit");
        assert!((white - 6.0).abs() < 0.05, "{white}");

        let relief = Relief::of_strokes(SIDE, 0.2);
        let gray = || picture(heights.values.iter().map(|level| [255.0 * level; 3]).collect());
        for (normals, white) in [(None, USUAL_HEIGHT * SIDE as f32), (Some(&normals), white)] {
            let mut map = gray();
            follow(&mut map, (Place::Whole, Channel::Height), &relief, normals, 0.2);
            let pixels = map.rgb.chunks_exact(3).zip(&heights.values);
            for ((pixel, before), height) in pixels.zip(relief.heights()) {
                let expected = (255.0 * (before + height / white)).clamp(0.0, 255.0);
                assert!((pixel[0] - expected).abs() < 1e-3 && pixel[0] == pixel[2]);
            }
        }
    }

    #[test]
    fn channels_of_packed_maps_follow_and_the_others_stay() {
        let relief = Relief::of_strokes(SIDE, 0.2);
        let part: Part = "packed:occlusion+roughness+none+smoothness".parse().expect("a part");
        assert_eq!(
            maps_in(part),
            [(Place::Color(1), Channel::Roughness), (Place::Alpha, Channel::Smoothness)]
        );
        let mut map = picture(vec![[10.0, 120.0, 30.0]; SIDE * SIDE]);
        map.alpha = Some(vec![0.5; SIDE * SIDE]);
        for own in maps_in(part) {
            assert!(own.0.is_in(&map));
            follow(&mut map, own, &relief, None, 0.5);
        }
        let ridge = |at: usize| relief.heights()[at] > 0.05;
        let alpha = map.alpha.as_ref().expect("it has alpha");
        assert!(map.rgb.chunks_exact(3).all(|pixel| (pixel[0], pixel[2]) == (10.0, 30.0)));
        for at in (0..SIDE * SIDE).filter(|at| ridge(*at)) {
            assert!(map.rgb[3 * at + 1] < 120.0 && alpha[at] > 0.5, "ridges are smoother");
        }
        map.alpha = None;
        assert!(!Place::Alpha.is_in(&map));
    }
}
