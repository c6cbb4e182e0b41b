//! Pictures that tile at a length that is no multiple of four.
//!
//! The network halves a picture twice, so at such a length a lap ends within one of its pixels,
//! and opposite sides would not meet. So the picture is continued by [`MARGIN`] pixels of the next
//! lap on either side, or a few more, to a multiple of four; the margin is cut off again. Then both
//! sides of the seam have seen the same neighbours, and they go over into each other (`lap.rs`).
//! The margin counts in the normalisations.

use super::{
    SIDE_MULTIPLE,
    lap::{FADE_PX, closed},
    picture::{Canvas, Picture},
};

/// Pixels that are shown beyond a seam: as far as the residual blocks and what is around them see,
/// about.
const MARGIN: usize = 48;

/// A picture with its margins.
struct Unrolled {
    rgb: Vec<f32>,
    width: usize,
    height: usize,
    left: usize,
    top: usize,
}

/// The length of an axis with its margins, and the first of them.
fn axis(len: usize, wraps: bool) -> (usize, usize) {
    if wraps && !len.is_multiple_of(SIDE_MULTIPLE) {
        ((len + 2 * MARGIN).next_multiple_of(SIDE_MULTIPLE), MARGIN)
    } else {
        (len, 0)
    }
}

/// The width and the height with margins of a picture of this size.
pub fn unrolled_size(size: (usize, usize), wraps: (bool, bool)) -> (usize, usize) {
    (axis(size.0, wraps.0).0, axis(size.1, wraps.1).0)
}

/// Paints over a picture, with margins if it needs any.
pub fn unrolled<T>(picture: &mut Canvas<'_>, paint: impl FnOnce(&mut Canvas<'_>) -> T) -> T {
    let Some(mut unrolled) = Unrolled::of(&picture.picture()) else { return paint(picture) };
    let painted = paint(&mut unrolled.canvas(&picture.picture()));
    unrolled.cut((picture.width, picture.height), picture.rgb);
    painted
}

impl Unrolled {
    /// The picture with margins, if it needs any.
    fn of(picture: &Picture<'_>) -> Option<Self> {
        let (width, left) = axis(picture.width, picture.wrap_x);
        let (height, top) = axis(picture.height, picture.wrap_y);
        if (width, height) == (picture.width, picture.height) {
            return None;
        }
        let source = |place: usize, before: usize, len: usize| {
            (place as isize - before as isize).rem_euclid(len as isize) as usize
        };
        let mut rgb = Vec::with_capacity(3 * width * height);
        for y in 0..height {
            let row = &picture.rgb[3 * source(y, top, picture.height) * picture.width..];
            for x in 0..width {
                rgb.extend_from_slice(&row[3 * source(x, left, picture.width)..][..3]);
            }
        }
        Some(Self { rgb, width, height, left, top })
    }

    /// To be painted over.
    fn canvas(&mut self, of: &Picture<'_>) -> Canvas<'_> {
        let (width, height) = (self.width, self.height);
        Canvas { rgb: &mut self.rgb, width, height, wrap_x: of.wrap_x, wrap_y: of.wrap_y }
    }

    /// Cuts the margins off. Where an axis has some, the beginning of a lap goes over into what
    /// comes after its end, so that both ends meet although the network's pixels do not.
    fn cut(&self, (width, height): (usize, usize), output: &mut [f32]) {
        let lap = |before: usize, len: usize| if before > 0 { FADE_PX.min(len) } else { 0 };
        let (lap_x, lap_y) = (lap(self.left, width), lap(self.top, height));
        let wide = width + lap_x;
        let rows = self.rgb.chunks_exact(3 * self.width).skip(self.top).take(height + lap_y);
        let rows: Vec<&[f32]> = rows.map(|row| &row[3 * self.left..][..3 * wide]).collect();
        output.copy_from_slice(&closed(rows.concat(), (wide, height + lap_y), (lap_x, lap_y)));
    }
}
