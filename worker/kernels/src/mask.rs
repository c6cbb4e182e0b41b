//! How much each pixel of a picture counts, at the resolution of every layer.
//!
//! A pixel of a layer stands for a block of the picture's pixels, and its weight is their mean. So
//! the weights of a layer sum up to the mask's area, whatever the layer, and an island of a few
//! pixels still has a part in the deepest layer. To count only the features whose whole receptive
//! field lies inside the mask would be stricter, but relu5_1 sees 156 pixels: most islands of a
//! texture atlas are smaller and would have no statistics at all. What lies outside therefore
//! enters a statistic only through the receptive fields of features at the mask's border.

use std::{array, ops::Range};

use crate::{
    shape::{Region, Shape, halve},
    vgg::{HALVINGS, Layer},
};

/// Resolutions that layers have: the picture's own, and each after one more halving.
const RESOLUTIONS: usize = HALVINGS[HALVINGS.len() - 1] + 1;

/// The weights of a whole picture's pixels, at every layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    width: usize,
    height: usize,
    /// At each resolution, row by row.
    weights: [Vec<f32>; RESOLUTIONS],
}

impl Mask {
    /// From the weights of the pixels, `height * width` values from 0 to 1.
    ///
    /// # Panics
    /// If there are not as many values as pixels.
    pub fn new(width: usize, height: usize, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), width * height, "a weight for each pixel");
        Self {
            width,
            height,
            weights: array::from_fn(|halvings| reduced(weights, width, height, halvings)),
        }
    }

    /// Bytes that a mask of this size takes at most.
    pub fn bytes(width: usize, height: usize) -> usize {
        let side = |len, halvings| halve(len, 0, halvings);
        (0..RESOLUTIONS)
            .map(|halvings| side(width, halvings) * side(height, halvings) * size_of::<f32>())
            .sum()
    }

    /// The width and the height of the picture.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The weights at a layer, row by row.
    pub fn at(&self, layer: Layer) -> &[f32] {
        &self.weights[layer.halvings()]
    }

    /// How many of a layer's pixels lie in a row.
    pub fn width_at(&self, layer: Layer) -> usize {
        halve(self.width, 0, layer.halvings())
    }

    /// A region of the picture, which begins and ends as [`Region`] says, in a layer's pixels.
    pub fn region_at(&self, layer: Layer, region: &Region) -> Region {
        let along = |range: &Range<usize>| {
            halve(range.start, 0, layer.halvings())..halve(range.end, 0, layer.halvings())
        };
        Region { x: along(&region.x), y: along(&region.y) }
    }

    /// The sum of the weights of a region in the layer's own pixels.
    pub fn weight_of(&self, layer: Layer, region: &Region) -> f64 {
        let row = |y: usize| &self.at(layer)[y * self.width_at(layer)..][region.x.clone()];
        region.y.clone().flat_map(row).copied().map(f64::from).sum()
    }

    /// The weights of a tile whose first pixel lies at `origin`; positions beyond a seam begin
    /// anew.
    ///
    /// # Panics
    /// If the tile reaches beyond the picture.
    pub fn tile(&self, shape: &Shape, origin: (usize, usize)) -> TileMask {
        let part = |halvings: usize| {
            let width = halve(self.width, 0, halvings);
            let columns = halve(shape.width, shape.seam_x, halvings);
            let rows = halve(shape.height, shape.seam_y, halvings);
            let mut weights = Vec::with_capacity(columns * rows);
            for y in 0..rows {
                weights.extend((0..columns).map(|x| {
                    let (x, y) = shape.in_whole(halvings, origin, x, y);
                    self.weights[halvings][y * width + x]
                }));
            }
            weights
        };
        TileMask { weights: array::from_fn(part) }
    }
}

/// The weights of a tile's pixels, at every layer: see [`Pass::set_mask`](crate::Pass::set_mask).
#[derive(Clone, Debug, PartialEq)]
pub struct TileMask {
    weights: [Vec<f32>; RESOLUTIONS],
}

impl TileMask {
    /// The weights of the tile's pixels at a layer, row by row.
    pub fn at(&self, layer: Layer) -> &[f32] {
        &self.weights[layer.halvings()]
    }
}

/// The mean weight of each block of `2^halvings` pixels along both axes; a block at an odd end has
/// the pixels that there are.
fn reduced(weights: &[f32], width: usize, height: usize, halvings: usize) -> Vec<f32> {
    let (columns, rows) = (halve(width, 0, halvings), halve(height, 0, halvings));
    let block = |at: usize, len: usize| at << halvings..len.min((at + 1) << halvings);
    let mean = |x: usize, y: usize| {
        let (x, y) = (block(x, width), block(y, height));
        let pixels = (x.len() * y.len()) as f64;
        let rows = y.map(|y| &weights[y * width..][x.clone()]);
        (rows.flatten().copied().map(f64::from).sum::<f64>() / pixels) as f32
    };
    // Collecting would not know the length, and take up to twice the room.
    let mut means = Vec::with_capacity(columns * rows);
    (0..rows).for_each(|y| means.extend((0..columns).map(|x| mean(x, y))));
    means
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edge::Edge, shape::Pool};

    #[test]
    fn a_layer_s_pixel_weighs_what_its_block_does_on_average() {
        let weights: Vec<f32> = (0..5 * 3).map(|pixel| pixel as f32 / 16.0).collect();
        let mask = Mask::new(5, 3, &weights);
        assert_eq!(mask.at(Layer::Relu1_1), weights);
        let mean = |pixels: &[usize]| {
            pixels.iter().map(|&pixel| weights[pixel]).sum::<f32>() / pixels.len() as f32
        };
        let expected = [
            mean(&[0, 1, 5, 6]),
            mean(&[2, 3, 7, 8]),
            mean(&[4, 9]),
            mean(&[10, 11]),
            mean(&[12, 13]),
            mean(&[14]),
        ];
        assert_eq!(mask.at(Layer::Relu2_1), expected);
        assert_eq!(mask.at(Layer::Relu5_1), [7.0 / 16.0]);
        let region = mask.region_at(Layer::Relu2_1, &Region { x: 0..5, y: 0..3 });
        assert_eq!(region, Region { x: 0..3, y: 0..2 });
        let sum = expected.iter().copied().map(f64::from).sum::<f64>();
        assert_eq!(mask.weight_of(Layer::Relu2_1, &region), sum);
        assert_eq!(Mask::bytes(5, 3), 4 * (15 + 6 + 2 + 1 + 1));
    }

    #[test]
    fn a_tile_across_a_seam_has_the_weights_of_its_pixels() {
        let weights: Vec<f32> = (0..35 * 16).map(|pixel| (pixel % 35) as f32 / 64.0).collect();
        let mask = Mask::new(35, 16, &weights);
        // From column 16 to the border at 35, and on from column 0.
        let shape = Shape {
            width: 35,
            height: 16,
            edge_x: Edge::Wrap,
            edge_y: Edge::Wrap,
            pool: Pool::Max,
            seam_x: 19,
            seam_y: 0,
        };
        let tile = mask.tile(&shape, (16, 0));
        let row = |mask: &[f32], columns: std::ops::Range<usize>| mask[columns].to_vec();
        let whole = mask.at(Layer::Relu2_1);
        let expected = [row(whole, 8..18), row(whole, 0..8)].concat();
        assert_eq!(tile.at(Layer::Relu2_1)[..18], expected);
        assert_eq!(tile.at(Layer::Relu1_1)[19], weights[0]);
    }
}
