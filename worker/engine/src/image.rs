//! Pictures as the engine computes with them.

/// An RGB picture: `height * width * 3` values of 0 to 255, interleaved, as encoded (no gamma is
/// applied: VGG was trained on encoded values).
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<f32>,
}

impl Image {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, color: [f32; 3]) -> Self {
        Self { width, height, rgb: color.repeat(width * height) }
    }

    pub fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> u64 {
        4 * self.rgb.len() as u64
    }

    /// Adds `factor` times another picture of the same size.
    pub(crate) fn add(&mut self, factor: f32, other: &Self) {
        debug_assert_eq!((self.width, self.height), (other.width, other.height));
        self.rgb.iter_mut().zip(&other.rgb).for_each(|(value, other)| *value += factor * other);
    }

    /// Holds every value within 0 to 255.
    pub fn clamp(&mut self) {
        self.rgb.iter_mut().for_each(|value| *value = value.clamp(0.0, 255.0));
    }
}
