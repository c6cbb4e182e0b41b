//! Pixel density: the size of a picture in print, and the shape of its pixels.

/// Pixels per metre along each axis: the size in print.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Density {
    pub x: f64,
    pub y: f64,
}

/// How many pixels along each axis have the same length, which no unit tells: the shape of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelAspect {
    pub x: f64,
    pub y: f64,
}

impl PixelAspect {
    /// `None` unless both are positive numbers that formats can hold.
    pub(crate) fn checked(self) -> Option<Self> {
        Density { x: self.x, y: self.y }.checked().map(|Density { x, y }| Self { x, y })
    }

    /// The same, or `None` if it is what a file says that has nothing to say: 1 by 1.
    pub(crate) fn unusual(self) -> Option<Self> {
        (self != Self { x: 1.0, y: 1.0 }).then_some(self)
    }

    /// Whether pixels are as wide as they are high.
    pub(crate) fn is_square(self) -> bool {
        self.x == self.y
    }
}

const INCHES_PER_METRE: f64 = 1.0 / 0.0254;

impl Density {
    pub fn from_dpi(x: f64, y: f64) -> Self {
        Self { x: x * INCHES_PER_METRE, y: y * INCHES_PER_METRE }
    }

    pub fn dpi(self) -> (f64, f64) {
        (self.x / INCHES_PER_METRE, self.y / INCHES_PER_METRE)
    }

    /// `None` unless both are positive numbers that formats can hold.
    pub(crate) fn checked(self) -> Option<Self> {
        let sane = |value: f64| value > 0.0 && value < f64::from(u32::MAX);
        (sane(self.x) && sane(self.y)).then_some(self)
    }
}
