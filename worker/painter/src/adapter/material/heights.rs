//! Height and roughness maps.

use impasto_assets::{Color, Picture};

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

/// Adds the relief to a height map.
pub(super) fn raise(
    map: &mut Picture,
    relief: &Relief,
    normals: Option<&Normals>,
    wraps: (bool, bool),
) {
    let size = (map.width as usize, map.height as usize);
    let levels: Vec<f32> = map.rgb.iter().step_by(3).map(|level| level / 255.0).collect();
    let heights = Plane::new(size, levels, wraps);
    let fitted = normals.and_then(|normals| white_height(&heights, normals));
    let white = fitted.unwrap_or(USUAL_HEIGHT * size.0.max(size.1) as f32);
    for (pixel, height) in map.rgb.chunks_exact_mut(3).zip(relief.heights()) {
        let levels = 255.0 * height / white;
        pixel.iter_mut().for_each(|level| *level += levels);
    }
    limit(map);
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

/// Makes ridges of the paint smoother than its valleys.
pub(super) fn smooth(map: &mut Picture, relief: &Relief, amount: f32) {
    let plane = relief.plane();
    let deviation = plane.root_mean_square(|x, y| plane.values[y * plane.width + x]).max(1e-6);
    for (pixel, height) in map.rgb.chunks_exact_mut(3).zip(relief.heights()) {
        let ridge = (height / deviation).clamp(-2.0, 2.0);
        pixel.iter_mut().for_each(|level| *level *= 1.0 - SMOOTHER * amount * ridge);
    }
    limit(map);
}

/// Keeps levels within the file's, and a grey map grey.
fn limit(map: &mut Picture) {
    if map.origin.depth != impasto_assets::Depth::Float {
        map.rgb.iter_mut().for_each(|level| *level = level.clamp(0.0, 255.0));
    }
    if map.origin.color == Color::Gray {
        map.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(pixel[0]));
    }
}

#[cfg(test)]
mod tests {
    use impasto_assets::Origin;
    use impasto_engine::Image;
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
        let white = white_height(&heights, &normals.expect("it is one")).expect("they fit");
        assert!((white - 6.0).abs() < 0.05, "{white}");

        let gray = heights.values.iter().map(|level| [255.0 * level; 3]).collect();
        let (mut map, other) = (picture(gray), |_| None::<&Normals>);
        let before = map.clone();
        let strokes = |level: fn(usize) -> f32| Image {
            width: SIDE,
            height: SIDE,
            rgb: (0..SIDE * SIDE).flat_map(|at| [level(at); 3]).collect(),
        };
        let painted = strokes(|at| 120.0 + 30.0 * ((at % SIDE) as f32 * 0.785).sin());
        let relief = Relief::of(&strokes(|_| 120.0), &painted, None, 0.2, (true, true));
        raise(&mut map, &relief, other(()), (true, true));
        let white = USUAL_HEIGHT * SIDE as f32;
        for ((after, before), height) in map
            .rgb
            .iter()
            .zip(&before.rgb)
            .zip(relief.heights().iter().flat_map(|height| [height; 3]))
        {
            let expected = (before + 255.0 * height / white).clamp(0.0, 255.0);
            assert!((after - expected).abs() < 1e-3);
        }
    }
}
