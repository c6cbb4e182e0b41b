//! Pooling over 2x2 windows with stride 2, fused into the convolution before it; its gradient is
//! fused into the backward convolution.
//!
//! A picture of odd size keeps its last row and column: the last window holds the pixels that there
//! are. Windows begin anew at a seam.
//!
//! What the backward needs is one bit for each pixel and channel before pooling, its route: whether
//! the window's gradient goes there. Under [`Pool::Max`] it goes to the first maximum, if that is
//! positive; under [`Pool::Average`] to each positive one, in equal shares. So the bits hold the
//! ReLU too.

use std::ops::Range;

use crate::{
    fp32::bits,
    shape::{Pool, Shape, halve},
};

/// The windows of a map.
#[derive(Debug)]
pub(crate) struct Pooling {
    pub(crate) pool: Pool,
    columns: Windows,
    rows: Windows,
}

/// The windows along an axis.
#[derive(Debug)]
struct Windows {
    len: usize,
    seam: usize,
    /// Of each pixel: its window and how many pixels that has.
    of: Vec<(u32, u8)>,
}

impl Windows {
    fn new(len: usize, seam: usize) -> Self {
        let mut windows = Self { len, seam, of: Vec::with_capacity(len) };
        for window in 0..windows.count() {
            let pixels = windows.pixels(window).len();
            windows.of.extend((0..pixels).map(|_| (window as u32, pixels as u8)));
        }
        windows
    }

    fn count(&self) -> usize {
        halve(self.len, self.seam, 1)
    }

    /// The pixels that become one: two, or the one that is left before a seam or the end.
    fn pixels(&self, window: usize) -> Range<usize> {
        let before = halve(self.seam, 0, 1);
        if window < before {
            2 * window..self.seam.min(2 * window + 2)
        } else {
            let start = self.seam + 2 * (window - before);
            start..self.len.min(start + 2)
        }
    }
}

impl Pooling {
    /// Of the map before pooling.
    pub(crate) fn new(map: &Shape) -> Self {
        Self {
            pool: map.pool,
            columns: Windows::new(map.width, map.seam_x),
            rows: Windows::new(map.height, map.seam_y),
        }
    }

    /// Pixels along a row of the map.
    pub(crate) fn width(&self) -> usize {
        self.columns.len
    }

    pub(crate) fn pooled_width(&self) -> usize {
        self.columns.count()
    }

    pub(crate) fn pooled_height(&self) -> usize {
        self.rows.count()
    }

    /// The columns and rows of a pooled pixel.
    pub(crate) fn window(&self, x: usize, y: usize) -> (Range<usize>, Range<usize>) {
        (self.columns.pixels(x), self.rows.pixels(y))
    }

    /// The pooled pixel that a pixel goes into.
    pub(crate) fn pooled(&self, x: usize, y: usize) -> usize {
        self.rows.of[y].0 as usize * self.pooled_width() + self.columns.of[x].0 as usize
    }

    /// What part of the window's gradient goes to a pixel that its route leads to.
    pub(crate) fn share(&self, x: usize, y: usize) -> f32 {
        match self.pool {
            Pool::Max => 1.0,
            Pool::Average => 2.0 / f32::from(self.columns.of[x].1 * self.rows.of[y].1),
        }
    }
}

/// The gradient of a map, as that of the pooled map and the routes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpooled<'a> {
    pub(crate) pooled: &'a [f32],
    pub(crate) routes: &'a [u8],
    pub(crate) pooling: &'a Pooling,
}

impl Unpooled<'_> {
    /// The gradient of one channel of a pixel.
    pub(crate) fn value(&self, x: usize, y: usize, channel: usize, channels: usize) -> f32 {
        let route = &self.routes[(y * self.pooling.width() + x) * bits::bytes(channels)..];
        if bits::get(route, channel) {
            self.pooling.share(x, y) * self.pooled[self.pooling.pooled(x, y) * channels + channel]
        } else {
            0.0
        }
    }
}

/// Pools one channel of a window, given in reading order, and says where its gradient goes.
/// Features are at least zero after their ReLU, or NaN.
pub(crate) fn pool(pool: Pool, window: &[f32]) -> (f32, [bool; 4]) {
    let mut routes = [false; 4];
    match pool {
        Pool::Max => {
            // A NaN wins, so that it is not lost on its way to the loss.
            let largest = window
                .iter()
                .copied()
                .reduce(|x, y| if y > x || y.is_nan() { y } else { x })
                .unwrap_or(0.0);
            if let Some(first) = window.iter().position(|value| *value == largest && largest > 0.0)
            {
                routes[first] = true;
            }
            (largest, routes)
        }
        Pool::Average => {
            routes.iter_mut().zip(window).for_each(|(route, value)| *route = *value > 0.0);
            (window.iter().sum::<f32>() * (2.0 / window.len() as f32), routes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::Edge;

    #[test]
    fn every_pixel_is_in_the_window_that_it_goes_into() {
        for (width, seam_x) in [(1, 0), (7, 0), (8, 0), (9, 4), (9, 5), (12, 5), (6, 6)] {
            let map = Shape {
                width,
                height: 3,
                edge_x: Edge::Zero,
                edge_y: Edge::Zero,
                pool: Pool::Average,
                seam_x,
                seam_y: 1,
            };
            let pooling = Pooling::new(&map);
            for (x, y) in (0..width).flat_map(|x| (0..3).map(move |y| (x, y))) {
                let pooled = pooling.pooled(x, y);
                let (columns, rows) = pooling
                    .window(pooled % pooling.pooled_width(), pooled / pooling.pooled_width());
                assert!(columns.contains(&x) && rows.contains(&y), "{x} {y} of {map:?}");
                assert_eq!(pooling.share(x, y), 2.0 / (columns.len() * rows.len()) as f32);
            }
        }
    }

    #[test]
    fn a_gradient_goes_to_the_first_maximum() {
        let check =
            |window: &[f32], expected| assert_eq!(pool(Pool::Max, window), expected, "{window:?}");
        check(&[1.0, 2.0, 2.0, 0.0], (2.0, [false, true, false, false]));
        check(&[0.0, 0.0, 0.0, 0.0], (0.0, [false; 4]));
        check(&[3.0], (3.0, [true, false, false, false]));
        let (value, routes) = pool(Pool::Max, &[1.0, f32::NAN, 2.0, 0.0]);
        assert!(value.is_nan() && routes == [false; 4]);
        assert_eq!(pool(Pool::Average, &[1.0, 0.0]), (1.0, [true, false, false, false]));
    }
}
