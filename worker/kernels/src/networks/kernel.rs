//! A convolution's weights.

/// A convolution as it is written in a model file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel<'a> {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    /// Taps along a side.
    pub(super) side: usize,
    /// `[out][in][row][column]`.
    pub(super) weights: &'a [f32],
    /// `[out]`, or nothing.
    pub(super) bias: &'a [f32],
}

impl Kernel<'_> {
    pub(super) fn weight(&self, output: usize, input: usize, row: usize, column: usize) -> f32 {
        self.weights[((output * self.in_channels + input) * self.side + row) * self.side + column]
    }

    /// The bias of columns that repeat the output channels.
    pub(super) fn bias(&self, columns: usize) -> Vec<f32> {
        let repeated = self.bias.iter().copied().cycle().take(columns);
        repeated.chain(std::iter::repeat(0.0)).take(columns).collect()
    }
}
