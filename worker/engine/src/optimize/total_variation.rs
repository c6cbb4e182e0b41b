//! Total variation: the mean squared difference of neighbouring pixels.

use crate::Image;

/// Adds the gradient of `weight * mean((x - right)^2 + (x - below)^2)` to `gradient` and returns
/// that loss. Values count in units of 255, and the mean is over pixels and channels, so the weight
/// means the same at every size. Along an axis that wraps, the last pixel's neighbour is the first;
/// elsewhere it has none.
pub(crate) fn total_variation(
    image: &Image,
    weight: f32,
    wrap_x: bool,
    wrap_y: bool,
    gradient: &mut [f32],
) -> f64 {
    if weight == 0.0 {
        return 0.0;
    }
    let (width, height) = (image.width, image.height);
    let scale = f64::from(weight) / (image.rgb.len() as f64 * 255.0 * 255.0);
    let factor = (2.0 * scale) as f32;
    let mut total = 0.0;
    let mut pull = |from: usize, to: usize| {
        for channel in 0..3 {
            let difference = image.rgb[from + channel] - image.rgb[to + channel];
            total += f64::from(difference) * f64::from(difference);
            gradient[from + channel] += factor * difference;
            gradient[to + channel] -= factor * difference;
        }
    };
    for y in 0..height {
        for x in 0..width {
            let here = (y * width + x) * 3;
            if x + 1 < width {
                pull(here, here + 3);
            } else if wrap_x {
                pull(here, y * width * 3);
            }
            if y + 1 < height {
                pull(here, here + width * 3);
            } else if wrap_y {
                pull(here, x * 3);
            }
        }
    }
    total * scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        for (width, height, wrap_x, wrap_y) in
            [(5, 4, false, false), (4, 7, true, false), (3, 3, true, true), (1, 6, false, true)]
        {
            let mut noise = Noise::new(9);
            let mut image = Image::filled(width, height, [0.0; 3]);
            image.rgb.iter_mut().for_each(|v| *v = noise.unit() * 255.0);
            let mut gradient = vec![0.0; image.rgb.len()];
            total_variation(&image, 1e4, wrap_x, wrap_y, &mut gradient);
            for index in 0..image.rgb.len() {
                let at = |delta: f32| {
                    let mut moved = image.clone();
                    moved.rgb[index] += delta;
                    total_variation(&moved, 1e4, wrap_x, wrap_y, &mut vec![0.0; gradient.len()])
                };
                let finite = (at(1.0) - at(-1.0)) / 2.0;
                assert!(
                    (finite - f64::from(gradient[index])).abs() < 1e-3 * finite.abs().max(0.1),
                    "{width}x{height} at {index}"
                );
            }
        }
    }
}
