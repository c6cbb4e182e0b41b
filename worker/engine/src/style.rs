//! A style image, and how much each of its pixels counts.

use std::ops::Range;

use impasto_types::Recipe;

use crate::color::Measured;
use crate::{EngineError, Image, Mask};

/// A style image.
///
/// A cut-out paints like its opaque part: a pixel has its weight in every statistic (of features,
/// colours and palette alike), and what lies beyond the outermost pixels that count is cut away, so
/// that `style_scale` goes by what is seen. What lies between them is still seen through receptive
/// fields, so its colours should go on from those beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    pub image: Image,
    /// How much each pixel counts, such as its alpha; all alike where there is none.
    pub weights: Option<Mask>,
    /// The image's share among those of its style.
    pub share: f32,
}

impl From<(Image, f32)> for Style {
    /// An opaque image and its share.
    fn from((image, share): (Image, f32)) -> Self {
        Self { image, weights: None, share }
    }
}

impl Style {
    /// Checks that there is a weight for each pixel.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        self.weights.iter().try_for_each(|mask| mask.check_size("style image", &self.image))
    }

    /// Cuts away what lies around the pixels that count. Where all that are left count whole, no
    /// weights are left.
    pub(crate) fn cropped(self) -> Self {
        let Self { image, weights, share } = self;
        let Some(mask) = weights else { return Self { image, weights: None, share } };
        let (across, down) = counted(&mask);
        let (width, height) = (across.len(), down.len());
        let cut = |values: &[f32], channels: usize| -> Vec<f32> {
            let rows = values.chunks_exact(image.width * channels).skip(down.start).take(height);
            rows.flat_map(|row| &row[across.start * channels..][..width * channels])
                .copied()
                .collect()
        };
        let weights = cut(mask.weights(), 1);
        let counts_whole = weights.iter().all(|&weight| weight == 1.0);
        let weights = (!counts_whole).then(|| Mask::of_counted(width, height, weights));
        Self { image: Image { width, height, rgb: cut(&image.rgb, 3) }, weights, share }
    }

    /// The same with as much detail as a recipe looks at for a result of this size, width and
    /// height, if it is large: see [`Recipe::style_reduction`]. Squares of pixels are averaged by
    /// their weights.
    #[must_use]
    pub fn reduced(self, recipe: &Recipe, result: (u32, u32)) -> Self {
        // The size of what counts decides.
        let style = self.cropped();
        let (width, height) = (style.image.width, style.image.height);
        // Sides are below `MAX_SIDE`.
        match recipe.style_reduction((width as u32, height as u32), result) as usize {
            0 | 1 => style,
            by => style.averaged(by),
        }
    }

    /// Averages squares of `by` pixels a side, fewer at the right and the bottom.
    fn averaged(self, by: usize) -> Self {
        let Self { image, weights, share } = self;
        let (width, height) = (image.width.div_ceil(by), image.height.div_ceil(by));
        let mut rgb = Vec::with_capacity(3 * width * height);
        let mut shares = Vec::with_capacity(if weights.is_some() { width * height } else { 0 });
        for y in 0..height {
            let rows = y * by..((y + 1) * by).min(image.height);
            for x in 0..width {
                let columns = x * by..((x + 1) * by).min(image.width);
                let places = rows.clone().flat_map(|y| {
                    let start = y * image.width;
                    columns.clone().map(move |x| start + x)
                });
                let weight = |at: usize| weights.as_ref().map_or(1.0, |mask| mask.weights()[at]);
                let count = (rows.len() * columns.len()) as f32;
                let total: f32 = places.clone().map(weight).sum();
                let mean = |channel: usize| {
                    let level = |at: usize| image.rgb[3 * at + channel];
                    if total > 0.0 {
                        places.clone().map(|at| level(at) * weight(at)).sum::<f32>() / total
                    } else {
                        places.clone().map(level).sum::<f32>() / count
                    }
                };
                rgb.extend([mean(0), mean(1), mean(2)]);
                if weights.is_some() {
                    shares.push(total / count);
                }
            }
        }
        let weights = weights.is_some().then(|| Mask::of_counted(width, height, shares));
        Self { image: Image { width, height, rgb }, weights, share }
    }

    /// Gives it other colours.
    pub(crate) fn recolor(&mut self, recolored: impl FnOnce(Measured<'_>) -> Image) {
        self.image = recolored(self.measured());
    }

    pub(crate) fn measured(&self) -> Measured<'_> {
        Measured { image: &self.image, mask: self.weights.as_ref() }
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> u64 {
        self.image.bytes() + self.weights.as_ref().map_or(0, Mask::bytes)
    }
}

