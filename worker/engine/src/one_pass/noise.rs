//! Noise that a network paints strokes from.

use impasto_types::SplitMix64;
use rayon::prelude::*;

use crate::Image;

/// Adds grey noise to a picture, evenly distributed over `levels` up and down. Where a picture is
/// flat there is nothing else that a normalisation could turn into strokes. The noise at a pixel
/// follows from `seed` and its place.
pub fn add_noise(picture: &mut Image, levels: f32, seed: u64) {
    if levels == 0.0 {
        return;
    }
    let rows = picture.rgb.par_chunks_exact_mut(3 * picture.width.max(1));
    rows.enumerate().for_each(|(y, row)| {
        // Rows of one picture and of another seed's are unlike each other.
        let mut chance = SplitMix64::new(seed);
        let mut chance = SplitMix64::new(chance.next_u64() ^ y as u64);
        let mut chance = SplitMix64::new(chance.next_u64());
        for pixel in row.chunks_exact_mut(3) {
            let unit = (chance.next_u64() >> 40) as f32 / (1 << 23) as f32 - 1.0;
            pixel.iter_mut().for_each(|value| *value += levels * unit);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(levels: f32, seed: u64) -> Vec<f32> {
        let mut picture = Image::filled(64, 48, [100.0, 50.0, 200.0]);
        add_noise(&mut picture, levels, seed);
        assert!(picture.rgb.chunks_exact(3).all(|pixel| {
            (pixel[0] - pixel[1] - 50.0).abs() < 1e-3 && (pixel[2] - pixel[0] - 100.0).abs() < 1e-3
        }));
        picture.rgb.iter().step_by(3).map(|value| value - 100.0).collect()
    }

    #[test]
    fn noise_is_even_and_follows_from_its_seed() {
        assert!(noise(0.0, 1).iter().all(|value| *value == 0.0));
        let one = noise(40.0, 1);
        assert_eq!(one, noise(40.0, 1));
        let count = one.len() as f32;
        let mean = one.iter().sum::<f32>() / count;
        let variance = one.iter().map(|value| value * value).sum::<f32>() / count;
        assert!(one.iter().all(|value| value.abs() <= 40.0));
        assert!(mean.abs() < 1.5 && (variance - 1600.0 / 3.0).abs() < 30.0, "{mean} {variance}");
        // Neither neighbours nor seeds are alike.
        let with = |others: &[f32]| {
            one.iter().zip(others).map(|(a, b)| a * b).sum::<f32>() / count / variance
        };
        for others in [&noise(40.0, 2)[..], &one[1..], &one[64..]] {
            assert!(with(others).abs() < 0.06, "{}", with(others));
        }
    }
}
