//! What a tile adds to the loss.

use impasto_kernels::Moments;

/// What a tile adds to the loss: sums over its interior. Those of all tiles, added in their order,
/// are the picture's, wherever each was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct TileSums {
    /// The moments at each layer asked for.
    pub style: Vec<Moments>,
    /// The sum of squared differences to the content's features.
    pub content: f64,
}

impl TileSums {
    /// Adds another tile's, of the same layers.
    ///
    /// # Panics
    /// If the layers have other numbers of channels.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.style.len(), other.style.len(), "sums of the same layers");
        self.style.iter_mut().zip(&other.style).for_each(|(sum, part)| sum.add(part));
        self.content += other.content;
    }
}
