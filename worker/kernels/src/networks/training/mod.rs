//! How a network of our own learns: a pass that keeps its maps, and the way back, which gives the
//! gradient of all parameters.
//!
//! The forward pass is the layers that paint (`body.rs`), so a network paints what it has learned
//! to. Kept are the maps before their normalisations and the sums between residual blocks: 90
//! floats a pixel in [`FeedForwardLayout::OWN`]; what a layer reads is normalised again where it is
//! read. Of each convolution the way back needs two products: the gradient of its weights
//! (`weights.rs`), and that of the map which it read, a convolution with the weights turned around
//! (`adjoint.rs`). Borders are mirrored, as of a picture that ends.
//!
//! Like a picture, a gradient does not depend on the number of threads.

mod adjoint;
mod decoder;
mod margin;
mod normalization;
#[cfg(test)]
mod tests;
mod weights;

pub use self::decoder::DecoderTraining;

use std::{fmt, sync::Arc};

use rayon::ThreadPool;

use self::{
    adjoint::{Adjoint, Written},
    margin::Size,
    normalization::{Normalized, send_back},
};
use super::{
    body::Body,
    border::Border,
    direct::Map,
    feed_forward::{FeedForward, FeedForwardError, FeedForwardLayout, TensorLayout},
    geometry::{Geometry, Kind},
    layer::Layer,
    normalization::{Affine, Factors, Moments, add_normalized, moments, normalize},
    picture::{PaintError, Picture},
    residual::{self, CHANNELS},
    workspace::Workspace,
};
use crate::{
    fp32::{dispatch, rows::Rows},
    level::Level,
};

/// Beyond the borders of maps that are read as they are, and of those that are enlarged.
const MIRRORED: [Border; 2] = [Border::Reflect; 2];
const REPEATED: [Border; 2] = [Border::Replicate; 2];

/// A network that learns.
pub struct Training {
    layout: FeedForwardLayout,
    tensors: Vec<TensorLayout>,
    network: FeedForward,
    level: Level,
    /// Of each convolution but the first, in the order of a pass.
    adjoints: Vec<Adjoint>,
    workspace: Workspace,
    kept: Option<Kept>,
}

/// What a forward pass leaves for the way back.
struct Kept {
    style: usize,
    width: usize,
    height: usize,
    picture: Vec<f32>,
    /// What each convolution made, in the order of a pass.
    maps: Vec<KeptMap>,
    /// What each residual block read, and what the last one made.
    sums: Vec<Vec<f32>>,
    painted: Vec<f32>,
}

/// A map before its normalisation.
struct KeptMap {
    /// Perhaps longer than the map.
    values: Vec<f32>,
    size: Size,
    moments: Moments,
    factors: Factors,
    affine: Affine,
}

impl KeptMap {
    fn values(&self) -> &[f32] {
        &self.values[..self.size.floats()]
    }

    /// As the next convolution reads it.
    fn map(&self) -> Map<'_> {
        let Size { width, height, .. } = self.size;
        Map::new(self.values(), width, height, Some(&self.affine))
    }
}

impl Training {
    /// Makes ready to train the network of these parameters, on the threads of this pool.
    ///
    /// # Errors
    /// As [`FeedForward::new`].
    pub fn new(
        layout: FeedForwardLayout,
        parameters: &[f32],
        level: Level,
        threads: Arc<ThreadPool>,
    ) -> Result<Self, FeedForwardError> {
        let network = FeedForward::new(&layout, parameters, level)?;
        let adjoints = adjoints(&layout, parameters, &network.body);
        let (tensors, workspace) = (layout.tensors(), Workspace::new(threads));
        Ok(Self { layout, tensors, network, level, adjoints, workspace, kept: None })
    }

    /// Goes on with other parameters.
    ///
    /// # Errors
    /// As [`FeedForward::new`]; then it keeps those that it had.
    pub fn set(&mut self, parameters: &[f32]) -> Result<(), FeedForwardError> {
        self.network = FeedForward::new(&self.layout, parameters, self.level)?;
        self.adjoints = adjoints(&self.layout, parameters, &self.network.body);
        Ok(())
    }

    /// The network as it is, for painting.
    pub fn network(&self) -> &FeedForward {
        &self.network
    }

