//! Where a picture lies on the canvas that it is painted on.
//!
//! Features at a border have a truncated receptive field, so an optimiser changes them at less cost
//! than those inside: stripes and stray colours gather in a rim. A picture with `padding = "ring"`
//! is therefore painted without borders: it is continued by its mirror image, opposite ends are
//! joined, and the strip is cut off at the end. A picture that repeats is joined to itself and
//! needs no strip; one that another view continues is surrounded by that view's pixels in place of
//! its mirror image.
//!
//! With other paddings the canvas is the picture, continued by its mirror image to a multiple of 16
//! pixels. The deepest layer halves four times, and rounds up: at 161 pixels its last pixel would
//! be made of a single row or column, whose gradient would be that of 16, and the optimiser left a
//! rim of stray colours there.

use impasto_types::{Optimize, Padding};
use rayon::prelude::*;

use crate::resize::{Axis, Enlarging};
use crate::{Border, Image, Join, Joins, Neighbor};

/// The stride of the deepest layer in pixels: a canvas is a multiple of it, so that each of the
/// layer's pixels is a whole one. Only a picture that repeats has a canvas of its own length.
const DEEPEST_PX: u32 = 16;

/// Where a picture lies on its canvas, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    across: Side,
    down: Side,
    joins: Joins,
}

/// One axis of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    picture: usize,
    canvas: usize,
    /// Of the canvas, before the picture begins, unless it is turned.
    before: usize,
    /// By how much the canvas is turned, if its ends meet.
    turn: usize,
    wraps: bool,
}

impl Side {
    /// An axis whose borders are joined so.
    fn new(picture: u32, joins: [Join; 2], padding: Padding) -> Self {
        let repeats = joins[0] == Join::Opposite;
        let is_neighbor = |join: &Join| matches!(join, Join::Neighbor(_));
        // Opposite ends of a strip are joined, so that the network sees no border at all.
        let has_strip = !repeats && (padding == Padding::Ring || joins.iter().any(is_neighbor));
        let ring = (picture + 2 * Optimize::STRIP_PX).next_multiple_of(DEEPEST_PX);
        let canvas = match (has_strip, repeats) {
            (true, _) => ring,
            (false, true) => picture,
            (false, false) => picture.next_multiple_of(DEEPEST_PX),
        };
        let (picture, canvas) = (picture as usize, canvas as usize);
        let before = (canvas - picture) / 2;
        Self { picture, canvas, before, turn: 0, wraps: repeats || has_strip }
    }

    /// The same, turned if its ends meet.
    fn turned(self, by: usize) -> Self {
        Self { turn: if self.wraps { by % self.canvas } else { 0 }, ..self }
    }

    /// Where the canvas has the picture's pixel `at`.
    fn place(self, at: usize) -> usize {
        (self.before + self.turn + at) % self.canvas
    }

    /// The pixel of the picture, or of its mirror image, at `at` of the canvas.
    fn mirrored(self, at: usize) -> usize {
        let at = (at + self.canvas - self.turn) % self.canvas;
        if self.picture == self.canvas {
            return at;
        }
        let period = 2 * self.picture;
        // A picture smaller than the strip is mirrored again and again.
        let at = (at + period * self.before - self.before) % period;
        at.min(period - 1 - at)
    }

    /// Maps this canvas to another, picture to picture.
    fn to(self, other: Self) -> Axis {
        let ratio = self.picture as f64 / other.picture as f64;
        let start = self.before as f64 - other.before as f64 * ratio;
        Axis {
            from: self.canvas,
            to: other.canvas,
            ratio,
            start,
            wraps: self.wraps,
            turns: (self.turn, other.turn),
            enlarging: Enlarging::Lanczos,
        }
    }
}

impl Frame {
    /// The frame of a picture of `width` by `height` pixels whose borders are joined so. `padding`
    /// is for those beyond which nothing lies.
    pub fn new(joins: &Joins, padding: Padding, width: u32, height: u32) -> Self {
        let Joins { left, right, top, bottom } = *joins;
        Self {
            across: Side::new(width, [left, right], padding),
            down: Side::new(height, [top, bottom], padding),
            joins: *joins,
        }
    }

    /// The same picture on a canvas that is turned along the axes whose ends meet, so that the
    /// network's pooling windows lie elsewhere on the picture: at an odd distance from where they
    /// lay, and at no multiple of 4, 8 or 16 pixels. By `grid` 0 it is not turned. A canvas beside
    /// other views never is, since their pixels lie in its strips.
    #[must_use]
    pub fn turned(self, grid: u32) -> Self {
        if self.has_neighbors() {
            return self;
        }
        let by = |pixels: u32| (grid.wrapping_mul(pixels) % DEEPEST_PX) as usize;
        Self { across: self.across.turned(by(11)), down: self.down.turned(by(5)), ..self }
    }

    fn is_turned(&self) -> bool {
        self.across.turn + self.down.turn > 0
    }

    /// Whether the canvas's left and right ends meet.
    pub fn wraps_across(&self) -> bool {
        self.across.wraps
    }

