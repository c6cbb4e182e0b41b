//! How a decoder learns: a pass that keeps its maps, and the way back, which gives the gradient of
//! all parameters. What it reads is frozen, so the convolutions that read features send nothing
//! back.

use std::{fmt, sync::Arc};

use rayon::ThreadPool;

use super::{
    adjoint::{Adjoint, Written},
    margin::Size,
    weights,
};
use crate::{
    level::Level,
    networks::{
        border::Border,
        decoder::{Decoder, DecoderInput, MIRRORED, Made, PIECE_FLOATS, REPEATED},
        decoder_layout::{DecoderLayout, LEVELS},
        direct::Map,
        feed_forward::{FeedForwardError, TensorLayout},
        geometry::{Geometry, Kind},
        outer,
        picture::PaintError,
        workspace::Workspace,
    },
    threads::Threads,
};

/// A decoder that learns.
pub struct DecoderTraining {
    layout: DecoderLayout,
    tensors: Vec<TensorLayout>,
    decoder: Decoder,
    level: Level,
    adjoints: Adjoints,
    workspace: Workspace,
    kept: Option<Kept>,
}

/// What a forward pass leaves, the finest level first.
struct Kept {
    width: usize,
    height: usize,
    made: Vec<Made>,
}

/// The ways back through the convolutions whose input learns as well.
struct Adjoints {
    /// Of each level but the coarsest.
    enlarge: Vec<Adjoint>,
    /// Of each level but the finest.
    inner: Vec<Adjoint>,
    colors: Adjoint,
}

impl Adjoints {
    fn new(layout: &DecoderLayout, parameters: &[f32], decoder: &Decoder) -> Self {
        let (tensors, kernels) = (layout.tensors(), decoder.kernels);
        let written = |name: &str| {
            let found = tensors.iter().find(|tensor| tensor.name == name);
            let TensorLayout { shape, range, .. } = found.expect("a tensor of the layout");
            let weights = &parameters[range.clone()];
            let (out_channels, in_channels, side) = (shape[0], shape[1], shape[2]);
            Written { in_channels, out_channels, side, weights }
        };
        let enlarge = (0..LEVELS - 1).map(|level| {
            Adjoint::enlarging(&written(&format!("level.{level}.enlarge.weight")), kernels)
        });
        let inner = (1..LEVELS)
            .map(|level| Adjoint::plain(&written(&format!("level.{level}.inner.weight")), kernels));
        let colors = Adjoint::outer(&written("colors.weight"), kernels);
        Self { enlarge: enlarge.collect(), inner: inner.collect(), colors }
    }
}

impl DecoderTraining {
    /// Makes ready to train the decoder of these parameters, on the threads of this pool.
    ///
    /// # Errors
    /// As [`Decoder::new`].
    pub fn new(
        layout: DecoderLayout,
        parameters: &[f32],
        level: Level,
        threads: Arc<ThreadPool>,
    ) -> Result<Self, FeedForwardError> {
        let decoder = Decoder::new(&layout, parameters, level)?;
        let adjoints = Adjoints::new(&layout, parameters, &decoder);
        let (tensors, workspace) = (layout.tensors(), Workspace::new(threads));
        Ok(Self { layout, tensors, decoder, level, adjoints, workspace, kept: None })
    }

    /// Goes on with other parameters.
    ///
    /// # Errors
    /// As [`Decoder::new`]; then it keeps those that it had.
    pub fn set(&mut self, parameters: &[f32]) -> Result<(), FeedForwardError> {
        self.decoder = Decoder::new(&self.layout, parameters, self.level)?;
        self.adjoints = Adjoints::new(&self.layout, parameters, &self.decoder);
        Ok(())
    }

    /// Makes a picture, as [`Decoder::decode`] does, and keeps what [`DecoderTraining::backward`]
    /// needs.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn forward(
        &mut self,
        input: &DecoderInput<'_>,
        output: &mut [f32],
    ) -> Result<(), PaintError> {
        self.forget();
        let made = self.decoder.decode_keeping(&mut self.workspace, input, output)?;
        self.kept = Some(Kept { width: input.width, height: input.height, made });
        Ok(())
    }

    /// Adds the gradient of all parameters to `sums`, from that of the values that the last forward
    /// pass made of this input.
    ///
    /// # Panics
    /// If there was no forward pass since the last way back, it read another size, or a slice has
    /// another length.
    pub fn backward(&mut self, input: &DecoderInput<'_>, gradient: &[f32], sums: &mut [f32]) {
        let kept = self.kept.take().expect("a forward pass before its way back");
        assert_eq!((input.width, input.height), (kept.width, kept.height), "the same input");
        assert_eq!(gradient.len(), 3 * kept.width * kept.height, "a gradient of the picture");
        assert_eq!(sums.len(), self.layout.parameters(), "a sum for each parameter");
        let Self { layout, tensors, decoder, adjoints, workspace, .. } = self;
        workspace.inside(|workspace| {
            let made = &kept.made[..];
            let mut way =
                WayBack { layout, tensors, decoder, adjoints, workspace, input, made, sums };
            way.run(gradient);
        });
        self.kept = Some(kept);
        self.forget();
    }

    /// Gives the maps of a forward pass back.
    fn forget(&mut self) {
        let Some(Kept { made, .. }) = self.kept.take() else { return };
        made.into_iter().for_each(|made| made.give(&mut self.workspace));
    }
}

