//! Test pictures with shapes, since a network finds no features in noise.

use image::{DynamicImage, ImageBuffer, Rgb, RgbImage, Rgba, Rgba32FImage, RgbaImage};

/// A wall of bricks, a little different for each `seed`.
pub fn bricks(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let row = y / 12;
        let along = x + (row % 2) * 10 + seed * 3;
        let tone = ((row * 7 + along / 20 * 13 + seed * 29) % 40) as u8;
        let mortar = y % 12 < 2 || along % 20 < 2;
        if mortar {
            Rgb([176, 170, 158])
        } else {
            Rgb([130 + tone, 62 + tone / 2, 44 + (x % 5) as u8 * 3])
        }
    })
}

/// Soft waves that tile on both axes, and are as steep at the borders as elsewhere.
pub fn waves(side: u32) -> RgbImage {
    let turn = |at: u32, times: f32| {
        (at as f32 / side as f32 * times * std::f32::consts::TAU + 0.88).sin()
    };
    RgbImage::from_fn(side, side, |x, y| {
        let level = |wave: f32| (128.0 + 90.0 * wave) as u8;
        Rgb([level(turn(x, 2.0)), level(turn(y, 3.0)), level(turn(x, 1.0) * turn(y, 1.0))])
    })
}

/// Swirls of blue and yellow, like a painted night sky; another palette for each `seed`.
pub fn swirls(side: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let (dx, dy) = (x as f32 - side as f32 * 0.4, y as f32 - side as f32 * 0.55);
        let wave = ((dx.hypot(dy) * 0.5 + dy.atan2(dx) * 3.0).sin() + 1.0) * 0.5;
        let pick = |low: f32, high: f32| (low + (high - low) * wave) as u8;
        let [r, g, b] = [pick(20.0, 245.0), pick(40.0, 205.0), pick(130.0, 70.0)];
        match seed % 3 {
            0 => Rgb([r, g, b]),
            1 => Rgb([b, r, g]),
            _ => Rgb([g, b, r]),
        }
    })
}

/// A round leaf on a transparent ground: opaque inside, with a soft border.
pub fn leaf(side: u32) -> RgbaImage {
    RgbaImage::from_fn(side, side, |x, y| {
        let middle = side as f32 / 2.0;
        let away = (x as f32 - middle).hypot(y as f32 - middle) / middle;
        let alpha = ((1.0 - away) * 4.0).clamp(0.0, 1.0);
        Rgba([40 + (x % 16) as u8 * 4, 140 - (y % 16) as u8 * 3, 30, (alpha * 255.0) as u8])
    })
}

/// A gradient in 16 bits, with more shades than 8 bits hold, translucent at one side.
pub fn deep_slope(width: u32, height: u32) -> DynamicImage {
    let slope = ImageBuffer::from_fn(width, height, |x, y| {
        let at = |part: u32, whole: u32| (part * 65_535 / whole.max(1)) as u16;
        Rgba([at(x, width), at(y, height), at(x + y, width + height), 65_535 - at(x, width) / 2])
    });
    DynamicImage::ImageRgba16(slope)
}

/// How much larger pixel differences are across the borders than inside, on the worse axis; about 1
/// if the picture tiles.
pub fn seam(picture: &DynamicImage) -> f64 {
    let pixels = picture.to_rgba32f();
    let (width, height) = pixels.dimensions();
    let columns = |x: u32| {
        (0..height).map(|y| difference(&pixels, (x, y), ((x + 1) % width, y))).sum::<f64>()
            / f64::from(height)
    };
    let rows = |y: u32| {
        (0..width).map(|x| difference(&pixels, (x, y), (x, (y + 1) % height))).sum::<f64>()
            / f64::from(width)
    };
    let ratio =
        |across: f64, inside: Vec<f64>| across / (inside.iter().sum::<f64>() / inside.len() as f64);
    ratio(columns(width - 1), (0..width - 1).map(columns).collect())
        .max(ratio(rows(height - 1), (0..height - 1).map(rows).collect()))
}

/// The mean of the absolute differences of two pictures' channels, in levels.
pub fn apart(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let pairs = one.as_raw().iter().zip(other.as_raw());
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / one.as_raw().len() as f64
}

/// The similarity of two pictures of one size in decibels; above about 45 they look the same.
pub fn psnr(a: &DynamicImage, b: &DynamicImage) -> f64 {
    let (a, b) = (a.to_rgb8(), b.to_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    let squares: f64 = a
        .as_raw()
        .iter()
        .zip(b.as_raw())
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    20.0 * 255_f64.log10() - 10.0 * (squares / a.as_raw().len() as f64).log10()
}

fn difference(pixels: &Rgba32FImage, a: (u32, u32), b: (u32, u32)) -> f64 {
    let (a, b) = (pixels.get_pixel(a.0, a.1), pixels.get_pixel(b.0, b.1));
    (0..3).map(|channel| f64::from((a[channel] - b[channel]).abs())).sum()
}
