//! The relief of paint: what of a painted picture's light and dark is strokes.

use impasto_engine::{Image, resize_plane};

use super::plane::{Plane, Slope};

/// Heights of the paint over the surface, in pixels of this plane.
#[derive(Debug, Clone)]
pub(super) struct Relief(Plane);

/// Strokes are finer than this share of the longer side, as the deviation of a blur, and coarser
/// than the other: between 0.7 and 10 pixels of a picture of 512, as wide as its strokes are.
const COARSE: f32 = 0.02;
const FINE: f32 = 0.7 / 512.0;

/// The slope of strokes that are hardly there, in levels of 0 to 1 a pixel. Fainter ones do not
/// become stronger, so that a flat picture's rounding errors stay flat.
const FAINT: f32 = 0.004;

impl Relief {
    /// The relief by which a painted picture differs from the one that it was, which has its size.
    /// What a picture showed before it was painted is in its maps already: it is taken out by
    /// least squares. `weights` says how much of each pixel is painted.
    ///
    /// `amount` is the root mean square of the relief's slopes.
    pub(super) fn of(
        before: &Image,
        painted: &Image,
        weights: Option<&[f32]>,
        amount: f32,
        wraps: (bool, bool),
    ) -> Self {
        let size = (painted.width, painted.height);
        let longer = size.0.max(size.1) as f32;
        let strokes = |image: &Image| {
            let luma = image.rgb.chunks_exact(3).map(luma).collect();
            Plane::new(size, luma, wraps).band(FINE * longer, COARSE * longer)
        };
        let (own, mut relief) = (strokes(before), strokes(painted));
        let product = |one: &Plane, other: &Plane| -> f64 {
            let pairs = one.values.iter().zip(&other.values);
            pairs.map(|(one, other)| f64::from(one * other)).sum()
        };
        let shared = product(&own, &relief) / product(&own, &own).max(1e-12);
        relief.values.iter_mut().zip(&own.values).for_each(|(height, own)| {
            *height -= shared.clamp(0.0, 1.0) as f32 * own;
        });
        if let Some(weights) = weights {
            relief.values.iter_mut().zip(weights).for_each(|(height, weight)| *height *= weight);
        }
        let steepness = relief.root_mean_square(|x, y| {
            let (right, down) = relief.slope(x, y);
            right.hypot(down)
        });
        let scale = amount / steepness.max(FAINT);
        relief.values.iter_mut().for_each(|height| *height *= scale);
        Self(relief)
    }

    /// Whether nothing was painted.
    pub(super) fn is_flat(&self) -> bool {
        self.0.values.iter().all(|height| height.abs() < 1e-3)
    }

    /// The same surface in pixels of another size: its slopes stay.
    pub(super) fn resized(&self, (width, height): (usize, usize)) -> Self {
        let Plane { width: from_width, height: from_height, values, wraps } = &self.0;
        let mut values =
            resize_plane(values, 1, (*from_width, *from_height), (width, height), *wraps);
        let scale = ((width * height) as f32 / (from_width * from_height) as f32).sqrt();
        values.iter_mut().for_each(|height| *height *= scale);
        Self(Plane::new((width, height), values, *wraps))
    }

    /// Heights in pixels.
    pub(super) fn heights(&self) -> &[f32] {
        &self.0.values
    }

    pub(super) fn plane(&self) -> &Plane {
        &self.0
    }

    /// To the right and down.
    pub(super) fn slope(&self, x: usize, y: usize) -> Slope {
        self.0.slope(x, y)
    }
}

#[cfg(test)]
impl Relief {
    /// The relief of upright strokes about eight pixels apart, on a square that repeats. None of
    /// its slopes is zero.
    pub(super) fn of_strokes(side: usize, amount: f32) -> Self {
        let image = |level: fn(usize) -> f32| Image {
            width: side,
            height: side,
            rgb: (0..side * side).flat_map(|at| [level(at % side); 3]).collect(),
        };
        let painted = image(|x| 120.0 + 30.0 * (x as f32 * 0.785).sin());
        Self::of(&image(|_| 120.0), &painted, None, amount, (true, true))
    }
}

/// Rec. 709 luma of encoded levels, from 0 to 1.
fn luma(rgb: &[f32]) -> f32 {
    (0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(side: usize, value: impl Fn(usize, usize) -> f32) -> Image {
        let pixels = (0..side * side).map(|at| value(at % side, at / side));
        Image { width: side, height: side, rgb: pixels.flat_map(|value| [value; 3]).collect() }
    }

    fn waves(x: usize, y: usize) -> f32 {
        ((x as f32) * std::f32::consts::TAU / 16.0).sin() * 30.0 + (y % 2) as f32
    }

    #[test]
    fn strokes_have_the_slope_that_is_asked_for() {
        let (before, painted) =
            (picture(128, |_, _| 100.0), picture(128, |x, y| 90.0 + waves(x, y)));
        let relief = Relief::of(&before, &painted, None, 0.4, (true, true));
        let slopes = relief.plane().root_mean_square(|x, y| {
            let (right, down) = relief.slope(x, y);
            right.hypot(down)
        });
        assert!((slopes - 0.4).abs() < 1e-3, "{slopes}");
        let larger = relief.resized((256, 256));
        let slopes = larger.plane().root_mean_square(|x, y| larger.slope(x, y).0);
        assert!((slopes - 0.4).abs() < 0.02, "{slopes}");
    }

    #[test]
    fn what_the_asset_showed_before_is_no_relief() {
        let before = picture(64, |x, y| 100.0 + waves(x, y));
        let toned = picture(64, |x, y| 40.0 + 0.5 * waves(x, y));
        assert!(Relief::of(&before, &before, None, 1.0, (true, true)).is_flat());
        assert!(Relief::of(&before, &toned, None, 1.0, (true, true)).is_flat());
    }

    #[test]
    fn what_is_not_painted_stays_flat() {
        let (before, painted) = (picture(64, |_, _| 100.0), picture(64, |x, y| 90.0 + waves(x, y)));
        let weights: Vec<f32> = (0..64 * 64).map(|at| f32::from(u8::from(at % 64 < 32))).collect();
        let relief = Relief::of(&before, &painted, Some(&weights), 0.4, (false, false));
        let beyond = relief.heights().iter().enumerate().filter(|(at, _)| at % 64 >= 32);
        assert!(beyond.into_iter().all(|(_, height)| *height == 0.0) && !relief.is_flat());
    }
}