    /// Paints a picture in one style, and keeps what [`Training::backward`] needs. `output` is as
    /// the picture: values of 0 to 255.
    ///
    /// # Errors
    /// Where a slice has another size than its picture, or there is no such style.
    ///
    /// # Panics
    /// If the picture wraps: training pictures end.
    pub fn forward(
        &mut self,
        picture: &Picture<'_>,
        style: usize,
        output: &mut [f32],
    ) -> Result<(), PaintError> {
        picture.check(output)?;
        if style >= self.layout.styles {
            return Err(PaintError::Weights { expected: self.layout.styles, found: style + 1 });
        }
        assert!(!picture.wrap_x && !picture.wrap_y, "training pictures end");
        self.forget();
        let Self { network, workspace, .. } = self;
        let kept = workspace.inside(|workspace| forward(network, workspace, picture, style));
        output.copy_from_slice(&kept.painted[..output.len()]);
        self.kept = Some(kept);
        Ok(())
    }

    /// Adds the gradient of all parameters to `sums`, from that of the values which the last
    /// forward pass painted.
    ///
    /// # Panics
    /// If there was no forward pass since the last way back, or a slice has another length.
    pub fn backward(&mut self, gradient: &[f32], sums: &mut [f32]) {
        let kept = self.kept.take().expect("a forward pass before its way back");
        assert_eq!(gradient.len(), 3 * kept.width * kept.height, "a gradient of the picture");
        assert_eq!(sums.len(), self.layout.parameters(), "a sum for each parameter");
        let Self { layout, tensors, network, adjoints, workspace, .. } = self;
        let kept = workspace.inside(|workspace| {
            let mut way =
                WayBack { layout, tensors, body: &network.body, adjoints, workspace, kept, sums };
            way.run(gradient);
            way.kept
        });
        self.kept = Some(kept);
        self.forget();
    }

    /// Gives the maps of a forward pass back.
    fn forget(&mut self) {
        let Some(Kept { picture, maps, sums, painted, .. }) = self.kept.take() else { return };
        let maps = maps.into_iter().map(|map| map.values);
        let all = maps.chain(sums).chain([picture, painted]);
        all.for_each(|map| self.workspace.give(map));
    }
}

impl fmt::Debug for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Training").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// Prepares the way back through all convolutions but the first.
fn adjoints(layout: &FeedForwardLayout, parameters: &[f32], body: &Body) -> Vec<Adjoint> {
    let tensors = layout.tensors();
    let convolutions = layout.convolutions();
    let (blocks, kernels) = (3..3 + 2 * layout.blocks, body.kernels);
    let last = convolutions.len() - 1;
    let adjoint = |(index, (_, channels, side)): (usize, &(String, [usize; 2], usize))| {
        let [out_channels, in_channels] = *channels;
        let weights = &parameters[tensors[3 * index].range.clone()];
        let written = Written { in_channels, out_channels, side: *side, weights };
        if index < blocks.start {
            Adjoint::halving(&written, kernels)
        } else if blocks.contains(&index) {
            Adjoint::residual(&written, kernels)
        } else if index < last {
            Adjoint::enlarging(&written, kernels)
        } else {
            Adjoint::outer(&written, kernels)
        }
    };
    convolutions.iter().enumerate().skip(1).map(adjoint).collect()
}

