//! A material under a light: its colours shaded by its normal map.

use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};

/// Where the light is: to the left and a little above, so that maps of either convention look
/// raised.
const LIGHT: [f32; 3] = [-0.75, 0.25, 0.61];

const AMBIENT: f32 = 0.25;
const DIFFUSE: f32 = 1.1;
const GLOSS: f32 = 0.2;
const SHARPNESS: i32 = 32;

/// Shades colours by the normal map of the same surface, which gets their size.
pub(super) fn lit(colors: &DynamicImage, normals: &DynamicImage) -> DynamicImage {
    let (width, height) = (colors.width(), colors.height());
    let normals = match (normals.width(), normals.height()) == (width, height) {
        true => normals.to_rgb8(),
        false => normals.resize_exact(width, height, FilterType::Triangle).into_rgb8(),
    };
    let light = unit(LIGHT);
    let half = unit([light[0], light[1], light[2] + 1.0]);
    let mut shaded: RgbImage = colors.to_rgb8();
    for (pixel, normal) in shaded.pixels_mut().zip(normals.pixels()) {
        let [x, y, z] = normal.0.map(|level| f32::from(level) / 127.5 - 1.0);
        // A map of two components has no blue.
        let z = if z > 0.0 { z } else { (1.0 - x * x - y * y).max(0.0).sqrt() };
        let normal = unit([x, y, z]);
        let diffuse = AMBIENT + DIFFUSE * dot(normal, light).max(0.0);
        let gloss = GLOSS * dot(normal, half).max(0.0).powi(SHARPNESS);
        for level in &mut pixel.0 {
            let linear = (f32::from(*level) / 255.0).powf(2.2) * diffuse + gloss;
            *level = (linear.min(1.0).powf(1.0 / 2.2) * 255.0).round() as u8;
        }
    }
    shaded.into()
}

fn dot(one: [f32; 3], other: [f32; 3]) -> f32 {
    one.into_iter().zip(other).map(|(one, other)| one * other).sum()
}

fn unit(vector: [f32; 3]) -> [f32; 3] {
    let length = dot(vector, vector).sqrt().max(1e-6);
    vector.map(|value| value / length)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn what_faces_the_light_is_bright() {
        let colors = RgbImage::from_pixel(4, 4, Rgb([120, 120, 120])).into();
        let level = |normal: [u8; 3]| {
            let normals = RgbImage::from_pixel(2, 2, Rgb(normal)).into();
            lit(&colors, &normals).to_rgb8().get_pixel(1, 1)[0]
        };
        let (left, flat, right) =
            (level([60, 128, 236]), level([128, 128, 255]), level([196, 128, 236]));
        assert!(left > flat && flat > right, "{left} {flat} {right}");
        assert_eq!(level([128, 128, 0]), flat, "blue is not needed");
    }
}
