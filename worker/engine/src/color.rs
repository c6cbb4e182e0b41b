//! Colour transfer: before a run, colour statistics are matched or a palette is applied; after it,
//! chroma is restored.

use crate::{Image, Mask};

/// A picture whose colours are measured: each pixel counts by its weight in the mask, where there
/// is one. Pixels that are not painted do not influence the colours of those that are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured<'a> {
    pub(crate) image: &'a Image,
    /// Of the image's size.
    pub(crate) mask: Option<&'a Mask>,
}

impl<'a> Measured<'a> {
    #[cfg(test)]
    fn whole(image: &'a Image) -> Self {
        Self { image, mask: None }
    }

    /// Each pixel with its weight.
    pub(crate) fn pixels(self) -> impl Iterator<Item = (&'a [f32], f64)> {
        let weights = self.mask.map(Mask::weights);
        let weight = move |at: usize| weights.map_or(1.0, |weights| f64::from(weights[at]));
        self.image.rgb.chunks_exact(3).enumerate().map(move |(at, pixel)| (pixel, weight(at)))
    }

    /// The sum of the weights: how many pixels there are, where none is masked.
    pub(crate) fn weight(self) -> f64 {
        match self.mask {
            Some(mask) => mask.weights().iter().copied().map(f64::from).sum(),
            None => self.image.pixels() as f64,
        }
    }
}

/// Recolours `picture` so that its colours have the mean and covariance of `reference`'s.
///
/// The linear map `S_ref^(1/2) S_img^(-1/2)` of Gatys et al., "Controlling Perceptual Factors in
/// Neural Style Transfer", CVPR 2017, with symmetric square roots, which rotate colours least.
/// Values are clamped to 0 to 255.
pub(crate) fn match_statistics(picture: Measured<'_>, reference: Measured<'_>) -> Image {
    let (mean, covariance) = moments(picture);
    let (target_mean, target_covariance) = moments(reference);
    let map = multiply(&power(&target_covariance, 0.5), &power(&covariance, -0.5));
    let mut matched = picture.image.clone();
    for pixel in matched.rgb.chunks_exact_mut(3) {
        let centered = [0, 1, 2].map(|c| f64::from(pixel[c]) - mean[c]);
        for (value, (row, target)) in pixel.iter_mut().zip(map.iter().zip(target_mean)) {
            *value = (row.iter().zip(centered).map(|(a, b)| a * b).sum::<f64>() + target) as f32;
        }
    }
    matched.clamp();
    matched
}

