//! Converts torchvision's VGG-19, so that it takes the same input as the store's.
//!
//! torchvision's network takes red, green and blue from 0 to 1, minus a mean, divided by a
//! deviation; ours takes levels y = x - m, blue first. For each colour, `((y + m) / 255 - mean) /
//! deviation` is `y * s + d` with `s = 1 / (255 * deviation)` and `d = (m / 255 - mean) /
//! deviation`. So conv1_1's weights for a colour are multiplied by s, its bias grows by d times
//! their sum, and the colours are swapped.
//!
//! At the border the two networks differ slightly: torchvision pads with its mean colour, ours with
//! m. The two colours differ by at most half a level of 255.

use safetensors::SafeTensors;

use crate::ModelError;
use crate::vgg19::{Convolution, Layers, MEAN_BGR, VggWeights, read_convolution};

/// The indices of the convolutions among the modules of `features`.
const FEATURES: [usize; 16] = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34];

const MEAN_RGB: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION_RGB: [f32; 3] = [0.229, 0.224, 0.225];

/// Whether a file uses torchvision's names.
pub(crate) fn is_torchvision(file: &SafeTensors<'_>) -> bool {
    file.tensor("features.0.weight").is_ok()
}

/// Reads the convolutions and ignores the classifier, which some files have.
pub(crate) fn read_torchvision(
    file: &SafeTensors<'_>,
    layers: &Layers,
) -> Result<VggWeights, ModelError> {
    let read = |(layer, place): (_, &usize)| {
        read_convolution(
            file,
            layer,
            &format!("features.{place}.weight"),
            &format!("features.{place}.bias"),
        )
    };
    let mut convolutions = layers.iter().zip(&FEATURES).map(read).collect::<Result<Vec<_>, _>>()?;
    if let Some(first) = convolutions.first_mut() {
        fold_input(first);
    }
    Ok(VggWeights { convolutions })
}

/// Converts a convolution of torchvision's input to one of ours.
fn fold_input(first: &mut Convolution) {
    const TAPS: usize = 9;
    for (kernel, bias) in first.weights.chunks_exact_mut(3 * TAPS).zip(&mut first.bias) {
        for (color, taps) in kernel.chunks_exact_mut(TAPS).enumerate() {
            let offset = (MEAN_BGR[2 - color] / 255.0 - MEAN_RGB[color]) / DEVIATION_RGB[color];
            *bias += offset * taps.iter().sum::<f32>();
            taps.iter_mut().for_each(|tap| *tap /= 255.0 * DEVIATION_RGB[color]);
        }
        let (red, rest) = kernel.split_at_mut(TAPS);
        red.swap_with_slice(&mut rest[TAPS..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folded_convolution_gives_the_same_features() {
        let weights: Vec<f32> = (0..54).map(|i| ((i * 37 % 23) as f32 - 11.0) / 10.0).collect();
        let original = Convolution {
            name: "conv1_1".to_owned(),
            out_channels: 2,
            in_channels: 3,
            weights,
            bias: vec![0.25, -0.5],
        };
        let mut folded = original.clone();
        fold_input(&mut folded);
        // One window of nine red, green, blue pixels.
        let window: Vec<[f32; 3]> = (0..9)
            .map(|i| [i as f32 * 28.0, 255.0 - i as f32 * 9.0, (i * 71 % 256) as f32])
            .collect();
        let respond = |layer: &Convolution, out: usize, input: &dyn Fn(usize, usize) -> f32| {
            let sum: f32 =
                (0..27).map(|at| layer.weights[out * 27 + at] * input(at / 9, at % 9)).sum();
            sum + layer.bias[out]
        };
        for out in 0..2 {
            let theirs = respond(&original, out, &|c, tap| {
                (window[tap][c] / 255.0 - MEAN_RGB[c]) / DEVIATION_RGB[c]
            });
            let ours = respond(&folded, out, &|c, tap| window[tap][2 - c] - MEAN_BGR[c]);
            assert!((theirs - ours).abs() < 1e-4, "{theirs} {ours}");
        }
    }
}
