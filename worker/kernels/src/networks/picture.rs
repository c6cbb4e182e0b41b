//! A picture as the networks take it, and what they refuse.

/// An RGB picture: `height * width * 3` values of 0 to 255, interleaved, as encoded.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    pub rgb: &'a [f32],
    /// Pixels.
    pub width: usize,
    pub height: usize,
    /// Whether left and right, or top and bottom, continue each other, as in a texture that tiles.
    /// A border that does not is mirrored.
    pub wrap_x: bool,
    pub wrap_y: bool,
}

/// A picture that is painted over: see [`Picture`].
#[derive(Debug)]
pub struct Canvas<'a> {
    pub rgb: &'a mut [f32],
    /// Pixels.
    pub width: usize,
    pub height: usize,
    /// Whether opposite borders continue each other.
    pub wrap_x: bool,
    pub wrap_y: bool,
}

impl Canvas<'_> {
    pub(super) fn picture(&self) -> Picture<'_> {
        let &Self { ref rgb, width, height, wrap_x, wrap_y } = self;
        Picture { rgb, width, height, wrap_x, wrap_y }
    }

    pub(super) fn check(&self) -> Result<(), PaintError> {
        self.picture().check_size()
    }

    /// Takes over rows from `top` on, as far as the picture goes, whose rows are at least as long.
    pub(super) fn take(&mut self, top: usize, values: &[f32], row_floats: usize) {
        let own = 3 * self.width;
        let rows = self.rgb.chunks_exact_mut(own).skip(top);
        rows.zip(values.chunks_exact(row_floats)).for_each(|(to, from)| {
            to.copy_from_slice(&from[..own]);
        });
    }
}

impl Picture<'_> {
    /// The output, with the picture that is painted over there.
    pub(super) fn on<'a>(&self, output: &'a mut [f32]) -> Result<Canvas<'a>, PaintError> {
        self.check(output)?;
        output.copy_from_slice(self.rgb);
        let &Self { width, height, wrap_x, wrap_y, .. } = self;
        Ok(Canvas { rgb: output, width, height, wrap_x, wrap_y })
    }

    pub(super) fn check(&self, output: &[f32]) -> Result<(), PaintError> {
        self.check_size()?;
        let &Self { rgb, width, height, .. } = self;
        match (rgb.len(), output.len()) {
            (expected, found) if expected != found => {
                Err(PaintError::Output { width, height, expected, found })
            }
            _ => Ok(()),
        }
    }

    fn check_size(&self) -> Result<(), PaintError> {
        let &Self { rgb, width, height, .. } = self;
        let floats = width.checked_mul(height).and_then(|area| area.checked_mul(3));
        match floats {
            None | Some(0) => Err(PaintError::Size { width, height }),
            Some(expected) if expected != rgb.len() => {
                Err(PaintError::Picture { width, height, expected, found: rgb.len() })
            }
            Some(_) => Ok(()),
        }
    }
}

/// Why a network does not paint.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PaintError {
    #[error("a picture of {width} x {height} pixels cannot be painted")]
    Size { width: usize, height: usize },
    #[error("a picture of {width} x {height} pixels has {expected} values, not {found}")]
    Picture { width: usize, height: usize, expected: usize, found: usize },
    #[error("the output of {width} x {height} pixels has room for {found} values, not {expected}")]
    Output { width: usize, height: usize, expected: usize, found: usize },
    #[error("a style vector has {expected} numbers, not {found}")]
    Vector { expected: usize, found: usize },
    #[error("there are {expected} styles, but {found} weights")]
    Weights { expected: usize, found: usize },
    #[error("the style has {value} at {at}")]
    NotFinite { at: usize, value: f32 },
}

/// That all numbers of a style are finite.
pub(super) fn check_style(numbers: &[f32]) -> Result<(), PaintError> {
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(PaintError::NotFinite { at, value: numbers[at] }),
        None => Ok(()),
    }
}
