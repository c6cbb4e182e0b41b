//! What a 3x3 convolution reads beyond the border, along one axis, and where the gradient of that
//! read goes.

use candle_core::{Result, Tensor};
use impasto_kernels::Edge;

/// The maps with one more line on either side of `axis`, as `edge` says.
pub(super) fn extended(maps: &Tensor, axis: usize, edge: Edge) -> Result<Tensor> {
    let Some((before, after)) = sources(maps.dim(axis)?, edge) else {
        return maps.pad_with_zeros(axis, 1, 1);
    };
    Tensor::cat(&[&maps.narrow(axis, before, 1)?, maps, &maps.narrow(axis, after, 1)?], axis)
}

/// The transpose of [`extended`]: drops the outer lines of a gradient, and adds each to the line
/// that was read in its place.
pub(super) fn folded(framed: &Tensor, axis: usize, edge: Edge) -> Result<Tensor> {
    let len = framed.dim(axis)? - 2;
    let Some((before, after)) = sources(len, edge) else { return framed.narrow(axis, 1, len) };
    let mut pieces = Vec::new();
    let mut next = 0;
    for line in [before.min(after), before.max(after)] {
        if line < next {
            continue;
        }
        if line > next {
            pieces.push(framed.narrow(axis, 1 + next, line - next)?);
        }
        let mut sum = framed.narrow(axis, 1 + line, 1)?;
        for (source, outer) in [(before, 0), (after, len + 1)] {
            if source == line {
                sum = (sum + framed.narrow(axis, outer, 1)?)?;
            }
        }
        pieces.push(sum);
        next = line + 1;
    }
    if next < len {
        pieces.push(framed.narrow(axis, 1 + next, len - next)?);
    }
    Tensor::cat(&pieces, axis)
}

/// The lines that are read before the first and after the last of `len`; `None` where zeros are.
fn sources(len: usize, edge: Edge) -> Option<(usize, usize)> {
    let last = len - 1;
    match edge {
        Edge::Zero => None,
        Edge::Replicate => Some((0, last)),
        Edge::Reflect => Some((1.min(last), last.saturating_sub(1))),
        Edge::Wrap => Some((last, 0)),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// `<extended(a), b> = <a, folded(b)>`, in whole numbers.
    #[test]
    fn folding_is_the_transpose_of_extending() -> Result<()> {
        for edge in [Edge::Zero, Edge::Replicate, Edge::Reflect, Edge::Wrap] {
            for len in 1..7 {
                let a = (Tensor::arange(0.0, len as f32, &Device::Cpu)?.sqr()? + 1.0)?
                    .reshape((1, len))?;
                let b = (Tensor::arange(0.0, (len + 2) as f32, &Device::Cpu)? * 3.0)?
                    .reshape((1, len + 2))?;
                let product = |a: &Tensor, b: &Tensor| (a * b)?.sum_all()?.to_scalar::<f32>();
                assert_eq!(
                    product(&extended(&a, 1, edge)?, &b)?,
                    product(&a, &folded(&b, 1, edge)?)?,
                    "{edge:?} {len}"
                );
            }
        }
        Ok(())
    }
}
