//! Where a picture lies on the canvas that it is painted on.
//!
//! A network sees borders, and an optimiser abuses them: features there are cheap to bend, so
//! stripes and stray colours gather in a rim. A picture with `padding = "ring"` is therefore
//! painted without borders: it is continued by its mirror image, opposite ends are joined, and the
//! strip is cut off at the end. A picture that tiles is joined to itself and needs no strip; with
//! other paddings the canvas is the picture.

use impasto_types::Optimize;
use rayon::prelude::*;

use crate::Image;
use crate::resize::Axis;

/// Where a picture lies on its canvas, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    across: Side,
    down: Side,
}

/// One axis of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    picture: usize,
    canvas: usize,
    /// Of the canvas, before the picture begins.
    before: usize,
    wraps: bool,
}

impl Side {
    fn new(picture: u32, canvas: u32, wraps: bool) -> Self {
        let (picture, canvas) = (picture as usize, canvas as usize);
        Self { picture, canvas, before: (canvas - picture) / 2, wraps }
    }

    /// The pixel of the picture, or of its mirror image, at `at` of the canvas.
    fn mirrored(self, at: usize) -> usize {
        let period = 2 * self.picture;
        // A picture smaller than the strip is mirrored again and again.
        let at = (at + period * self.before - self.before) % period;
        at.min(period - 1 - at)
    }

    /// Maps this canvas to another, picture to picture.
    fn to(self, other: Self) -> Axis {
        let ratio = self.picture as f64 / other.picture as f64;
        let start = self.before as f64 - other.before as f64 * ratio;
        Axis { from: self.canvas, to: other.canvas, ratio, start, wraps: self.wraps }
    }
}

impl Frame {
    /// The frame of a picture of `width` by `height` pixels, painted by this recipe.
    pub fn of(recipe: &Optimize, width: u32, height: u32) -> Self {
        let (canvas_width, canvas_height) = recipe.canvas(width, height);
        Self {
            across: Side::new(width, canvas_width, recipe.wraps_x()),
            down: Side::new(height, canvas_height, recipe.wraps_y()),
        }
    }

    /// The canvas's width.
    pub fn width(&self) -> usize {
        self.across.canvas
    }

    /// The canvas's height.
    pub fn height(&self) -> usize {
        self.down.canvas
    }

    /// The picture's width and height.
    pub fn picture(&self) -> (usize, usize) {
        (self.across.picture, self.down.picture)
    }

    /// A picture, continued by its mirror image to the canvas's size.
    ///
    /// # Panics
    /// If the picture has another size than the frame's.
    pub fn surround(&self, picture: Image) -> Image {
        assert_eq!(
            (picture.width, picture.height),
            self.picture(),
            "a picture of the frame's size"
        );
        let (width, height) = (self.width(), self.height());
        if self.picture() == (width, height) {
            return picture;
        }
        let mut rgb = vec![0.0; width * height * 3];
        rgb.par_chunks_mut(width * 3).enumerate().for_each(|(y, row)| {
            let from =
                &picture.rgb[self.down.mirrored(y) * picture.width * 3..][..picture.width * 3];
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&from[self.across.mirrored(x) * 3..][..3]);
            }
        });
        Image { width, height, rgb }
    }

    /// The picture, cut out of a canvas.
    ///
    /// # Panics
    /// If the canvas has another size than the frame's.
    pub fn cut(&self, canvas: Image) -> Image {
        assert_eq!(
            (canvas.width, canvas.height),
            (self.width(), self.height()),
            "a canvas of the frame's size"
        );
        let (width, height) = self.picture();
        if (width, height) == (canvas.width, canvas.height) {
            return canvas;
        }
        let rows = canvas.rgb.chunks_exact(canvas.width * 3).skip(self.down.before).take(height);
        let rgb =
            rows.flat_map(|row| &row[self.across.before * 3..][..width * 3]).copied().collect();
        Image { width, height, rgb }
    }

    /// How values of this canvas are resampled to another, so that picture falls on picture: across
    /// and down.
    pub(crate) fn to(self, other: Self) -> (Axis, Axis) {
        (self.across.to(other.across), self.down.to(other.down))
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{Padding, Tileable};

    use super::*;
    use crate::resize::resample;

    fn frame(width: u32, height: u32) -> Frame {
        Frame::of(
            &Optimize { padding: Padding::Ring, ..Optimize::painterly() }
                .with(|common| common.tileable = Tileable::None),
            width,
            height,
        )
    }

    fn ramp(width: usize, height: usize) -> Image {
        let rgb = (0..width * height)
            .flat_map(|i| [(i % width) as f32, (i / width) as f32, 1.0])
            .collect();
        Image { width, height, rgb }
    }

    #[test]
    fn the_strip_mirrors_the_picture() {
        let frame = frame(40, 33);
        assert_eq!((frame.width(), frame.height()), (64, 64));
        let canvas = frame.surround(ramp(40, 33));
        let at =
            |x: usize, y: usize| (canvas.rgb[(y * 64 + x) * 3], canvas.rgb[(y * 64 + x) * 3 + 1]);
        // The picture begins at (12, 15).
        assert_eq!(at(12, 15), (0.0, 0.0));
        assert_eq!(at(11, 15), (0.0, 0.0));
        assert_eq!(at(0, 0), (11.0, 14.0));
        assert_eq!(at(51, 47), (39.0, 32.0));
        assert_eq!(at(52, 48), (39.0, 32.0));
        assert_eq!(at(63, 63), (28.0, 17.0));
        assert_eq!(frame.cut(canvas), ramp(40, 33));
    }

    #[test]
    fn pictures_smaller_than_the_strip_are_mirrored_again() {
        for side in 1..8 {
            let frame = frame(side, side);
            let canvas = frame.surround(ramp(side as usize, side as usize));
            let steps = canvas.rgb.chunks_exact(3).collect::<Vec<_>>();
            assert!(
                steps
                    .windows(2)
                    .take(frame.width() - 1)
                    .all(|pair| (pair[0][0] - pair[1][0]).abs() <= 1.0),
                "{side}"
            );
            assert_eq!(frame.cut(canvas), ramp(side as usize, side as usize));
        }
    }

    #[test]
    fn a_picture_that_tiles_has_no_strip_along_that_axis() {
        let recipe = Optimize { padding: Padding::Ring, ..Optimize::painterly() }
            .with(|common| common.tileable = Tileable::X);
        let frame = Frame::of(&recipe, 40, 40);
        assert_eq!((frame.width(), frame.height()), (40, 64));
    }

    #[test]
    fn enlarging_puts_picture_on_picture() {
        let (coarse, fine) = (frame(50, 40), frame(100, 80));
        let canvas = coarse.surround(ramp(50, 40));
        let (across, down) = coarse.to(fine);
        let rgb = resample(&canvas.rgb, &across, &down, 3);
        let picture = fine.cut(Image { width: fine.width(), height: fine.height(), rgb });
        for (x, y) in [(10, 10), (50, 40), (95, 70)] {
            let value = &picture.rgb[(y * 100 + x) * 3..][..3];
            assert!((value[0] - ((x as f32 + 0.5) / 2.0 - 0.5)).abs() < 1e-3, "{x} {y}: {value:?}");
            assert!((value[1] - ((y as f32 + 0.5) / 2.0 - 0.5)).abs() < 1e-3, "{x} {y}: {value:?}");
        }
    }
}
