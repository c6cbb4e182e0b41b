//! What a tile adds to the loss, as a value that adds up and travels.

use impasto_kernels::Moments;

use crate::EngineError;

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

    /// The sums to send: the content's, then each layer's number of pixels, sums and products, in
    /// words of eight bytes, little-endian. At VGG-19's five style layers that is 2.5 MB.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.content.to_le_bytes().to_vec();
        for moments in &self.style {
            bytes.extend(moments.pixels.to_le_bytes());
            bytes.extend(
                moments.sum.iter().chain(&moments.products).flat_map(|value| value.to_le_bytes()),
            );
        }
        bytes
    }

    /// Reads what [`TileSums::to_bytes`] wrote, for layers of so many channels and pixels each. To
    /// the last bit, the sums are those that were written.
    ///
    /// # Errors
    /// [`EngineError::TileSums`] where the bytes are of other layers, or hold what no sum of finite
    /// features is.
    pub fn from_bytes(bytes: &[u8], layers: &[(usize, u64)]) -> Result<Self, EngineError> {
        let refuse = EngineError::TileSums;
        let mut style: Vec<Moments> = Vec::new();
        let words_of = |channels: usize| 1 + channels + channels * (channels + 1) / 2;
        let (words, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty()
            || words.len()
                != 1 + layers.iter().map(|&(channels, _)| words_of(channels)).sum::<usize>()
        {
            return Err(refuse("they are of other layers"));
        }
        let (content, mut words) = words.split_first().ok_or(refuse("there are none"))?;
        let number =
            |word: &[u8; 8]| Some(f64::from_le_bytes(*word)).filter(|value| value.is_finite());
        let unusable = || refuse("a sum is not finite");
        for &(channels, pixels) in layers {
            let (own, after) = words.split_at(words_of(channels));
            let values = own[1..]
                .iter()
                .map(|word| number(word).ok_or_else(unusable))
                .collect::<Result<Vec<_>, _>>()?;
            if u64::from_le_bytes(own[0]) != pixels {
                return Err(refuse("they are of another tile"));
            }
            let mut moments = Moments::empty(channels);
            moments.pixels = pixels;
            moments.sum.copy_from_slice(&values[..channels]);
            moments.products.copy_from_slice(&values[channels..]);
            style.push(moments);
            words = after;
        }
        Ok(Self { style, content: number(content).filter(|&sum| sum >= 0.0).ok_or_else(unusable)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Channels and pixels.
    const LAYERS: [(usize, u64); 2] = [(3, 77), (2, 38)];

    fn sums() -> TileSums {
        let mut style: Vec<_> = LAYERS.map(|(channels, _)| Moments::empty(channels)).into();
        for (moments, (_, pixels)) in style.iter_mut().zip(LAYERS) {
            moments.pixels = pixels;
            moments
                .sum
                .iter_mut()
                .chain(&mut moments.products)
                .enumerate()
                .for_each(|(i, value)| *value = 0.1 + i as f64 / 3.0);
        }
        TileSums { style, content: 1e9 / 7.0 }
    }

    #[test]
    fn what_was_sent_arrives_to_the_last_bit() {
        let sums = sums();
        assert_eq!(TileSums::from_bytes(&sums.to_bytes(), &LAYERS).expect("they are whole"), sums);
    }

    #[test]
    fn other_bytes_are_refused() {
        let bytes = sums().to_bytes();
        let refused = |bytes: &[u8], layers: &[(usize, u64)]| {
            TileSums::from_bytes(bytes, layers).expect_err("unusable").to_string()
        };
        for len in 0..bytes.len() {
            assert!(refused(&bytes[..len], &LAYERS).contains("other layers"), "{len}");
        }
        assert!(refused(&bytes, &LAYERS[..1]).contains("other layers"));
        assert!(refused(&[bytes.as_slice(), &[0; 8]].concat(), &LAYERS).contains("other layers"));
        // The counts of pixels stand before each layer's sums and products.
        let counts = [1, 1 + 1 + 3 + 6];
        for word in 0..bytes.len() / 8 {
            let mut damaged = bytes.clone();
            damaged[word * 8..][..8].copy_from_slice(&f64::NAN.to_le_bytes());
            let expected = if counts.contains(&word) { "another tile" } else { "not finite" };
            assert!(refused(&damaged, &LAYERS).contains(expected), "{word}");
        }
    }
}
