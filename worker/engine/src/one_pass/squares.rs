//! What the network that looks at styles sees of one: squares of [`SIDE`] pixels.

use crate::sources::fitted;
use crate::{Image, Joins, Mask};
use impasto_types::Arbitrary;

/// Pixels of a square's side.
const SIDE: usize = Arbitrary::WINDOW_PX as usize;

/// The most squares beside each other.
const MOST: usize = Arbitrary::MOST_WINDOWS as usize;

/// A square of a style image.
#[derive(Debug)]
pub(super) struct Square {
    /// `SIDE * SIDE * 3` values of 0 to 255, interleaved.
    pub(super) rgb: Vec<f32>,
    /// How much of it counts, from 0 to 1.
    pub(super) weight: f32,
}

/// Squares that cover a picture scaled by `factor`, or that are spread over it evenly where it is
/// large. One that is smaller than a square is continued by its mirror image. Pixels that do not
/// count have the mean colour of those that do.
pub(super) fn squares(image: &Image, weights: Option<&Mask>, factor: f64) -> Vec<Square> {
    let side = |len: usize| ((len as f64 * factor).round() as usize).max(1);
    let size = (side(image.width), side(image.height));
    let mut scaled = fitted(image, weights, size, (false, false));
    let weights = weights.map(|mask| mask.resized(size.0, size.1, &Joins::default()));
    if let Some(mask) = &weights {
        fill(&mut scaled, mask.weights());
    }
    let mut squares = Vec::new();
    for top in starts(size.1) {
        for left in starts(size.0) {
            squares.push(square(&scaled, weights.as_ref(), (left, top)));
        }
    }
    squares
}

/// Gives pixels the mean colour as far as they do not count.
fn fill(image: &mut Image, weights: &[f32]) {
    let mut mean = [0.0_f64; 3];
    let mut total = 0.0;
    for (pixel, &weight) in image.rgb.chunks_exact(3).zip(weights) {
        total += f64::from(weight);
        mean.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += f64::from(weight * x));
    }
    let mean = mean.map(|sum| (sum / total.max(f64::MIN_POSITIVE)) as f32);
    for (pixel, &weight) in image.rgb.chunks_exact_mut(3).zip(weights) {
        pixel.iter_mut().zip(mean).for_each(|(x, mean)| *x = mean + weight * (*x - mean));
    }
}

/// Where squares begin along an axis of so many pixels.
fn starts(len: usize) -> impl Iterator<Item = usize> {
    let count = len.div_ceil(SIDE).min(MOST);
    let beyond = len.saturating_sub(SIDE);
    (0..count).map(move |at| if count == 1 { 0 } else { (beyond * at).div_ceil(count - 1) })
}

fn square(image: &Image, weights: Option<&Mask>, (left, top): (usize, usize)) -> Square {
    let &Image { width, height, ref rgb } = image;
    let mirrored = |at: usize, len: usize| {
        let at = at % (2 * len);
        at.min(2 * len - 1 - at)
    };
    let columns: Vec<usize> = (left..left + SIDE).map(|x| mirrored(x, width)).collect();
    let rows = (top..top + SIDE).map(|y| mirrored(y, height));
    let places = rows.flat_map(|y| columns.iter().map(move |x| y * width + x));
    let mut values = Vec::with_capacity(3 * SIDE * SIDE);
    let mut weight = 0.0_f64;
    for at in places {
        values.extend_from_slice(&rgb[3 * at..][..3]);
        weight += weights.map_or(1.0, |mask| f64::from(mask.weights()[at]));
    }
    Square { rgb: values, weight: (weight / (SIDE * SIDE) as f64) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose red is its column and whose green is its row, up to 255.
    fn ramp(width: usize, height: usize) -> Image {
        let level = |at: usize| at.min(255) as f32;
        let rgb = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| [level(x), level(y), 7.0]))
            .collect();
        Image { width, height, rgb }
    }

    #[test]
    fn squares_cover_a_picture_from_border_to_border() {
        let check = |len: usize, expected: &[usize]| {
            assert_eq!(starts(len).collect::<Vec<_>>(), expected, "{len}");
        };
        check(1, &[0]);
        check(256, &[0]);
        check(257, &[0, 1]);
        check(600, &[0, 172, 344]);
        check(4096, &[0, 1280, 2560, 3840]);
    }

    #[test]
    fn a_small_picture_is_mirrored() {
        let all = squares(&ramp(100, 300), None, 1.0);
        assert_eq!(all.len(), 2);
        let reds: Vec<f32> = all[0].rgb.iter().step_by(3).take(SIDE).copied().collect();
        assert_eq!((reds[99], reds[100], reds[199], reds[200]), (99.0, 99.0, 0.0, 0.0));
        // The second begins at row 44.
        assert_eq!(all[1].rgb[1], 44.0);
        assert!(all.iter().all(|square| square.weight == 1.0 && square.rgb.len() == 3 << 16));
        assert_eq!(squares(&ramp(100, 300), None, 0.1).len(), 1);
    }

    #[test]
    fn what_does_not_count_is_not_seen() {
        let weights = |image: &Image| {
            let weights = (0..image.pixels()).map(|at| f32::from(at % image.width < 40)).collect();
            Mask::new(image.width, image.height, weights).expect("it can be used")
        };
        let mut one = Image::filled(64, 64, [100.0, 50.0, 0.0]);
        let mask = weights(&one);
        let mut other = one.clone();
        for (at, pixel) in other.rgb.chunks_exact_mut(3).enumerate() {
            if at % 64 >= 40 {
                pixel.fill(255.0);
            }
        }
        let of = |image: &Image| squares(image, Some(&mask), 4.0).remove(0);
        let (seen, beside) = (of(&one), of(&other));
        assert!((seen.weight - 40.0 / 64.0).abs() < 0.02, "{}", seen.weight);
        assert!(seen.rgb.iter().zip(&beside.rgb).all(|(a, b)| (a - b).abs() < 1e-3));
        one.rgb[0] = 0.0;
        assert_ne!(of(&one).rgb, seen.rgb);
    }
}