/// Paints, and keeps all maps.
fn forward(
    network: &FeedForward,
    workspace: &mut Workspace,
    picture: &Picture<'_>,
    style: usize,
) -> Kept {
    let FeedForward { body, tables, .. } = network;
    let &Picture { rgb, width, height, .. } = picture;
    let mut own = workspace.take(rgb.len());
    own[..rgb.len()].copy_from_slice(rgb);
    let mut maps: Vec<KeptMap> = Vec::new();
    let colors = Affine::uniform(3, 1.0 / 255.0);
    for layer in &body.contract {
        let map = match maps.last() {
            Some(map) => map.map(),
            None => Map::new(rgb, width, height, Some(&colors)),
        };
        let factors = tables[maps.len()].of(style);
        maps.push(through(body, workspace, layer, &map, MIRRORED, factors));
    }
    let size = maps[2].size;
    let floats = size.floats();
    let mut sum = workspace.take(floats);
    sum[..floats].copy_from_slice(maps[2].values());
    let (threads, kernels) = (&mut workspace.threads, body.kernels);
    normalize(threads, kernels, CHANNELS, &maps[2].affine, &mut sum[..floats]);
    let plane = residual::plane(size.width, size.height, [false; 2]);
    let mut sums = vec![sum];
    for block in &body.blocks {
        let sum = sums.last().expect("the first sum");
        let mut normalized = workspace.take(floats);
        for (index, weights) in block.convolutions.iter().enumerate() {
            let mut values = workspace.take(floats);
            let input = if index == 0 { &sum[..floats] } else { &normalized[..floats] };
            let threads = &mut workspace.threads;
            residual::convolve(weights, threads, kernels, &plane, input, &mut values[..floats]);
            let factors = tables[maps.len()].of(style);
            let moments = moments(threads, kernels, CHANNELS, &values[..floats]);
            let affine = moments.affine(&factors, index == 0);
            if index == 0 {
                normalized[..floats].copy_from_slice(&values[..floats]);
                normalize(threads, kernels, CHANNELS, &affine, &mut normalized[..floats]);
            }
            maps.push(KeptMap { values, size, moments, factors, affine });
        }
        let made = maps.last().expect("the block's maps");
        // The room of the block's inner map takes its result.
        let mut next = normalized;
        next[..floats].copy_from_slice(&sum[..floats]);
        let (threads, to) = (&mut workspace.threads, &mut next[..floats]);
        add_normalized(threads, kernels, CHANNELS, &made.affine, made.values(), to);
        sums.push(next);
    }
    let [first, second, last] = &body.expand;
    for (layer, borders) in [(first, REPEATED), (second, REPEATED), (last, MIRRORED)] {
        let sum = sums.last().expect("the last sum");
        let map = match maps.len() - (3 + 2 * body.blocks.len()) {
            0 => Map::new(&sum[..floats], size.width, size.height, None),
            _ => maps[maps.len() - 1].map(),
        };
        let factors = tables[maps.len()].of(style);
        maps.push(through(body, workspace, layer, &map, borders, factors));
    }
    let mut painted = workspace.take(rgb.len());
    let made = maps.last().expect("the map of colours");
    let (row, Affine { scale, shift, .. }) = (3 * made.size.width, &made.affine);
    workspace.threads.each_piece(&mut painted[..rgb.len()], 3 * width, |y, values, _| {
        values.copy_from_slice(&made.values[y * row..][..values.len()]);
        dispatch::rows(kernels, Rows::Sigmoid { values, scale, shift });
    });
    Kept { style, width, height, picture: own, maps, sums, painted }
}

/// What a layer outside the blocks makes of a map.
fn through(
    body: &Body,
    workspace: &mut Workspace,
    layer: &Layer,
    map: &Map<'_>,
    borders: [Border; 2],
    factors: Factors,
) -> KeptMap {
    let [width, height] = [map.width, map.height].map(|len| layer.out_len(len));
    let size = Size { width, height, channels: layer.out_channels() };
    let mut values = workspace.take(size.floats());
    let (threads, to) = (&mut workspace.threads, &mut values[..size.floats()]);
    let moments = layer.run(threads, body.kernels, map, borders, to, true);
    let affine = moments.affine(&factors, true);
    KeptMap { values, size, moments, factors, affine }
}

/// A way back under way.
struct WayBack<'a> {
    layout: &'a FeedForwardLayout,
    tensors: &'a [TensorLayout],
    body: &'a Body,
    adjoints: &'a [Adjoint],
    workspace: &'a mut Workspace,
    kept: Kept,
    sums: &'a mut [f32],
}

