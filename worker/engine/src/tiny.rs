//! For tests: seeded weights of VGG-19's topology with few channels, and seeded pictures.

use impasto_models::{Convolution, VggWeights};

use crate::Image;
use crate::noise::Noise;

/// Weights between these numbers of channels, of which the first is that of a picture.
pub(crate) fn weights(seed: u64, channels: &[usize]) -> VggWeights {
    let mut noise = Noise::new(seed);
    let layer = |pair: &[usize]| Convolution {
        name: "conv".to_owned(),
        in_channels: pair[0],
        out_channels: pair[1],
        weights: (0..pair[0] * pair[1] * 9)
            .map(|_| noise.normal() * (2.0 / (9.0 * pair[0] as f32)).sqrt())
            .collect(),
        bias: vec![0.5; pair[1]],
    };
    VggWeights { convolutions: channels.windows(2).map(layer).collect() }
}

/// Waves with noise.
pub(crate) fn picture(width: usize, height: usize, seed: u64) -> Image {
    let mut noise = Noise::new(seed);
    let wave = |i: usize| 120.0 + 90.0 * ((i / 3 % width) as f32 * 0.21).sin();
    let rgb = (0..3 * width * height).map(|i| wave(i) + 20.0 * noise.normal()).collect();
    let mut image = Image { width, height, rgb };
    image.clamp();
    image
}
