//! Planes of single values, which end or wrap at their borders.

use rayon::prelude::*;

/// Values row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
    /// Across and down. Where it does not wrap, the last value goes on.
    pub(super) wraps: (bool, bool),
}

/// A step in a plane: to the right, and down.
pub(super) type Slope = (f32, f32);

impl Plane {
    /// # Panics
    /// If there are not as many values as pixels.
    pub(super) fn new(
        (width, height): (usize, usize),
        values: Vec<f32>,
        wraps: (bool, bool),
    ) -> Self {
        assert_eq!(values.len(), width * height, "a value for each pixel");
        Self { width, height, values, wraps }
    }

    fn like(&self, values: Vec<f32>) -> Self {
        Self::new((self.width, self.height), values, self.wraps)
    }

    /// The derivative at a pixel by the neighbours on both sides, in values a pixel.
    pub(super) fn slope(&self, x: usize, y: usize) -> Slope {
        let at = |x: usize, y: usize| self.values[y * self.width + x];
        let (left, right) = neighbours(x, self.width, self.wraps.0);
        let (above, below) = neighbours(y, self.height, self.wraps.1);
        ((at(right, y) - at(left, y)) / 2.0, (at(x, below) - at(x, above)) / 2.0)
    }

    /// Calls with each pixel's place and returns what it gives, row by row.
    pub(super) fn each<T: Send>(&self, give: impl Fn(usize, usize) -> T + Sync) -> Vec<T> {
        let (width, give) = (self.width, &give);
        let rows = (0..self.height).into_par_iter();
        rows.flat_map_iter(|y| (0..width).map(move |x| give(x, y))).collect()
    }

    /// Blurred by three boxes, which together are nearly a Gaussian of this deviation in pixels.
    pub(super) fn blurred(&self, deviation: f32) -> Self {
        // The variance of a box of n pixels is (n * n - 1) / 12.
        let side = (4.0 * deviation * deviation + 1.0).sqrt();
        let radius = ((side - 1.0) / 2.0).round() as usize;
        if radius == 0 {
            return self.clone();
        }
        let mut values = self.values.clone();
        for _ in 0..3 {
            values
                .par_chunks_mut(self.width)
                .for_each(|row| row.copy_from_slice(&box_blurred(row, radius, self.wraps.0)));
        }
        let mut turned = transposed(&values, self.width);
        for _ in 0..3 {
            turned.par_chunks_mut(self.height).for_each(|column| {
                column.copy_from_slice(&box_blurred(column, radius, self.wraps.1))
            });
        }
        self.like(transposed(&turned, self.height))
    }

    /// What is finer than `coarse` and coarser than `fine`, both deviations of blurs in pixels.
    pub(super) fn band(&self, fine: f32, coarse: f32) -> Self {
        let (mut band, low) = (self.blurred(fine), self.blurred(coarse));
        band.values.iter_mut().zip(&low.values).for_each(|(value, low)| *value -= low);
        band
    }

    /// The root of the mean square of `f` over all pixels.
    pub(super) fn root_mean_square(&self, f: impl Fn(usize, usize) -> f32 + Sync) -> f32 {
        let rows = (0..self.height).into_par_iter();
        let sums: Vec<f64> =
            rows.map(|y| (0..self.width).map(|x| f64::from(f(x, y)).powi(2)).sum()).collect();
        let mean = sums.iter().sum::<f64>() / self.values.len().max(1) as f64;
        mean.sqrt() as f32
    }
}

fn neighbours(at: usize, len: usize, wraps: bool) -> (usize, usize) {
    match wraps {
        true => ((at + len - 1) % len, (at + 1) % len),
        false => (at.saturating_sub(1), (at + 1).min(len - 1)),
    }
}

/// The mean of `radius` values on both sides of each, and of it.
fn box_blurred(line: &[f32], radius: usize, wraps: bool) -> Vec<f32> {
    let len = line.len();
    let value = |at: isize| match wraps {
        true => line[at.rem_euclid(len as isize) as usize],
        false => line[at.clamp(0, len as isize - 1) as usize],
    };
    let reach = radius as isize;
    let mut sum: f64 = (-reach..=reach).map(|at| f64::from(value(at))).sum();
    let share = 1.0 / (2 * radius + 1) as f64;
    let mut blurred = Vec::with_capacity(len);
    for at in 0..len as isize {
        blurred.push((sum * share) as f32);
        sum += f64::from(value(at + reach + 1)) - f64::from(value(at - reach));
    }
    blurred
}

fn transposed(values: &[f32], width: usize) -> Vec<f32> {
    let height = values.len() / width;
    let columns = (0..width).into_par_iter();
    columns.flat_map_iter(|x| (0..height).map(move |y| values[y * width + x])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_the_mean_and_has_its_deviation() {
        for wraps in [true, false] {
            let mut values = vec![0.0; 64 * 48];
            values[24 * 64 + 32] = 1.0;
            let blurred = Plane::new((64, 48), values, (wraps, wraps)).blurred(4.0);
            let sum: f32 = blurred.values.iter().sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum}");
            let variance: f32 = (0..64)
                .map(|x| {
                    let column: f32 = (0..48).map(|y| blurred.values[y * 64 + x]).sum();
                    column * (x as f32 - 32.0).powi(2)
                })
                .sum();
            // Boxes have whole radii.
            assert!((variance.sqrt() - 4.0).abs() < 0.5, "{variance}");
        }
    }

    #[test]
    fn slopes_wrap_or_end() {
        let values: Vec<f32> =
            (0..4).flat_map(|y| (0..4).map(move |x| (x + 10 * y) as f32)).collect();
        let plane = |wraps| Plane::new((4, 4), values.clone(), wraps);
        assert_eq!(plane((true, true)).slope(1, 1), (1.0, 10.0));
        assert_eq!(plane((true, true)).slope(0, 3), (-1.0, -10.0));
        assert_eq!(plane((false, false)).slope(0, 3), (0.5, 5.0));
    }

    #[test]
    fn a_band_of_a_flat_plane_is_nothing() {
        let band = Plane::new((40, 30), vec![3.0; 1200], (false, true)).band(1.0, 6.0);
        assert!(band.values.iter().all(|value| value.abs() < 1e-5));
    }
}