/// The columns and rows between the outermost pixels of a mask that are not zero.
fn counted(mask: &Mask) -> (Range<usize>, Range<usize>) {
    let rows = || mask.weights().chunks_exact(mask.width()).enumerate();
    let counts = |weight: &f32| *weight > 0.0;
    let down: Vec<usize> =
        rows().filter(|(_, row)| row.iter().any(counts)).map(|(y, _)| y).collect();
    let left = rows().filter_map(|(_, row)| row.iter().position(counts)).min();
    let right = rows().filter_map(|(_, row)| row.iter().rposition(counts)).max();
    let between = |first: Option<usize>, last: Option<usize>| {
        first.unwrap_or(0)..last.map_or(0, |last| last + 1)
    };
    (between(left, right), between(down.first().copied(), down.last().copied()))
}

#[cfg(test)]
mod tests {
    use impasto_types::Optimize;

    use super::*;

    fn cropped(weights: &[f32]) -> (usize, usize, Vec<f32>, Option<Vec<f32>>) {
        let rgb = (0..5 * 3).flat_map(|at| [at as f32; 3]).collect();
        let image = Image { width: 5, height: 3, rgb };
        let weights = Some(Mask::new(5, 3, weights.to_vec()).expect("it can be used"));
        let Style { image, weights, .. } = Style { image, weights, share: 1.0 }.cropped();
        let reds = image.rgb.chunks_exact(3).map(|pixel| pixel[0]).collect();
        (image.width, image.height, reds, weights.map(|mask| mask.weights().to_vec()))
    }

    #[test]
    fn a_cut_out_rectangle_is_its_opaque_crop() {
        let mut weights = [0.0; 15];
        weights[6..9].fill(1.0);
        assert_eq!(cropped(&weights), (3, 1, vec![6.0, 7.0, 8.0], None));
        assert_eq!(cropped(&[1.0; 15]).3, None);
    }

    #[test]
    fn squares_are_averaged_by_their_weights() {
        let rgb = (0..5 * 3).flat_map(|at| [at as f32, 1.0, 2.0]).collect();
        let image = Image { width: 5, height: 3, rgb };
        let reds = |style: &Style| -> Vec<f32> {
            style.image.rgb.chunks_exact(3).map(|pixel| pixel[0]).collect()
        };
        let opaque = Style::from((image.clone(), 1.0)).averaged(2);
        assert_eq!((opaque.image.width, opaque.image.height), (3, 2));
        assert_eq!(reds(&opaque), [3.0, 5.0, 6.5, 10.5, 12.5, 14.0]);
        let mut weights = vec![1.0; 15];
        (weights[0], weights[5], weights[14]) = (0.0, 0.0, 0.0);
        let weights = Some(Mask::new(5, 3, weights).expect("it can be used"));
        let half = Style { image, weights, share: 1.0 }.averaged(2);
        assert_eq!(reds(&half)[..2], [3.5, 5.0]);
        let weights = half.weights.as_ref().expect("they are kept");
        assert_eq!((weights.weights()[0], weights.weights()[5]), (0.5, 0.0));
        assert_eq!(reds(&half)[5], 14.0, "it is still seen");
    }

    #[test]
    fn only_a_large_style_is_reduced() {
        let recipe = Optimize::painterly();
        let filled = |side: usize| Style::from((Image::filled(side, side, [9.0; 3]), 1.0));
        let sides = |side: usize| {
            filled(side).reduced(&Recipe::Optimize(recipe.clone()), (64, 64)).image.width
        };
        assert_eq!((sides(4096), sides(4128)), (4096, 4128_usize.div_ceil(32)));
    }

    #[test]
    fn weights_inside_stay() {
        let mut weights = [0.0; 15];
        (weights[3], weights[9]) = (0.5, 1.0);
        let (width, height, reds, left) = cropped(&weights);
        assert_eq!((width, height, reds), (2, 2, vec![3.0, 4.0, 8.0, 9.0]));
        assert_eq!(left, Some(vec![0.5, 0.0, 0.0, 1.0]));
    }
}
