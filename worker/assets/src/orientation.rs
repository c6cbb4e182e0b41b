//! How a stored picture is turned to be looked at.

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

    /// What turns the upright picture back to the stored grid.
    pub(crate) fn inverse(self) -> Self {
        match self {
            Self::Clockwise => Self::CounterClockwise,
            Self::CounterClockwise => Self::Clockwise,
            own => own,
        }
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
