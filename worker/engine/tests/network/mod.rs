#![allow(dead_code)] // each test file uses its own part

//! What several tests share: a network like VGG-19 with few channels, pictures of noise, and how
//! far two answers lie apart.

use std::sync::Arc;

use impasto_engine::Image;
use impasto_kernels::Mask;
use impasto_models::{Convolution, VggWeights};

/// Uniform in [-1, 1).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

/// VGG-19's topology with sixteen channels in every layer, which the vector kernels take.
pub(crate) fn weights() -> VggWeights {
    weights_of(&[3, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16])
}

/// The same with so many channels in each layer.
pub(crate) fn weights_of(channels: &[usize]) -> VggWeights {
    let mut noise = Noise(11);
    let convolutions = channels
        .windows(2)
        .map(|pair| Convolution {
            name: "conv".to_owned(),
            in_channels: pair[0],
            out_channels: pair[1],
            weights: (0..pair[0] * pair[1] * 9)
                .map(|_| noise.next() * 1.7 * (2.0 / (9.0 * pair[0] as f32)).sqrt())
                .collect(),
            bias: (0..pair[1]).map(|_| noise.next() * 2.0).collect(),
        })
        .collect();
    VggWeights { convolutions }
}

/// A picture of noise.
pub(crate) fn picture(width: usize, height: usize, seed: u64) -> Image {
    let mut noise = Noise(seed);
    Image {
        width,
        height,
        rgb: (0..width * height * 3).map(|_| 128.0 + 100.0 * noise.next()).collect(),
    }
}

/// Weights from 0 to 1 in soft blots, a part of them 0 and a part 1.
pub(crate) fn soft_mask(width: usize, height: usize) -> Arc<Mask> {
    let weight = |pixel: usize| {
        let (x, y) = ((pixel % width) as f32, (pixel / width) as f32);
        (0.5 + (x / 23.0).sin() + (y / 17.0).cos()).clamp(0.0, 1.0)
    };
    let weights: Vec<f32> = (0..width * height).map(weight).collect();
    Arc::new(Mask::new(width, height, &weights))
}

/// The root of the mean square of the differences, relative.
pub(crate) fn error(found: &[f32], expected: &[f32]) -> f64 {
    let squares =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference =
        squares(&mut found.iter().zip(expected).map(|(&x, &y)| f64::from(x) - f64::from(y)));
    (difference / squares(&mut expected.iter().map(|&y| f64::from(y)))).sqrt()
}
