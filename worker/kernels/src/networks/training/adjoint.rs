//! What a convolution sends back to the map that it read: a convolution of the gradient with the
//! same weights, turned around.

use super::margin::{Size, fold, surround};
use crate::{
    fp32::{convolution::Weights, kernels::Kernels, thin::Activation},
    networks::{
        border::Border,
        direct::{Direct, Map},
        geometry::Kind,
        kernel::Kernel,
        layer::Layer,
        outer::{self, Outer},
        residual::{self, CHANNELS},
        workspace::Workspace,
    },
    plane::Plane,
};

/// A convolution's weights, prepared for the way back.
#[derive(Debug)]
pub(super) enum Adjoint {
    /// Of a convolution in a residual block.
    Residual(Weights),
    /// Of any other: a convolution of the gradient with a margin of zeros.
    Layer {
        layer: Layer,
        /// Pixels of zeros before and behind the gradient.
        margins: [usize; 2],
        /// Pixels before the first of the map, in what the convolution makes of it.
        before: usize,
        /// What the map's convolution had read beyond its border.
        border: Border,
    },
}

/// The weights of a convolution from `in_channels` to `out_channels`, as they are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    pub(super) side: usize,
    pub(super) weights: &'a [f32],
}

impl Written<'_> {
    fn weight(&self, output: usize, input: usize, row: usize, column: usize) -> f32 {
        self.weights[((output * self.in_channels + input) * self.side + row) * self.side + column]
    }

    /// The weights from outputs to inputs, `[in][out][row][column]`, of `side` taps.
    fn turned(&self, side: usize, weight: impl Fn(usize, usize, usize, usize) -> f32) -> Vec<f32> {
        let mut turned = Vec::with_capacity(self.in_channels * self.out_channels * side * side);
        for (input, output) in
            (0..self.in_channels).flat_map(|i| (0..self.out_channels).map(move |o| (i, o)))
        {
            let taps = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
            turned.extend(taps.map(|(row, column)| weight(output, input, row, column)));
        }
        turned
    }

    fn kernel<'a>(&self, side: usize, weights: &'a [f32]) -> Kernel<'a> {
        let (in_channels, out_channels) = (self.out_channels, self.in_channels);
        Kernel { in_channels, out_channels, side, weights, bias: &[] }
    }
}

/// The taps of three that reach the enlarged pixels 2 i and 2 i + 1 from the one at 2 i - 1 + row.
const GATHERED: [std::ops::Range<usize>; 4] = [2..3, 1..3, 0..2, 0..1];

impl Adjoint {
    pub(super) fn outer(written: &Written<'_>, kernels: Option<&Kernels>) -> Self {
        let last = written.side - 1;
        let weights = written.turned(written.side, |output, input, row, column| {
            written.weight(output, input, last - row, last - column)
        });
        let kernel = written.kernel(written.side, &weights);
        let layer = Layer::Outer(Outer::new(&kernel, kernels, Activation::Linear));
        let before = outer::SIDE / 2;
        Self::Layer { layer, margins: [before; 2], before, border: Border::Reflect }
    }

    pub(super) fn halving(written: &Written<'_>, kernels: Option<&Kernels>) -> Self {
        let weights = written.turned(written.side, |output, input, row, column| {
            written.weight(output, input, row, column)
        });
        let kernel = written.kernel(written.side, &weights);
        let layer = Direct::of(&kernel, kernels, Kind::Spread, Activation::Linear);
        let (layer, border) = (Layer::Direct(layer), Border::Reflect);
        Self::Layer { layer, margins: [1, 0], before: 2, border }
    }

    pub(super) fn enlarging(written: &Written<'_>, kernels: Option<&Kernels>) -> Self {
        let side = GATHERED.len();
        let weights = written.turned(side, |output, input, row, column| {
            let rows = GATHERED[row].clone();
            let taps = rows.flat_map(|row| GATHERED[column].clone().map(move |tap| (row, tap)));
            let weights = taps.map(|(row, tap)| written.weight(output, input, row, tap));
            weights.map(f64::from).sum::<f64>() as f32
        });
        let kernel = written.kernel(side, &weights);
        let layer = Direct::new(&kernel, kernels, 1, 2, Activation::Linear);
        let (layer, border) = (Layer::Direct(layer), Border::Replicate);
        Self::Layer { layer, margins: [2; 2], before: 1, border }
    }

    /// Of a convolution of 3x3 taps beyond whose border lies the border's pixel again.
    pub(super) fn plain(written: &Written<'_>, kernels: Option<&Kernels>) -> Self {
        let last = written.side - 1;
        let weights = written.turned(written.side, |output, input, row, column| {
            written.weight(output, input, last - row, last - column)
        });
        let kernel = written.kernel(written.side, &weights);
        let layer = Layer::Direct(Direct::new(&kernel, kernels, 1, 1, Activation::Linear));
        Self::Layer { layer, margins: [1; 2], before: 1, border: Border::Replicate }
    }

    pub(super) fn residual(written: &Written<'_>, kernels: Option<&Kernels>) -> Self {
        Self::Residual(Weights::many(CHANNELS, CHANNELS, kernels, |output, input, tap| {
            written.weight(input, output, (8 - tap) / 3, (8 - tap) % 3)
        }))
    }

    /// Computes the gradient of a map of this size from that of what the convolution made of it.
    pub(super) fn run(
        &self,
        workspace: &mut Workspace,
        kernels: Option<&Kernels>,
        (gradient, made): (&[f32], Size),
        size: Size,
    ) -> Vec<f32> {
        match self {
            Self::Residual(weights) => {
                let shape = residual::shape(size.width, size.height, [false; 2]);
                let (forward, backward) = (Plane::forward(&shape), Plane::backward(&shape));
                let floats = backward.pixels() * CHANNELS;
                let mut output = workspace.take(floats);
                let to = &mut output[..floats];
                let threads = &mut workspace.threads;
                residual::convolve(weights, threads, kernels, &backward, gradient, to);
                backward.fold(&forward, to, CHANNELS, |_| true);
                output
            }
            Self::Layer { layer, margins: [margin, behind], before, border } => {
                let wide = made.with_margin(*margin, *behind);
                let mut surrounded = workspace.take(wide.floats());
                let threads = &mut workspace.threads;
                surround(threads, (gradient, made), *margin, (&mut surrounded, wide));
                let [width, height] = [wide.width, wide.height].map(|len| layer.out_len(len));
                let read = Size { width, height, channels: size.channels };
                let mut sent = workspace.take(read.floats());
                let to = &mut sent[..read.floats()];
                let (values, width, height) =
                    (&surrounded[..wide.floats()], wide.width, wide.height);
                let map = Map::new(values, width, height, None);
                let threads = &mut workspace.threads;
                layer.run(threads, kernels, &map, [Border::Zero; 2], to, false);
                workspace.give(surrounded);
                let mut output = workspace.take(size.floats());
                fold(&mut workspace.threads, (&sent, read), *before, *border, (&mut output, size));
                workspace.give(sent);
                output
            }
        }
    }
}
