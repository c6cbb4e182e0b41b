//! The pattern of an example, such as courses of bricks: what repeats in it, and how far apart.
//!
//! Statistics of features say how a brick looks, but not where the next one is: that is in the
//! power spectrum. A texture begins with noise that has the example's, and is led back to it
//! between scales, while the features do the rest.
//!
//! Spectra are those of a torus of the texture's size. Noise is the example laid down at every
//! pixel, each time by a random number: asymptotic discrete spot noise, of Galerne, Gousseau and
//! Morel, "Random Phase Textures: Theory and Synthesis", IEEE Transactions on Image Processing 20,
//! 2011. It has the example's autocorrelation, and colours that vary together as the example's do.
//! The picture that has the example's spectrum and is nearest to another one keeps that one's
//! phases: Tartavel, Gousseau and Peyré, "Variational Texture Synthesis with Sparsity and Spectrum
//! Constraints", Journal of Mathematical Imaging and Vision 52, 2015.

use std::f32::consts::{PI, TAU};

use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftDirection, FftPlannerScalar};

use crate::noise::Noise;
use crate::{Image, Style};

/// Noise of this width and height that wraps on both axes and has the examples' pattern. Examples
/// blend by their shares.
pub(crate) fn spot_noise(examples: &[Style], (width, height): (usize, usize), seed: u64) -> Image {
    let mut noise = Noise::new(seed);
    let mut torus = Torus::new(width, height);
    let total: f32 = examples.iter().map(|example| example.share).sum();
    let mut image = Image::filled(width, height, [0.0; 3]);
    for example in examples {
        let share = example.share / total;
        let spot = Spot::of(example, &mut torus);
        let numbers = (0..width * height).map(|_| Complex32::from(noise.normal())).collect();
        let numbers = torus.transformed(numbers, FftDirection::Forward);
        for (channel, (spectrum, mean)) in spot.spectra.iter().zip(spot.mean).enumerate() {
            let product = spectrum.iter().zip(&numbers).map(|(spot, number)| spot * number);
            let level = |value: f32| share * mean + share.sqrt() * value;
            torus.add(product.collect(), &mut image, channel, level);
        }
    }
    image.clamp();
    image
}

/// Leads a picture to the pattern of an example, by a share of the way. Its mean stays, and what
/// its opposite borders differ by. Values may leave the range of levels.
pub(crate) fn lead(picture: &mut Image, example: &Style, share: f32) {
    let mut torus = Torus::new(picture.width, picture.height);
    let spot = Spot::of(example, &mut torus);
    let own = [0, 1, 2]
        .map(|channel| torus.spectrum(picture.rgb[channel..].iter().step_by(3).copied().collect()));
    // The phases that all channels have in common, beside those of the example.
    let mut phases = vec![Complex32::ZERO; picture.pixels()];
    for (own, spot) in own.iter().zip(&spot.spectra) {
        let products = own.iter().zip(spot).map(|(own, spot)| own * spot.conj());
        phases.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
    }
    let strength = (picture.pixels() as f32).sqrt();
    for phase in &mut phases {
        let length = phase.norm_sqr().sqrt();
        *phase = if length > 0.0 { *phase * (strength / length) } else { Complex32::ZERO };
    }
    for (channel, (mut change, spot)) in own.into_iter().zip(&spot.spectra).enumerate() {
        for ((change, spot), phase) in change.iter_mut().zip(spot).zip(&phases) {
            *change = spot * phase - *change;
        }
        change[0] = Complex32::ZERO;
        torus.add(change, picture, channel, |value| share * value);
    }
}

/// Memory that either takes beside the picture, of so many pixels.
pub(crate) fn bytes(pixels: u64) -> u64 {
    // Three spectra each of the example and the picture, phases, and one that is transformed.
    pixels * 9 * size_of::<Complex32>() as u64
}

/// An example on a torus, without its mean.
struct Spot {
    mean: [f32; 3],
    /// One for each channel. The squares of the plane that it stands for add up to the variance of
    /// the example in it.
    spectra: [Vec<Complex32>; 3],
}

