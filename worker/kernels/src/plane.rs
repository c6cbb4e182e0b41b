//! The geometry of one convolution: where each output pixel is stored and which input pixel each
//! position reads.
//!
//! The gradient of a replicated or reflected border has a frame of pixels beyond the border. It is
//! stored behind the picture in the same buffer (top row, bottom row, then left and right pixel of
//! each row), so the picture itself is always `height * width` pixels in rows, for whoever reads it
//! next. [`Plane::fold`] then adds the frame to the pixels it was read from.

use crate::{
    edge::{Axis, OUTSIDE},
    shape::Shape,
};

#[derive(Clone, Debug)]
pub(crate) struct Plane {
    columns: Axis,
    rows: Axis,
}

impl Plane {
    /// Of a map, for features.
    pub(crate) fn forward(map: &Shape) -> Self {
        Self {
            columns: Axis::forward(map.width, map.edge_x).with_seam(map.seam_x),
            rows: Axis::forward(map.height, map.edge_y).with_seam(map.seam_y),
        }
    }

    /// Of a map, for the gradient of the same convolution.
    pub(crate) fn backward(map: &Shape) -> Self {
        Self {
            columns: Axis::backward(map.width, map.edge_x).with_seam(map.seam_x),
            rows: Axis::backward(map.height, map.edge_y).with_seam(map.seam_y),
        }
    }

    pub(crate) fn columns(&self) -> &Axis {
        &self.columns
    }

    pub(crate) fn rows(&self) -> &Axis {
        &self.rows
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn height(&self) -> usize {
        self.rows.len()
    }

    /// Pixels inside the border.
    pub(crate) fn area(&self) -> usize {
        self.width() * self.height()
    }

    /// Pixels of the output, frame included.
    pub(crate) fn pixels(&self) -> usize {
        self.framed_width() * (self.height() + 2 * self.rows.frame())
    }

    /// The first column and row of the output: -1 with a frame, 0 without.
    pub(crate) fn origin(&self) -> (isize, isize) {
        (-(self.columns.frame() as isize), -(self.rows.frame() as isize))
    }

    pub(crate) fn framed_width(&self) -> usize {
        self.width() + 2 * self.columns.frame()
    }

    /// Whether the output has no frame: then an output pixel is stored at `y * width + x`.
    pub(crate) fn is_bare(&self) -> bool {
        self.columns.frame() == 0 && self.rows.frame() == 0
    }

    /// The input pixel read at a position, if it is not zero.
    pub(crate) fn source(&self, x: isize, y: isize) -> Option<usize> {
        let (column, row) = (self.columns.source(x), self.rows.source(y));
        (column != OUTSIDE && row != OUTSIDE).then(|| row as usize * self.width() + column as usize)
    }

    /// The input column read at a position, if it is not zero.
    pub(crate) fn column(&self, x: isize) -> Option<usize> {
        let column = self.columns.source(x);
        (column != OUTSIDE).then_some(column as usize)
    }

    /// The input row read at a position, if it is not zero.
    pub(crate) fn row(&self, y: isize) -> Option<usize> {
        let row = self.rows.source(y);
        (row != OUTSIDE).then_some(row as usize)
    }

    /// Where an output pixel is stored; none beyond the frame.
    pub(crate) fn target(&self, x: isize, y: isize) -> Option<usize> {
        let (width, height) = (self.width() as isize, self.height() as isize);
        let (left, top) = self.origin();
        if x < left || y < top || x >= width - left || y >= height - top {
            return None;
        }
        let framed_width = self.framed_width();
        Some(if y == -1 {
            self.area() + (x - left) as usize
        } else if y == height {
            self.area() + framed_width + (x - left) as usize
        } else if x == -1 || x == width {
            self.area()
                + 2 * framed_width * self.rows.frame()
                + 2 * y as usize
                + usize::from(x == width)
        } else {
            y as usize * self.width() + x as usize
        })
    }

    /// The position of a stored pixel: the inverse of [`Plane::target`].
    pub(crate) fn position(&self, pixel: usize) -> (isize, isize) {
        let (width, height) = (self.width() as isize, self.height() as isize);
        let (left, _) = self.origin();
        if pixel < self.area() {
            return ((pixel % self.width()) as isize, (pixel / self.width()) as isize);
        }
        let beyond = pixel - self.area();
        let in_rows = 2 * self.framed_width() * self.rows.frame();
        if beyond < in_rows {
            let x = (beyond % self.framed_width()) as isize + left;
            return (x, if beyond < self.framed_width() { -1 } else { height });
        }
        let beyond = beyond - in_rows;
        (if beyond.is_multiple_of(2) { -1 } else { width }, (beyond / 2) as isize)
    }

    /// Adds the frame of a gradient to the pixels that `forward` had read there, where `open` (the
    /// ReLU that made those pixels) lets a value of the picture pass. One thread and a fixed order:
    /// the frame is thin.
    pub(crate) fn fold(
        &self,
        forward: &Self,
        gradient: &mut [f32],
        channels: usize,
        open: impl Fn(usize) -> bool,
    ) {
        let (picture, frame) = gradient.split_at_mut(self.area() * channels);
        for (beyond, values) in
            frame.chunks_exact(channels).take(self.pixels() - self.area()).enumerate()
        {
            let (x, y) = self.position(self.area() + beyond);
            let Some(pixel) = forward.source(x, y) else { continue };
            for (place, value) in (pixel * channels..).zip(values) {
                if open(place) {
                    picture[place] += value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edge::Edge, shape::Pool};

    #[test]
    fn every_stored_pixel_has_one_position() {
        for edge_x in [Edge::Zero, Edge::Reflect] {
            for edge_y in [Edge::Wrap, Edge::Replicate] {
                let plane = Plane::backward(&Shape {
                    width: 5,
                    height: 3,
                    edge_x,
                    edge_y,
                    pool: Pool::Max,
                    seam_x: 0,
                    seam_y: 0,
                });
                for pixel in 0..plane.pixels() {
                    let (x, y) = plane.position(pixel);
                    assert_eq!(
                        plane.target(x, y),
                        Some(pixel),
                        "{edge_x:?} {edge_y:?} {pixel} at {x},{y}"
                    );
                }
                assert_eq!(plane.target(6, 0), None);
                assert_eq!(plane.target(0, -2), None);
            }
        }
    }
}
