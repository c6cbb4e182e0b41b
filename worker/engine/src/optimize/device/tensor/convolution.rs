//! A frozen 3x3 convolution: forward, and backward as a convolution with flipped, transposed
//! weights that is prepared once.

use candle_core::{DType, Device, Result, Tensor};
use impasto_cuda::maps::Edges;
use impasto_kernels::Edge;
use impasto_models::Convolution as Weights;

use super::border::{extended, folded};

const ACROSS: usize = 3;
const DOWN: usize = 2;

/// How products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// The device's library for convolutions. On CUDA that is cuDNN, which rounds the factors of
    /// single precision products to ten bits of digits (TF32).
    Library,
    /// Nine matrix products, one for each place of the kernel. Slower, but in single precision
    /// throughout, on every device.
    Products,
}

/// One layer's weights on a device.
pub(super) struct Convolution {
    forward: Kernel,
    backward: Kernel,
    /// (1, outputs, 1, 1).
    bias: Tensor,
}

/// (outputs, inputs, 3, 3) for the library, (9, outputs, inputs) for products.
struct Kernel {
    weights: Tensor,
    method: Method,
}

impl Convolution {
    pub(super) fn new(
        weights: &Weights,
        dtype: DType,
        method: Method,
        device: &Device,
    ) -> Result<Self> {
        let (kernel, flipped) = both_ways(weights, device)?;
        let bias = Tensor::from_slice(&weights.bias, (1, weights.out_channels, 1, 1), device)?;
        Ok(Self {
            forward: Kernel::new(kernel, dtype, method)?,
            backward: Kernel::new(flipped, dtype, method)?,
            bias: bias.to_dtype(dtype)?,
        })
    }

    /// How numbers are kept that go in and come out.
    pub(super) fn dtype(&self) -> DType {
        self.bias.dtype()
    }

    pub(super) fn bytes(&self) -> u64 {
        let of = |tensor: &Tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64;
        of(&self.forward.weights) + of(&self.backward.weights) + of(&self.bias)
    }

    /// Features after bias and ReLU, from maps (1, inputs, height, width).
    pub(super) fn forward(&self, maps: Tensor, edges: Edges) -> Result<Tensor> {
        let (maps, zeros_x) = read_beyond(maps, ACROSS, edges.x)?;
        let (maps, zeros_y) = read_beyond(maps, DOWN, edges.y)?;
        let convolved = self.forward.convolve(maps, zeros_x, zeros_y)?;
        let biased = convolved.broadcast_add(&self.bias)?;
        drop(convolved);
        biased.relu()
    }

    /// The gradient at the maps, from that before bias and ReLU, (1, outputs, height, width).
    ///
    /// The transpose of wrapping is wrapping. A pixel that was read twice, by replicating or
    /// reflecting, gets a second gradient, which is in a frame of one pixel and is folded back; the
    /// axis whose lines were added last is folded first.
    pub(super) fn backward(&self, gradient: Tensor, edges: Edges) -> Result<Tensor> {
        let (gradient, zeros_x) = reach_beyond(gradient, ACROSS, edges.x)?;
        let (gradient, zeros_y) = reach_beyond(gradient, DOWN, edges.y)?;
        let mut gradient = self.backward.convolve(gradient, zeros_x, zeros_y)?;
        for (axis, edge) in [(DOWN, edges.y), (ACROSS, edges.x)] {
            if matches!(edge, Edge::Replicate | Edge::Reflect) {
                gradient = folded(&gradient, axis, edge)?;
            }
        }
        Ok(gradient)
    }
}

/// A layer's weights in single precision, and those that take a gradient back: flipped, inputs and
/// outputs exchanged. (outputs, inputs, 3, 3) and (inputs, outputs, 3, 3).
pub(super) fn both_ways(weights: &Weights, device: &Device) -> Result<(Tensor, Tensor)> {
    let shape = (weights.out_channels, weights.in_channels, 3, 3);
    let kernel = Tensor::from_slice(&weights.weights, shape, device)?;
    let flipped: Vec<f32> =
        weights.weights.chunks_exact(9).flat_map(|taps| taps.iter().rev().copied()).collect();
    let flipped = Tensor::from_vec(flipped, shape, device)?.transpose(0, 1)?.contiguous()?;
    Ok((kernel, flipped))
}

/// Maps as a convolution reads them, and how many lines of zeros are still to be added on either
/// side.
fn read_beyond(maps: Tensor, axis: usize, edge: Edge) -> Result<(Tensor, usize)> {
    Ok(if edge == Edge::Zero { (maps, 1) } else { (extended(&maps, axis, edge)?, 0) })
}

