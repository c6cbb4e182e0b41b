//! First and second moments of one layer's feature maps, as sums over pixels.

/// The sums over pixels of `F` and of `F F^T` at one layer, in f64: those of disjoint parts of a
/// picture add up to those of the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    channels: usize,
    /// The sum of the pixels' weights: how many were summed, where none is masked.
    pub weight: f64,
    /// The sum of each channel.
    pub sum: Vec<f64>,
    /// The upper triangle of the sum of `F F^T`, row by row: `channels * (channels + 1) / 2`
    /// values.
    pub products: Vec<f64>,
}

impl Moments {
    /// Of no pixel yet.
    pub fn empty(channels: usize) -> Self {
        Self {
            channels,
            weight: 0.0,
            sum: vec![0.0; channels],
            products: vec![0.0; channels * (channels + 1) / 2],
        }
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Adds the moments of other pixels. The order in which parts are added decides the last bits.
    ///
    /// # Panics
    /// If they are of another number of channels.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.channels, other.channels, "moments of one layer");
        self.weight += other.weight;
        self.sum.iter_mut().zip(&other.sum).for_each(|(sum, part)| *sum += part);
        self.products.iter_mut().zip(&other.products).for_each(|(sum, part)| *sum += part);
    }

    /// Adds the upper triangle of a full C x C matrix of sums.
    pub(crate) fn add_square(&mut self, square: &[f64]) {
        let channels = self.channels;
        let mut rest = self.products.as_mut_slice();
        for (i, row) in square.chunks_exact(channels).enumerate() {
            let (triangle, after) = rest.split_at_mut(channels - i);
            triangle.iter_mut().zip(&row[i..]).for_each(|(sum, part)| *sum += part);
            rest = after;
        }
    }

    /// The Gram matrix `F F^T / weight`, C x C, and the channels' means. Of nothing, both are zero.
    pub fn normalized(&self) -> (Vec<f32>, Vec<f32>) {
        let channels = self.channels;
        let scale = if self.weight > 0.0 { 1.0 / self.weight } else { 0.0 };
        let mut gram = vec![0.0; channels * channels];
        let mut products = self.products.iter();
        for i in 0..channels {
            for (j, product) in (i..channels).zip(products.by_ref()) {
                let value = (product * scale) as f32;
                gram[i * channels + j] = value;
                gram[j * channels + i] = value;
            }
        }
        (gram, self.sum.iter().map(|sum| (sum * scale) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        let mut first = Moments {
            channels: 2,
            weight: 3.0,
            sum: vec![3.0, 6.0],
            products: vec![1.0, 2.0, 4.0],
        };
        let second = Moments {
            channels: 2,
            weight: 1.0,
            sum: vec![1.0, 2.0],
            products: vec![3.0, 2.0, 0.0],
        };
        first.add(&second);
        assert_eq!(first.normalized(), (vec![1.0, 1.0, 1.0, 1.0], vec![1.0, 2.0]));
    }

    #[test]
    fn a_square_gives_its_upper_triangle() {
        let mut moments = Moments::empty(3);
        moments.add_square(&[1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 0.0, 0.0, 6.0]);
        assert_eq!(moments.products, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
