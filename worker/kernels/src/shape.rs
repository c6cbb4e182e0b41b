//! The picture that a pass is for: its size, its border, and where it was cut out of a larger one.

use std::ops::Range;

use crate::{
    edge::Edge,
    vgg::{CONVOLUTIONS, HALVINGS, Layer},
};

/// How a 2x2 window becomes one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// The largest value; the gradient goes to the first one in reading order.
    Max,
    /// Twice the mean of the pixels there are: the factor keeps features about as large as under
    /// [`Pool::Max`], for which the network was trained.
    Average,
}

/// The picture, or tile of a picture, that a pass is for, and how its border and its pooling
/// behave.
///
/// A tile cut from a picture that wraps may reach across the picture's border. The column at which
/// the picture begins anew is its seam: pooling windows never straddle it, since in the whole
/// picture none does. A seam of 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub width: usize,
    pub height: usize,
    pub edge_x: Edge,
    pub edge_y: Edge,
    pub pool: Pool,
    /// The first column that lies beyond the border of the picture which the tile was cut from; 0
    /// where there is none.
    pub seam_x: usize,
    /// The same for rows.
    pub seam_y: usize,
}

/// A rectangle of pixels. It begins and ends at multiples of 16 (so that it is whole pixels at
/// every layer), at the shape's end or at a seam.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    pub x: Range<usize>,
    pub y: Range<usize>,
}

impl Shape {
    /// The whole as a region.
    pub fn region(&self) -> Region {
        Region { x: 0..self.width, y: 0..self.height }
    }

    /// The same part of the picture at a layer, in that layer's pixels.
    pub(crate) fn at_layer(&self, region: &Region, layer: Layer) -> Region {
        let halvings = layer.halvings();
        let along = |range: &Range<usize>, seam| {
            halve(range.start, seam, halvings)..halve(range.end, seam, halvings)
        };
        Region { x: along(&region.x, self.seam_x), y: along(&region.y, self.seam_y) }
    }

    /// Where a tile's pixel lies in the whole picture, both after so many halvings. `origin` is
    /// where the tile's first pixel lies; positions beyond a seam begin anew.
    pub(crate) fn in_whole(
        &self,
        halvings: usize,
        origin: (usize, usize),
        x: usize,
        y: usize,
    ) -> (usize, usize) {
        let along = |position: usize, origin: usize, seam: usize| {
            let seam = halve(seam, 0, halvings);
            if seam > 0 && position >= seam {
                position - seam
            } else {
                (origin >> halvings) + position
            }
        };
        (along(x, origin.0, self.seam_x), along(y, origin.1, self.seam_y))
    }

    /// The shape of the map that a convolution reads and writes: halved, rounding up on either side
    /// of a seam.
    pub(crate) fn at_convolution(&self, convolution: usize) -> Self {
        debug_assert!(convolution < CONVOLUTIONS);
        let halvings = HALVINGS[convolution];
        Self {
            width: halve(self.width, self.seam_x, halvings),
            height: halve(self.height, self.seam_y, halvings),
            seam_x: halve(self.seam_x, 0, halvings),
            seam_y: halve(self.seam_y, 0, halvings),
            ..*self
        }
    }
}

/// Where a position comes to lie after halving, rounding up on either side of a seam.
pub(crate) fn halve(position: usize, seam: usize, halvings: usize) -> usize {
    let half = |len: usize| len.div_ceil(1 << halvings);
    if position <= seam { half(position) } else { half(seam) + half(position - seam) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vgg::pools_before;

    #[test]
    fn halving_step_by_step_is_halving_at_once() {
        for seam in [0, 1, 5, 16, 23] {
            for len in seam..60 {
                let (mut stepped, mut stepped_seam) = (len, seam);
                for halvings in 1..5 {
                    stepped = halve(stepped, stepped_seam, 1);
                    stepped_seam = halve(stepped_seam, 0, 1);
                    assert_eq!(
                        stepped,
                        halve(len, seam, halvings),
                        "{len} with a seam at {seam}, {halvings} times"
                    );
                }
            }
        }
    }

    /// The first and last pixel that a range of a layer's pixels was computed from, along an axis
    /// without ends.
    fn field(range: (isize, isize), layer: Layer, seam: isize) -> (isize, isize) {
        (0..=layer.convolution()).rev().fold(range, |(first, last), convolution| {
            let (first, last) = (first - 1, last + 1);
            if !pools_before(convolution) {
                return (first, last);
            }
            let seam = (seam + (1 << HALVINGS[convolution - 1]) - 1) >> HALVINGS[convolution - 1];
            let half = (seam + 1) / 2;
            let start =
                |pooled: isize| if pooled < half { 2 * pooled } else { seam + 2 * (pooled - half) };
            (start(first), start(last + 1) - 1)
        })
    }

    /// The first and last pixel of a layer that a pixel has a part in.
    fn reach(pixel: isize, layer: Layer, seam: isize) -> (isize, isize) {
        (0..=layer.convolution()).fold((pixel, pixel), |range, convolution| {
            let (first, last) = if pools_before(convolution) {
                let seam =
                    (seam + (1 << HALVINGS[convolution - 1]) - 1) >> HALVINGS[convolution - 1];
                let pooled = |pixel: isize| {
                    if pixel < seam { pixel >> 1 } else { (seam + 1) / 2 + ((pixel - seam) >> 1) }
                };
                (pooled(range.0), pooled(range.1))
            } else {
                range
            };
            (first - 1, last + 1)
        })
    }

    #[test]
    fn halos_hold_what_a_region_depends_on_and_hardly_more() {
        for layer in Layer::ALL {
            let (mut forward, mut both) = (0, 0);
            for seam in 1600..1616 {
                let starts =
                    (60 * 16..seam).step_by(16).chain((0..40).map(|block| seam + 16 * block));
                for start in starts {
                    // The interiors that begin here and that end here.
                    let at_layer = |pixel: isize| {
                        halve(pixel as usize, seam as usize, layer.halvings()) as isize
                    };
                    forward = forward
                        .max(start - field((at_layer(start), at_layer(start)), layer, seam).0);
                    forward = forward.max(
                        field((at_layer(start) - 1, at_layer(start) - 1), layer, seam).1
                            - (start - 1),
                    );
                    both = both.max(start - field(reach(start, layer, seam), layer, seam).0);
                    both =
                        both.max(field(reach(start - 1, layer, seam), layer, seam).1 - (start - 1));
                }
            }
            let rounded = |pixels: isize| (pixels as usize).next_multiple_of(16);
            assert_eq!(
                (rounded(forward), rounded(both)),
                (layer.forward_halo_px(), layer.halo_px()),
                "{layer:?}: {forward} and {both} px"
            );
        }
    }

    #[test]
    fn a_region_is_the_same_part_at_every_layer() {
        let shape = Shape {
            width: 83,
            height: 48,
            edge_x: Edge::Zero,
            edge_y: Edge::Zero,
            pool: Pool::Max,
            seam_x: 35,
            seam_y: 0,
        };
        let check = |x: Range<usize>, layer, expected: Range<usize>| {
            assert_eq!(shape.at_layer(&Region { x, y: 16..48 }, layer).x, expected, "{layer:?}");
        };
        check(0..83, Layer::Relu2_1, 0..18 + 24);
        check(16..35, Layer::Relu2_1, 8..18);
        check(35 + 16..83, Layer::Relu5_1, 3 + 1..3 + 3);
        check(16..32, Layer::Relu1_1, 16..32);
    }
}
