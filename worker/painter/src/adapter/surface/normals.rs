//! Normal maps: reading slopes from them, and raising paint on them.

use impasto_assets::Picture;
use impasto_types::GreenAxis;

use super::plane::Plane;
use super::relief::Relief;

/// A normal map's slopes: the height's derivatives to the right and down, for each pixel.
#[derive(Debug)]
pub(super) struct Normals {
    pub(super) slopes: Vec<(f32, f32)>,
    /// Whether green grows downwards.
    is_directx: bool,
    /// Whether the file has three components; it has x and y alone otherwise.
    has_z: bool,
}

/// Why a picture is no normal map.
#[derive(Debug, thiserror::Error)]
#[error(
    "is no normal map: {percent} % of its pixels are no vectors of length 1; if it is something \
     else, name it otherwise, or set `relief` to 0"
)]
pub(super) struct NoNormals {
    percent: u32,
}

/// How much of a normal map may be something else, such as gutters of black.
const MOST_OTHERS: f32 = 0.1;

/// The steepest slope that a pixel may have: a vector nearly in the surface.
const STEEPEST: f32 = 20.0;

/// Of 8-bit rounding, JPEG, and maps that were scaled down without being normalised again.
const LENGTH_TOLERANCE: f32 = 0.15;

/// Blue levels within which a map has no third component.
const CONSTANT: f32 = 0.6;

impl Normals {
    /// Reads a normal map. Where `green` is automatic, its direction is that in which the slopes
    /// are those of a surface: their curl is less than in the other.
    ///
    /// # Errors
    /// If too many of its pixels are no unit vectors.
    pub(super) fn read(
        map: &Picture,
        green: GreenAxis,
        wraps: (bool, bool),
    ) -> Result<Self, NoNormals> {
        let blue = map.rgb.iter().skip(2).step_by(3);
        let (least, most) = blue.fold((f32::MAX, f32::MIN), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
        // A map that is flat has one level of blue, too: that of its vectors.
        let has_z = most - least > CONSTANT || is_unit(map);
        let (mut slopes, mut others) = (Vec::with_capacity(map.pixels()), 0_usize);
        for pixel in map.rgb.chunks_exact(3) {
            let [x, y, mut z] = [0, 1, 2].map(|channel| pixel[channel] / 127.5 - 1.0);
            let flat = (x * x + y * y).sqrt();
            if has_z {
                let length = (flat * flat + z * z).sqrt();
                others += usize::from((length - 1.0).abs() > LENGTH_TOLERANCE || z < -0.05);
            } else {
                others += usize::from(flat > 1.02);
                z = (1.0 - flat * flat).max(0.0).sqrt();
            }
            let z = z.max(flat / STEEPEST).max(1e-3);
            slopes.push((-x / z, y / z));
        }
        let share = others as f32 / map.pixels().max(1) as f32;
        if share > MOST_OTHERS {
            return Err(NoNormals { percent: (100.0 * share).round() as u32 });
        }
        // So far as if green grew upwards: y to the top is the height's fall to the bottom.
        let size = (map.width as usize, map.height as usize);
        let is_directx = match green {
            GreenAxis::Opengl => false,
            GreenAxis::Directx => true,
            GreenAxis::Auto => curls_less_downwards(&slopes, size, wraps),
        };
        if is_directx {
            slopes.iter_mut().for_each(|(_, down)| *down = -*down);
        }
        Ok(Self { slopes, is_directx, has_z })
    }

    /// Adds the relief's slopes, and writes the vectors of pixels that change back into the map.
    pub(super) fn raise(&self, map: &mut Picture, relief: &Relief) {
        let width = map.width as usize;
        for (at, (pixel, own)) in map.rgb.chunks_exact_mut(3).zip(&self.slopes).enumerate() {
            let (right, down) = relief.slope(at % width, at / width);
            if right == 0.0 && down == 0.0 {
                continue;
            }
            let (right, down) = (own.0 + right, own.1 + down);
            let length = (right * right + down * down + 1.0).sqrt();
            let y = if self.is_directx { -down } else { down };
            let level = |value: f32| (value / length + 1.0) * 127.5;
            (pixel[0], pixel[1]) = (level(-right), level(y));
            if self.has_z {
                pixel[2] = level(1.0);
            }
        }
    }
}

/// Whether most pixels are vectors of length 1 with the blue that they have.
fn is_unit(map: &Picture) -> bool {
    let is_unit = |pixel: &&[f32]| {
        let [x, y, z] = [0, 1, 2].map(|channel| pixel[channel] / 127.5 - 1.0);
        z > 0.0 && ((x * x + y * y + z * z).sqrt() - 1.0).abs() <= LENGTH_TOLERANCE
    };
    2 * map.rgb.chunks_exact(3).filter(is_unit).count() > map.pixels()
}

/// Whether the slopes are those of a surface rather with the other sign of the second. The
/// derivative down of a surface's slope to the right is that to the right of its slope down.
fn curls_less_downwards(slopes: &[(f32, f32)], size: (usize, usize), wraps: (bool, bool)) -> bool {
    let plane = |values: Vec<f32>| Plane::new(size, values, wraps);
    // Steep pixels say little, and would outweigh all others.
    let soft = |slope: f32| slope.clamp(-2.0, 2.0);
    let right = plane(slopes.iter().map(|(right, _)| soft(*right)).collect());
    let down = plane(slopes.iter().map(|(_, down)| soft(*down)).collect());
    let curl =
        |sign: f32| right.root_mean_square(|x, y| right.slope(x, y).1 - sign * down.slope(x, y).0);
    curl(-1.0) < 0.95 * curl(1.0)
}

#[cfg(test)]
mod tests {
    use impasto_assets::Origin;
    use impasto_types::ContainerFormat;