impl fmt::Debug for DecoderTraining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecoderTraining").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// A way back under way.
struct WayBack<'a> {
    layout: &'a DecoderLayout,
    tensors: &'a [TensorLayout],
    decoder: &'a Decoder,
    adjoints: &'a Adjoints,
    workspace: &'a mut Workspace,
    input: &'a DecoderInput<'a>,
    made: &'a [Made],
    sums: &'a mut [f32],
}

impl WayBack<'_> {
    fn run(&mut self, gradient: &[f32]) {
        let mut colors = self.workspace.take(gradient.len());
        let to = &mut colors[..gradient.len()];
        to.iter_mut().zip(gradient).for_each(|(value, own)| *value = DecoderLayout::ADDED * own);
        let map = self.map(0, self.made[0].last());
        let kind = Kind::Plain { before: outer::SIDE / 2, stride: 1 };
        self.weights("colors", kind, (map, MIRRORED), (&colors, 3));
        let adjoint = &self.adjoints.colors;
        let mut gradient = self.send(adjoint, (&colors, self.size(0, 3)), 0);
        self.workspace.give(colors);
        for level in 0..LEVELS {
            gradient = self.level(level, gradient);
        }
        self.workspace.give(gradient);
    }

    /// From the gradient of what a level made to that of what the coarser one did.
    fn level(&mut self, level: usize, mut gradient: Vec<f32>) -> Vec<f32> {
        let width = self.layout.widths[level];
        let floats = self.size(level, width).floats();
        let made = &self.made[level];
        let plain = Kind::Plain { before: 1, stride: 1 };
        if let Some(inner) = &made.inner {
            close(&mut self.workspace.threads, inner, &mut gradient[..floats]);
            let map = self.map(level, &made.outer);
            self.weights(
                &format!("level.{level}.inner"),
                plain,
                (map, REPEATED),
                (&gradient, width),
            );
            let adjoint = &self.adjoints.inner[level - 1];
            let sent = self.send(adjoint, (&gradient, self.size(level, width)), level);
            let both = gradient[..floats].iter_mut().zip(&sent[..floats]);
            both.for_each(|(sum, own)| *sum += own);
            self.workspace.give(sent);
        }
        close(&mut self.workspace.threads, &made.outer, &mut gradient[..floats]);
        let read = (self.input.map(level), REPEATED);
        self.weights(&format!("level.{level}.read"), plain, read, (&gradient, width));
        let Some(coarser) = self.made.get(level + 1) else { return gradient };
        let map = self.map(level + 1, coarser.last());
        let name = format!("level.{level}.enlarge");
        self.weights(&name, Kind::Repeated, (map, REPEATED), (&gradient, width));
        let adjoint = &self.adjoints.enlarge[level];
        let sent = self.send(adjoint, (&gradient, self.size(level, width)), level + 1);
        self.workspace.give(gradient);
        sent
    }

    fn size(&self, level: usize, channels: usize) -> Size {
        let (width, height) = self.input.size(level);
        Size { width, height, channels }
    }

    fn map<'m>(&self, level: usize, values: &'m [f32]) -> Map<'m> {
        let (width, height) = self.input.size(level);
        Map::new(values, width, height, None)
    }

    /// Adds the gradient of a convolution's weights, and of its bias if it has one.
    fn weights(
        &mut self,
        name: &str,
        kind: Kind,
        (map, borders): (Map<'_>, [Border; 2]),
        (gradient, channels): (&[f32], usize),
    ) {
        let weights = format!("{name}.weight");
        let found = self.tensors.iter().find(|tensor| tensor.name == weights);
        let TensorLayout { shape, range, .. } = found.expect("a tensor of the layout");
        let geometry =
            Geometry { in_channels: shape[1], out_channels: channels, side: shape[2], kind };
        let [width, height] = [map.width, map.height].map(|len| geometry.out_len(len));
        let gradient = &gradient[..width * height * channels];
        let sums = &mut self.sums[range.clone()];
        let kernels = self.decoder.kernels;
        let workspace = &mut *self.workspace;
        weights::add_gradient(workspace, kernels, &geometry, &map, borders, gradient, sums);
        let bias = format!("{name}.bias");
        let Some(bias) = self.tensors.iter().find(|tensor| tensor.name == bias) else { return };
        let mut total = vec![0.0_f64; channels];
        for pixel in gradient.chunks_exact(channels) {
            total.iter_mut().zip(pixel).for_each(|(sum, own)| *sum += f64::from(*own));
        }
        let sums = self.sums[bias.range.clone()].iter_mut().zip(total);
        sums.for_each(|(sum, own)| *sum += own as f32);
    }

    /// The gradient of the map that a convolution read at a level.
    fn send(&mut self, adjoint: &Adjoint, (gradient, made): (&[f32], Size), to: usize) -> Vec<f32> {
        let read = self.size(to, self.layout.widths[to]);
        let from = (&gradient[..made.floats()], made);
        adjoint.run(self.workspace, self.decoder.kernels, from, read)
    }
}

/// Turns the gradient of what units made into that of their inputs.
fn close(threads: &mut Threads, made: &[f32], gradient: &mut [f32]) {
    threads.each_piece(gradient, PIECE_FLOATS, |index, gradient, _| {
        let own = &made[index * PIECE_FLOATS..][..gradient.len()];
        let both = gradient.iter_mut().zip(own);
        both.for_each(|(gradient, own)| {
            *gradient *= if *own > 0.0 { 1.0 } else { DecoderLayout::LEAK }
        });
    });
}

#[cfg(test)]
mod tests;