    /// Whether the canvas's upper and lower ends meet.
    pub fn wraps_down(&self) -> bool {
        self.down.wraps
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
        let Image { width, height, rgb } = picture;
        assert_eq!((width, height), self.picture(), "a picture of the frame's size");
        Image { width: self.width(), height: self.height(), rgb: self.surround_plane(rgb, 3) }
    }

    /// The same of interleaved `channels`.
    pub(crate) fn surround_plane(&self, values: Vec<f32>, channels: usize) -> Vec<f32> {
        let (width, height) = (self.width(), self.height());
        let (own_width, own_height) = self.picture();
        assert_eq!(values.len(), own_width * own_height * channels, "values for each pixel");
        if self.picture() == (width, height) && !self.is_turned() {
            return values;
        }
        let mut canvas = vec![0.0; width * height * channels];
        canvas.par_chunks_mut(width * channels).enumerate().for_each(|(y, row)| {
            let from =
                &values[self.down.mirrored(y) * own_width * channels..][..own_width * channels];
            for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
                pixel.copy_from_slice(&from[self.across.mirrored(x) * channels..][..channels]);
            }
        });
        canvas
    }

    /// Whether another border continues one of this picture's.
    pub fn has_neighbors(&self) -> bool {
        self.joins.borders().iter().any(|(_, join)| matches!(join, Join::Neighbor(_)))
    }

    /// Puts neighbouring views' pixels into the strips beyond the borders that they continue:
    /// `views` are all of the run. A view that was painted meanwhile is seen as it is now, so this
    /// is done anew at each scale. Corners stay.
    ///
    /// # Panics
    /// If the canvas has another size than the frame's, or a neighbour is not among the views.
    pub fn meet_neighbors(&self, canvas: &mut Image, views: &[&Image]) {
        self.check_canvas(canvas);
        let (width, height) = self.picture();
        let (left, top) = (self.across.before, self.down.before);
        let after = |side: Side| side.canvas - side.before - side.picture;
        for (border, join) in self.joins.borders() {
            let Join::Neighbor(neighbor) = join else { continue };
            let (len, depth) = match border {
                Border::Left => (height, left),
                Border::Right => (height, after(self.across)),
                Border::Top => (width, top),
                Border::Bottom => (width, after(self.down)),
            };
            for (along, deep) in
                (0..len).flat_map(|along| (0..depth).map(move |deep| (along, deep)))
            {
                let (x, y) = match border {
                    Border::Left => (left - 1 - deep, top + along),
                    Border::Right => (left + width + deep, top + along),
                    Border::Top => (left + along, top - 1 - deep),
                    Border::Bottom => (left + along, top + height + deep),
                };
                let pixel = neighbor.pixel(views[neighbor.view], (along, len), deep);
                canvas.rgb[(y * canvas.width + x) * 3..][..3].copy_from_slice(pixel);
            }
        }
    }

    fn check_canvas(&self, canvas: &Image) {
        assert_eq!(
            (canvas.width, canvas.height),
            (self.width(), self.height()),
            "a canvas of the frame's size"
        );
    }

    /// The column of the picture, or of its mirror image, that a canvas has at `x`.
    pub(crate) fn column(&self, x: usize) -> usize {
        self.across.mirrored(x)
    }

    /// The same for rows.
    pub(crate) fn row(&self, y: usize) -> usize {
        self.down.mirrored(y)
    }

    /// The picture, cut out of a canvas.
    ///
    /// # Panics
    /// If the canvas has another size than the frame's.
    pub fn cut(&self, canvas: Image) -> Image {
        self.check_canvas(&canvas);
        let (width, height) = self.picture();
        if (width, height) == (canvas.width, canvas.height) && !self.is_turned() {
            return canvas;
        }
        let mut rgb = vec![0.0; width * height * 3];
        rgb.par_chunks_exact_mut(width * 3).enumerate().for_each(|(y, to)| {
            let row = &canvas.rgb[self.down.place(y) * canvas.width * 3..][..canvas.width * 3];
            for (x, pixel) in to.chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&row[self.across.place(x) * 3..][..3]);
            }
        });
        Image { width, height, rgb }
    }

    /// How values of this canvas are resampled to another, so that picture falls on picture: across
    /// and down.
    pub(crate) fn to(self, other: Self) -> (Axis, Axis) {
        (self.across.to(other.across), self.down.to(other.down))
    }
}

impl Neighbor {
    /// The pixel of the other view at distance `deep` from its border, beside the position `along`
    /// of a border of this length. Lengths may differ; a view that is not deep enough ends in its
    /// last line.
    fn pixel(self, view: &Image, (along, len): (usize, usize), deep: usize) -> &[f32] {
        let (width, height) = (view.width, view.height);
        let (other_len, other_depth) = match self.border {
            Border::Left | Border::Right => (height, width),
            Border::Top | Border::Bottom => (width, height),
        };
        let along = if self.reversed { len - 1 - along } else { along } * other_len / len;
        let deep = deep.min(other_depth - 1);
        let (x, y) = match self.border {
            Border::Left => (deep, along),
            Border::Right => (width - 1 - deep, along),
            Border::Top => (along, deep),
            Border::Bottom => (along, height - 1 - deep),
        };
        &view.rgb[(y * width + x) * 3..][..3]
    }
}

#[cfg(test)]
mod tests;