/// The same for the gradient of such maps.
fn reach_beyond(gradient: Tensor, axis: usize, edge: Edge) -> Result<(Tensor, usize)> {
    Ok(match edge {
        Edge::Zero => (gradient, 1),
        Edge::Wrap => (extended(&gradient, axis, edge)?, 0),
        Edge::Replicate | Edge::Reflect => (gradient, 2),
    })
}

impl Kernel {
    fn new(weights: Tensor, dtype: DType, method: Method) -> Result<Self> {
        let weights = weights.to_dtype(dtype)?;
        let weights = match method {
            Method::Library => weights,
            Method::Products => weights.flatten_from(2)?.permute((2, 0, 1))?.contiguous()?,
        };
        Ok(Self { weights, method })
    }

    /// Convolves maps that have so many lines of zeros on either side, across and down.
    fn convolve(&self, maps: Tensor, zeros_x: usize, zeros_y: usize) -> Result<Tensor> {
        // The library adds as many zeros across as down.
        let shared = match self.method {
            Method::Library => zeros_x.min(zeros_y),
            Method::Products => 0,
        };
        let wide = maps.pad_with_zeros(ACROSS, zeros_x - shared, zeros_x - shared)?;
        drop(maps);
        let maps = wide.pad_with_zeros(DOWN, zeros_y - shared, zeros_y - shared)?;
        drop(wide);
        match self.method {
            Method::Library => maps.conv2d(&self.weights, shared, 1, 1, 1),
            Method::Products => self.products(&maps),
        }
    }

    fn products(&self, maps: &Tensor) -> Result<Tensor> {
        let (_, inputs, height, width) = maps.dims4()?;
        let (height, width) = (height - 2, width - 2);
        let product = |tap: usize| -> Result<Tensor> {
            let window = maps.narrow(DOWN, tap / 3, height)?.narrow(ACROSS, tap % 3, width)?;
            self.weights.get(tap)?.matmul(&window.contiguous()?.reshape((inputs, height * width))?)
        };
        let mut sum = product(0)?;
        for tap in 1..9 {
            sum = (sum + product(tap)?)?;
        }
        let outputs = sum.dim(0)?;
        sum.reshape((1, outputs, height, width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    const EDGES: [Edge; 4] = [Edge::Zero, Edge::Replicate, Edge::Reflect, Edge::Wrap];

    fn layer(method: Method) -> Result<Convolution> {
        let mut noise = Noise::new(5);
        let weights = (0..4 * 3 * 9).map(|_| noise.normal()).collect();
        // So large a bias keeps every ReLU active, and the layer affine.
        let weights = Weights {
            name: "conv".to_owned(),
            in_channels: 3,
            out_channels: 4,
            weights,
            bias: vec![1000.0; 4],
        };
        Convolution::new(&weights, DType::F32, method, &Device::Cpu)
    }

    fn maps(channels: usize, height: usize, width: usize, seed: u64) -> Result<Tensor> {
        let mut noise = Noise::new(seed);
        let values: Vec<f32> = (0..channels * height * width).map(|_| noise.normal()).collect();
        Tensor::from_vec(values, (1, channels, height, width), &Device::Cpu)
    }

    fn product(a: &Tensor, b: &Tensor) -> Result<f64> {
        (a * b)?.to_dtype(DType::F64)?.sum_all()?.to_scalar()
    }

    #[test]
    fn backward_is_the_transpose_of_forward_by_either_method() -> Result<()> {
        for method in [Method::Library, Method::Products] {
            let layer = layer(method)?;
            for (x, y) in EDGES.into_iter().flat_map(|x| EDGES.map(|y| (x, y))) {
                for (height, width) in [(5, 8), (1, 3), (2, 1), (4, 2)] {
                    let edges = Edges { x, y };
                    let (a, b) = (maps(3, height, width, 1)?, maps(4, height, width, 2)?);
                    let linear = (layer.forward(a.clone(), edges)? - 1000.0)?;
                    let (there, back) =
                        (product(&linear, &b)?, product(&a, &layer.backward(b, edges)?)?);
                    // The bias takes four of the seven digits.
                    assert!(
                        (there - back).abs() < 0.05,
                        "{method:?} {edges:?} {height}x{width}: {there} {back}"
                    );
                }
            }
        }
        Ok(())
    }
}