/// Recolours a picture by light and dark: its luma gets the mean and deviation of the styles', and
/// each luma the mean colour that the styles have there. The result is interpolated by `share`
/// between the picture's own colours and those. Half of each pixel's deviation from the picture's
/// mean chroma stays, so that a red brick still differs from a grey one. Contrast is multiplied by
/// `least_gain` at least.
pub(crate) fn take_palette(
    own: Measured<'_>,
    styles: &[(Measured<'_>, f32)],
    share: f32,
    least_gain: f32,
) -> Image {
    let palette = Palette::of(styles);
    let (mean, deviation) = luma_moments([(own, 1.0)]);
    let gain = (palette.deviation / deviation.max(1.0)).clamp(least_gain, MAX_GAIN);
    let average = average_chroma(own);
    let mut recolored = own.image.clone();
    for pixel in recolored.rgb.chunks_exact_mut(3) {
        let light = luma(pixel);
        let color = palette.at((light - mean) * gain + palette.mean);
        for c in 0..3 {
            let own = pixel[c] - light - average[c];
            pixel[c] += share * (color[c] + 0.5 * own - pixel[c]);
        }
    }
    recolored.clamp();
    recolored
}

/// The most by which contrast is multiplied: otherwise a style of high contrast would amplify the
/// noise of a nearly flat picture.
const MAX_GAIN: f32 = 2.0;

/// The mean colour of pictures at each luma.
struct Palette {
    mean: f32,
    deviation: f32,
    colors: [[f32; 3]; 256],
}

impl Palette {
    /// The width of the kernel, in levels, that averages over neighbouring lumas: for rare ones
    /// there are few pixels.
    const REACH: f32 = 10.0;

    fn of(styles: &[(Measured<'_>, f32)]) -> Self {
        let (mean, deviation) = luma_moments(styles.iter().copied());
        let mut sums = [[0.0_f64; 4]; 256];
        for (style, share) in styles {
            let share = f64::from(*share) / style.weight();
            for (pixel, weight) in style.pixels() {
                let sum = &mut sums[luma(pixel).round().clamp(0.0, 255.0) as usize];
                let weight = weight * share;
                (0..3).for_each(|c| sum[c] += weight * f64::from(pixel[c]));
                sum[3] += weight;
            }
        }
        let colors = std::array::from_fn(|level| {
            let mut blend = [0.0_f64; 4];
            for (at, sum) in sums.iter().enumerate() {
                let distance = (at as f32 - level as f32) / Self::REACH;
                // A heavy tail: where the styles have no luma near, the nearest dominates.
                let near = 1.0 / f64::from(1.0 + distance * distance).powi(3);
                (0..4).for_each(|k| blend[k] += near * sum[k]);
            }
            let color = [0, 1, 2].map(|c| (blend[c] / blend[3]) as f32);
            // The average over neighbours has their mean luma; shifted, it has this one.
            let shift = level as f32 - luma(&color);
            color.map(|value| (value + shift).clamp(0.0, 255.0))
        });
        Self { mean, deviation, colors }
    }

    fn at(&self, luma: f32) -> [f32; 3] {
        let luma = luma.clamp(0.0, 255.0);
        let below = (luma as usize).min(254);
        let along = luma - below as f32;
        [0, 1, 2].map(|c| {
            self.colors[below][c] + along * (self.colors[below + 1][c] - self.colors[below][c])
        })
    }
}

/// Mean and deviation of the luma of pictures, of which each has its share.
fn luma_moments<'a>(
    pictures: impl IntoIterator<Item = (Measured<'a>, f32), IntoIter: Clone>,
) -> (f32, f32) {
    let pictures = pictures.into_iter();
    let total: f64 = pictures.clone().map(|(_, share)| f64::from(share)).sum();
    let (mut first, mut second) = (0.0, 0.0);
    for (picture, share) in pictures {
        let share = f64::from(share) / total / picture.weight();
        for (pixel, weight) in picture.pixels() {
            let light = f64::from(luma(pixel));
            first += weight * share * light;
            second += weight * share * light * light;
        }
    }
    (first as f32, (second - first * first).max(0.0).sqrt() as f32)
}

/// The mean over pixels of colour less luma.
fn average_chroma(picture: Measured<'_>) -> [f32; 3] {
    let mut sum = [0.0_f64; 3];
    for (pixel, weight) in picture.pixels() {
        let light = luma(pixel);
        (0..3).for_each(|c| sum[c] += weight * f64::from(pixel[c] - light));
    }
    sum.map(|value| (value / picture.weight()) as f32)
}

/// The picture's luma in all three channels.
pub(crate) fn grey(image: &Image) -> Image {
    let rgb = image.rgb.chunks_exact(3).flat_map(|pixel| [luma(pixel); 3]).collect();
    Image { rgb, ..*image }
}

/// `painted`'s luma with `original`'s chroma: each pixel of the original moved along grey. Both
/// have one size.
pub(crate) fn restore_chroma(painted: &Image, original: &Image) -> Image {
    let mut restored = original.clone();
    for (pixel, painted) in restored.rgb.chunks_exact_mut(3).zip(painted.rgb.chunks_exact(3)) {
        let shift = luma(painted) - luma(pixel);
        pixel.iter_mut().for_each(|value| *value += shift);
    }
    restored.clamp();
    restored
}

/// The luminance of encoded values by Rec. 709, whose primaries sRGB has, of 0 to 1: how light a
/// pixel is beside others. [`luma`] takes blue for lighter and green for darker than the eye does.
pub(crate) fn luminance(pixel: &[f32]) -> f32 {
    (0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2]) / 255.0
}

/// Luma by ITU-R BT.601, in levels: what colour transfer parts from chroma.
fn luma(pixel: &[f32]) -> f32 {
    0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

type Matrix = [[f64; 3]; 3];

/// Mean and covariance of a picture's colours. A little is added to the diagonal (one level
/// squared), so that the matrix of a grey or flat picture is invertible, and its rounding noise is
/// not amplified to colour.
fn moments(picture: Measured<'_>) -> ([f64; 3], Matrix) {
    let count = picture.weight();
    let mut mean = [0.0; 3];
    for (pixel, weight) in picture.pixels() {
        for c in 0..3 {
            mean[c] += weight * f64::from(pixel[c]) / count;
        }
    }
    let mut covariance = [[0.0; 3]; 3];
    for (pixel, weight) in picture.pixels() {
        let centered = [0, 1, 2].map(|c| f64::from(pixel[c]) - mean[c]);
        for a in 0..3 {
            for b in 0..3 {
                covariance[a][b] += weight * centered[a] * centered[b] / count;
            }
        }
    }
    for (c, row) in covariance.iter_mut().enumerate() {
        row[c] += 1.0;
    }
    (mean, covariance)
}

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let mut product = [[0.0; 3]; 3];
    for (row, a) in product.iter_mut().zip(a) {
        for (c, value) in row.iter_mut().enumerate() {
            *value = (0..3).map(|k| a[k] * b[k][c]).sum();
        }
    }
    product
}

/// A symmetric positive matrix to a real power, through its eigenvectors.
fn power(matrix: &Matrix, exponent: f64) -> Matrix {
    let (values, vectors) = eigen(matrix);
    let mut result = [[0.0; 3]; 3];
    for k in 0..3 {
        let value = values[k].max(1e-9).powf(exponent);
        for a in 0..3 {
            for b in 0..3 {
                result[a][b] += value * vectors[a][k] * vectors[b][k];
            }
        }
    }
    result
}

/// Eigenvalues and, in columns, eigenvectors of a symmetric matrix, by Jacobi's rotations.
fn eigen(matrix: &Matrix) -> ([f64; 3], Matrix) {
    let mut a = *matrix;
    let mut v = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    // Convergence is quadratic: a 3 by 3 matrix is diagonal to the last bit long before this many
    // sweeps.
    for _ in 0..20 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if a[p][q] == 0.0 {
                continue;
            }
            let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
            let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let t = if theta == 0.0 { 1.0 } else { t };
            let c = 1.0 / t.hypot(1.0);
            let s = t * c;
            for row in &mut a {
                (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
            }
            let (row_p, row_q) = (a[p], a[q]);
            a[p] = [0, 1, 2].map(|k| c * row_p[k] - s * row_q[k]);
            a[q] = [0, 1, 2].map(|k| s * row_p[k] + c * row_q[k]);
            for row in &mut v {
                (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
            }
        }
    }
    ([a[0][0], a[1][1], a[2][2]], v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    fn colored(seed: u64, mix: [[f32; 3]; 3], base: f32) -> Image {
        let mut noise = Noise::new(seed);
        let rgb = (0..64 * 64)
            .flat_map(|_| {
                let n = [noise.normal(), noise.normal(), noise.normal()];
                mix.map(|row| base + row.iter().zip(n).map(|(a, b)| a * b).sum::<f32>())
            })
            .collect();
        Image { width: 64, height: 64, rgb }
    }

    #[test]
    fn moments_are_matched() {
        let image = colored(1, [[20.0, 5.0, 0.0], [3.0, 10.0, 1.0], [0.0, 2.0, 6.0]], 120.0);
        let reference = colored(2, [[8.0, 0.0, 4.0], [1.0, 9.0, 0.0], [5.0, 0.0, 12.0]], 100.0);
        let (mean, covariance) = moments(Measured::whole(&match_statistics(
            Measured::whole(&image),
            Measured::whole(&reference),
        )));
        let (target_mean, target) = moments(Measured::whole(&reference));
        for a in 0..3 {
            assert!((mean[a] - target_mean[a]).abs() < 0.1);
            for b in 0..3 {
                // The level squared on the diagonal is what is left over.
                assert!((covariance[a][b] - target[a][b]).abs() < 5.0, "{covariance:?} {target:?}");
            }
        }
    }

    #[test]
    fn grey_and_flat_pictures_are_no_special_case() {
        let flat = Image::filled(8, 8, [90.0; 3]);
        let reference = colored(2, [[8.0, 0.0, 4.0], [1.0, 9.0, 0.0], [5.0, 0.0, 12.0]], 100.0);
        let matched = match_statistics(Measured::whole(&flat), Measured::whole(&reference));
        assert!(matched.rgb.iter().all(|v| (80.0..120.0).contains(v)));
    }

    #[test]
    fn a_palette_goes_by_light_and_dark() {
        // A style whose dark is blue and whose light is yellow.
        let rgb = (0..64 * 64)
            .flat_map(|i| if i % 2 == 0 { [20.0, 30.0, 90.0] } else { [230.0, 220.0, 120.0] })
            .collect();
        let style = Image { width: 64, height: 64, rgb };
        let style = [(Measured::whole(&style), 1.0)];
        let rgb = (0..64 * 64).flat_map(|i| [if i % 3 == 0 { 60.0 } else { 180.0 }; 3]).collect();
        let grey = Image { width: 64, height: 64, rgb };
        let recolored = take_palette(Measured::whole(&grey), &style, 1.0, 0.0);
        let (dark, light) = (&recolored.rgb[..3], &recolored.rgb[3..6]);
        assert!(
            dark[2] > dark[0] + 20.0
                && light[0] > light[2] + 20.0
                && luma(light) > luma(dark) + 60.0,
            "{dark:?} {light:?}"
        );
        assert_eq!(take_palette(Measured::whole(&grey), &style, 0.0, 0.0), grey);
    }

    #[test]
    fn pixels_count_by_their_weight_in_the_mask() {
        let image = colored(3, [[20.0, 5.0, 0.0], [3.0, 10.0, 1.0], [0.0, 2.0, 6.0]], 120.0);
        // A quarter counts whole and a quarter half: the first twice, the second once.
        let (quarter, half) = (image.rgb.len() / 4, image.rgb.len() / 2);
        let weight = |at: usize| [1.0, 0.5, 0.0, 0.0][at / 1024];
        let mask = Mask::new(64, 64, (0..64 * 64).map(weight).collect()).expect("it can be used");
        let masked = Measured { image: &image, mask: Some(&mask) };
        let rgb = [&image.rgb[..quarter], &image.rgb[..half]].concat();
        let counted = Image { width: 64, height: 48, rgb };
        let counted = Measured::whole(&counted);
        let (found, expected) = (moments(masked), moments(counted));
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9 * b.abs().max(1.0);
        for a in 0..3 {
            assert!(near(found.0[a], expected.0[a]));
            assert!((0..3).all(|b| near(found.1[a][b], expected.1[a][b])));
        }
        let (found, expected) = (luma_moments([(masked, 1.0)]), luma_moments([(counted, 1.0)]));
        assert!((found.0 - expected.0).abs() < 1e-4 && (found.1 - expected.1).abs() < 1e-4);
        let (found, expected) = (average_chroma(masked), average_chroma(counted));
        assert!((0..3).all(|c| (found[c] - expected[c]).abs() < 1e-5));
        assert_ne!(luma_moments([(masked, 1.0)]), luma_moments([(Measured::whole(&image), 1.0)]));
    }

    #[test]
    fn chroma_is_the_originals() {
        let original = Image::filled(2, 2, [120.0, 90.0, 60.0]);
        let painted = Image::filled(2, 2, [100.0, 100.0, 100.0]);
        let restored = restore_chroma(&painted, &original);
        assert!((luma(&restored.rgb[..3]) - 100.0).abs() < 1e-3);
        assert!((restored.rgb[0] - restored.rgb[2] - 60.0).abs() < 1e-3);
    }
}