    use super::*;

    const SIDE: usize = 64;

    /// Bumps in pixels.
    fn bumps() -> Plane {
        let wave = |at: usize, period: f32| (at as f32 * std::f32::consts::TAU / period).sin();
        let values = (0..SIDE * SIDE).map(|at| {
            2.0 * wave(at % SIDE, 16.0) * wave(at / SIDE, 32.0) + wave(at % SIDE + at / SIDE, 32.0)
        });
        Plane::new((SIDE, SIDE), values.collect(), (true, true))
    }

    /// Their normal map, rounded to 8 bits.
    fn normal_map(is_directx: bool, has_z: bool) -> Picture {
        let plane = bumps();
        let pixels = plane.each(|x, y| {
            let (right, down) = plane.slope(x, y);
            let length = (right * right + down * down + 1.0).sqrt();
            let green = if is_directx { -down } else { down };
            let level = |value: f32| ((value / length + 1.0) * 127.5).round();
            [level(-right), level(green), if has_z { level(1.0) } else { 0.0 }]
        });
        Picture {
            width: SIDE as u32,
            height: SIDE as u32,
            rgb: pixels.concat(),
            alpha: None,
            extra: vec![],
            origin: Origin::synthetic("n", ContainerFormat::Png),
        }
    }

    #[test]
    fn the_direction_of_green_is_found_and_slopes_are_read() {
        let plane = bumps();
        for (is_directx, has_z) in [(false, true), (true, true), (false, false), (true, false)] {
            let map = normal_map(is_directx, has_z);
            let normals = Normals::read(&map, GreenAxis::Auto, (true, true)).expect("it is one");
            assert_eq!((normals.is_directx, normals.has_z), (is_directx, has_z));
            for (at, (right, down)) in normals.slopes.iter().enumerate() {
                let (x, y) = plane.slope(at % SIDE, at / SIDE);
                assert!((right - x).abs() < 0.03 && (down - y).abs() < 0.03, "{at}");
            }
        }
        let named = Normals::read(&normal_map(false, true), GreenAxis::Directx, (true, true));
        assert!(named.expect("it is one").is_directx, "what is said counts");
    }

    #[test]
    fn paint_is_raised_in_the_map_s_own_form() {
        let relief = Relief::of_strokes(SIDE, 0.3);
        for (is_directx, has_z) in [(false, true), (true, true), (true, false)] {
            let mut map = normal_map(is_directx, has_z);
            let blue: Vec<f32> = map.rgb.iter().skip(2).step_by(3).copied().collect();
            let before = Normals::read(&map, GreenAxis::Auto, (true, true)).expect("it is one");
            before.raise(&mut map, &relief);
            let after = Normals::read(&map, GreenAxis::Auto, (true, true)).expect("it is one");
            assert_eq!(after.is_directx, is_directx);
            for (at, ((right, down), own)) in after.slopes.iter().zip(&before.slopes).enumerate() {
                let (x, y) = relief.slope(at % SIDE, at / SIDE);
                assert!((right - own.0 - x).abs() < 1e-3 && (down - own.1 - y).abs() < 1e-3);
            }
            for pixel in map.rgb.chunks_exact(3).filter(|_| has_z) {
                let vector = [0, 1, 2].map(|channel| pixel[channel] / 127.5 - 1.0);
                let length: f32 = vector.iter().map(|value| value * value).sum();
                assert!((length.sqrt() - 1.0).abs() < 1e-3);
            }
            if !has_z {
                assert!(map.rgb.iter().skip(2).step_by(3).eq(&blue), "blue is not theirs");
            }
        }
    }

    #[test]
    fn a_picture_is_no_normal_map() {
        let mut map = normal_map(false, true);
        map.rgb.iter_mut().for_each(|value| *value = 255.0 - *value);
        let refused = Normals::read(&map, GreenAxis::Auto, (true, true)).expect_err("it is none");
        assert!(refused.to_string().starts_with("is no normal map: "), "{refused}");
    }
}
