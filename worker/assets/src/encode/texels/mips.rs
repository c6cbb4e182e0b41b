//! Mips: a picture at half its size, a quarter and so on.
//!
//! Each pixel is the mean of the area that it covers in the mip before it; with an odd side that is
//! two pixels and a part of a third. Light is averaged, not its encoding, which would darken edges.
//! Colours count by their alpha, so that what a transparent pixel is coloured does not show at the
//! rim of a cut-out. A mean of cut-outs would lose leaves and grates in the distance, where a
//! renderer drops what is below half: so their alpha is scaled until as large a share of a mip is
//! at least half as of the picture.

use std::borrow::Cow;

use crate::Picture;
use crate::texels::mip_size;

/// A picture or a mip: levels from 0 to 255, and alpha from 0 to 1.
#[derive(Debug)]
pub(super) struct Level<'a> {
    pub width: usize,
    pub height: usize,
    pub rgb: Cow<'a, [f32]>,
    pub alpha: Option<Cow<'a, [f32]>>,
}

/// What samples of a picture mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Levels are light as sRGB encodes it; otherwise they are averaged as they are.
    pub is_encoded: bool,
    /// Alpha is opacity; otherwise it is averaged like another colour.
    pub is_opacity: bool,
}

/// The picture itself, and mips of it: `count` in all.
pub(super) fn levels(picture: &Picture, count: u32, meaning: Meaning) -> Vec<Level<'_>> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let alpha = picture.alpha.as_deref();
    let mut levels =
        vec![Level { width, height, rgb: (&picture.rgb[..]).into(), alpha: alpha.map(Cow::from) }];
    if count < 2 {
        return levels;
    }
    let coverage = alpha.filter(|_| meaning.is_opacity).and_then(coverage_of_cut_out);
    let encoding = Encoding::new(meaning.is_encoded);
    let mut before =
        Light { width, height, rgb: levels[0].rgb.clone(), alpha: alpha.map(Cow::from) };
    for mip in 1..count {
        let (width, height) = mip_size((picture.width, picture.height), mip);
        let size = (width as usize, height as usize);
        // Only the picture itself is still encoded.
        before = if mip == 1 {
            before.reduced(size, meaning.is_opacity, |level| encoding.light(level))
        } else {
            before.reduced(size, meaning.is_opacity, |light| light)
        };
        let mut alpha = before.alpha.clone();
        if let (Some(coverage), Some(alpha)) = (coverage, &mut alpha) {
            keep_coverage(alpha.to_mut(), coverage);
        }
        let rgb = before.rgb.iter().map(|light| encoding.level(*light)).collect();
        levels.push(Level { width: size.0, height: size.1, rgb, alpha });
    }
    levels
}

/// From levels to light and back.
struct Encoding {
    /// The light of 65536 levels, if they are encoded.
    table: Vec<f32>,
}

impl Encoding {
    fn new(is_encoded: bool) -> Self {
        let light = |level: f32| {
            if level <= 0.040_45 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
        };
        let entry = |level: u16| light(f32::from(level) / 65_535.0);
        Self { table: if is_encoded { (0..=u16::MAX).map(entry).collect() } else { Vec::new() } }
    }

    fn light(&self, level: f32) -> f32 {
        // A float converts to an integer with saturation.
        self.table.get(usize::from((level * 257.0).round() as u16)).copied().unwrap_or(level)
    }

    fn level(&self, light: f32) -> f32 {
        if self.table.is_empty() {
            light
        } else if light <= 0.003_130_8 {
            light * 12.92 * 255.0
        } else {
            (1.055 * light.powf(1.0 / 2.4) - 0.055) * 255.0
        }
    }
}

/// Samples to be averaged.
struct Light<'a> {
    width: usize,
    height: usize,
    rgb: Cow<'a, [f32]>,
    alpha: Option<Cow<'a, [f32]>>,
}

/// The pixels of a mean, and how much each counts: at most three, one after the other.
type Taps = (usize, [f32; 3]);