impl Spot {
    /// Its middle, where the torus is smaller. Where it is larger, the example fades out on it.
    fn of(example: &Style, torus: &mut Torus) -> Self {
        let Style { image, weights, .. } = example;
        let weight = |at: usize| weights.as_ref().map_or(1.0, |mask| mask.weights()[at]);
        let pixels = || image.rgb.chunks_exact(3).enumerate().map(|(at, rgb)| (weight(at), rgb));
        let count: f64 = pixels().map(|(weight, _)| f64::from(weight)).sum();
        let mean = [0, 1, 2].map(|channel: usize| {
            let levels = pixels().map(|(weight, rgb)| f64::from(weight * rgb[channel]));
            (levels.sum::<f64>() / count) as f32
        });
        let across = Part::of(image.width, torus.width);
        let down = Part::of(image.height, torus.height);
        let mut planes = [0, 1, 2].map(|_| vec![0.0; torus.pixels()]);
        let mut total = 0.0;
        for (y, down_share) in down.shares.iter().enumerate() {
            for (x, across_share) in across.shares.iter().enumerate() {
                let at = (y + down.start) * image.width + x + across.start;
                let share = weight(at).sqrt() * across_share * down_share;
                total += f64::from(share * share);
                for (channel, plane) in planes.iter_mut().enumerate() {
                    let away = image.rgb[3 * at + channel] - mean[channel];
                    plane[y * torus.width + x] = share * away;
                }
            }
        }
        // The middle of a cut-out may be empty: it has no pattern.
        let scale = if total > 0.0 { total.sqrt().recip() as f32 } else { 0.0 };
        let spectra = planes.map(|plane| {
            let mut spectrum = torus.spectrum(plane);
            spectrum.iter_mut().for_each(|value| *value *= scale);
            spectrum[0] = Complex32::ZERO;
            spectrum
        });
        Self { mean, spectra }
    }
}

/// A part of an example's axis, which fits on a torus, and how much of each place there is.
struct Part {
    start: usize,
    shares: Vec<f32>,
}

impl Part {
    fn of(length: usize, torus: usize) -> Self {
        let part = length.min(torus);
        // An eighth at each end.
        let rim = if length < torus { part / 8 } else { 0 };
        let share = |at: usize| match at.min(part - 1 - at) {
            inside if inside >= rim => 1.0,
            at => 0.5 - 0.5 * (PI * (at as f32 + 0.5) / rim as f32).cos(),
        };
        Self { start: (length - part) / 2, shares: (0..part).map(share).collect() }
    }
}

/// Where planes are transformed.
struct Torus {
    width: usize,
    height: usize,
    /// Without vector instructions, which round otherwise.
    planner: FftPlannerScalar<f32>,
}

impl Torus {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, planner: FftPlannerScalar::new() }
    }

    fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// The Fourier transform, without a factor, of a plane's periodic component: of what it is
    /// without the jumps across its borders, which would be a cross in the spectrum (Moisan,
    /// "Periodic Plus Smooth Image Decomposition", Journal of Mathematical Imaging and Vision 39,
    /// 2011).
    fn spectrum(&mut self, plane: Vec<f32>) -> Vec<Complex32> {
        let (width, height) = (self.width, self.height);
        let mut rows = jumps(width, height, |at, row| plane[row * width + at]);
        let mut columns = jumps(height, width, |at, column| plane[at * width + column]);
        self.planner.plan_fft_forward(width).process(&mut rows);
        self.planner.plan_fft_forward(height).process(&mut columns);
        let plane = plane.into_iter().map(Complex32::from).collect();
        let mut spectrum = self.transformed(plane, FftDirection::Forward);
        // Both ends of a jump, and the part that is smooth beside it.
        let turn = |at: usize, length: usize| TAU * at as f32 / length as f32;
        let ends = |angle: f32| Complex32::new(1.0 - angle.cos(), -angle.sin());
        let across: Vec<f32> = (0..width).map(|x| turn(x, width)).collect();
        spectrum.par_chunks_exact_mut(width).enumerate().for_each(|(y, row)| {
            let down = turn(y, height);
            for (x, value) in row.iter_mut().enumerate().skip(usize::from(y == 0)) {
                let jumps = rows[x] * ends(down) + columns[y] * ends(across[x]);
                *value -= jumps / (2.0 * across[x].cos() + 2.0 * down.cos() - 4.0);
            }
        });
        spectrum
    }

    /// Adds the plane of a spectrum to a channel of a picture, each value as `level` makes it.
    fn add(
        &mut self,
        spectrum: Vec<Complex32>,
        image: &mut Image,
        channel: usize,
        level: impl Fn(f32) -> f32,
    ) {
        let scale = 1.0 / spectrum.len() as f32;
        let plane = self.transformed(spectrum, FftDirection::Inverse);
        let values = image.rgb[channel..].iter_mut().step_by(3).zip(plane);
        values.for_each(|(value, part)| *value += level(scale * part.re));
    }

    fn transformed(
        &mut self,
        mut plane: Vec<Complex32>,
        direction: FftDirection,
    ) -> Vec<Complex32> {
        let (width, height) = (self.width, self.height);
        each_row(&mut plane, width, &*self.planner.plan_fft(width, direction));
        let mut turned = transposed(&plane, width);
        each_row(&mut turned, height, &*self.planner.plan_fft(height, direction));
        drop(plane);
        transposed(&turned, height)
    }
}

