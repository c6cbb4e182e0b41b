//! Total variation on the device: see the engine's `total_variation.rs`.

use candle_core::{Result, Tensor};

use impasto_cuda::picture;

use super::statistics::Sums;
use super::tile_pass::Kernels;

/// `gradient` with that of a picture's total variation added, (height, width, 3). To `sums` are
/// added sums of squares; what they are multiplied by is [`scale`]. Along an axis that wraps, the
/// last pixel's neighbour is the first; elsewhere it has none.
pub(super) fn total_variation(
    picture: &Tensor,
    weight: f32,
    wrap_x: bool,
    wrap_y: bool,
    mut gradient: Tensor,
    sums: &mut Sums,
) -> Result<Tensor> {
    if weight == 0.0 {
        return Ok(gradient);
    }
    let scale = scale(picture, weight);
    if sums.kernels() == Kernels::Fused {
        let (gradient, squares) =
            picture::variation(picture, &gradient, wrap_x, wrap_y, scale as f32)?;
        sums.add(&squares)?;
        return Ok(gradient);
    }
    for (axis, wraps) in [(0, wrap_y), (1, wrap_x)] {
        let len = picture.dim(axis)?;
        if len == 1 {
            continue;
        }
        let (inner, last) = (picture.narrow(axis, 0, len - 1)?, picture.narrow(axis, len - 1, 1)?);
        // What each pixel has more than the next.
        let differences = if wraps {
            let next = Tensor::cat(
                &[picture.narrow(axis, 1, len - 1)?, picture.narrow(axis, 0, 1)?],
                axis,
            )?;
            (picture - next)?
        } else {
            let own = (inner - picture.narrow(axis, 1, len - 1)?)?;
            Tensor::cat(&[own, last.zeros_like()?], axis)?
        };
        sums.add(&differences.sqr()?)?;
        let of_previous = Tensor::cat(
            &[differences.narrow(axis, len - 1, 1)?, differences.narrow(axis, 0, len - 1)?],
            axis,
        )?;
        gradient = (gradient + ((differences - of_previous)? * (2.0 * scale))?)?;
    }
    Ok(gradient)
}

/// What the squares of a picture's differences are multiplied by.
pub(super) fn scale(picture: &Tensor, weight: f32) -> f64 {
    f64::from(weight) / (picture.elem_count() as f64 * 255.0 * 255.0)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::Image;
    use crate::noise::Noise;
    use crate::optimize::total_variation::total_variation as on_the_host;

    #[test]
    fn it_is_that_of_the_host() -> Result<()> {
        for (width, height, wrap_x, wrap_y) in
            [(5, 4, false, false), (40, 70, true, false), (3, 3, true, true), (1, 6, false, true)]
        {
            let mut noise = Noise::new(9);
            let rgb: Vec<f32> = (0..width * height * 3).map(|_| noise.unit() * 255.0).collect();
            let picture = Tensor::from_slice(&rgb, (height, width, 3), &Device::Cpu)?;
            for kernels in [Kernels::Composed, Kernels::Fused] {
                let mut sums = Sums::none(kernels);
                let gradient = total_variation(
                    &picture,
                    1e4,
                    wrap_x,
                    wrap_y,
                    picture.zeros_like()?,
                    &mut sums,
                )?;
                let loss = sums.fetch()?.into_iter().sum::<f64>() * scale(&picture, 1e4);
                let mut expected = vec![0.0; rgb.len()];
                let expected_loss = on_the_host(
                    &Image { width, height, rgb: rgb.clone() },
                    1e4,
                    wrap_x,
                    wrap_y,
                    &mut expected,
                );
                assert!(
                    (loss - expected_loss).abs() < 1e-5 * expected_loss,
                    "{width}x{height}: {loss} {expected_loss}"
                );
                let apart = gradient
                    .flatten_all()?
                    .to_vec1::<f32>()?
                    .iter()
                    .zip(&expected)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(apart < 1e-3, "{width}x{height}: {apart}");
            }
        }
        Ok(())
    }
}