impl Light<'_> {
    /// The same at a smaller size.
    fn reduced(
        &self,
        (width, height): (usize, usize),
        is_opacity: bool,
        light: impl Fn(f32) -> f32,
    ) -> Light<'static> {
        let (columns, rows) = (taps(self.width, width), taps(self.height, height));
        let mut rgb = Vec::with_capacity(3 * width * height);
        let mut alpha = self.alpha.as_ref().map(|_| Vec::with_capacity(width * height));
        for (top, row_shares) in &rows {
            for (left, column_shares) in &columns {
                // The sums of light as it is, of light by alpha, and of alpha.
                let (mut plain, mut weighted, mut opacity) = ([0.0_f32; 3], [0.0_f32; 3], 0.0);
                for (y, row_share) in shares(*top, row_shares) {
                    for (x, column_share) in shares(*left, column_shares) {
                        let at = y * self.width + x;
                        let share = row_share * column_share;
                        let by_alpha = share * self.alpha.as_ref().map_or(1.0, |alpha| alpha[at]);
                        opacity += by_alpha;
                        for channel in 0..3 {
                            let light = light(self.rgb[3 * at + channel]);
                            plain[channel] += share * light;
                            weighted[channel] += by_alpha * light;
                        }
                    }
                }
                if let Some(alpha) = &mut alpha {
                    alpha.push(opacity);
                }
                if is_opacity && opacity > 0.0 && self.alpha.is_some() {
                    rgb.extend(weighted.map(|sum| sum / opacity));
                } else {
                    rgb.extend(plain);
                }
            }
        }
        Light { width, height, rgb: rgb.into(), alpha: alpha.map(Cow::from) }
    }
}

fn shares(first: usize, shares: &[f32; 3]) -> impl Iterator<Item = (usize, f32)> + '_ {
    let counted = shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
    counted.map(move |(at, share)| (first + at, *share))
}

/// What each of `to` pixels covers of `from`, of which there are at least as many and at most
/// three times as many.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    // In parts of a pixel: each of `from` has `to` parts, each of `to` has `from`.
    let covered = |at: usize| {
        let (start, end) = (at * from, (at + 1) * from);
        let first = start / to;
        let share = |offset: usize| {
            let pixel = ((first + offset) * to, (first + offset + 1) * to);
            let parts = end.min(pixel.1).saturating_sub(start.max(pixel.0));
            parts as f32 / from as f32
        };
        (first, [share(0), share(1), share(2)])
    };
    (0..to).map(covered).collect()
}

/// The share of pixels that are at least half opaque, if the picture is a cut-out: all but some of
/// its pixels are opaque or transparent, and there are both.
fn coverage_of_cut_out(alpha: &[f32]) -> Option<f64> {
    const NEAR: f32 = 1.0 / 8.0;
    let count = |is: &dyn Fn(f32) -> bool| alpha.iter().filter(|alpha| is(**alpha)).count();
    let (clear, solid) = (count(&|alpha| alpha <= NEAR), count(&|alpha| alpha >= 1.0 - NEAR));
    // Rims of fine leaves are soft.
    let is_cut_out = clear > 0 && solid > 0 && 4 * (clear + solid) >= 3 * alpha.len();
    is_cut_out.then(|| count(&|alpha| alpha >= 0.5) as f64 / alpha.len() as f64)
}