/// What a plane jumps by from its last line to its first at each place of a line: nothing, if lines
/// beside each other differ by as much elsewhere. A pattern may have an edge at its border.
fn jumps(length: usize, lines: usize, value: impl Fn(usize, usize) -> f32) -> Vec<Complex32> {
    let step = |from: usize, to: usize| {
        let steps = (0..length).map(|at| (value(at, to) - value(at, from)).abs());
        steps.sum::<f32>()
    };
    let largest = (1..lines).map(|line| step(line - 1, line)).fold(0.0, f32::max);
    let is_jump = step(lines - 1, 0) > largest;
    let jump = |at| if is_jump { value(at, lines - 1) - value(at, 0) } else { 0.0 };
    (0..length).map(jump).map(Complex32::from).collect()
}

fn each_row(plane: &mut [Complex32], width: usize, fft: &dyn Fft<f32>) {
    let scratch = || vec![Complex32::ZERO; fft.get_inplace_scratch_len()];
    plane
        .par_chunks_exact_mut(width)
        .for_each_init(scratch, |scratch, row| fft.process_with_scratch(row, scratch));
}

fn transposed(plane: &[Complex32], width: usize) -> Vec<Complex32> {
    let height = plane.len() / width;
    let mut turned = vec![Complex32::ZERO; plane.len()];
    turned.par_chunks_exact_mut(height).enumerate().for_each(|(x, column)| {
        let values = plane[x..].iter().step_by(width);
        column.iter_mut().zip(values).for_each(|(to, value)| *to = *value);
    });
    turned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mask;

    /// Stripes of red and blue, so many pixels from one to the next.
    fn stripes(width: usize, height: usize, period: usize) -> Style {
        let is_red = |at: usize| at % width % period < period / 2;
        let pixel = |at| if is_red(at) { [200.0, 40.0, 30.0] } else { [40.0, 60.0, 180.0] };
        let rgb = (0..width * height).flat_map(pixel).collect();
        Style::from((Image { width, height, rgb }, 1.0))
    }

    fn channel(image: &Image, channel: usize) -> Vec<f32> {
        image.rgb[channel..].iter().step_by(3).copied().collect()
    }

    fn mean(values: &[f32]) -> f32 {
        values.iter().sum::<f32>() / values.len() as f32
    }

    fn deviation(values: &[f32]) -> f32 {
        let own = mean(values);
        mean(&values.iter().map(|value| (value - own).powi(2)).collect::<Vec<_>>()).sqrt()
    }

    /// How alike the red of pixels is that are so far apart, from -1 to 1; across borders, too.
    fn likeness(image: &Image, (across, down): (usize, usize)) -> f32 {
        let (width, height, red) = (image.width, image.height, channel(image, 0));
        let own = mean(&red);
        let away = |x: usize, y: usize| red[y % height * width + x % width] - own;
        let places = (0..width * height).map(|at| (at % width, at / width));
        let products = places.map(|(x, y)| away(x, y) * away(x + across, y + down));
        products.sum::<f32>() / (red.len() as f32 * deviation(&red).powi(2))
    }

    #[test]
    fn what_repeats_in_the_example_repeats_in_noise() {
        for (example, size, period) in [
            ((32, 32), (96, 64), 8),
            ((40, 24), (104, 56), 8),
            ((96, 96), (48, 40), 8),
            // Seventeen of them, of which as many fit on the torus, or not a whole number.
            ((102, 60), (48, 40), 6),
            ((136, 60), (60, 40), 8),
        ] {
            let noise = spot_noise(&[stripes(example.0, example.1, period)], size, 7);
            assert_eq!((noise.width, noise.height), size);
            for down in [0, 3, 8] {
                let at = |across| likeness(&noise, (across, down));
                let (same, half) = (at(period), at(period / 2));
                assert!(same > 0.4 && half < -0.4, "{example:?} {size:?}: {same} {half}");
            }
            let [red, blue] = [0, 2].map(|at| channel(&noise, at));
            let opposite = red.iter().zip(&blue);
            let opposite = opposite.filter(|(r, b)| (**r > mean(&red)) != (**b > mean(&blue)));
            assert!(10 * opposite.count() > 9 * red.len(), "red where there is no blue");
            let (red, blue) = (mean(&red), mean(&blue));
            assert!((red - 120.0).abs() < 20.0 && (blue - 105.0).abs() < 20.0, "{red} {blue}");
        }
    }

    #[test]
    fn noise_is_as_strong_as_the_example_and_examples_blend() {
        let rgb = [100.0, 104.0].into_iter().cycle().take(3 * 64).collect();
        let dim = Style::from((Image { width: 8, height: 8, rgb }, 1.0));
        // A pattern of few waves has a strength of its own in each noise.
        let each: Vec<f32> = (0..40)
            .map(|seed| spot_noise(std::slice::from_ref(&dim), (24, 20), seed))
            .map(|noise| deviation(&channel(&noise, 0)).powi(2))
            .collect();
        let found = mean(&each).sqrt();
        assert!((found - 2.0).abs() < 0.4, "{found}");
        let flat = |level: f32, share: f32| Style::from((Image::filled(9, 5, [level; 3]), share));
        let blend = spot_noise(&[flat(100.0, 3.0), flat(200.0, 1.0)], (8, 8), 1);
        assert!(blend.rgb.iter().all(|value| (value - 125.0).abs() < 1e-3), "{:?}", blend.rgb);
    }

    #[test]
    fn pixels_that_do_not_count_have_no_say() {
        let picture = |outside: f32| {
            let level = |at: usize| if at % 16 < 8 { 90.0 + (at % 7) as f32 } else { outside };
            let rgb = (0..16 * 16).flat_map(|at| [level(at); 3]).collect();
            let weights = (0..16 * 16).map(|at| f32::from(u8::from(at % 16 < 8))).collect();
            let weights = Some(Mask::new(16, 16, weights).expect("it can be used"));
            Style { image: Image { width: 16, height: 16, rgb }, weights, share: 1.0 }
        };
        let noise = spot_noise(&[picture(0.0)], (32, 32), 3);
        assert_eq!(noise, spot_noise(&[picture(255.0)], (32, 32), 3));
        assert_ne!(noise, spot_noise(&[picture(0.0)], (32, 32), 4));
    }

    #[test]
    fn a_picture_is_led_to_the_pattern_and_keeps_its_mean() {
        let example = stripes(64, 48, 8);
        let mut noise = Noise::new(5);
        let mut plain = Image::filled(64, 48, [100.0, 90.0, 80.0]);
        plain.rgb.iter_mut().for_each(|value| *value += 9.0 * noise.normal());
        let led = |share: f32| {
            let mut picture = plain.clone();
            lead(&mut picture, &example, share);
            picture
        };
        let alike = [0.0, 0.5, 1.0].map(|share| likeness(&led(share), (16, 5)));
        assert!(alike[0].abs() < 0.1 && alike[1] > 0.8 && alike[2] > 0.99, "{alike:?}");
        for at in 0..3 {
            let (before, after) = (channel(&plain, at), channel(&led(1.0), at));
            let means = [mean(&before), mean(&after)];
            assert!((means[0] - means[1]).abs() < 0.01, "{means:?}");
            let deviations = [deviation(&channel(&example.image, at)), deviation(&after)];
            assert!((deviations[0] - deviations[1]).abs() < 0.1, "{deviations:?}");
        }
    }

    #[test]
    fn what_has_the_pattern_keeps_it() {
        let own = stripes(64, 48, 8);
        let mut led = own.image.clone();
        lead(&mut led, &own, 1.0);
        let differences = led.rgb.iter().zip(&own.image.rgb).map(|(one, other)| one - other);
        assert!(differences.map(f32::abs).fold(0.0, f32::max) < 0.01);
        // A part of a larger example, in which a stripe is cut: five and a half of them.
        let (own, larger) = (stripes(44, 48, 8), stripes(136, 96, 8));
        let mut led = own.image.clone();
        (0..5).for_each(|_| lead(&mut led, &larger, 0.5));
        let strengths = [deviation(&channel(&own.image, 0)), deviation(&channel(&led, 0))];
        assert!(strengths[1] > 0.7 * strengths[0], "{strengths:?}");
        let inside = |image: &Image| {
            let columns = [8, 16, 24, 32].map(|x| image.rgb[3 * (20 * 44 + x)]);
            columns.map(|red| red > 120.0)
        };
        assert_eq!(inside(&led), inside(&own.image));
    }

    #[test]
    fn borders_that_do_not_meet_are_no_pattern() {
        let slope = |width: usize| {
            let rgb = (0..width * 40).flat_map(|at| [2.0 * (at % width) as f32 + 60.0; 3]);
            Image { width, height: 40, rgb: rgb.collect() }
        };
        let mut led = slope(64);
        let own = Style::from((slope(64), 1.0));
        lead(&mut led, &own, 1.0);
        let differences = led.rgb.iter().zip(&own.image.rgb).map(|(one, other)| one - other);
        assert!(differences.map(f32::abs).fold(0.0, f32::max) < 0.05);
        let noise = channel(&spot_noise(&[own], (64, 40), 1), 0);
        let found = deviation(&noise);
        assert!(found < 8.0, "{found} of a slope that deviates by 37");
    }
}
