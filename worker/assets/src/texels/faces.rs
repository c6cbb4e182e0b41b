//! The pictures of a texture: one, or several in one picture.

use super::{Pixel, Texels, each_pixel};
use crate::SheetLayout;

/// Where the pictures of a texture lie in the picture of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faces {
    /// Width and height of each.
    pub size: (u32, u32),
    /// Width and height of all.
    pub whole: (u32, u32),
    /// The upper left corner of each.
    corners: Vec<(u32, u32)>,
}

impl Faces {
    pub(crate) fn of(size: (u32, u32), sheet: Option<SheetLayout>) -> Self {
        match sheet {
            None => Self { size, whole: size, corners: vec![(0, 0)] },
            Some(sheet) => Self {
                size,
                whole: sheet.size(),
                corners: sheet.places().iter().map(|place| (place.x, place.y)).collect(),
            },
        }
    }

    /// Gives each pixel to `see`, as [`each_pixel`] does, with its place in the picture of all.
    /// `stored` are the bytes of the pictures.
    pub(crate) fn each_pixel(
        &self,
        stored: &[&[u8]],
        texels: Texels,
        mut see: impl FnMut(usize, usize, Pixel) -> bool,
    ) {
        let size = (self.size.0 as usize, self.size.1 as usize);
        let mut goes_on = true;
        for (bytes, (left, top)) in stored.iter().zip(&self.corners) {
            each_pixel(bytes, texels, size, |x, y, pixel| {
                goes_on = see(*left as usize + x, *top as usize + y, pixel);
                goes_on
            });
            if !goes_on {
                return;
            }
        }
    }

    /// Whether any pixel is not opaque.
    pub(crate) fn have_alpha(&self, stored: &[&[u8]], texels: Texels) -> bool {
        let mut found = false;
        self.each_pixel(stored, texels, |_, _, [.., alpha]| {
            // Not a number is found later.
            found = alpha != 1.0;
            !found
        });
        found
    }

    /// The place of the first pixel that is no number.
    pub(crate) fn not_finite(&self, stored: &[&[u8]], texels: Texels) -> Option<(u32, u32)> {
        let mut wrong = None;
        self.each_pixel(stored, texels, |x, y, pixel| {
            if pixel.iter().any(|sample| !sample.is_finite()) {
                wrong = Some((x as u32, y as u32));
            }
            wrong.is_none()
        });
        wrong
    }

    /// Red, green and blue of all, and alpha if asked for. Around each picture its borders go on,
    /// so that it has no other colours there in another size.
    pub(crate) fn read(
        &self,
        stored: &[&[u8]],
        texels: Texels,
        has_alpha: bool,
    ) -> (Vec<f32>, Option<Vec<f32>>) {
        let width = self.whole.0 as usize;
        let pixels = width * self.whole.1 as usize;
        let mut rgb = vec![0.0; 3 * pixels];
        let mut alpha = has_alpha.then(|| vec![0.0; pixels]);
        self.each_pixel(stored, texels, |x, y, pixel| {
            let at = y * width + x;
            rgb[3 * at..][..3].copy_from_slice(&pixel[..3]);
            if let Some(alpha) = &mut alpha {
                alpha[at] = pixel[3];
            }
            true
        });
        self.extend(&mut rgb, 3);
        alpha.iter_mut().for_each(|alpha| self.extend(alpha, 1));
        (rgb, alpha)
    }

    /// Repeats the pixels at the borders of each picture over half of the gap around it.
    fn extend(&self, plane: &mut [f32], channels: usize) {
        let (width, height) = (self.whole.0 as usize, self.whole.1 as usize);
        let size = (self.size.0 as usize, self.size.1 as usize);
        let reach = |start: usize, length: usize, end: usize| {
            start.saturating_sub(SheetLayout::MARGIN)
                ..(start + length + SheetLayout::MARGIN).min(end)
        };
        for (left, top) in self.corners.iter().map(|(x, y)| (*x as usize, *y as usize)) {
            let (across, down) = (reach(left, size.0, width), reach(top, size.1, height));
            for y in top..top + size.1 {
                for x in across.clone() {
                    let from = channels * (y * width + x.clamp(left, left + size.0 - 1));
                    let to = channels * (y * width + x);
                    plane.copy_within(from..from + channels, to);
                }
            }
            for y in down.clone().filter(|y| !(top..top + size.1).contains(y)) {
                let from = y.clamp(top, top + size.1 - 1) * width;
                let row = channels * (from + across.start)..channels * (from + across.end);
                plane.copy_within(row, channels * (y * width + across.start));
            }
        }
    }
}
