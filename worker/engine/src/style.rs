//! A style image, and how much each of its pixels counts.

use std::ops::Range;

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

    /// The same with other colours.
    pub(crate) fn recolored(self, recolor: impl FnOnce(Measured<'_>) -> Image) -> Self {
        Self { image: recolor(self.measured()), ..self }
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
    fn weights_inside_stay() {
        let mut weights = [0.0; 15];
        (weights[3], weights[9]) = (0.5, 1.0);
        let (width, height, reds, left) = cropped(&weights);
        assert_eq!((width, height, reds), (2, 2, vec![3.0, 4.0, 8.0, 9.0]));
        assert_eq!(left, Some(vec![0.5, 0.0, 0.0, 1.0]));
    }
}