impl WayBack<'_> {
    fn run(&mut self, gradient: &[f32]) {
        let last = self.kept.maps.len() - 1;
        let blocks = 3..3 + 2 * self.layout.blocks;
        let mut gradient = self.of_colors(gradient);
        for index in (blocks.end..=last).rev() {
            self.normalization(index, index < last, &mut gradient);
            self.weights(index, &gradient);
            gradient = self.adjoint(index, gradient);
        }
        for first in blocks.clone().step_by(2).rev() {
            let mut inner = self.workspace.take(gradient.len());
            inner[..gradient.len()].copy_from_slice(&gradient);
            for index in [first + 1, first] {
                self.normalization(index, index == first, &mut inner);
                self.weights(index, &inner);
                inner = self.adjoint(index, inner);
            }
            let floats = self.kept.maps[first].size.floats();
            let sums = gradient[..floats].iter_mut().zip(&inner[..floats]);
            sums.for_each(|(sum, own)| *sum += own);
            self.workspace.give(inner);
        }
        for index in (0..blocks.start).rev() {
            self.normalization(index, true, &mut gradient);
            self.weights(index, &gradient);
            if index > 0 {
                gradient = self.adjoint(index, gradient);
            }
        }
        self.workspace.give(gradient);
    }

    /// The gradient of the last normalised map, from that of the painted values.
    fn of_colors(&mut self, gradient: &[f32]) -> Vec<f32> {
        let Kept { width, maps, painted, .. } = &self.kept;
        let size = maps[maps.len() - 1].size;
        let row = 3 * width;
        let mut output = self.workspace.take(size.floats());
        let to = &mut output[..size.floats()];
        self.workspace.threads.each_piece(to, size.row_floats(), |y, values, _| {
            // What was cut off has no gradient.
            values.fill(0.0);
            let Some(gradient) = gradient.chunks_exact(row).nth(y) else { return };
            let places = values.iter_mut().zip(gradient).zip(&painted[y * row..]);
            for ((value, gradient), painted) in places {
                // The slope of 255 / (1 + exp(-x)).
                *value = gradient * painted * (1.0 - painted / 255.0);
            }
        });
        output
    }

    /// Turns the gradient of a normalised map into that of the map.
    fn normalization(&mut self, index: usize, rectify: bool, gradient: &mut [f32]) {
        let map = &self.kept.maps[index];
        let KeptMap { moments, factors, affine, size, .. } = map;
        let normalized = Normalized { map: map.values(), moments, factors, affine, rectify };
        let threads = &mut self.workspace.threads;
        let gradient = &mut gradient[..size.floats()];
        let factors = send_back(threads, self.body.kernels, &normalized, gradient);
        for (tensor, own) in [(3 * index + 1, &factors.gamma), (3 * index + 2, &factors.beta)] {
            let start = self.tensors[tensor].range.start + self.kept.style * size.channels;
            let sums = self.sums[start..start + size.channels].iter_mut().zip(own);
            sums.for_each(|(sum, own)| *sum += *own as f32);
        }
    }

    /// Adds the gradient of a convolution's weights.
    fn weights(&mut self, index: usize, gradient: &[f32]) {
        let Self { layout, tensors, body, workspace, kept, sums, .. } = self;
        let blocks = 3..3 + 2 * layout.blocks;
        let colors = Affine::uniform(3, 1.0 / 255.0);
        let sum = |block: usize| {
            let Size { width, height, .. } = kept.maps[2].size;
            let values = &kept.sums[block][..kept.maps[2].size.floats()];
            Map::new(values, width, height, None)
        };
        let map = if index == 0 {
            let (width, height) = (kept.width, kept.height);
            let values = &kept.picture[..3 * width * height];
            Map::new(values, width, height, Some(&colors))
        } else if (blocks.start..=blocks.end).contains(&index) && (index - 3).is_multiple_of(2) {
            sum((index - 3) / 2)
        } else {
            kept.maps[index - 1].map()
        };
        let size = kept.maps[index].size;
        let last = kept.maps.len() - 1;
        let (side, kind, borders) = if index == 0 || index == last {
            let side = super::outer::SIDE;
            (side, Kind::Plain { before: side / 2, stride: 1 }, MIRRORED)
        } else if index < blocks.start {
            (3, Kind::Plain { before: 1, stride: 2 }, MIRRORED)
        } else if index < blocks.end {
            (3, Kind::Plain { before: 1, stride: 1 }, MIRRORED)
        } else {
            (3, Kind::Repeated, REPEATED)
        };
        let in_channels = tensors[3 * index].shape[1];
        let geometry = Geometry { in_channels, out_channels: size.channels, side, kind };
        let gradient = &gradient[..size.floats()];
        let sums = &mut sums[tensors[3 * index].range.clone()];
        weights::add_gradient(workspace, body.kernels, &geometry, &map, borders, gradient, sums);
    }

    /// The gradient of what a convolution read.
    fn adjoint(&mut self, index: usize, gradient: Vec<f32>) -> Vec<f32> {
        let made = self.kept.maps[index].size;
        let read = self.kept.maps[index - 1].size;
        let adjoint = &self.adjoints[index - 1];
        let from = (&gradient[..made.floats()], made);
        let sent = adjoint.run(self.workspace, self.body.kernels, from, read);
        self.workspace.give(gradient);
        sent
    }
}
