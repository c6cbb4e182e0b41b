//! How a stored picture is turned to be looked at.

use crate::Picture;

/// What a viewer does to the stored grid, as in EXIF and TIFF tag 274.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Orientation {
    /// Nothing: the first row is the top and the first column the left.
    #[default]
    Normal,
    /// Swaps left and right.
    Mirrored,
    /// Turns by half a turn.
    Half,
    /// Swaps top and bottom.
    Flipped,
    /// Swaps rows and columns.
    Transposed,
    /// Turns by a quarter clockwise.
    Clockwise,
    /// Swaps rows and columns, counted from the opposite corner.
    Transversed,
    /// Turns by a quarter counter-clockwise.
    CounterClockwise,
}

impl Orientation {
    /// In the order of the values 1 to 8 of EXIF.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::Mirrored,
        Self::Half,
        Self::Flipped,
        Self::Transposed,
        Self::Clockwise,
        Self::Transversed,
        Self::CounterClockwise,
    ];

    /// `None` unless `value` is from 1 to 8.
    pub fn from_exif(value: u16) -> Option<Self> {
        Self::ALL.get(usize::from(value).checked_sub(1)?).copied()
    }

    /// The value in EXIF and in TIFF tag 274, from 1 to 8.
    pub fn exif(self) -> u16 {
        self as u16 + 1
    }

    /// Whether the upright picture has the stored one's height as its width.
    pub fn swaps_sides(self) -> bool {
        matches!(
            self,
            Self::Transposed | Self::Clockwise | Self::Transversed | Self::CounterClockwise
        )
    }

    /// Width and height of the upright picture.
    pub fn upright_size(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.swaps_sides() { (height, width) } else { (width, height) }
    }

    /// The stored position, as column and row, of the pixel at (x, y) of the upright picture.
    /// `last` is the stored grid's last column and row.
    fn stored(self, (x, y): (usize, usize), (right, bottom): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Normal => (x, y),
            Self::Mirrored => (right - x, y),
            Self::Half => (right - x, bottom - y),
            Self::Flipped => (x, bottom - y),
            Self::Transposed => (y, x),
            Self::Clockwise => (y, bottom - x),
            Self::Transversed => (right - y, bottom - x),
            Self::CounterClockwise => (right - y, x),
        }
    }

    /// The upright copy of a stored plane of `width` by `height` pixels of `channels` interleaved
    /// values each.
    pub(crate) fn turned<T: Copy>(
        self,
        values: &[T],
        channels: usize,
        (width, height): (u32, u32),
    ) -> Vec<T> {
        let (upright_width, upright_height) = self.upright_size((width, height));
        let width = width as usize;
        let last = (width - 1, height as usize - 1);
        let mut turned = Vec::with_capacity(values.len());
        for y in 0..upright_height as usize {
            for x in 0..upright_width as usize {
                let (column, row) = self.stored((x, y), last);
                let at = (row * width + column) * channels;
                turned.extend_from_slice(&values[at..at + channels]);
            }
        }
        turned
    }
}

impl Picture {
    /// The picture as it is to be looked at, in which rows run down and columns to the right.
    #[must_use]
    pub fn upright(mut self) -> Self {
        let orientation = std::mem::take(&mut self.origin.orientation);
        if orientation == Orientation::Normal {
            return self;
        }
        let size = (self.width, self.height);
        self.rgb = orientation.turned(&self.rgb, 3, size);
        for plane in self.alpha.iter_mut().chain(&mut self.extra) {
            *plane = orientation.turned(plane, 1, size);
        }
        (self.width, self.height) = orientation.upright_size(size);
        self
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;

    use super::*;
    use crate::Origin;

    /// Two rows of three pixels, whose alpha counts from one; upright, by rows.
    #[test]
    fn all_eight_orientations_are_exact() {
        let check = |exif: u16, rows: &[&[f32]]| {
            let orientation = Orientation::from_exif(exif).expect("a value of EXIF");
            let alpha: Vec<f32> = (1..=6_u8).map(f32::from).collect();
            let picture = Picture {
                width: 3,
                height: 2,
                rgb: alpha.iter().flat_map(|&a| [a, a + 10.0, a + 20.0]).collect(),
                alpha: Some(alpha.clone()),
                extra: vec![alpha],
                origin: Origin { orientation, ..Origin::synthetic("a", ContainerFormat::Png) },
            };
            let upright = picture.upright();
            let expected = rows.concat();
            assert_eq!(upright.alpha.as_deref(), Some(&expected[..]), "{exif}");
            assert_eq!(upright.extra, [expected.clone()], "{exif}");
            let colors: Vec<f32> = expected.iter().flat_map(|&a| [a, a + 10.0, a + 20.0]).collect();
            assert_eq!(upright.rgb, colors, "{exif}");
            let size = (upright.width as usize, upright.height as usize);
            assert_eq!(size, (rows[0].len(), rows.len()), "{exif}");
            assert_eq!(upright.origin.orientation, Orientation::Normal, "{exif}");
            assert_eq!(orientation.exif(), exif);
        };
        check(1, &[&[1., 2., 3.], &[4., 5., 6.]]);
        check(2, &[&[3., 2., 1.], &[6., 5., 4.]]);
        check(3, &[&[6., 5., 4.], &[3., 2., 1.]]);
        check(4, &[&[4., 5., 6.], &[1., 2., 3.]]);
        check(5, &[&[1., 4.], &[2., 5.], &[3., 6.]]);
        check(6, &[&[4., 1.], &[5., 2.], &[6., 3.]]);
        check(7, &[&[6., 3.], &[5., 2.], &[4., 1.]]);
        check(8, &[&[3., 6.], &[2., 5.], &[1., 4.]]);
        assert_eq!((Orientation::from_exif(0), Orientation::from_exif(9)), (None, None));
    }
}
