//! Inputs for timing: synthetic pictures, and weights without a download.

use impasto_engine::Image;
use impasto_kernels::vgg;
use impasto_models::{Convolution, VggWeights};

/// Random weights of VGG-19's shape, which take as long as trained ones.
pub fn random_weights() -> VggWeights {
    let channels: Vec<_> = std::iter::once(3).chain(vgg::CHANNELS).collect();
    weights(&channels)
}

/// He initialisation (2015) keeps the magnitude of feature maps through all layers.
pub(super) fn weights(channels: &[usize]) -> VggWeights {
    let mut noise = Noise(11);
    let convolution = |(index, pair): (usize, &[usize])| {
        // The uniform distribution over [-1, 1) has a standard deviation of 1 / sqrt(3).
        let reach = (6.0 / (9.0 * pair[0] as f32)).sqrt();
        Convolution {
            name: format!("convolution {}", index + 1),
            in_channels: pair[0],
            out_channels: pair[1],
            weights: (0..pair[0] * pair[1] * 9).map(|_| noise.next() * reach).collect(),
            bias: (0..pair[1]).map(|_| noise.next()).collect(),
        }
    };
    VggWeights { convolutions: channels.windows(2).enumerate().map(convolution).collect() }
}

/// Waves in three colours and a little noise; `seed` changes their direction.
pub(super) fn picture(side: u32, seed: u64) -> Image {
    let mut noise = Noise(seed);
    let turn = 1.0 + seed as f32;
    let mut rgb = Vec::with_capacity(side as usize * side as usize * 3);
    for y in 0..side {
        for x in 0..side {
            let (x, y) = (x as f32 * 0.11, y as f32 * 0.07);
            for phase in [0.0, 2.0, 4.0] {
                rgb.push(
                    128.0
                        + 80.0
                            * (x * turn.sin() + y * turn.cos() + (x * y * 0.02).sin() + phase)
                                .sin()
                        + 12.0 * noise.next(),
                );
            }
        }
    }
    Image { width: side as usize, height: side as usize, rgb }
}

/// Uniform in [-1, 1), from a linear congruential generator: good enough for noise.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}