/// Scales alpha so that the nearest possible share of it is at least half.
fn keep_coverage(alpha: &mut [f32], coverage: f64) {
    let mut sorted = alpha.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let wanted = coverage * sorted.len() as f64;
    // Equal values are covered together: the ends of such runs are what can be had.
    let ends = (1..=sorted.len()).filter(|&end| sorted.get(end) != Some(&sorted[end - 1]));
    let off = |count: usize| (count as f64 - wanted).abs();
    let best = ends.fold(0, |best, end| if off(end) < off(best) { end } else { best });
    // Half a level of 8 bits on the right side of a half.
    let scale = match best.checked_sub(1) {
        Some(last) if sorted[last] > 0.0 => 128.0 / 255.0 / sorted[last],
        None if sorted.first().is_some_and(|most| *most >= 0.5) => 127.0 / 255.0 / sorted[0],
        _ => return,
    };
    alpha.iter_mut().for_each(|alpha| *alpha = (*alpha * scale).min(1.0));
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;

    use super::*;
    use crate::Origin;

    const COLORS: Meaning = Meaning { is_encoded: true, is_opacity: true };

    fn picture(width: u32, height: u32, rgb: Vec<f32>, alpha: Option<Vec<f32>>) -> Picture {
        let origin = Origin::synthetic("a", ContainerFormat::Dds);
        Picture { width, height, rgb, alpha, extra: Vec::new(), origin }
    }

    #[test]
    fn a_flat_picture_stays_as_it_is_at_every_size() {
        for (width, height) in [(1, 1), (3, 5), (17, 9), (16, 1), (5, 64)] {
            let pixels = width as usize * height as usize;
            let flat = picture(width, height, [20.0, 128.0, 250.0].repeat(pixels), None);
            let count = crate::texels::most_mips((width, height));
            let levels = levels(&flat, count, COLORS);
            let last = levels.last().expect("at least one");
            assert_eq!((last.width, last.height, levels.len()), (1, 1, count as usize));
            for level in &levels {
                for pixel in level.rgb.chunks_exact(3) {
                    let off = pixel.iter().zip([20.0, 128.0, 250.0]).map(|(a, b)| (a - b).abs());
                    assert!(off.fold(0.0, f32::max) < 0.01, "{width} x {height}: {pixel:?}");
                }
            }
        }
    }

    #[test]
    fn every_pixel_of_an_odd_side_counts_the_same() {
        for from in 1..40 {
            let to = (from / 2).max(1);
            let mut counted = vec![0.0; from];
            for (first, parts) in taps(from, to) {
                assert!((parts.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                shares(first, &parts).for_each(|(at, share)| counted[at] += share);
            }
            let even = to as f32 / from as f32;
            assert!(counted.iter().all(|share| (share - even).abs() < 1e-5), "{from}: {counted:?}");
        }
    }

    #[test]
    fn light_is_averaged_where_it_is_encoded() {
        let check = |is_encoded, expected: f32| {
            let two = picture(2, 1, vec![0.0, 0.0, 0.0, 255.0, 255.0, 255.0], None);
            let meaning = Meaning { is_encoded, is_opacity: true };
            let gray = levels(&two, 2, meaning)[1].rgb[0];
            assert!((gray - expected).abs() < 0.1, "{gray}");
        };
        check(true, 187.5);
        check(false, 127.5);
    }

    #[test]
    fn what_is_transparent_gives_no_fringe() {
        // Green leaves on black that is transparent.
        let alpha: Vec<f32> = (0..64).map(|at| f32::from(u8::from(at % 3 == 0))).collect();
        let rgb = alpha.iter().flat_map(|alpha| [0.0, 200.0 * alpha, 0.0]).collect();
        let leaves = picture(8, 8, rgb, Some(alpha.clone()));
        for level in &levels(&leaves, 4, COLORS)[1..] {
            let alpha = level.alpha.as_ref().expect("alpha");
            for (pixel, _) in level.rgb.chunks_exact(3).zip(&alpha[..]).filter(|(_, a)| **a > 0.0) {
                assert!((pixel[1] - 200.0).abs() < 0.1, "{pixel:?}");
            }
        }
        // Alpha that is data weighs nothing, and is not scaled.
        let meaning = Meaning { is_opacity: false, ..COLORS };
        let levels = levels(&leaves, 2, meaning);
        assert!(levels[1].rgb[1] < 190.0);
        let mean = |alpha: &[f32]| alpha.iter().sum::<f32>() / alpha.len() as f32;
        let second = levels[1].alpha.as_ref().expect("alpha");
        assert!((mean(second) - mean(&alpha)).abs() < 1e-5);
    }

    #[test]
    fn a_cut_out_keeps_its_coverage() {
        // Waves, of which the highest share is leaf.
        let wave = |at: usize| {
            let (x, y) = ((at % 64) as f32, (at / 64) as f32);
            (0.37 * x).sin() + (0.53 * y).sin() + (0.21 * (x + 1.7 * y)).sin()
        };
        let mut sorted: Vec<f32> = (0..64 * 64).map(wave).collect();
        sorted.sort_by(f32::total_cmp);
        for share in [0.05_f32, 0.2, 0.5, 0.9] {
            let least = sorted[((1.0 - share) * 64.0 * 64.0) as usize];
            let alpha: Vec<f32> =
                (0..64 * 64).map(|at| f32::from(u8::from(wave(at) >= least))).collect();
            let cut = picture(64, 64, vec![100.0; 3 * 64 * 64], Some(alpha));
            for level in levels(&cut, 5, COLORS) {
                let alpha = level.alpha.expect("alpha");
                let covered =
                    alpha.iter().filter(|alpha| (*alpha * 255.0).round() >= 128.0).count();
                let covered = covered as f32 / alpha.len() as f32;
                assert!((covered - share).abs() < 0.06, "{share} at {}: {covered}", level.width);
            }
        }
        let soft: Vec<f32> = (0..64).map(|at| at as f32 / 63.0).collect();
        assert_eq!(coverage_of_cut_out(&soft), None);
        assert_eq!(coverage_of_cut_out(&[1.0; 8]), None);
    }
}
