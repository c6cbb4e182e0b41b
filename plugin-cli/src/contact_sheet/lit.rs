//! A material under a light: a ball and a board of it, by its colours, normals and roughness.

use std::f32::consts::PI;

use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};

/// The maps of a surface.
#[derive(Debug)]
pub(super) struct Surface {
    pub(super) colors: DynamicImage,
    pub(super) normals: DynamicImage,
    pub(super) roughness: Option<Roughness>,
}

/// A map with roughness in one of its channels.
#[derive(Debug)]
pub(super) struct Roughness {
    pub(super) map: DynamicImage,
    /// Red is 0.
    pub(super) channel: usize,
    pub(super) is_smoothness: bool,
}

/// Where the light is: to the left and a little above, so that maps of either convention look
/// raised.
const LIGHT: [f32; 3] = [-0.75, 0.25, 0.61];

/// In the shade of it.
const AMBIENT: f32 = 0.25;
const BRIGHTNESS: f32 = 1.1;
/// The share of light that a dielectric reflects head on.
const REFLECTANCE: f32 = 0.04;
/// Where no map says it: of worn paint.
const ROUGHNESS: f32 = 0.5;
/// A glossier ball would show nothing but a dot.
const LEAST_ROUGHNESS: f32 = 0.2;
const GROUND: [u8; 3] = [30, 30, 32];
/// The share of its square that a ball fills.
const BALL: f32 = 0.94;

/// The maps at one size.
struct Shaded {
    colors: RgbImage,
    normals: RgbImage,
    roughness: Option<(DynamicImage, usize, bool)>,
}

/// A ball of the surface on the left, and a board of it on the right, whose size is that of the
/// colours. The others get it.
pub(super) fn lit(surface: Surface) -> DynamicImage {
    let Surface { colors, normals, roughness } = surface;
    let (width, height) = (colors.width(), colors.height());
    let fitted = |map: DynamicImage| match (map.width(), map.height()) == (width, height) {
        true => map,
        false => map.resize_exact(width, height, FilterType::Triangle),
    };
    let roughness = roughness.map(|Roughness { map, channel, is_smoothness }| {
        (fitted(map).into_rgba8().into(), channel, is_smoothness)
    });
    let maps =
        Shaded { colors: colors.into_rgb8(), normals: fitted(normals).into_rgb8(), roughness };
    let mut scene = RgbImage::from_pixel(height + width, height, Rgb(GROUND));
    for y in 0..height {
        for x in 0..height {
            if let Some(pixel) = maps.ball(x, y) {
                scene.put_pixel(x, y, pixel);
            }
        }
        for x in 0..width {
            let flat = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            scene.put_pixel(height + x, y, maps.shade(x, y, flat));
        }
    }
    scene.into()
}

impl Shaded {
    /// A pixel of the ball in a square of the board's height; its front shows the map once.
    fn ball(&self, x: u32, y: u32) -> Option<Rgb<u8>> {
        let (width, height) = (self.colors.width(), self.colors.height());
        let place = |at: u32| ((at as f32 + 0.5) / height as f32 * 2.0 - 1.0) / BALL;
        let (right, up) = (place(x), -place(y));
        let front = 1.0 - right * right - up * up;
        if front <= 0.0 {
            return None;
        }
        let normal = [right, up, front.sqrt()];
        let (longitude, latitude) = (right.atan2(normal[2]), up.clamp(-1.0, 1.0).asin());
        let along = |share: f32, side: u32| ((share * side as f32) as u32).min(side - 1);
        let at = (along(0.5 + longitude / PI, width), along(0.5 - latitude / PI, height));
        let across = unit([normal[2], 0.0, -right]);
        let upward = cross(normal, across);
        Some(self.shade(at.0, at.1, [across, upward, normal]))
    }

    /// A texel on a surface with this tangent, bitangent and normal, seen from the front: diffuse
    /// light by Lambert, and gloss by the microfacets of Walter et al., "Microfacet Models for
    /// Refraction through Rough Surfaces", 2007, as approximated by Schlick.
    fn shade(&self, x: u32, y: u32, frame: [[f32; 3]; 3]) -> Rgb<u8> {
        let [s, t, n] = self.normals.get_pixel(x, y).0.map(|level| f32::from(level) / 127.5 - 1.0);
        // A map of two components has no blue.
        let n = if n > 0.0 { n } else { (1.0 - s * s - t * t).max(0.0).sqrt() };
        let [across, upward, out] = frame;
        let normal = unit([0, 1, 2].map(|at| s * across[at] + t * upward[at] + n * out[at]));
        let light = unit(LIGHT);
        let half = unit([light[0], light[1], light[2] + 1.0]);
        let lit = dot(normal, light).max(0.0);
        let seen = normal[2].max(0.05);
        let alpha = self.roughness(x, y).powi(2);
        let spread = dot(normal, half).max(0.0).powi(2) * (alpha * alpha - 1.0) + 1.0;
        let facets = alpha * alpha / (spread * spread);
        let k = alpha / 2.0;
        let open = |cosine: f32| 1.0 / (cosine * (1.0 - k) + k);
        let mirror = REFLECTANCE + (1.0 - REFLECTANCE) * (1.0 - dot(light, half)).powi(5);
        let gloss = facets * mirror * open(lit) * open(seen) * lit / 4.0;
        let diffuse = AMBIENT + BRIGHTNESS * lit;
        Rgb(self.colors.get_pixel(x, y).0.map(|level| {
            let linear = (f32::from(level) / 255.0).powf(2.2) * diffuse + gloss;
            (linear.min(1.0).powf(1.0 / 2.2) * 255.0).round() as u8
        }))
    }

    fn roughness(&self, x: u32, y: u32) -> f32 {
        let Some((map, channel, is_smoothness)) = &self.roughness else { return ROUGHNESS };
        let pixel = image::GenericImageView::get_pixel(map, x, y);
        let value = f32::from(pixel.0[*channel]) / 255.0;
        let roughness = if *is_smoothness { 1.0 - value } else { value };
        roughness.max(LEAST_ROUGHNESS)
    }
}

fn dot(one: [f32; 3], other: [f32; 3]) -> f32 {
    one.into_iter().zip(other).map(|(one, other)| one * other).sum()
}

fn cross([a, b, c]: [f32; 3], [x, y, z]: [f32; 3]) -> [f32; 3] {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

fn unit(vector: [f32; 3]) -> [f32; 3] {
    let length = dot(vector, vector).sqrt().max(1e-6);
    vector.map(|value| value / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 32;

    fn plain(level: [u8; 3]) -> DynamicImage {
        RgbImage::from_pixel(SIDE, SIDE, Rgb(level)).into()
    }

    fn scene(normal: [u8; 3], roughness: Option<Roughness>) -> RgbImage {
        let normals = RgbImage::from_pixel(2, 2, Rgb(normal)).into();
        lit(Surface { colors: plain([120; 3]), normals, roughness }).into_rgb8()
    }

    const FLAT: [u8; 3] = [128, 128, 255];

    #[test]
    fn what_faces_the_light_is_bright() {
        let level = |normal| scene(normal, None).get_pixel(SIDE + 1, 1)[0];
        let (left, flat, right) = (level([60, 128, 236]), level(FLAT), level([196, 128, 236]));
        assert!(left > flat && flat > right, "{left} {flat} {right}");
        assert!(level([128, 128, 0]).abs_diff(flat) <= 1, "blue is not needed");
    }

    #[test]
    fn a_ball_is_round_and_its_left_is_bright() {
        let scene = scene(FLAT, None);
        assert_eq!((scene.width(), scene.height()), (2 * SIDE, SIDE));
        let at = |x: u32, y: u32| scene.get_pixel(x, y)[0];
        assert_eq!(*scene.get_pixel(0, 0), Rgb(GROUND));
        assert!(at(8, 14) > at(16, 16) && at(16, 16) > at(27, 18), "it turns from the light");
        assert!(at(16, 8) > at(16, 24), "a little of it is from above");
    }

    #[test]
    fn gloss_is_that_of_the_map_s_channel() {
        let brightest = |roughness: Option<Roughness>| {
            let scene = scene(FLAT, roughness);
            (0..SIDE * SIDE).map(|at| scene.get_pixel(at % SIDE, at / SIDE)[0]).max()
        };
        let map = |channel, is_smoothness| {
            Some(Roughness { map: plain([255, 20, 255]), channel, is_smoothness })
        };
        assert!(brightest(map(1, false)) > brightest(map(0, false)), "smooth shines");
        assert_eq!(brightest(map(0, true)), brightest(map(1, false)), "within the least");
    }
}
